public import JRSystem

/// What a process that becomes another program hands over, and takes over from its predecessor.
extension Loop {
    /// Lets the signals of ``onSignals(_:_:)`` wait, those with them that have come and were not told yet: what this
    /// process becomes is told them.
    public func holdSignals() {
        for route in signalRoutes { route.hold() }
    }

    /// The end of ``holdSignals()``, where nothing came of it.
    public func releaseSignals() {
        for route in signalRoutes { route.release() }
    }

    /// A child that this process had before it became this program, and that leads a group of its own; `exited` is
    /// called as for one that was started, also where it has ended by now.
    ///
    /// - Parameters:
    ///   - pid: Of a child that was not waited for.
    ///   - exited: Told how it ended.
    public func adoptChild(
        pid: Int32, exited: @escaping (Loop, ExitStatus) -> Void
    ) throws(SystemError) -> ChildProcess {
        try ChildProcess(adopting: pid, loop: self, exited)
    }
}
