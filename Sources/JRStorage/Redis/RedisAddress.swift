public import JRBase
import JRSystem

/// Where a Redis server is: `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]` or `redis+unix:/PATH[?db=N]`.
///
/// What belongs to a URL's grammar is written as `%XX` within the user and the password. The description leaves the
/// password out.
public struct RedisAddress: Sendable, Equatable, CustomStringConvertible {
    let socket: SocketAddress
    let user: String?
    let password: String?
    let database: Int

    /// The port of an address that names none.
    public static let standardPort = 6379
    static let expected =
        "the address of a Redis server, such as redis://localhost:6379/0, redis://:PASSWORD@HOST:PORT/DB or "
        + "redis+unix:/PATH?db=0"

    /// A server without a password, and its first database.
    public init(host: String, port: Int) throws(ValueError) {
        // Brackets around an IPv6 address: otherwise its last part would be a port.
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        try self.init(parsing: "redis://\(name):\(port)")
    }

    /// - Throws: what is expected instead, with the text without its password.
    public init(parsing text: String) throws(ValueError) {
        let refusal = ValueError(Self.withoutPassword(text), expected: Self.expected)
        if text.hasPrefix("redis+unix:") {
            let parts = text.dropFirst("redis+unix:".count).split(separator: "?", omittingEmptySubsequences: false)
            guard let first = parts.first, parts.count <= 2 else { throw refusal }
            let path = first.hasPrefix("///") ? first.dropFirst(2) : first
            guard path.hasPrefix("/"), let socket = try? SocketAddress(parsing: "unix:\(path)") else { throw refusal }
            var database = 0
            if parts.count == 2 {
                guard parts[1].hasPrefix("db="), let number = Self.number(parts[1].dropFirst(3)) else { throw refusal }
                database = number
            }
            self.init(socket: socket, user: nil, password: nil, database: database)
            return
        }
        guard text.hasPrefix("redis://") else { throw refusal }
        var rest = text.dropFirst("redis://".count)
        var user: String?
        var password: String?
        if let at = rest.lastIndex(of: "@") {
            let parts = rest[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = Self.decoded(parts[0]), let word = Self.decoded(parts[1]) else {
                throw refusal
            }
            user = name.isEmpty ? nil : name
            password = word
            rest = rest[rest.index(after: at)...]
        }
        let parts = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        var host = parts.first.map(String.init) ?? ""
        let hasPort = host.hasPrefix("[") ? host.contains("]:") : host.contains(":")
        if !hasPort { host += ":\(Self.standardPort)" }
        guard !host.hasPrefix("unix:"), let socket = try? SocketAddress(parsing: host) else { throw refusal }
        var database = 0
        if parts.count == 2, !parts[1].isEmpty {
            guard let number = Self.number(parts[1]) else { throw refusal }
            database = number
        }
        self.init(socket: socket, user: user, password: password, database: database)
    }

    private init(socket: SocketAddress, user: String?, password: String?, database: Int) {
        self.socket = socket
        self.user = user
        self.password = password
        self.database = database
    }

    public var description: String {
        switch socket {
        case .unix(let path): database == 0 ? "redis+unix:\(path)" : "redis+unix:\(path)?db=\(database)"
        case .tcp: "redis://\(socket)/\(database)"
        }
    }

    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
        return Int(text).flatMap { $0 <= 65_535 ? $0 : nil }
    }

    /// `%XX` as the byte it stands for.
    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func withoutPassword(_ text: String) -> String {
        guard let at = text.lastIndex(of: "@"), let start = text.firstRange(of: "://") else { return text }
        return text[..<start.upperBound] + "***" + text[at...]
    }
}
