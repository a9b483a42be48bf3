public import JRBase

/// The life of one instance over all its incarnations: what is started, signalled and waited for, and why.
///
/// Pure: events with the time go in, actions come out in the order in which they are to be done. One incarnation is
/// over, its whole process group with it, before the next is spawned.
public struct InstanceMachine: Sendable {
    /// May change while it runs: what is decided from then on follows the new one.
    public internal(set) var policy: Policy
    /// Whether it has a life line whose end makes it finish its work; a program that has none gets the signal at once.
    public let drains: Bool
    /// Whether it says by itself that it is ready; one that cannot is ready when it is spawned.
    public internal(set) var reportsReady: Bool

    public internal(set) var state = InstanceState.stopped
    public internal(set) var incarnation: Int
    public internal(set) var pid: Int32?
    /// Starts that nobody asked for.
    public internal(set) var restarts = 0
    public internal(set) var lastExit: Exit?
    /// The last exit in words, with who sent the signal.
    public internal(set) var lastExitWords: String?
    /// Why the state is what it is.
    public internal(set) var cause = "not started yet"
    public internal(set) var startedAt: Instant?
    /// Starts that were given up because the instance did not become ready in time.
    public internal(set) var readyTimeouts = 0
    /// Whether the last process was ended because it did not say any more that it is alive.
    public internal(set) var wasHung = false
    /// When the last process ended; nil before the first has.
    public internal(set) var diedAt: Instant?
    /// The drain that was asked for and not taken back: it holds for the next incarnation as well.
    public internal(set) var wantedDrain: DrainKind?

    /// Set by the cluster before each event: so many others are starting that this one is not to.
    var waitsForTurn = false
    /// Why it is to start when its turn comes; nil when it waits for what it comes after.
    var queuedCause: String?
    /// Whether somebody wants it to run: asked for it, and has not stopped it since.
    public internal(set) var isWanted = false
    var life = Life()
    var hasEverBeenReady = false
    var history: RestartHistory
    var timerSerial = 0
    /// When the timer fires that is armed.
    var deadline: Instant?

    /// What belongs to one incarnation only.
    struct Life {
        var readyAt: Instant?
        var sent: Set<Signal> = []
        var asked: Set<Signal> = []
        var stopsFor: StopReason?
        var step = StopStep.signalled
        /// Set when the process has exited and others of its group have not.
        var exit: Exit?
        /// What it was before a drain that it is to come back from.
        var drainedFrom: InstanceState?
        /// What it keeps, once it has said that no job runs.
        var holdings: Holdings?
        /// Why it is ended, where nobody has asked for it.
        var blame: String?
        /// How long it may say nothing once it is ready; nil for as long as it likes.
        var watchdog: Interval?
        /// When it last said that it is alive, or became ready.
        var aliveAt: Instant?
        /// When it will have been ready for so long that its past is forgotten.
        var healthyAt: Instant?
    }

    enum StopReason { case request, readyTimeout, hung }
    enum StopStep { case signalled, killed }

    /// How long what is left of a process group has between TERM and KILL, and between one KILL and the next.
    static let leftoverGrace = Interval.seconds(1 as Int64)
    /// How often a start that something outside prevents is tried again.
    static let blockedRetry = Interval.milliseconds(500)

    /// - Parameters:
    ///   - incarnation: The last one of an earlier supervisor, so that numbers only rise.
    ///   - seed: For the jitter of the waits.
    public init(policy: Policy, drains: Bool, reportsReady: Bool, incarnation: Int = 0, seed: UInt64) {
        self.policy = policy
        self.drains = drains
        self.reportsReady = reportsReady
        self.incarnation = incarnation
        history = RestartHistory(seed: seed)
    }

    public mutating func handle(_ event: InstanceEvent, at now: Instant, into actions: inout [InstanceAction]) {
        switch event {
        case .startRequested: startRequested(at: now, &actions)
        case .stopRequested(let urgency): stopRequested(urgency, at: now, &actions)
        case .restartRequested(let urgency): restartRequested(urgency, at: now, &actions)
        case .signalRequested(let signal): signalRequested(signal, &actions)
        case .drainRequested(let kind): drainRequested(kind, &actions)
        case .resumeRequested: resumeRequested(&actions)
        case .dependenciesReady: dependenciesReady(&actions)
        case .spawned(let pid, let saysReady, let watchdog):
            spawned(pid, saysReady ?? reportsReady, watchdog, at: now, &actions)
        case .spawnFailed(let reason, let permanent):
            spawnFailed(.notStarted(reason, permanent: permanent), at: now, &actions)
        case .startBlocked(let holder): startBlocked(by: holder, at: now, &actions)
        case .reported(let report, let number):
            if number == incarnation { reported(report, at: now, &actions) }
        case .exited(let exit, let groupIsEmpty, let number):
            if number == incarnation { exited(exit, groupIsEmpty, at: now, &actions) }
        case .groupEmptied(let number):
            if number == incarnation { groupEmptied(at: now, &actions) }
        case .timerFired(let serial):
            if serial == timerSerial {
                deadline = nil
                timerFired(at: now, &actions)
            }
        }
    }

    // MARK: Requests

    private mutating func startRequested(at now: Instant, _ actions: inout [InstanceAction]) {
        isWanted = true
        switch state {
        case .waiting, .starting, .recovering, .ready, .degraded, .blocked, .stopping:
            wantedDrain = nil
        case .draining:
            resumeRequested(&actions)
        case .backingOff, .crashLooping:
            wantedDrain = nil
            history.forget()
            spawn("start was asked for", &actions)
        case .stopped, .failed, .finished:
            wantedDrain = nil
            history.forget()
            readyTimeouts = 0
            queuedCause = nil
            enter(.waiting, "start was asked for", &actions)
        }
    }

    private mutating func stopRequested(_ urgency: Urgency, at now: Instant, _ actions: inout [InstanceAction]) {
        isWanted = false
        wantedDrain = nil
        switch state {
        case .waiting, .blocked, .backingOff, .crashLooping, .failed, .finished:
            disarm(&actions)
            enter(.stopped, "stop was asked for", &actions)
        case .starting, .recovering, .ready, .degraded, .draining, .stopping:
            stop(urgency, "stop was asked for", at: now, &actions)
        case .stopped:
            break
        }
    }

    private mutating func restartRequested(_ urgency: Urgency, at now: Instant, _ actions: inout [InstanceAction]) {
        wantedDrain = nil
        switch state {
        case .waiting, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished:
            startRequested(at: now, &actions)
        case .starting, .recovering, .ready, .degraded, .draining, .stopping:
            isWanted = true
            history.forget()
            stop(urgency, "restart was asked for", at: now, &actions)
        }
    }

    private mutating func signalRequested(_ signal: Signal, _ actions: inout [InstanceAction]) {
        switch state {
        case .starting, .recovering, .ready, .degraded, .draining, .stopping:
            if life.exit == nil {
                life.asked.insert(signal)
                actions.append(.signalLeader(signal))
            }
        case .waiting, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished:
            break
        }
    }

    private mutating func dependenciesReady(_ actions: inout [InstanceAction]) {
        switch state {
        case .waiting:
            spawn(queuedCause ?? "what it comes after is ready", &actions)
        case .starting, .recovering, .ready, .degraded, .blocked, .backingOff, .crashLooping, .draining, .stopping,
            .stopped, .failed, .finished:
            break
        }
    }

    // MARK: Starting

    /// The next incarnation. Nothing of the one before is left when this is called.
    private mutating func spawn(_ cause: String, _ actions: inout [InstanceAction]) {
        disarm(&actions)
        if waitsForTurn {
            queuedCause = cause
            enter(.waiting, "many others are starting; \(cause)", &actions)
            return
        }
        queuedCause = nil
        incarnation += 1
        life = Life()
        pid = nil
        enter(.starting, cause, &actions)
        actions.append(.spawn(incarnation: incarnation))
    }

    private mutating func spawned(
        _ pid: Int32, _ saysReady: Bool, _ watchdog: Interval?, at now: Instant, _ actions: inout [InstanceAction]
    ) {
        switch state {
        case .starting, .blocked:
            self.pid = pid
            life.watchdog = watchdog
            startedAt = now
            if saysReady {
                if state == .blocked { enter(.starting, "what blocked it is gone", &actions) }
                arm(after: policy.ready, at: now, &actions)
            } else {
                becameReady("running", at: now, &actions)
            }
        case .waiting, .recovering, .ready, .degraded, .backingOff, .crashLooping, .draining, .stopping, .stopped,
            .failed, .finished:
            // Nobody asked for this process; leaving it alone would make it a second copy.
            actions.append(.signalGroup(.kill))
        }
    }

    private mutating func spawnFailed(_ exit: Exit, at now: Instant, _ actions: inout [InstanceAction]) {
        switch state {
        case .starting, .blocked:
            ended(exit, at: now, &actions)
        case .waiting, .recovering, .ready, .degraded, .backingOff, .crashLooping, .draining, .stopping, .stopped,
            .failed, .finished:
            break
        }
    }

    private mutating func startBlocked(by holder: String, at now: Instant, _ actions: inout [InstanceAction]) {
        switch state {
        case .starting, .blocked:
            if state == .starting || cause != holder { enter(.blocked, holder, &actions) }
            arm(after: InstanceMachine.blockedRetry, at: now, &actions)
        case .waiting, .recovering, .ready, .degraded, .backingOff, .crashLooping, .draining, .stopping, .stopped,
            .failed, .finished:
            break
        }
    }

    private mutating func reported(_ report: Report, at now: Instant, _ actions: inout [InstanceAction]) {
        switch state {
        case .starting, .recovering, .ready, .degraded:
            guard life.exit == nil else { return }
            switch report {
            case .recovering:
                if state == .starting { enter(.recovering, "taking over the jobs of its predecessor", &actions) }
            case .ready:
                if state != .ready { becameReady("it said so", at: now, &actions) }
            case .degraded(let reason):
                disarm(&actions)
                if state != .degraded || cause != reason { enter(.degraded, reason, &actions) }
                watchDegraded(at: now, &actions)
            case .stopping:
                saidThatItStops(at: now, &actions)
            case .alive:
                saidThatItLives(at: now)
            case .hung:
                hangs("it said so", at: now, &actions)
            case .drained:
                break
            }
        case .draining:
            switch report {
            case .drained(let holdings): drained(holdings, &actions)
            case .alive: saidThatItLives(at: now)
            case .hung: hangs("it said so", at: now, &actions)
            case .recovering, .ready, .degraded, .stopping: break
            }
        case .waiting, .blocked, .backingOff, .crashLooping, .stopping, .stopped, .failed, .finished:
            break
        }
    }

    private mutating func becameReady(_ cause: String, at now: Instant, _ actions: inout [InstanceAction]) {
        life.readyAt = life.readyAt ?? now
        hasEverBeenReady = true
        readyTimeouts = 0
        life.healthyAt = now + policy.backoff.resetAfter
        life.aliveAt = now
        enter(.ready, cause, &actions)
        watch(at: now, &actions)
        if let wantedDrain { beginDrain(wantedDrain, "it was to be drained when it died", &actions) }
    }

    // MARK: Stopping

    private mutating func stop(
        _ urgency: Urgency, _ cause: String, for reason: StopReason = .request, at now: Instant,
        _ actions: inout [InstanceAction]
    ) {
        let goesOn = isPaused
        life.stopsFor = reason
        life.blame = reason == .request ? nil : cause
        switch state {
        case .starting, .recovering, .ready, .degraded, .draining:
            let hasWork = state != .starting
            if urgency == .drain, drains, hasWork {
                guard state != .draining || goesOn else { return }
                enter(.draining, cause, &actions)
                actions.append(.closeLifeline)
                arm(after: policy.stop.drain, at: now, &actions)
            } else {
                enter(.stopping, cause, &actions)
                actions.append(.closeLifeline)
                urgency == .kill ? kill(at: now, &actions) : terminate(at: now, &actions)
            }
        case .stopping:
            if urgency == .kill { kill(at: now, &actions) }
        case .waiting, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished:
            break
        }
    }

    mutating func terminate(by signal: Signal? = nil, at now: Instant, _ actions: inout [InstanceAction]) {
        let signal = signal ?? policy.stop.signal
        life.step = signal == .kill ? .killed : .signalled
        life.sent.insert(signal)
        actions.append(.signalGroup(signal))
        // A process that is stopped (SIGSTOP, a debugger) sees its signal only when it goes on.
        actions.append(.signalGroup(.continue))
        arm(after: policy.stop.kill, at: now, &actions)
    }

    private mutating func kill(at now: Instant, _ actions: inout [InstanceAction]) {
        life.step = .killed
        life.sent.insert(.kill)
        actions.append(.signalGroup(.kill))
        arm(after: InstanceMachine.leftoverGrace, at: now, &actions)
    }

    private mutating func timerFired(at now: Instant, _ actions: inout [InstanceAction]) {
        switch state {
        case .starting, .recovering:
            readyTimeouts += 1
            let limit = Durations.format(policy.ready)
            stop(.terminate, "not ready within \(limit)", for: .readyTimeout, at: now, &actions)
        case .ready, .degraded:
            timerFiredWhileItRuns(at: now, &actions)
        case .blocked:
            actions.append(.spawn(incarnation: incarnation))
        case .backingOff, .crashLooping:
            restarts += 1
            spawn("restart after \(lastExitWords ?? "its death")", &actions)
        case .draining where isPaused:
            timerFiredWhileItRuns(at: now, &actions)
        case .draining:
            stop(.terminate, "not drained within \(Durations.format(policy.stop.drain))", at: now, &actions)
        case .stopping:
            // Past the grace, and again while anything of the group is left: it may have forked meanwhile.
            if life.step == .signalled {
                enter(.stopping, "still there after \(Durations.format(policy.stop.kill)): KILL", &actions)
            }
            kill(at: now, &actions)
        case .waiting, .stopped, .failed, .finished:
            break
        }
    }

    // MARK: Ends

    private mutating func exited(
        _ exit: Exit, _ groupIsEmpty: Bool, at now: Instant, _ actions: inout [InstanceAction]
    ) {
        switch state {
        case .starting, .recovering, .ready, .degraded, .draining, .stopping:
            guard life.exit == nil else { return }
            diedAt = now
            if groupIsEmpty {
                ended(exit, at: now, &actions)
            } else {
                life.exit = exit
                lastExitWords = exit.words(sent: life.sent, asked: life.asked)
                endLeftovers(at: now, &actions)
            }
        case .waiting, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished:
            break
        }
    }

    /// The process is gone, others of its group are not: no new start, and no "stopped", before they are.
    private mutating func endLeftovers(at now: Instant, _ actions: inout [InstanceAction]) {
        enter(.stopping, "\(lastExitWords ?? "it is gone"); ending what is left of its process group", &actions)
        actions.append(.closeLifeline)
        if life.step == .killed {
            kill(at: now, &actions)
        } else {
            actions.append(.signalGroup(.terminate))
            actions.append(.signalGroup(.continue))
            life.step = .killed
            arm(after: InstanceMachine.leftoverGrace, at: now, &actions)
        }
    }

    private mutating func groupEmptied(at now: Instant, _ actions: inout [InstanceAction]) {
        switch state {
        case .stopping:
            if let exit = life.exit { ended(exit, at: now, &actions) }
        case .waiting, .starting, .recovering, .ready, .degraded, .blocked, .backingOff, .crashLooping, .draining,
            .stopped, .failed, .finished:
            break
        }
    }

    /// The incarnation is over, its group is empty: what next.
    private mutating func ended(_ exit: Exit, at now: Instant, _ actions: inout [InstanceAction]) {
        disarm(&actions)
        let wasReady = life.readyAt != nil
        let isEarly = pid != nil && !wasReady && exit.isSuccess
        let age = pid == nil ? nil : startedAt.map { now - $0 }
        lastExit = exit
        let blame = life.blame.map { $0 + ": " } ?? ""
        let exitWords = blame + exit.words(sent: life.sent, asked: life.asked)
        lastExitWords = exitWords
        wasHung = life.stopsFor == .hung
        pid = nil
        startedAt = nil
        let words = exitWords + (age.map { " after \(Durations.format($0))" } ?? "")
        if !isWanted {
            enter(.stopped, words, &actions)
            return
        }
        if life.stopsFor == .request {
            spawn("restart was asked for", &actions)
            return
        }
        let wasGivenUp = life.stopsFor != nil
        let full = words + (isEarly && !wasGivenUp ? ", before it said that it was ready" : "")
        switch verdict(on: exit, wasGivenUp: wasGivenUp, isEarly: isEarly) {
        case .finish:
            enter(.finished, full, &actions)
        case .fail(let why):
            enter(.failed, full + why, &actions)
        case .restart:
            backOff(full, wasReady: wasReady, counts: exit != .code(ExitCodes.tryAgain), at: now, &actions)
        }
    }

    private enum Verdict { case finish, fail(String), restart }

    /// - Parameters:
    ///   - wasGivenUp: Whether it was ended because it did not become ready or hung; how it ended then says nothing.
    ///   - isEarly: Whether it ended well, but before it was ready: whoever waits for it has nothing of that.
    private func verdict(on exit: Exit, wasGivenUp: Bool, isEarly: Bool) -> Verdict {
        if wasGivenUp { return policy.restart == .never ? .fail("") : .restart }
        switch exit {
        case .notStarted(_, permanent: true):
            return .fail("")
        case .code(ExitCodes.usage), .code(ExitCodes.configuration):
            return .fail("; starting it again cannot help")
        case .code(ExitCodes.data) where !hasEverBeenReady:
            return .fail("; starting it again cannot help before that is mended")
        case .code, .signal, .notStarted:
            break
        }
        switch policy.restart {
        case .always: return .restart
        case .onFailure: return exit.isSuccess && !isEarly ? .finish : .restart
        case .never: return exit.isSuccess && !isEarly ? .finish : .fail("; its restart policy is never")
        }
    }

    private mutating func backOff(
        _ words: String, wasReady: Bool, counts: Bool, at now: Instant, _ actions: inout [InstanceAction]
    ) {
        let delay = history.died(wasReady: wasReady, counts: counts, policy: policy, at: now)
        let isLoop = history.isCrashLoop(policy, at: now)
        if delay <= .zero {
            enter(isLoop ? .crashLooping : .backingOff, words, &actions)
            restarts += 1
            spawn("restart after \(lastExitWords ?? "its death")", &actions)
            return
        }
        let next = "; next try in \(Durations.format(delay))"
        if isLoop {
            let limit = Durations.format(policy.crashLoop.within)
            let deaths = "\(policy.crashLoop.count) deaths within \(limit), the last: "
            enter(.crashLooping, deaths + words + next, &actions)
        } else {
            enter(.backingOff, words + next, &actions)
        }
        arm(after: delay, at: now, &actions)
    }

    /// Whether it is waiting only for its turn among many that start.
    var isQueued: Bool { state == .waiting && queuedCause != nil }
}
