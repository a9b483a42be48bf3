import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// What the shell holds for one instance: its present process with all pipes to it, and its log.
final class Slot {
    let log: InstanceLog
    /// The process of the present incarnation; kept after its end until its group is empty.
    var child: ChildProcess?
    var startTime: UInt64?
    var timer: Handle?
    /// Where it listens, as it said.
    var port: Int?
    /// Its death means that the program is to finish its work and leave.
    var lifeline: Descriptor?
    var ready: ReadyPipe?
    /// Those of an earlier incarnation may be here for a while, until somebody who holds its pipe lets go.
    private var streams: [OutputStream] = []
    let sequences = SequenceNumbers()
    private var isPaused = false

    init(log: InstanceLog) {
        self.log = log
        log.setPaused = { [weak self] isPaused in self?.setPaused(isPaused) }
    }

    func add(_ stream: OutputStream) {
        streams.append(stream)
        if isPaused { stream.setPaused(true) }
    }

    func hold(lifeline descriptor: consuming Descriptor) {
        lifeline = consume descriptor
    }

    /// Tells the program to finish its work and leave: by a word, so that it can say that it was told to and not that
    /// its supervisor died.
    func endLifeline() {
        guard let raw = lifeline?.raw else { return }
        _ = Standard.write(raw, "leave\n")
        lifeline = nil
    }

    func remove(_ stream: OutputStream) {
        streams.removeAll { $0 === stream }
    }

    func childExited() {
        for stream in streams { stream.childExited() }
    }

    /// Whether any process of its group still runs. Dead ones that their parent, such as process 1 of a container, has
    /// not reaped yet do not count: nothing more can come from them.
    var hasLivingGroup: Bool {
        guard let child, child.groupExists else { return false }
        if child.isRunning { return true }
        return ((try? Files.list("/proc")) ?? []).contains { name in
            guard let pid = Int32(name), let facts = Processes.facts(of: pid) else { return false }
            return facts.groupID == child.pid && facts.state != "Z"
        }
    }

    private func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        for stream in streams { stream.setPaused(isPaused) }
    }
}
