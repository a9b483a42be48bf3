public import JRBase
public import JRSystem

/// What a loop can watch besides time.
extension Loop {
    /// Listens; `accepted` is called with every connection, and sets its handler.
    ///
    /// At `Limits.connections` accepted and open ones a new one is closed at once. When descriptors run out, accepting
    /// pauses for 100 ms at a time. A host that is a name must be resolved before (``SocketAddress/resolved()``).
    ///
    /// - Parameter staleFile: when a socket file that is already there is removed.
    public func listen(
        on address: SocketAddress, staleFile: Sockets.StaleFile = .replaceDead,
        _ accepted: @escaping (Loop, Connection) -> Void
    ) throws(SystemError) -> Listener {
        try Listener(try Sockets.listen(on: address, staleFile: staleFile), on: address, loop: self, accepted)
    }

    /// The same with a socket that listens already, so that another thread could see it fail.
    ///
    /// - Parameter address: the one it was made for.
    public func listen(
        with socket: consuming Descriptor, on address: SocketAddress, _ accepted: @escaping (Loop, Connection) -> Void
    ) throws(SystemError) -> Listener {
        try Listener(socket, on: address, loop: self, accepted)
    }

    /// Connects; `done` is called once, later, unless the connecting is cancelled first.
    ///
    /// A name is resolved on a thread of the pool, and its addresses are tried one after the other. `timeout` is for
    /// all of it; when it is over, the error is `ETIMEDOUT`.
    @discardableResult
    public func connect(
        to address: SocketAddress, timeout: Interval,
        _ done: @escaping (Loop, Result<Connection, SystemError>) -> Void
    ) -> Connecting {
        Connecting(to: address, timeout: timeout, loop: self, done)
    }

    /// Makes a connection of a socket or of an end of a pipe, which may be for reading or for writing only.
    ///
    /// One that cannot be watched, such as a regular file, is reported as closed with `EPERM`.
    ///
    /// - Parameter peer: what to call the other end in messages.
    public func adopt(_ descriptor: consuming Descriptor, peer: String) -> Connection {
        Connection(descriptor, peer: peer, .adopted, on: self)
    }

    /// Starts a child; `exited` is called once, with what the kernel says of its end, and not for a loop that stopped
    /// first (the child goes on then).
    ///
    /// Blocks for up to a second for an executable that is still open for writing; see `Processes.spawn`.
    public func spawn(
        _ request: SpawnRequest, exited: @escaping (Loop, ExitStatus) -> Void
    ) throws(SystemError) -> ChildProcess {
        try spawn(try Processes.begin(request), exited: exited)
    }

    /// The same for a child that was begun before.
    public func spawn(
        _ beginning: consuming Processes.Beginning, exited: @escaping (Loop, ExitStatus) -> Void
    ) throws(SystemError) -> ChildProcess {
        try ChildProcess(beginning, loop: self, exited)
    }
}
