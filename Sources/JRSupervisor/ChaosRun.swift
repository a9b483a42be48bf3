public import JRBase
public import JRChaos
import JRJSON
public import JRReactor
public import JRSupervision
import JRSystem

/// The shell of ``ChaosMachine``: sends the signals through the supervisor, hears of what comes of them, and asks the
/// distributors about their jobs.
///
/// Belongs to its loop's thread.
public final class ChaosRun {
    /// What a run is told.
    public struct Options: Sendable {
        /// What the moments and choices come from.
        public var seed: UInt64
        /// What is done.
        public var drills: [ChaosDrill]
        /// How long it goes on.
        public var length: Interval
        /// Whether the jobs are looked at.
        public var assertsJobs: Bool

        /// - Parameters:
        ///   - seed: What the moments and choices come from.
        ///   - drills: What is done.
        ///   - length: How long it goes on.
        ///   - assertsJobs: Whether the jobs are looked at.
        public init(seed: UInt64, drills: [ChaosDrill], length: Interval, assertsJobs: Bool) {
            self.seed = seed
            self.drills = drills
            self.length = length
            self.assertsJobs = assertsJobs
        }
    }

    /// A process that is stopped, by something that stays its own when its number is given to another.
    private final class Stopped {
        let process: Descriptor

        init?(pid: Int32) {
            guard let process = try? Processes.open(pid: pid) else { return nil }
            self.process = process
        }
    }

    /// How long a sample before a kill may hold it up, for its nodes and for its distributors.
    private static let nodePatience = Interval.milliseconds(300)
    private static let sampleLimit = Interval.seconds(1 as Int64)
    private static let wholeLimit = Interval.seconds(5 as Int64)
    /// How long all may take to be ready again, and to be connected.
    private static let readyLimit = Interval.seconds(120 as Int64)
    private static let connectLimit = Interval.seconds(20 as Int64)
    private static let pollEvery = Interval.milliseconds(50)

    private let loop: Loop
    private let options: Options
    private let runtime: RuntimeDirectory
    private var machine: ChaosMachine
    private let signals: ControlLink
    private let events: ControlLink
    private var waits: ControlLink?
    private let sampler: JobSampler?
    /// Signals that were asked for and not answered, and what has happened meanwhile.
    private var unanswered = 0
    private var held: [(String, Change)] = []
    private var ledger = ChaosLedger()
    private var stopped: [String: Stopped] = [:]
    private var timer: Handle?
    private var isOver = false
    /// Hears every line.
    public var show: ((ChaosLine) -> Void)?
    /// Called once, with what it came to.
    public var ended: ((ChaosReport) -> Void)?

    /// - Parameters:
    ///   - runtime: Whose cluster it is.
    ///   - status: How that is now.
    ///   - options: What is to be done.
    ///   - loop: On whose thread.
    /// - Throws: Exit code 64 for names that are not there, 69 for a cluster that is not ready.
    public init(
        _ runtime: RuntimeDirectory, _ status: ClusterStatus, _ options: Options, _ loop: Loop
    ) throws(SupervisorError) {
        self.runtime = runtime
        self.options = options
        self.loop = loop
        let schedule = try Self.schedule(status, options)
        machine = ChaosMachine(schedule, instances: status.instances.map(\.name))
        do throws(SystemError) {
            signals = try ControlLink(runtime, loop)
            events = try ControlLink(runtime, loop)
        } catch {
            throw SupervisorError("the supervisor cannot be reached", error)
        }
        let addresses = status.instances.compactMap { $0.address.flatMap { ListenAddress($0) } }
        sampler = options.assertsJobs ? JobSampler(addresses, loop) : nil
    }

    /// The drills on a cluster as it is now.
    static func schedule(_ status: ClusterStatus, _ options: Options) throws(SupervisorError) -> ChaosSchedule {
        let names = status.instances.map(\.name)
        let entries = status.instances.compactMap(\.entry)
        var drills: [(ChaosDrill, [String])] = []
        for drill in options.drills {
            let meant = status.instances.filter { $0.name == drill.target || $0.entry == drill.target }.map(\.name)
            guard !meant.isEmpty else {
                let known = entries.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
                let hint = Names.nearest(to: drill.target, among: names + known).map { "did you mean \"\($0)\"?" }
                throw SupervisorError(
                    exitCode: ExitCodes.usage,
                    "\(drill.option): there is no instance \"\(drill.target)\" here"
                        + " (\(hint ?? "there is: " + known.joined(separator: ", ")))")
            }
            drills.append((drill, meant))
        }
        let away = status.instances.filter { !$0.state.allowsDependents }
        guard away.isEmpty else {
            let words = away.map { "\($0.name) is \($0.state.rawValue)" }.joined(separator: ", ")
            // What nothing comes of by itself is not waited for.
            let settled = away.filter(\.state.isSettled).map(\.name)
            let advice =
                settled.isEmpty
                ? "`jr-supervisor wait ready` waits for it"
                : "`jr-supervisor start \(settled.joined(separator: " "))` starts what does not by itself"
            throw SupervisorError(
                exitCode: SupervisorError.unavailable,
                "drills begin with a cluster that is ready, and \(words): \(advice)")
        }
        return ChaosSchedule(seed: options.seed, drills, length: options.length)
    }

    /// Begins once everything is connected, and the jobs have been looked at.
    public func start() {
        signals.lost = { [weak self] why in self?.handle(.lost(why)) }
        events.lost = { [weak self] why in self?.handle(.lost(why)) }
        events.ask(["verb": "events", "follow": true]) { [weak self] object in self?.heard(object) }
        guard let sampler else { return begin() }
        sampler.open()
        firstSample(until: loop.refreshNow().instant + Self.connectLimit)
    }

    private func firstSample(until deadline: Instant) {
        wholeSample { [weak self] sample in
            guard let self else { return }
            if let sample {
                ledger.take(sample)
                begin()
            } else if loop.refreshNow().instant >= deadline {
                handle(.lost("the distributors do not answer"))
            } else {
                firstSample(until: deadline)
            }
        }
    }

    /// Nil when not all have answered.
    private func wholeSample(_ done: @escaping (JobSample?) -> Void) {
        sampler?.take(patience: Self.wholeLimit, within: Self.wholeLimit) { [weak self] sample in
            guard let self, !isOver else { return }
            done(sample?.isPartial == true ? nil : sample)
        }
    }

    private func begin() { handle(.began) }

    /// Somebody wants it to end.
    ///
    /// - Parameter signal: The number of what this program got.
    public func interrupt(signal: Int32) { handle(.signalled(Signal(number: signal))) }

    private func heard(_ object: JSON) {
        guard let event = object["event"].flatMap({ EventRecord($0) }), let name = event.instance,
            let change = event.change
        else { return }
        if !change.to.hasProcess, change.from.hasProcess {
            stopped[name] = nil
            sampler?.spoil(name)
            ledger.died(name)
        }
        // What a signal led to is told after the signal, though the answer to that comes over another connection.
        guard unanswered == 0 else { return held.append((name, change)) }
        handle(.changed(instance: name, change))
    }

    // MARK: Actions

    private func handle(_ event: ChaosMachine.Event) {
        guard !isOver else { return }
        for action in machine.handle(event, at: loop.refreshNow().instant) { perform(action) }
    }

    private func perform(_ action: ChaosMachine.Action) {
        switch action {
        case .kill(let instance, let signal):
            guard let sampler else { return send(signal, to: instance, .kill(signal)) }
            sampler.take(patience: Self.nodePatience, within: Self.sampleLimit) { [weak self] sample in
                guard let self, !isOver else { return }
                if let sample { ledger.take(sample) }
                send(signal, to: instance, .kill(signal))
            }
        case .stop(let instance, let length): send(.stop, to: instance, .pause(length))
        case .resume(let instance):
            signals.ask(Self.request(.continue, instance)) { _ in }
            resume(instance)
        case .armTimer(let deadline):
            if let timer { loop.cancel(timer) }
            timer = loop.schedule(at: deadline) { [weak self] _ in self?.handle(.timerFired) }
        case .show(let line): show?(line)
        case .waitReady: waitReady()
        case .finish(let code, let reason):
            if code == 0, sampler != nil {
                let deadline = loop.refreshNow().instant + Self.connectLimit
                lastSample(until: deadline)
            } else {
                end(code, reason, nil)
            }
        }
    }

    private static func request(_ signal: Signal, _ instance: String) -> JSON {
        [
            "verb": "kill", "names": [.string(instance)], "signal": .int(Int64(signal.number)),
            "hold": .bool(signal == .stop),
        ]
    }

    private func send(_ signal: Signal, to instance: String, _ kind: ChaosDrill.Kind) {
        unanswered += 1
        signals.ask(Self.request(signal, instance)) { [weak self] answer in
            guard let self else { return }
            unanswered -= 1
            defer { hearHeld() }
            guard answer["ok"]?.bool == true else {
                return handle(.refused(instance: instance, kind, why: answer["message"]?.string ?? "refused"))
            }
            let pid = answer["pids"]?.array?.first?.int.flatMap { Int32(exactly: $0) } ?? 0
            if signal == .stop, pid > 0 { stopped[instance] = Stopped(pid: pid) }
            let incarnation = answer["incarnations"]?.array?.first?.int.flatMap { Int(exactly: $0) } ?? 0
            handle(.done(instance: instance, pid: pid, incarnation: incarnation, kind))
        }
    }

    private func hearHeld() {
        guard unanswered == 0 else { return }
        let changes = held
        held = []
        for (name, change) in changes { handle(.changed(instance: name, change)) }
    }

    /// Also without a supervisor: who is stopped does not even notice that it is gone.
    private func resume(_ instance: String) {
        guard let process = stopped.removeValue(forKey: instance) else { return }
        try? Processes.signal(pidDescriptor: process.process.raw, Signal.continue.number)
    }

    private func waitReady() {
        do throws(SystemError) {
            let link = try ControlLink(runtime, loop)
            link.lost = { [weak self] why in self?.handle(.lost(why)) }
            waits = link
            let limit = Self.readyLimit.millisecondsRoundedUp
            link.ask(["verb": "wait", "for": "ready", "names": [], "timeoutMilliseconds": .int(limit)]) {
                [weak self] answer in
                guard let isReady = answer["ok"]?.bool else { return }
                self?.handle(isReady ? .ready : .notReady(answer["message"]?.string ?? ""))
            }
        } catch {
            handle(.lost("the supervisor cannot be reached: \(error)"))
        }
    }

    /// A node that is ready again may still be dialling its distributors: it is waited for, but not for ever.
    private func lastSample(until deadline: Instant) {
        wholeSample { [weak self] sample in
            guard let self else { return }
            let isLate = loop.refreshNow().instant >= deadline
            if let sample, isLate || ledger.knownNodes.isSubset(of: sample.nodes.keys) {
                return end(0, nil, ledger.judge(sample))
            }
            if isLate { return end(ExitCodes.unavailable, "the distributors do not answer any more", nil) }
            loop.schedule(after: Self.pollEvery) { [weak self] _ in self?.lastSample(until: deadline) }
        }
    }

    private func end(_ code: Int32, _ reason: String?, _ findings: ChaosLedger.Findings?) {
        isOver = true
        for instance in stopped.keys.sorted() { resume(instance) }
        if let timer { loop.cancel(timer) }
        sampler?.close()
        for link in [signals, events, waits] { link?.close() }
        ended?(
            ChaosReport(
                seed: options.seed, tallies: machine.tallies, findings: findings, exitCode: code, reason: reason))
    }
}

extension ChaosDrill {
    /// The option that it came from.
    var option: String {
        switch kind {
        case .kill: "--kill"
        case .pause: "--pause"
        }
    }
}
