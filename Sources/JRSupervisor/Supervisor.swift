public import JRBase
public import JRReactor
public import JRSupervision
import JRSystem

/// The shell around the machines: starts and signals processes, reads their pipes, keeps the files of the runtime
/// directory, and tells the machines what happens. It decides nothing about an instance's life. Belongs to its loop's
/// thread.
public final class Supervisor {
    public struct Options: Sendable {
        /// How long everything may take to be ready; nil waits as long as the instances' own limits let it.
        public var readyLimit: Interval?
        /// Whether a start that fails takes everything down again (`--detach`, `--wait`) or goes on with what works.
        public var endsWhenNotReady: Bool
        /// Whether the whole process is the supervisor's: then it adopts and reaps what its children leave behind, and
        /// raises its limit of open files.
        public var ownsProcess: Bool
        /// Whether it goes on when nothing is left to supervise, for somebody who ends it.
        public var staysWhenOver = false
        /// Where events are kept; nil is the usual place in the runtime directory.
        public var eventFile: String?
        /// How many nodes may be on their way to be ready at once.
        public var startsAtOnce = max(16, 4 * SystemProgram.processors)
        /// Whether it takes everything down when its programs are done and no job is left.
        public var untilIdle = false
        /// What it becomes when it is asked to (`re-exec`); nil for one that is a part of another program.
        public var successor: Successor?
        /// Where whoever runs this as a service wants to be told what it does (`NOTIFY_SOCKET`).
        public var notifySocket: String?
        /// How often that one is to be told that this is alive; nil for never.
        public var watchdogPause: Interval?

        public init(readyLimit: Interval? = nil, endsWhenNotReady: Bool = false, ownsProcess: Bool = false) {
            self.readyLimit = readyLimit
            self.endsWhenNotReady = endsWhenNotReady
            self.ownsProcess = ownsProcess
        }
    }

    /// What somebody who waits for the start is told, once.
    public enum Start: Sendable, Equatable {
        case ready(String)
        /// Why, and the log files of those that ran and did not come up.
        case failed(String, logs: [String])
    }

    var plan: Plan
    let runtime: RuntimeDirectory
    let console: Console
    let loop: Loop
    let lock: RuntimeLock
    let options: Options
    let ownLog: Outlet
    let events: EventLog
    /// Of children.
    var openFiles: ProcessSettings.OpenFileLimit?

    var cluster = ClusterMachine(members: [])
    var slots: [Slot] = []
    private var queue = Ring<ClusterEvent>()
    /// Started, but not known yet to have become their programs.
    private var begun = Ring<BegunStart>()
    private static let mostBegun = 16
    private var isTelling = false
    var isStateDirty = false
    var hasURL = false
    var keptExecutables: KeptExecutables
    /// Those that were made.
    private var logDirectories: Set<String> = []
    /// Whether it was said that `jr-exec` is missing.
    var hasMissedTrampoline = false
    var control: ControlServer?
    var desk = OperationDesk<Asker>()
    var waits: [Waiting] = []
    var jobsWatch: JobsWatch?
    /// Why a run until idle is over.
    public internal(set) var untilIdleText: String?
    /// The processes of all instances, until their ends are known.
    var running: Set<Int32> = []
    /// All that descends from the instances is in it; nil where this machine does not let us.
    var controlGroup: ControlGroup?
    /// Whether that was said.
    var isWithoutControlGroups = false
    /// Children that are no instances.
    var guests: [ChildProcess] = []
    /// The last number of every instance that an earlier supervisor knew: those of places that come later rise as well.
    var pastIncarnations: [String: Int] = [:]
    var statusDesk = StatusDesk()
    var rolls: [Roll] = []
    var shrinks: [Shrink] = []
    var reloading: Reload?
    var exchange: Exchange?
    var manager: ServiceManager?
    var isLookingAtShrinks = false
    var shrinksNeedLook = false
    var isLookingAtRolls = false
    var rollsNeedLook = false

    private var turn: (at: Instant, timer: Handle)?
    /// The present millisecond as text.
    var stamp: (milliseconds: Int64, text: [UInt8]) = (-1, [])
    var crowds = CrowdWatch()
    var startedAt = Instant.zero
    var wasReady = false
    var startTold = false
    private var readyTimer: Handle?
    var interrupts = 0
    /// What the end is to be called when nothing worse comes up.
    var endCode: Int32 = 0
    var isEnding = false

    /// Reads the manifest again; nil where there is none that could have changed.
    public var reread: (() throws(SupervisorError) -> ManifestFile)?
    /// Called when a child has ended, was stopped or goes on.
    var childrenChanged: (() -> Void)?
    /// Called once with what became of the start.
    public var started: ((Start) -> Void)?
    /// Called once when everything is down and written; the loop can be stopped then.
    public var ended: ((Loop, Int32) -> Void)?

    public init(
        plan: Plan, runtime: RuntimeDirectory, lock: RuntimeLock, console: Console, options: Options, loop: Loop
    ) {
        self.plan = plan
        self.runtime = runtime
        self.lock = lock
        self.console = console
        self.options = options
        self.loop = loop
        keptExecutables = KeptExecutables(in: runtime.kept + "/.executables")
        openFiles = try? ProcessSettings.openFileLimit()
        let file = RotatingFile(path: runtime.supervisorLog, maxSize: 16 << 20, keep: 5)
        ownLog = Outlet(loop) { file.write($0) }
        manager = ServiceManager(options.notifySocket)
        events = EventLog(path: options.eventFile ?? runtime.eventFile, loop)
    }

    // MARK: Start

    /// Ends what an earlier supervisor left, opens the control socket and starts everything.
    public func start() throws(SupervisorError) {
        console.prepare(plan.instances.map(\.name))
        let record = runtime.readState()
        let groups = makeControlGroup()
        try endLeftovers(record, groups)
        for group in groups { try? group.remove() }
        startedAt = loop.refreshNow().instant
        sayAlive()
        try? Files.removeTree(runtime.kept)
        try? Files.removeTree(runtime.notices)
        prepareSlots()
        for instance in record?.instances ?? [] {
            // A supervisor that was killed may have started one more than it could write down.
            pastIncarnations[instance.name] = instance.incarnation + (lock.followsCrash ? 100 : 0)
        }
        cluster = plan.cluster(
            incarnations: pastIncarnations, seed: SystemRandom.seed(), startsAtOnce: options.startsAtOnce)
        try openControl()
        if options.ownsProcess {
            watchOrphans()
            raiseOpenFileLimit()
        }
        note("\(plan.manifest.name): \(Words.count(plan.instances.count, "instance")), \(runtime.path)")
        for hint in plan.hints { note(hint) }
        if let limit = options.readyLimit {
            readyTimer = loop.schedule(after: limit) { [weak self] _ in self?.readyLimitReached(limit) }
        }
        tell(.startRequested(Array(plan.instances.indices)))
    }

    private func endLeftovers(_ record: StateRecord?, _ groups: [ControlGroup]) throws(SupervisorError) {
        let leftovers = Leftover.find(runtime: runtime, record: record, groups)
        guard !leftovers.isEmpty else { return }
        let words = leftovers.map { "\($0.name) (pid \($0.pid))" }.joined(separator: ", ")
        note("an earlier supervisor left \(Words.count(leftovers.count, "process")): \(words); ending that first")
        let left = Leftover.end(leftovers)
        guard left.isEmpty else {
            let pids = left.map { "pid \($0.pid) (\($0.name))" }.joined(separator: ", ")
            throw SupervisorError(
                exitCode: SupervisorError.inUse,
                "\(pids) of an earlier supervisor cannot be ended, and a second copy must not run beside it")
        }
    }

    func prepareSlots() {
        slots = plan.instances.enumerated().map { slot($0.offset, $0.element) }
    }

    func slot(_ index: Int, _ instance: Plan.Instance) -> Slot {
        if logDirectories.insert(instance.logDirectory).inserted {
            try? Files.makeDirectories(instance.logDirectory, mode: 0o700)
        }
        let log = InstanceLog(instance, loop)
        log.report = { [weak self] text in self?.note(index, text) }
        return Slot(log: log)
    }

    private func openControl() throws(SupervisorError) {
        do {
            control = try ControlServer(runtime, loop) { [weak self] request, connection in
                self?.answer(request, connection)
            }
        } catch {
            throw SupervisorError("the control socket cannot be opened", error)
        }
    }

    /// Every instance takes a few descriptors here; what children get stays as it was.
    private func raiseOpenFileLimit() {
        guard var limit = openFiles, limit.soft < limit.hard else { return }
        limit.soft = min(limit.hard, 1 << 20)
        try? ProcessSettings.setOpenFileLimit(limit)
    }

    /// Descendants that detached themselves come to us when their parents end; nobody else would reap them here.
    func watchOrphans() {
        guard (try? SystemProgram.becomeSubreaper()) != nil else { return }
        let childEnded: Int32 = 17
        try? loop.onSignals([childEnded]) { [weak self] loop, _ in
            // After this turn's own exits, so that only those of strangers are left.
            loop.soon { _ in
                self?.reapOrphans()
                self?.childrenChanged?()
            }
        }
    }

    func reapOrphans() {
        while let pid = Processes.deadChild() {
            if running.contains(pid) || guests.contains(where: { $0.pid == pid && $0.isRunning }) {
                loop.soon { [weak self] _ in self?.reapOrphans() }
                return
            }
            guard (try? Processes.wait(pid: pid)) != nil else { return }
        }
    }

    // MARK: Machines

    /// Tells the machines and does what they say. Events that come out of doing so are told after it, in order.
    func tell(_ event: ClusterEvent) {
        queue.append(event)
        guard !isTelling else { return }
        isTelling = true
        repeat {
            while let event = queue.popFirst() {
                let now = loop.refreshNow().instant
                for action in cluster.handle(event, at: now) { perform(action.action, action.instance) }
            }
            while let start = begun.popFirst() { finish(start) }
        } while !queue.isEmpty
        isTelling = false
        awaitTurn()
        lookAround()
    }

    /// Starts the next process of an instance. What comes of it is an event of its own, in the order of the starts.
    private func beginStart(_ position: Int, _ incarnation: Int) {
        // A few become their programs at the same time; each holds descriptors until it has.
        if begun.count == Supervisor.mostBegun, let first = begun.popFirst() { finish(first) }
        switch begin(position, incarnation) {
        case .success(let start): begun.append(start)
        case .failure(let reason): queue.append(.instance(position, reason.event))
        }
    }

    private func finish(_ start: BegunStart) {
        queue.append(.instance(start.position, finished(start)))
    }

    func perform(_ action: InstanceAction, _ position: Int) {
        let slot = slots[position]
        switch action {
        case .spawn(let incarnation):
            beginStart(position, incarnation)
        case .signalGroup(let signal):
            slot.signalGroup(signal.number)
        case .signalLeader(let signal):
            slot.child?.signal(signal.number)
        case .say(let word):
            slot.say(word)
        case .closeLifeline:
            slot.endLifeline()
        case .armTimer(let serial, let deadline):
            if let timer = slot.timer { loop.cancel(timer) }
            slot.timer = loop.schedule(at: deadline) { [weak self] _ in
                // What it has said by now came in time, however late this loop is.
                self?.slots[position].notices?.read()
                self?.tell(.instance(position, .timerFired(serial: serial)))
            }
        case .disarmTimer:
            if let timer = slot.timer { loop.cancel(timer) }
            slot.timer = nil
        case .announce(let change):
            announce(change, position)
        }
    }

    /// Those that wait only for their turn have it when another start takes too long.
    private func awaitTurn() {
        let next = cluster.nextTurn
        guard next != turn?.at else { return }
        if let turn { loop.cancel(turn.timer) }
        turn = next.map { at in
            let timer = loop.schedule(at: at) { [weak self] _ in
                self?.turn = nil
                self?.tell(.turnPassed)
            }
            return (at, timer)
        }
    }

    // MARK: Start and end as a whole

    /// Looks whether something that is waited for has come.
    func lookAround() {
        guard !isEnding else { return }
        defer { tellManager() }
        settleOperations()
        settleWaits()
        lookAtRolls()
        lookAtShrinks()
        lookAtReload()
        if cluster.goingDown != nil {
            if isOverAndRead { end() }
            return
        }
        lookAtStart()
        if lookForIdle() { return }
        let states = plan.live.map { cluster.members[$0].machine.state }
        // With everything over and nothing stopped by hand there is nothing left to supervise.
        let isOver = isOverAndRead && !states.isEmpty && !states.contains(.stopped)
        if cluster.goingDown == nil, isOver, !options.staysWhenOver {
            let failed = states.contains(.failed)
            note(failed ? "nothing is left to run, and not all went well" : "everything has finished")
            endCode = failed ? SupervisorError.unavailable : 0
            end()
        }
    }

    /// A terminal gives what was printed last a moment after the end of who printed it.
    private var isOverAndRead: Bool { cluster.isSettled && !slots.contains { $0.isBeingRead } }

    private func lookAtStart() {
        switch cluster.verdict {
        case .pending:
            break
        case .ready:
            if !wasReady {
                wasReady = true
                let time = Durations.format(loop.now.instant - startedAt)
                note("all ready in \(time)")
                tellStart(
                    .ready("\(plan.manifest.name): \(Words.count(plan.instances.count, "instance")) ready in \(time)"))
            }
        case .failed(let positions):
            if !startTold, options.endsWhenNotReady { startFailed(positions) }
        }
    }

    private func readyLimitReached(_ limit: Interval) {
        guard !startTold, case .pending(let positions) = cluster.verdict else { return }
        note("not all ready within \(Durations.format(limit))")
        startFailed(positions)
    }

    private func startFailed(_ positions: [Int]) {
        let reasons = positions.prefix(10).map { position in
            let machine = cluster.members[position].machine
            let mend =
                machine.state == .blocked ? ". End that, or listen elsewhere: port 0 takes any that is free" : ""
            return "\(plan.instances[position].name) is \(machine.state.rawValue): \(machine.cause)\(mend)"
        }
        let more = positions.count > 10 ? "\nand \(positions.count - 10) more" : ""
        endCode = SupervisorError.unavailable
        let ran = positions.filter { cluster.members[$0].machine.state != .blocked }
        tellStart(.failed(reasons.joined(separator: "\n") + more, logs: ran.map { slots[$0].log.path }))
        note("not everything came up: taking everything down again")
        tell(.downRequested(.drain))
    }

    func tellStart(_ start: Start) {
        guard !startTold else { return }
        startTold = true
        if let readyTimer { loop.cancel(readyTimer) }
        started?(start)
    }
}
