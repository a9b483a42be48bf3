public import JRBase
public import JRSupervision

/// A run of `chaos`: drills at their times, pauses that are always undone, and how the instances came back.
///
/// Pure: events with the time go in, actions come out.
public struct ChaosMachine: Sendable {
    /// What has happened.
    public enum Event: Sendable, Equatable {
        case began
        case timerFired
        /// The supervisor has sent what an action asked for, to this process.
        case done(instance: String, pid: Int32, incarnation: Int, ChaosDrill.Kind)
        /// It has not.
        case refused(instance: String, ChaosDrill.Kind, why: String)
        case changed(instance: String, Change)
        /// All are ready again, after the last drill.
        case ready
        case notReady(String)
        case signalled(Signal)
        /// The supervisor is gone.
        case lost(String)
    }

    /// What is to be done.
    public enum Action: Sendable, Equatable {
        case kill(instance: String, Signal)
        case stop(instance: String, for: Interval)
        case resume(instance: String)
        /// Replaces the timer armed before.
        case armTimer(Instant)
        case show(ChaosLine)
        case waitReady
        /// It is over; nothing more comes. With a code of 0 the jobs are to be judged.
        case finish(exitCode: Int32, reason: String?)
    }

    /// What became of one instance.
    public struct Tally: Sendable, Equatable {
        /// Whose it is.
        public var instance: String
        /// Signals of `--kill` that it got.
        public var kills = 0
        /// How often it was paused.
        public var pauses = 0
        /// How often it was started again.
        public var restarts = 0
        /// From a death to ready.
        public var longestToReady: Interval?
    }

    private enum State { case idle, running, settling, over }

    private let schedule: ChaosSchedule
    private var state = State.idle
    private var start = Instant.zero
    private var next = 0
    /// When those that are paused, or may be soon, are to go on.
    private var paused: [String: Instant] = [:]
    private var diedAt: [String: Instant] = [:]
    /// Drills that were asked for and not answered.
    private var pending = 0
    /// Incarnations that got a KILL and are not known to be dead.
    private var dying: [String: Int] = [:]
    private var dead: [String: Int] = [:]
    private var isWaiting = false
    /// What became of each instance so far.
    public private(set) var tallies: [Tally]

    /// - Parameters:
    ///   - schedule: All drills.
    ///   - instances: All of the cluster, in the order in which they are told of.
    public init(_ schedule: ChaosSchedule, instances: [String]) {
        self.schedule = schedule
        tallies = instances.map { Tally(instance: $0) }
    }

    /// Takes in what has happened.
    ///
    /// - Parameters:
    ///   - event: What has happened.
    ///   - now: When.
    /// - Returns: What is to be done, in this order.
    public mutating func handle(_ event: Event, at now: Instant) -> [Action] {
        guard state != .over else { return [] }
        var actions: [Action] = []
        switch event {
        case .began:
            start = now
            state = .running
            arm(&actions)
        case .timerFired: if state == .running { advance(now, &actions) }
        case .done(let instance, let pid, let incarnation, let kind):
            pending -= 1
            if kind == .kill(.kill), incarnation > dead[instance] ?? 0 { dying[instance] = incarnation }
            done(instance, pid, kind, now, &actions)
            settle(&actions)
        case .refused(let instance, let kind, let why):
            pending -= 1
            if case .pause = kind { paused[instance] = nil }
            show("skipped", instance, "\(kind.verb): \(why)", now, &actions)
            if state == .running { arm(&actions) }
            settle(&actions)
        case .changed(let instance, let change):
            changed(instance, change, now, &actions)
            settle(&actions)
        case .ready: if state == .settling { finish(0, nil, now, &actions) }
        case .notReady(let why):
            if state == .settling { finish(ExitCodes.unavailable, "not ready again: \(why)", now, &actions) }
        case .signalled(let signal): finish(128 + signal.number, "ended by \(signal)", now, &actions)
        case .lost(let why): finish(ExitCodes.unavailable, why, now, &actions)
        }
        return actions
    }

    // MARK: Drills

    private mutating func advance(_ now: Instant, _ actions: inout [Action]) {
        for (instance, end) in paused.sorted(by: { $0.key < $1.key }) where end <= now {
            resume(instance, now, &actions)
        }
        while next < schedule.steps.count, start + schedule.steps[next].at <= now {
            let step = schedule.steps[next]
            next += 1
            switch step.kind {
            case .kill(let signal):
                pending += 1
                actions.append(.kill(instance: step.instance, signal))
            case .pause(let length):
                guard paused[step.instance] == nil else { continue }
                pending += 1
                paused[step.instance] = now + length
                actions.append(.stop(instance: step.instance, for: length))
            }
        }
        if now < start + schedule.length { return arm(&actions) }
        resumeAll(now, &actions)
        state = .settling
        show("over", nil, "the drills are over: waiting until all are ready", now, &actions)
        settle(&actions)
    }

    /// What was just killed is still ready for whoever asks too early.
    private mutating func settle(_ actions: inout [Action]) {
        guard state == .settling, !isWaiting, pending == 0, dying.isEmpty else { return }
        isWaiting = true
        actions.append(.waitReady)
    }

    private mutating func arm(_ actions: inout [Action]) {
        var deadline = start + schedule.length
        if next < schedule.steps.count { deadline = min(deadline, start + schedule.steps[next].at) }
        if let first = paused.values.min() { deadline = min(deadline, first) }
        actions.append(.armTimer(deadline))
    }

    private mutating func done(
        _ instance: String, _ pid: Int32, _ kind: ChaosDrill.Kind, _ now: Instant, _ actions: inout [Action]
    ) {
        switch kind {
        case .kill(let signal):
            tally(instance) { $0.kills += 1 }
            show("kill", instance, "\(signal) to pid \(pid)", now, &actions)
        case .pause(let length):
            tally(instance) { $0.pauses += 1 }
            show("pause", instance, "for \(Durations.format(length)), pid \(pid)", now, &actions)
            // It was asked for, and everything is over meanwhile.
            if state != .running { resume(instance, now, &actions) }
        }
    }

    private mutating func resume(_ instance: String, _ now: Instant, _ actions: inout [Action]) {
        paused[instance] = nil
        actions.append(.resume(instance: instance))
        show("resume", instance, "", now, &actions)
    }

    private mutating func resumeAll(_ now: Instant, _ actions: inout [Action]) {
        for instance in paused.keys.sorted() { resume(instance, now, &actions) }
    }

    private mutating func finish(_ code: Int32, _ reason: String?, _ now: Instant, _ actions: inout [Action]) {
        resumeAll(now, &actions)
        state = .over
        actions.append(.finish(exitCode: code, reason: reason))
    }

    // MARK: Instances

    private mutating func changed(_ instance: String, _ change: Change, _ now: Instant, _ actions: inout [Action]) {
        guard state != .idle else { return }
        if !change.to.hasProcess || change.to == .stopping {
            dead[instance] = max(dead[instance] ?? 0, change.incarnation)
            if let incarnation = dying[instance], incarnation <= change.incarnation { dying[instance] = nil }
        }
        switch change.to {
        case .starting: tally(instance) { $0.restarts += 1 }
        case .backingOff, .crashLooping, .failed:
            diedAt[instance] = diedAt[instance] ?? now
            // Its next process was never paused.
            paused[instance] = nil
            show("died", instance, change.cause, now, &actions)
        case .ready:
            guard let died = diedAt.removeValue(forKey: instance) else { return }
            let time = now - died
            tally(instance) { $0.longestToReady = max($0.longestToReady ?? time, time) }
            show("ready", instance, "\(Durations.format(time)) after its death", now, &actions)
        case .waiting, .recovering, .degraded, .blocked, .draining, .stopping, .stopped, .finished: break
        }
    }

    private mutating func tally(_ instance: String, _ change: (inout Tally) -> Void) {
        if !tallies.contains(where: { $0.instance == instance }) { tallies.append(Tally(instance: instance)) }
        if let index = tallies.firstIndex(where: { $0.instance == instance }) { change(&tallies[index]) }
    }

    private func show(
        _ word: String, _ instance: String?, _ text: String, _ now: Instant, _ actions: inout [Action]
    ) {
        actions.append(.show(ChaosLine(at: now - start, word: word, instance: instance, text: text)))
    }
}

extension ChaosDrill.Kind {
    /// `kill` or `pause`
    var verb: String {
        switch self {
        case .kill: "kill"
        case .pause: "pause"
        }
    }
}
