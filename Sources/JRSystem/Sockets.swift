import CJRLinux
import Glibc

/// Who is at the other end of a unix socket, as the kernel saw it when the connection was made.
public struct PeerCredentials: Sendable, Equatable {
    /// nil when the peer is in a pid namespace that this process does not see into: for one who asks a supervisor in a
    /// container from without.
    public let pid: Int32?
    public let userID: UInt32
    public let groupID: UInt32
}

/// Stream sockets. All of them are close-on-exec and non-blocking from birth.
public enum Sockets {
    /// What happens to a socket file that is already at the path.
    public enum StaleFile: Sendable {
        /// It is removed if nobody listens at it any more, as after kill -9, and refused otherwise.
        case replaceDead
        /// It is removed, whoever listens at it: only who holds a lock that says that nobody does may ask for it.
        case replace
    }

    private static let backlog: Int32 = 512

    /// Listens on a numeric address or a unix path, whose file only its owner can open.
    ///
    /// - Throws: `EADDRINUSE` when another program listens there, or when what is at the path is no socket.
    public static func listen(
        on address: SocketAddress, staleFile: StaleFile = .replaceDead
    ) throws(SystemError) -> Descriptor {
        var native = try address.native()
        let socket = Descriptor(owning: try check(jr_socket(native.family), "socket", address.description))
        switch address {
        case .unix(let path):
            if (try? Files.status(path, followingLinks: false))?.kind == .socket {
                if staleFile == .replace || isDead(address) { try Files.remove(path) }
            }
            _ = try check(jr_bind_private(socket.raw, &native.value), "bind", address.description)
        case .tcp:
            _ = try check(jr_set_reuse_address(socket.raw), "setsockopt", address.description)
            _ = try check(jr_bind(socket.raw, &native.value), "bind", address.description)
        }
        _ = try check(jr_listen(socket.raw, backlog), "listen", address.description)
        return socket
    }

    /// Whether nobody listens at a socket file.
    private static func isDead(_ address: SocketAddress) -> Bool {
        do {
            _ = Descriptor(owning: try connect(to: address).socket)
            return false
        } catch {
            // Any other error says that somebody is there, such as EAGAIN when too many wait for him.
            return error.code == ECONNREFUSED
        }
    }

    /// The address a socket is bound to, with the port the system chose for port 0.
    public static func localAddress(_ raw: Int32) throws(SystemError) -> SocketAddress {
        var address = jr_address()
        _ = try check(jr_local_address(raw, &address), "getsockname")
        guard let local = NativeAddress(address).address else {
            throw SystemError(call: "getsockname", code: EAFNOSUPPORT)
        }
        return local
    }

    /// The numeric address of the other end; nil for a unix one without a path and for what is no socket.
    public static func peerAddress(_ raw: Int32) -> SocketAddress? {
        var address = jr_address()
        guard jr_peer_address(raw, &address) == 0, let peer = NativeAddress(address).address else { return nil }
        if case .unix(path: "") = peer { return nil }
        return peer
    }

    public enum Accepted: Sendable, Equatable {
        /// The descriptor's number; who takes it closes it. `peer` is nil for unix sockets.
        case accepted(Int32, peer: SocketAddress?)
        case nobodyWaiting
        case failed(SystemError)
    }

    public static func accept(_ raw: Int32) -> Accepted {
        var peer = jr_address()
        let result = untilNotInterrupted { jr_accept(raw, &peer) }
        if result == -EAGAIN { return .nobodyWaiting }
        guard result >= 0 else { return .failed(failure(result, "accept4", nil)) }
        let address = NativeAddress(peer).address
        if case .tcp? = address {
            _ = jr_set_no_delay(result)
            return .accepted(result, peer: address)
        }
        return .accepted(result, peer: nil)
    }

    /// A socket that is connected, or will be or fail when it becomes writable: ``pendingError(_:)`` then tells which.
    public static func connect(
        to address: SocketAddress
    ) throws(SystemError) -> (socket: Int32, isConnected: Bool) {
        var native = try address.native()
        let socket = Descriptor(owning: try check(jr_socket(native.family), "socket", address.description))
        if case .tcp = address { _ = try check(jr_set_no_delay(socket.raw), "setsockopt", address.description) }
        let result = jr_connect(socket.raw, &native.value)
        // An interrupted connect goes on by itself, as one that is in progress does.
        guard result == 0 || result == -EINPROGRESS || result == -EINTR else {
            throw failure(result, "connect", address.description)
        }
        return (socket.take(), result == 0)
    }

    /// The error a socket has met since it was last asked, as a positive `errno`; 0 for none.
    public static func pendingError(_ raw: Int32) -> Int32 {
        abs(jr_socket_error(raw))
    }

    /// Ends this side's sending; the peer reads the end of the stream and can still send.
    public static func endSending(_ raw: Int32) throws(SystemError) {
        _ = try check(jr_shutdown_write(raw), "shutdown")
    }

    /// Of a unix socket's peer; nil for any other descriptor.
    public static func peerCredentials(_ raw: Int32) -> PeerCredentials? {
        var peer = jr_credentials()
        // An internet socket answers with the id that no user has, instead of an error.
        guard jr_peer_credentials(raw, &peer) == 0, peer.uid != .max else { return nil }
        return PeerCredentials(pid: peer.pid > 0 ? peer.pid : nil, userID: peer.uid, groupID: peer.gid)
    }

    /// Two connected unix sockets: whoever takes the numbers closes them.
    public static func makePair() throws(SystemError) -> (Int32, Int32) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.assumingMemoryBound(to: Int32.self).baseAddress.map { jr_socketpair($0) } ?? -EINVAL
        }
        _ = try check(result, "socketpair")
        return ends
    }
}
