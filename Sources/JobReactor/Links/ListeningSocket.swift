import JRReactor
import JRSystem

/// A socket that listens already, on its way to the loop that will accept its connections: whoever starts something
/// learns at once, on any thread, that a port is taken, and which port the system chose.
struct ListeningSocket: Sendable {
    let address: SocketAddress
    private let raw: Int32

    /// - Throws: ``JobReactorError`` with code `unavailable` for an address that cannot be listened on.
    init(_ text: String) throws(JobReactorError) {
        let wanted = try Addresses.parseOne(text)
        do throws(SystemError) {
            guard let numeric = try wanted.resolved().first else {
                throw SystemError(call: "getaddrinfo", code: 2, subject: text)
            }
            let descriptor = try Sockets.listen(on: numeric)
            address = try Sockets.localAddress(descriptor.raw)
            raw = descriptor.take()
        } catch {
            throw JobReactorError(
                .unavailable, what: "cannot listen on \(text)", why: "\(error)",
                mend: "Another program may have the port: stop it, or choose another (port 0 takes a free one)",
                exitCode: 69)
        }
    }

    /// Hands the socket to the loop; only once.
    func open(on loop: Loop, _ accepted: @escaping (Loop, Connection) -> Void) throws(SystemError) -> Listener {
        try loop.listen(with: Descriptor(owning: raw), on: address, accepted)
    }
}
