public import JRBase

/// The life of `exec`: bring a cluster up, run one command beside it, take everything down, and say what it came to.
///
/// Pure: events with the time go in, actions come out in the order in which they are to be done. Whatever happens, it
/// ends with ``Action/finish`` once both the command and the cluster are gone.
public struct ExecMachine: Sendable {
    public enum State: Sendable, Equatable, CaseIterable {
        /// The cluster comes up.
        case starting
        case running
        /// The command was told to end.
        case ending
        /// The command is over, or never was; the cluster goes down.
        case goingDown
        case over
    }

    public enum Event: Sendable, Equatable {
        case clusterReady
        case clusterNotReady(String)
        /// An instance of a cluster that was up failed for good or is in a crash loop.
        case instanceLost(String)
        case commandNotStarted(String, code: Int32)
        case commandEnded(Exit)
        /// Somebody sent this to `exec`.
        case signalled(Signal)
        case timedOut(Interval)
        case timerFired(serial: Int)
        case clusterDown
    }

    public enum Action: Sendable, Equatable {
        case startCommand
        /// To the command's whole process group.
        case signalCommand(Signal)
        case takeDown(Urgency)
        /// Replaces the timer armed before.
        case armTimer(serial: Int, after: Interval)
        case finish
    }

    /// What it came to: the first thing that decides stays.
    public struct Verdict: Sendable, Equatable {
        public var exitCode: Int32
        /// In one line; nil for a success.
        public var reason: String?

        public init(exitCode: Int32, reason: String?) {
            self.exitCode = exitCode
            self.reason = reason
        }
    }

    public private(set) var state = State.starting
    public private(set) var verdict: Verdict?
    private var interrupts = 0
    private var isClusterDown = false
    private var urgency: Urgency?
    private var serial = 0

    /// How long the command has between being told to end and KILL.
    public static let commandGrace = Interval.seconds(5 as Int64)
    /// How long jobs in progress have to end when the cluster goes down.
    public static let drainLimit = Interval.seconds(5 as Int64)
    static let timeout: Int32 = 124

    public init() {}

    public mutating func handle(_ event: Event) -> [Action] {
        var actions: [Action] = []
        switch event {
        case .clusterReady: clusterReady(&actions)
        case .clusterNotReady(let reason): fail(ExitCodes.unavailable, "the cluster is not ready: \(reason)", &actions)
        case .instanceLost(let reason): fail(ExitCodes.unavailable, reason, &actions)
        case .commandNotStarted(let reason, let code):
            if state == .running {
                decide(code, "the command could not be started: \(reason)")
                goDown(&actions)
            }
        case .commandEnded(let exit): commandEnded(exit, &actions)
        case .signalled(let signal): signalled(signal, &actions)
        case .timedOut(let limit): fail(Self.timeout, "not done within \(Durations.format(limit))", &actions)
        case .timerFired(let number): if number == serial { timerFired(&actions) }
        case .clusterDown: clusterDown(&actions)
        }
        return actions
    }

    private mutating func clusterReady(_ actions: inout [Action]) {
        switch state {
        case .starting:
            state = .running
            actions.append(.startCommand)
        case .running, .ending, .goingDown, .over: break
        }
    }

    /// Something else than the command decides.
    private mutating func fail(_ code: Int32, _ reason: String, _ actions: inout [Action]) {
        switch state {
        case .starting:
            decide(code, reason)
            goDown(&actions)
        case .running:
            decide(code, reason)
            endCommand(&actions)
        case .ending, .goingDown, .over: break
        }
    }

    private mutating func commandEnded(_ exit: Exit, _ actions: inout [Action]) {
        switch state {
        case .running, .ending:
            decide(exit.shellCode, exit.isSuccess ? nil : "the command ended with \(exit.words())")
            goDown(&actions)
        case .starting, .goingDown, .over: break
        }
    }

    private mutating func signalled(_ signal: Signal, _ actions: inout [Action]) {
        interrupts += 1
        switch state {
        case .starting:
            decide(128 + signal.number, "\(signal) came before everything was ready")
            goDown(&actions)
        case .running:
            // The command answers to it, and its answer decides; whoever asks three times does not want to wait.
            actions.append(.signalCommand(interrupts > 2 ? .kill : signal))
        case .ending:
            actions.append(.signalCommand(.kill))
        case .goingDown:
            let next: Urgency = urgency == .drain ? .terminate : .kill
            takeDown(next, &actions)
        case .over: break
        }
    }

    private mutating func timerFired(_ actions: inout [Action]) {
        switch state {
        case .ending: actions.append(.signalCommand(.kill))
        case .goingDown: if urgency == .drain { takeDown(.terminate, &actions) }
        case .starting, .running, .over: break
        }
    }

    private mutating func clusterDown(_ actions: inout [Action]) {
        isClusterDown = true
        switch state {
        case .starting:
            decide(ExitCodes.unavailable, "the cluster went down before it was ready")
            finish(&actions)
        case .running:
            decide(ExitCodes.unavailable, "the cluster went down while the command ran")
            endCommand(&actions)
        case .goingDown: finish(&actions)
        case .ending, .over: break
        }
    }

    private mutating func decide(_ code: Int32, _ reason: String?) {
        if verdict == nil { verdict = Verdict(exitCode: code, reason: reason) }
    }

    private mutating func endCommand(_ actions: inout [Action]) {
        state = .ending
        actions.append(.signalCommand(.terminate))
        arm(Self.commandGrace, &actions)
    }

    private mutating func goDown(_ actions: inout [Action]) {
        state = .goingDown
        if isClusterDown { return finish(&actions) }
        takeDown(.drain, &actions)
        arm(Self.drainLimit, &actions)
    }

    private mutating func takeDown(_ wanted: Urgency, _ actions: inout [Action]) {
        urgency = wanted
        actions.append(.takeDown(wanted))
    }

    private mutating func arm(_ limit: Interval, _ actions: inout [Action]) {
        serial += 1
        actions.append(.armTimer(serial: serial, after: limit))
    }

    private mutating func finish(_ actions: inout [Action]) {
        state = .over
        serial += 1
        actions.append(.finish)
    }
}
