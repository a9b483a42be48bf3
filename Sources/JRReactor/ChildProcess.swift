import JRBase
public import JRSystem

/// A child that a loop started and whose end it reports. Belongs to the loop's thread.
public final class ChildProcess {
    public let pid: Int32
    /// How it ended; nil while it runs.
    public private(set) var status: ExitStatus?

    private let loop: Loop
    private var descriptor: Descriptor?
    private let leadsGroup: Bool
    private var groupMayLive: Bool
    private var handle = Handle(index: -1, generation: 0)
    private let exited: (Loop, ExitStatus) -> Void

    init(
        _ beginning: consuming Processes.Beginning, loop: Loop, _ exited: @escaping (Loop, ExitStatus) -> Void
    ) throws(SystemError) {
        leadsGroup = beginning.leadsGroup
        groupMayLive = leadsGroup
        pid = try Processes.finish(beginning)
        self.loop = loop
        self.exited = exited
        do {
            // Nobody else reaps it, so the pid cannot have come to mean another process.
            let descriptor = try Processes.open(pid: pid)
            let raw = descriptor.raw
            self.descriptor = consume descriptor
            handle = loop.sources.insert(.child(self))
            try loop.poller.add(raw, .read, data: handle.bits)
        } catch {
            loop.sources.remove(handle)
            // A child whose end would go unnoticed must not run.
            try? Processes.signal(pid: pid, Signals.kill)
            _ = try? Processes.wait(pid: pid)
            throw error
        }
    }

    /// One that this process has had before this loop.
    init(
        adopting pid: Int32, loop: Loop, _ exited: @escaping (Loop, ExitStatus) -> Void
    ) throws(SystemError) {
        leadsGroup = true
        groupMayLive = true
        self.pid = pid
        self.loop = loop
        self.exited = exited
        let descriptor = try Processes.open(pid: pid)
        let raw = descriptor.raw
        self.descriptor = consume descriptor
        handle = loop.sources.insert(.child(self))
        do {
            try loop.poller.add(raw, .read, data: handle.bits)
        } catch {
            loop.sources.remove(handle)
            throw error
        }
    }

    public var isRunning: Bool { status == nil && descriptor != nil }

    /// Sends a signal to this one process; false when it has ended.
    @discardableResult
    public func signal(_ number: Int32) -> Bool {
        guard let raw = descriptor?.raw else { return false }
        return (try? Processes.signal(pidDescriptor: raw, number)) != nil
    }

    /// Sends a signal to all of the group it leads, or to itself when it leads none; false when nobody of them is left.
    ///
    /// After the child's own end this reaches what it left behind: the kernel gives a group's number to nobody else
    /// while it has a member, and once it was found empty this never signals again.
    @discardableResult
    public func signalGroup(_ number: Int32) -> Bool {
        guard leadsGroup else { return signal(number) }
        guard groupMayLive else { return false }
        if (try? Processes.signal(group: pid, number)) != nil { return true }
        if !isRunning { groupMayLive = Processes.groupExists(pid) }
        return groupMayLive
    }

    /// Whether processes of its group are there, this one included until it is reaped.
    public var groupExists: Bool {
        guard leadsGroup else { return isRunning }
        if groupMayLive, !isRunning { groupMayLive = Processes.groupExists(pid) }
        return groupMayLive
    }

    func ended() {
        guard let raw = descriptor?.raw else { return }
        let ended: ExitStatus?
        do {
            ended = try Processes.wait(pidDescriptor: raw)
        } catch {
            // ECHILD: somebody else in this process waited for all children and took the status with it.
            ended = .exited(255)
        }
        guard let ended else { return }
        status = ended
        abandon()
        if groupMayLive { groupMayLive = Processes.groupExists(pid) }
        exited(loop, ended)
    }

    /// Stops watching; the child goes on.
    func abandon() {
        guard let raw = descriptor?.raw else { return }
        loop.poller.remove(raw)
        loop.sources.remove(handle)
        descriptor = nil
    }
}
