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
    /// All that descends from the process is in it.
    var controlGroup: ControlGroup?
    /// When its state became what it is.
    var changedAt: Instant?
    /// The first few of the jobs that were in progress when its process last ended.
    var jobsAtDeath: [String] = []
    var timer: Handle?
    /// Where it listens, as it said.
    var port: Int?
    /// Its death means that the program is to finish its work and leave.
    var lifeline: Descriptor?
    var ready: ReadyPipe?
    var notices: NoticeSocket?
    /// What the process says that it is doing.
    var said: String?
    /// The words on the life line that the process acts on; none before it is ready.
    var words: Set<String> = []
    var jobs: JobCounts?
    /// What the present process was started from.
    var launch: Launch?
    /// The same of the last process that was ready.
    var proven: Launch?
    /// What is started in place of what the plan says now, after a roll that was taken back.
    var fallback: Launch?
    /// `7/7 in 16ms`, of the present process.
    var recovered: String?
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

    /// A new process is there, which has said nothing yet.
    func forgetWhatWasSaid() {
        words = []
        jobs = nil
        recovered = nil
        said = nil
    }

    /// What it says from here on is not heard any more.
    func stopListening() {
        ready?.close()
        notices?.close()
    }

    /// Nothing is to run here any more; what comes later is something new.
    func forgetWhatRan() {
        (launch, proven, fallback, port) = (nil, nil, nil, nil)
    }

    /// Says a word to a program that understands it; false where there is none.
    @discardableResult
    func say(_ word: String) -> Bool {
        guard let raw = lifeline?.raw, words.contains(word) || word == "unwatch" && words.contains("watch") else {
            return false
        }
        // Not blocking: a program that is stopped reads nothing, and must not stop its supervisor.
        _ = Array((word + "\n").utf8).withUnsafeBytes { IO.write(raw, $0) }
        return true
    }

    func hold(lifeline descriptor: consuming Descriptor) {
        try? IO.setNonBlocking(descriptor.raw)
        lifeline = consume descriptor
    }

    /// Tells the program to finish its work and leave: by a word, so that it can say that it was told to and not that
    /// its supervisor died.
    func endLifeline() {
        guard let raw = lifeline?.raw else { return }
        _ = Array("leave\n".utf8).withUnsafeBytes { IO.write(raw, $0) }
        lifeline = nil
    }

    /// Leaves all output where it is for a moment, or goes on as before.
    func holdReading(_ isHeld: Bool) {
        for stream in streams { stream.setPaused(isHeld || isPaused) }
    }

    /// Nil while one of them is closed and that was not told yet.
    var handedOutputs: [Handover.Output]? {
        let handed = streams.compactMap(\.handed)
        return handed.count == streams.count ? handed : nil
    }

    func remove(_ stream: OutputStream) {
        streams.removeAll { $0 === stream }
    }

    var isBeingRead: Bool { !streams.isEmpty }

    func childExited() {
        for stream in streams { stream.childExited() }
    }

    /// Whether any process of its group still runs. Dead ones that their parent, such as process 1 of a container, has
    /// not reaped yet do not count: nothing more can come from them.
    var hasLivingGroup: Bool {
        if let child, !child.isRunning, let controlGroup, controlGroup.isPopulated { return true }
        guard let child, child.groupExists else { return false }
        if child.isRunning { return true }
        return ((try? Files.list("/proc")) ?? []).contains { name in
            guard let pid = Int32(name), let facts = Processes.facts(of: pid) else { return false }
            return facts.groupID == child.pid && facts.state != "Z"
        }
    }

    /// The processes that descend from its own and left the process group.
    var detached: [Int32] {
        (controlGroup?.members ?? []).filter { pid in
            guard let facts = Processes.facts(of: pid) else { return false }
            return facts.groupID != child?.pid && facts.state != "Z"
        }
    }

    /// Sends a signal to the process group; KILL, and what is sent after the process's own end, also to what left it.
    func signalGroup(_ number: Int32) {
        child?.signalGroup(number)
        guard let controlGroup, let child else { return }
        if number == Signals.kill { return (try? controlGroup.kill()) ?? () }
        guard !child.isRunning else { return }
        for pid in detached {
            // Seen in the group again after it was opened, the descriptor cannot be of a successor.
            guard let descriptor = try? Processes.open(pid: pid), controlGroup.members.contains(pid) else { continue }
            try? Processes.signal(pidDescriptor: descriptor.raw, number)
        }
    }

    private func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
        for stream in streams { stream.setPaused(isPaused) }
    }
}
