public import JRBase
public import JRReactor
import JRSupervision
import JRSystem

/// The shell of ``ExecMachine``: a supervisor, a command beside it, and a look at what is left of both.
///
/// Belongs to its loop's thread.
public final class Execution {
    public struct Options: Sendable {
        /// The command and its arguments, executed without a shell.
        public var command: [String]
        /// How long everything may take; nil for ever.
        public var timeout: Interval?
        public var report: ReportFolder?

        public init(command: [String], timeout: Interval? = nil, report: ReportFolder? = nil) {
            self.command = command
            self.timeout = timeout
            self.report = report
        }
    }

    /// What it came to.
    public struct Outcome: Sendable {
        /// An instance that was not as it should be, and the last lines of its log.
        public struct Guilty: Sendable {
            public var name: String
            public var words: String
            public var lines: [String]
        }

        public var exitCode: Int32
        /// Why it failed, in one line; nil for a success.
        public var reason: String?
        public var guilty: [Guilty]
    }

    private static let linesShown = 20
    private static let mostGuilty = 5

    private let file: ManifestFile
    private let options: Options
    private let loop: Loop
    private let supervisor: Supervisor
    private var machine = ExecMachine()
    private var child: ChildProcess?
    private var timer: Handle?
    private var events: [RunReport.Entry] = []
    private var guilty: [(position: Int, words: String)] = []
    private var sockets: [(inode: UInt64, port: Int)] = []
    private let startedAt: Now
    private var commandStarted: Instant?
    private var commandEnded: Instant?
    /// Whether the terminal is the command's while it runs.
    private var hasTerminal = false
    private var isStopped = false

    /// Called once, with everything down and its private directory removed.
    public var ended: ((Loop, Outcome) -> Void)?

    /// - Parameter file: isolated, in a runtime directory of its own, which is removed at the end.
    public init(_ file: ManifestFile, lock: RuntimeLock, console: Console, options: Options, loop: Loop) {
        self.file = file
        self.options = options
        self.loop = loop
        startedAt = loop.refreshNow()
        var settings = Supervisor.Options(endsWhenNotReady: true, ownsProcess: true)
        settings.staysWhenOver = true
        settings.eventFile = options.report?.eventFile
        supervisor = Supervisor(
            plan: file.plan, runtime: file.runtime, lock: lock, console: console, options: settings, loop: loop)
    }

    public func start() throws(SupervisorError) {
        supervisor.events.observe = { [weak self] in self?.heard($0) }
        supervisor.started = { [weak self] start in
            switch start {
            case .ready: self?.handle(.clusterReady)
            case .failed(let reasons, _): self?.handle(.clusterNotReady(reasons.exchanging("\n", for: "; ")))
            }
        }
        // Holds this object for as long as it runs.
        supervisor.ended = { [self] _, _ in handle(.clusterDown) }
        if let limit = options.timeout {
            loop.schedule(after: limit) { [weak self] _ in self?.handle(.timedOut(limit)) }
        }
        try supervisor.start()
    }

    /// Somebody sent a signal to this program.
    public func signalled(_ number: Int32) { handle(.signalled(Signal(number: number))) }

    private func heard(_ event: EventRecord) {
        events.append(RunReport.Entry(event, at: loop.now.instant))
        guard machine.state == .running, let name = event.instance, let change = event.change else { return }
        if change.to == .failed || change.to == .crashLooping {
            // After what is being done about it now.
            loop.soon { [weak self] _ in
                self?.handle(.instanceLost("\(name) is \(change.to.rawValue): \(change.cause)"))
            }
        }
    }

    private func handle(_ event: ExecMachine.Event) {
        loop.refreshNow()
        let wasDecided = machine.verdict != nil
        let actions = machine.handle(event)
        if !wasDecided, machine.verdict?.reason != nil { blame() }
        for action in actions { perform(action) }
    }

    private func perform(_ action: ExecMachine.Action) {
        switch action {
        case .startCommand:
            noteSockets()
            startCommand()
        case .signalCommand(let signal): child?.signalGroup(signal.number)
        case .takeDown(let urgency):
            noteSockets()
            supervisor.tell(.downRequested(urgency))
        case .armTimer(let serial, let limit):
            if let timer { loop.cancel(timer) }
            timer = loop.schedule(after: limit) { [weak self] _ in self?.handle(.timerFired(serial: serial)) }
        case .finish: finish()
        }
    }

    // MARK: The command

    private func startCommand() {
        let name = options.command.first ?? ""
        let environment = environment
        let executable: String
        switch Executables.find(name, searchPath: environment["PATH"]) {
        case .success(let path): executable = path
        case .failure(let missing):
            let code: Int32 = name.contains("/") && Files.exists(name) ? 126 : 127
            return handle(.commandNotStarted(missing.reason, code: code))
        }
        do throws(SystemError) {
            hasTerminal = Standard.isForeground(0)
            var request = SpawnRequest(
                executable: executable, arguments: options.command,
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(0, 0), (1, 1), (2, 2)], newProcessGroup: true,
                trampoline: Executables.trampoline(in: file.plan.surroundings.programDirectory).map { Trampoline($0) })
            request.isInForeground = hasTerminal
            let child = try loop.spawn(request) { [weak self] _, status in self?.commandEnded(status) }
            self.child = child
            supervisor.guests = [child]
            if hasTerminal { supervisor.childrenChanged = { [weak self] in self?.lookForStop() } }
            commandStarted = loop.now.instant
        } catch {
            handle(.commandNotStarted("\(error)", code: 126))
        }
    }

    private func commandEnded(_ status: ExitStatus) {
        if hasTerminal { try? Standard.giveTerminal(0) }
        commandEnded = loop.refreshNow().instant
        let exit: Exit =
            switch status {
            case .exited(let code): .code(code)
            case .signalled(let number, let coreDumped): .signal(Signal(number: number), coreDumped: coreDumped)
            }
        handle(.commandEnded(exit))
    }

    /// Ctrl-Z reaches the command alone. Whoever waits for this program is told by its own stop; when that is over, the
    /// command goes on, with the terminal if it is ours again.
    private func lookForStop() {
        guard let child, child.isRunning, !isStopped, Processes.facts(of: child.pid)?.state == "T" else { return }
        guard let own = Processes.facts(of: SystemProgram.pid)?.groupID else { return }
        isStopped = true
        try? Standard.giveTerminal(0)
        try? Processes.signal(group: own, Signals.stopKey)
        // The kernel lets a signal take its time; and where no shell could resume us, it does not stop us at all.
        loop.schedule(after: .milliseconds(50)) { [weak self] _ in
            guard let self else { return }
            isStopped = false
            if Standard.isForeground(0) { try? Standard.giveTerminal(0, to: child.pid) }
            child.signalGroup(Signals.continue)
        }
    }

    /// That of this program, without what an outer supervisor told it alone, and with where the cluster is.
    private var environment: [String: String] {
        var environment = SystemProgram.environment
        for name in ["JR_NAME", "JR_INCARNATION", "JR_READY_FD", "JR_LIFE_FD", "JR_KEY_FD", "JR_LISTEN"]
            + ServiceManager.variables
        {
            environment[name] = nil
        }
        environment["JR_RUNTIME"] = file.runtime.path
        let known = supervisor.addresses()
        let addresses = file.plan.manifest.entries.compactMap { known[$0.name] }
        environment["JR_DISTRIBUTORS"] =
            addresses.isEmpty ? nil : addresses.map(\.description).joined(separator: ",")
        environment["JR_URL"] = addresses.first.map { "jr://\($0)" }
        return environment
    }

    // MARK: The end

    /// Remembers who is not as it should be at the moment of the decision.
    private func blame() {
        for (position, instance) in file.plan.instances.enumerated() {
            let machine = supervisor.cluster.members[position].machine
            switch machine.state {
            case .starting, .recovering, .degraded, .blocked, .backingOff, .crashLooping, .failed: break
            case .waiting, .ready, .draining, .stopping, .stopped, .finished: if machine.restarts == 0 { continue }
            }
            let last = machine.restarts > 0 ? machine.lastExitWords.map { ", its last end: \($0)" } ?? "" : ""
            guilty.append((position, "\(instance.name) is \(machine.state.rawValue): \(machine.cause)\(last)"))
        }
    }

    private func noteSockets() {
        let found = supervisor.addresses().values.compactMap { address in
            PortHolder.socket(at: address).map { ($0.inode, address.port) }
        }
        if !found.isEmpty { sockets = found }
    }

    private func finish() {
        let left = whatIsLeft()
        var verdict =
            machine.verdict ?? ExecMachine.Verdict(exitCode: SupervisorError.unavailable, reason: "no verdict")
        if !left.isEmpty, verdict.exitCode == 0 {
            verdict = ExecMachine.Verdict(exitCode: 70, reason: "this is left behind: " + left.joined(separator: "; "))
        }
        // While their files are there.
        let blamed = guilty.prefix(Execution.mostGuilty).map { position, words in
            let log = supervisor.slots[position].log.path
            let name = file.plan.instances[position].name
            let lines = LogFollower(instance: name, path: log).last(Execution.linesShown).map { line in
                "\(line.mark) \(line.text)"
            }
            return Outcome.Guilty(name: name, words: words, lines: lines)
        }
        writeReport(verdict, left)
        try? Files.removeTree(file.runtime.path)
        ended?(loop, Outcome(exitCode: verdict.exitCode, reason: verdict.reason, guilty: blamed))
        ended = nil
    }

    private func writeReport(_ verdict: ExecMachine.Verdict, _ left: [String]) {
        guard let folder = options.report else { return }
        var report = RunReport(
            cluster: file.plan.manifest.name, command: options.command, started: startedAt,
            ended: loop.refreshNow().instant, events: events, verdict: verdict, left: left)
        report.commandStarted = commandStarted
        report.commandEnded = commandEnded
        do throws(SystemError) {
            try folder.write(report)
        } catch {
            Standard.write(Standard.error, "jr-supervisor: the report cannot be written: \(error)\n")
        }
    }

    /// Processes, sockets and ports of this cluster that are still there.
    private func whatIsLeft() -> [String] {
        var left = Leftover.find(runtime: file.runtime, record: nil).map { "process \($0.pid) (of \($0.name))" }
        let open = Set(PortHolder.listeners().map(\.inode))
        left += sockets.filter { open.contains($0.inode) }.map { "a listener on port \($0.port)" }
        if Files.exists(file.runtime.controlSocket) { left.append("the control socket") }
        return left
    }
}
