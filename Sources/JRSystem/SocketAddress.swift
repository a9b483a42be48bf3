import CJRLinux
import Glibc

/// Where to listen or to connect: `127.0.0.1:5000`, `localhost:5000`, `[::1]:5000` or `unix:/path`.
public enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// `host` is a name or a numeric address, an IPv6 one without its brackets.
    case tcp(host: String, port: UInt16)
    /// A socket in the file system of this machine.
    case unix(path: String)

    /// Why a text is no address, in words that say what one looks like.
    public struct Malformed: Error, Sendable, Equatable, CustomStringConvertible {
        /// What was to be read as an address.
        public let text: String
        /// What is wrong with it.
        public let reason: String

        public var description: String {
            "'\(text)' is no address: \(reason); write HOST:PORT, [IPv6]:PORT or unix:/PATH"
        }
    }

    /// Reads `HOST:PORT`, `[IPv6]:PORT` or `unix:/PATH`. A name is not looked up.
    public init(parsing text: String) throws(Malformed) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty else { throw Malformed(text: text, reason: "the path is missing") }
            guard path.utf8.count <= Self.longestPath else {
                throw Malformed(text: text, reason: "the path has more than the \(Self.longestPath) bytes Linux allows")
            }
            self = .unix(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":") else { throw Malformed(text: text, reason: "the port is missing") }
        let port = text[text.index(after: colon)...]
        guard !port.isEmpty else { throw Malformed(text: text, reason: "the port is missing") }
        guard port.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = UInt16(port) else {
            throw Malformed(text: text, reason: "the port '\(port)' is not a number from 0 to 65535")
        }
        self = .tcp(host: try Self.host(String(text[..<colon]), of: text), port: number)
    }

    private static func host(_ host: String, of text: String) throws(Malformed) -> String {
        guard !host.isEmpty else {
            throw Malformed(text: text, reason: "the host is missing (0.0.0.0 for every interface)")
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            guard inner.contains(":"), SocketAddress.tcp(host: inner, port: 0).isNumeric else {
                throw Malformed(text: text, reason: "'\(inner)' is no IPv6 address")
            }
            return inner
        }
        guard !host.contains(":") else { throw Malformed(text: text, reason: "an IPv6 address needs brackets") }
        guard host.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "[") }) else {
            throw Malformed(text: text, reason: "'\(host)' is no host name")
        }
        return host
    }

    /// The longest path of a unix socket, in bytes.
    public static let longestPath = 107

    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// Whether only programs of this machine can reach it. False for names other than `localhost`: they can mean
    /// anything.
    public var isLoopback: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, let port):
            Self.isLocalName(host) || NativeAddress.numeric(host, port)?.isLoopback == true
        }
    }

    /// Whether it can be used without asking a name server.
    public var isNumeric: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, let port): Self.isLocalName(host) || NativeAddress.numeric(host, port) != nil
        }
    }

    /// The port; nil for a socket of the file system.
    public var port: UInt16? {
        if case .tcp(_, let port) = self { port } else { nil }
    }

    /// The numeric addresses behind a name; itself when it is numeric.
    ///
    /// Blocks for as long as the name server takes: not for the thread of a loop.
    public func resolved() throws(SystemError) -> [SocketAddress] {
        guard case .tcp(let host, let port) = self, !isNumeric else { return [self] }
        var found = [jr_address](repeating: jr_address(), count: 16)
        let count = try check(jr_resolve(host, port, &found, Int32(found.count)), "getaddrinfo", description)
        return found[..<Int(count)].compactMap { NativeAddress($0).address }
    }

    func native() throws(SystemError) -> NativeAddress {
        switch self {
        case .unix(let path):
            var address = jr_address()
            _ = try check(jr_unix_address(path, &address), "sockaddr_un", description)
            return NativeAddress(address)
        case .tcp(let host, let port):
            // RFC 6761: localhost is the loopback interface, whatever a name server says.
            let numeric = Self.isLocalName(host) ? "127.0.0.1" : host
            guard let address = NativeAddress.numeric(numeric, port) else {
                throw SystemError(call: "inet_pton", code: EINVAL, subject: description)
            }
            return address
        }
    }

    private static func isLocalName(_ host: String) -> Bool { host.lowercased() == "localhost" }
}

/// An address as the kernel has it.
struct NativeAddress {
    var value: jr_address

    init(_ value: jr_address) {
        self.value = value
    }

    static func numeric(_ host: String, _ port: UInt16) -> NativeAddress? {
        var address = jr_address()
        return jr_numeric_address(host, port, &address) == 0 ? NativeAddress(address) : nil
    }

    var family: Int32 { withUnsafePointer(to: value) { jr_family($0) } }
    var isLoopback: Bool { withUnsafePointer(to: value) { jr_is_loopback($0) == 1 } }

    /// nil for a family that is neither internet nor unix.
    var address: SocketAddress? {
        var port: UInt16 = 0
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer -> String? in
            guard let base = buffer.baseAddress else { return nil }
            let result = withUnsafePointer(to: value) { jr_describe_address($0, base, buffer.count, &port) }
            return result == 0 ? String(cString: base) : nil
        }
        guard let text else { return nil }
        return family == Int32(JR_SOCKET_UNIX) ? .unix(path: text) : .tcp(host: text, port: port)
    }
}
