/// A socket that listens, as `/proc/net/tcp` and `/proc/net/tcp6` list them.
public struct ListeningSocket: Sendable, Equatable {
    public var port: Int
    /// Whether a listener on 127.0.0.1 or ::1 would be in its way.
    public var isOnLoopback: Bool
    /// Whether it listens on every address.
    public var isOnAll: Bool
    /// Names the socket in `/proc/PID/fd`: `socket:[INODE]`.
    public var inode: UInt64

    public init(port: Int, isOnLoopback: Bool, isOnAll: Bool, inode: UInt64) {
        self.port = port
        self.isOnLoopback = isOnLoopback
        self.isOnAll = isOnAll
        self.inode = inode
    }

    /// All listeners of a table; lines that are not understood are left out.
    public static func parse(_ table: String) -> [ListeningSocket] {
        table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            // sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            guard fields.count > 9, fields[3] == "0A", let inode = UInt64(fields[9]) else { return nil }
            let address = fields[1].split(separator: ":")
            guard address.count == 2, let port = Int(address[1], radix: 16) else { return nil }
            let host = String(address[0])
            let isOnAll = host.allSatisfy { $0 == "0" }
            // Words in the machine's byte order; on all that Swift runs on under Linux the lowest byte comes first.
            let isLoopback4 = host.count == 8 && host.hasSuffix("7F")
            let isLoopback6 = host == "00000000000000000000000001000000"
            let isMapped = host.hasPrefix("0000000000000000FFFF0000") && host.hasSuffix("7F")
            return ListeningSocket(
                port: port, isOnLoopback: isLoopback4 || isLoopback6 || isMapped, isOnAll: isOnAll, inode: inode)
        }
    }

    /// Whether something else cannot listen on this address beside it.
    public func isInTheWay(of address: ListenAddress) -> Bool {
        guard port == address.port else { return false }
        return isOnAll || !address.isLoopback || isOnLoopback
    }
}
