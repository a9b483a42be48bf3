import CJRLinux
import Glibc

/// Datagrams over unix sockets by which services say what they do, as `sd_notify` of systemd sends them.
extension Sockets {
    /// A datagram with who sent it, as the kernel says.
    public struct Notice: Sendable, Equatable {
        /// What it says.
        public let bytes: [UInt8]
        /// Whether there was more of it.
        public let isCut: Bool
        /// The sender's; 0 for one that this process cannot see.
        public let pid: Int32
        /// The sender's user.
        public let userID: UInt32
    }

    /// Sends one datagram to a unix socket: at a path, or at an abstract name that begins with `@`.
    ///
    /// - Parameters:
    ///   - path: Where the socket is, as `NOTIFY_SOCKET` has it.
    ///   - text: What the datagram says.
    ///   - waits: Whether it waits for room where there is none, which otherwise is `EAGAIN`.
    public static func notify(_ path: String, _ text: String, waits: Bool = true) throws(SystemError) {
        let bytes = Array(text.utf8)
        let flags = waits ? 0 : Int32(JR_NOTIFY_AT_ONCE)
        let result = bytes.withUnsafeBytes { bytes in
            bytes.baseAddress.map { jr_notify(path, $0, bytes.count, flags) } ?? 0
        }
        _ = try check(result, "sendto", path)
    }

    /// Opens a socket for such datagrams. What is at the path is replaced.
    ///
    /// - Parameter path: Where it is to be, for this user only; nil for an abstract name that the kernel chooses, at
    ///   which everybody can reach it.
    /// - Returns: the socket, and where it is, as `NOTIFY_SOCKET` has it.
    public static func openNotices(at path: String?) throws(SystemError) -> (socket: Int32, address: String) {
        guard let path else {
            let socket = Descriptor(owning: try check(jr_notice_socket(nil), "bind"))
            var name = [CChar](repeating: 0, count: 128)
            _ = try check(jr_abstract_name(socket.raw, &name, name.count), "getsockname")
            let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return (socket.take(), "@" + String(decoding: bytes, as: UTF8.self))
        }
        if (try? Files.status(path, followingLinks: false))?.kind == .socket { try Files.remove(path) }
        var native = try SocketAddress.unix(path: path).native()
        return (try check(jr_notice_socket(&native.value), "bind", path), path)
    }

    /// The next datagram; nil when there is none.
    ///
    /// - Parameters:
    ///   - raw: A socket of ``openNotices(at:)``.
    ///   - longest: How much of a datagram is read, in bytes.
    public static func nextNotice(_ raw: Int32, longest: Int) throws(SystemError) -> Notice? {
        var bytes = [UInt8](repeating: 0, count: longest)
        var sender = jr_credentials()
        var isCut: Int32 = 0
        let count = bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            return untilNotInterrupted { jr_receive_notice(raw, base, buffer.count, &sender, &isCut) }
        }
        if count == -Int(EAGAIN) { return nil }
        let length = try check(count, "recvmsg")
        bytes.removeSubrange(length...)
        return Notice(bytes: bytes, isCut: isCut != 0, pid: sender.pid, userID: sender.uid)
    }
}
