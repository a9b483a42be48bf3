import JRSystem
import Testing

@Suite("Addresses of sockets")
struct SocketAddressTests {
    @Test(
        "an address is read and written back as it was",
        arguments: [
            "127.0.0.1:5000", "localhost:0", "[::1]:65535", "0.0.0.0:80", "example.org:443", "unix:/run/jr/socket",
            "unix:relative",
        ])
    func roundTrip(text: String) throws {
        #expect(try SocketAddress(parsing: text).description == text)
    }

    @Test(
        "what is no address is refused with the reason",
        arguments: [
            (":5000", "the host is missing (0.0.0.0 for every interface)"),
            ("", "the port is missing"),
            ("localhost", "the port is missing"),
            ("localhost:", "the port is missing"),
            ("localhost:http", "the port 'http' is not a number from 0 to 65535"),
            ("localhost:65536", "the port '65536' is not a number from 0 to 65535"),
            ("localhost:-1", "the port '-1' is not a number from 0 to 65535"),
            ("localhost:+1", "the port '+1' is not a number from 0 to 65535"),
            ("::1:5000", "an IPv6 address needs brackets"),
            ("[::1:5000", "an IPv6 address needs brackets"),
            ("[]:1", "'' is no IPv6 address"),
            ("[127.0.0.1]:1", "'127.0.0.1' is no IPv6 address"),
            ("a b:1", "'a b' is no host name"),
            ("http://localhost:1", "an IPv6 address needs brackets"),
            ("unix:", "the path is missing"),
        ])
    func refused(text: String, reason: String) throws {
        let error = #expect(throws: SocketAddress.Malformed.self) { try SocketAddress(parsing: text) }
        #expect(error?.reason == reason)
        #expect(error?.description.contains("'\(text)'") == true)
    }

    @Test("a path longer than the kernel takes is refused, the longest is bound")
    func longPath() throws {
        let path = "/tmp/" + String(repeating: "x", count: SocketAddress.longestPath - 5)
        #expect(throws: SocketAddress.Malformed.self) { try SocketAddress(parsing: "unix:\(path)x") }
        let socket = try Sockets.listen(on: SocketAddress(parsing: "unix:\(path)"), staleFile: .replace)
        #expect(try Sockets.localAddress(socket.raw) == .unix(path: path))
        try Files.remove(path)
    }

    @Test("only what no other machine can reach is loopback")
    func loopback() throws {
        for text in [
            "127.0.0.1:1", "127.9.9.9:1", "localhost:1", "LOCALHOST:1", "[::1]:1", "[::ffff:127.0.0.1]:1", "unix:/x",
        ] {
            #expect(try SocketAddress(parsing: text).isLoopback, "\(text)")
        }
        for text in ["0.0.0.0:1", "128.0.0.1:1", "[::]:1", "[::2]:1", "localhost.example.org:1", "127.0.0.1.example:1"]
        {
            #expect(try !SocketAddress(parsing: text).isLoopback, "\(text)")
        }
    }

    @Test("a numeric address resolves to itself, localhost without asking anybody")
    func resolution() throws {
        #expect(try SocketAddress(parsing: "10.1.2.3:4").resolved() == [.tcp(host: "10.1.2.3", port: 4)])
        #expect(try SocketAddress(parsing: "localhost:4").isNumeric)
        #expect(try !SocketAddress(parsing: "example.org:4").isNumeric)
    }
}
