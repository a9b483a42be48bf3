import JRSystem

/// Ports that nobody listens on, for programs that must be told one.
enum FreePorts {
    /// One that was free a moment ago: the kernel gives out others before it comes back to it.
    static func next() -> Int {
        guard let socket = try? Sockets.listen(on: .tcp(host: "127.0.0.1", port: 0)),
            let port = try? Sockets.localAddress(socket.raw).port
        else { return 0 }
        return Int(port)
    }
}
