import Glibc
import JRSystem
import Testing

@Suite("Sockets")
struct SocketTests {
    @Test("port 0 is replaced by a real one, which can be connected to")
    func portZero() throws {
        let listener = try Sockets.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let address = try Sockets.localAddress(listener.raw)
        #expect((address.port ?? 0) > 0)
        let socket = Descriptor(owning: try Sockets.connect(to: address).socket)
        #expect(try IO.waitReadable(listener.raw, timeout: 5_000))
        guard case .accepted(let number, let peer) = Sockets.accept(listener.raw) else {
            Issue.record("nobody was accepted")
            return
        }
        let accepted = Descriptor(owning: number)
        #expect(try peer == Sockets.localAddress(socket.raw))
        #expect(Sockets.peerAddress(accepted.raw) == peer)
        #expect(Sockets.peerCredentials(accepted.raw) == nil)
        #expect(Sockets.accept(listener.raw) == .nobodyWaiting)
    }

    @Test("a port in use is refused by name, with the address")
    func inUse() throws {
        let listener = try Sockets.listen(on: .tcp(host: "127.0.0.1", port: 0))
        let address = try Sockets.localAddress(listener.raw)
        let error = #expect(throws: SystemError.self) { _ = try Sockets.listen(on: address).raw }
        #expect(error?.code == SystemError.addressInUse)
        #expect(error?.description == "bind \(address): Address already in use (EADDRINUSE)")
    }

    @Test("a unix socket is its owner's alone, and replaced when nobody listens at it, or when asked")
    func unixSocket() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-socket")
        defer { try? Files.removeTree(directory) }
        let path = directory + "/socket"
        do {
            let first = try Sockets.listen(on: .unix(path: path))
            #expect(first.raw >= 0)
            let status = try Files.status(path)
            #expect(status.kind == .socket)
            #expect(status.mode == 0o600)
            // A child of another test, before it is its program, holds it too: nobody listens at it all the same.
            #expect(Glibc.shutdown(first.raw, Int32(SHUT_RDWR)) == 0)
        }
        let second = try Sockets.listen(on: .unix(path: path))
        let error = #expect(throws: SystemError.self) { _ = try Sockets.listen(on: .unix(path: path)).raw }
        #expect(error?.code == SystemError.addressInUse)
        #expect(second.raw >= 0)
        let third = try Sockets.listen(on: .unix(path: path), staleFile: .replace)
        #expect(third.raw >= 0)

        let file = directory + "/file"
        try Files.write(file, [1])
        #expect(throws: SystemError.self) { _ = try Sockets.listen(on: .unix(path: file), staleFile: .replace).raw }
        #expect(try Files.read(file, limit: 10) == [1], "what is no socket is never removed")
    }

    @Test("sending to a peer that is gone is an error and no signal")
    func noSignal() throws {
        let (left, right) = try Sockets.makePair()
        let socket = Descriptor(owning: left)
        _ = Descriptor(owning: right)
        let result = [UInt8](repeating: 1, count: 10).withUnsafeBytes { IO.send(socket.raw, $0) }
        #expect(result == .failed(SystemError.brokenPipe))
    }

    @Test("a pair carries bytes, says when there are none, and knows its own process at the other end")
    func pair() throws {
        let (left, right) = try Sockets.makePair()
        let first = Descriptor(owning: left)
        let second = Descriptor(owning: right)
        var buffer = [UInt8](repeating: 0, count: 8)
        #expect(buffer.withUnsafeMutableBytes { IO.read(second.raw, into: $0) } == .wouldBlock)
        try Files.writeAll(first.raw, [1, 2, 3])
        #expect(buffer.withUnsafeMutableBytes { IO.read(second.raw, into: $0) } == .moved(3))
        #expect(Sockets.peerCredentials(first.raw)?.pid == SystemProgram.pid)
        try Sockets.endSending(first.raw)
        #expect(buffer.withUnsafeMutableBytes { IO.read(second.raw, into: $0) } == .moved(0))
    }
}
