import JRBase
import JRSupervision
import TestSupport
import Testing

/// A machine with a clock of its own, told what happens and asked what it did.
struct Bench {
    var machine: InstanceMachine
    var now = Instant(nanoseconds: 1_000_000_000)
    var actions: [InstanceAction] = []
    var timer: (serial: Int, at: Instant)?
    var nextPid: Int32 = 100

    init(drains: Bool = true, reportsReady: Bool = true, _ change: (inout Policy) -> Void = { _ in }) {
        var policy = Policy()
        change(&policy)
        machine = InstanceMachine(policy: policy, drains: drains, reportsReady: reportsReady, seed: 1)
    }

    /// One event, and the pid for every spawn that it led to when `spawns`.
    @discardableResult
    mutating func tell(_ event: InstanceEvent, spawns: Bool = true) -> [InstanceAction] {
        var all: [InstanceAction] = []
        machine.handle(event, at: now, into: &all)
        for action in all {
            switch action {
            case .armTimer(let serial, let at): timer = (serial, at)
            case .disarmTimer: timer = nil
            case .spawn where spawns:
                nextPid += 1
                all += tell(.spawned(pid: nextPid))
            case .spawn, .signalGroup, .signalLeader, .say, .closeLifeline, .announce:
                break
            }
        }
        actions = all
        return all
    }

    /// Lets time go on to the armed timer and fires it; the wait is returned.
    @discardableResult
    mutating func fire(spawns: Bool = true) -> Interval? {
        guard let timer else { return nil }
        let wait = timer.at - now
        now = timer.at
        self.timer = nil
        tell(.timerFired(serial: timer.serial), spawns: spawns)
        return wait
    }

    mutating func pass(_ time: Interval) { now = now + time }

    mutating func exit(_ exit: Exit, groupIsEmpty: Bool = true) {
        tell(.exited(exit, groupIsEmpty: groupIsEmpty, incarnation: machine.incarnation))
    }

    mutating func report(_ report: Report) { tell(.reported(report, incarnation: machine.incarnation)) }

    mutating func start() {
        tell(.startRequested)
        tell(.dependenciesReady)
    }

    mutating func startReady() {
        start()
        report(.ready)
    }

    static func inState(_ state: InstanceState) -> Bench {
        var bench = Bench()
        switch state {
        case .stopped: break
        case .waiting: bench.tell(.startRequested)
        case .starting: bench.start()
        case .recovering:
            bench.start()
            bench.report(.recovering)
        case .ready: bench.startReady()
        case .degraded:
            bench.start()
            bench.report(.degraded("no distributor"))
        case .blocked:
            bench.tell(.startRequested)
            bench.tell(.dependenciesReady, spawns: false)
            bench.tell(.startBlocked(by: "port 5000 is in other hands"))
        case .backingOff:
            bench.start()
            bench.exit(.code(1))
        case .crashLooping:
            bench.start()
            for _ in 0..<4 {
                bench.exit(.code(1))
                bench.fire()
            }
            bench.exit(.code(1))
        case .draining:
            bench.startReady()
            bench.tell(.stopRequested(.drain))
        case .stopping:
            bench.startReady()
            bench.tell(.stopRequested(.terminate))
        case .failed:
            bench.start()
            bench.exit(.code(64))
        case .finished:
            bench = Bench { $0.restart = .onFailure }
            bench.startReady()
            bench.exit(.code(0))
        }
        return bench
    }
}

@Suite("The machine of an instance")
struct InstanceMachineTests {
    /// Every event, told to a machine of this state whose incarnation is current.
    static func events(_ bench: Bench) -> [(name: String, event: InstanceEvent)] {
        let number = bench.machine.incarnation
        return [
            ("start requested", .startRequested),
            ("stop requested, drain", .stopRequested(.drain)),
            ("stop requested, terminate", .stopRequested(.terminate)),
            ("stop requested, kill", .stopRequested(.kill)),
            ("restart requested, drain", .restartRequested(.drain)),
            ("signal requested", .signalRequested(.hangUp)),
            ("drain requested", .drainRequested(.keepingReady)),
            ("drain requested, finishing", .drainRequested(.finishingReady)),
            ("resume requested", .resumeRequested),
            ("dependencies ready", .dependenciesReady),
            ("spawned", .spawned(pid: 999)),
            ("spawn failed for good", .spawnFailed(reason: "no such file", permanent: true)),
            ("spawn failed for now", .spawnFailed(reason: "no memory", permanent: false)),
            ("start blocked", .startBlocked(by: "port 5000 is in use by pid 7 (nc)")),
            ("reported recovering", .reported(.recovering, incarnation: number)),
            ("reported ready", .reported(.ready, incarnation: number)),
            ("reported degraded", .reported(.degraded("slow disk"), incarnation: number)),
            ("reported drained", .reported(.drained(Holdings(waiting: 2)), incarnation: number)),
            ("reported alive", .reported(.alive, incarnation: number)),
            ("reported that it hangs", .reported(.hung, incarnation: number)),
            ("exited 0", .exited(.code(0), groupIsEmpty: true, incarnation: number)),
            ("exited 7", .exited(.code(7), groupIsEmpty: true, incarnation: number)),
            ("exited 7, group not empty", .exited(.code(7), groupIsEmpty: false, incarnation: number)),
            ("killed", .exited(.signal(.kill, coreDumped: false), groupIsEmpty: true, incarnation: number)),
            ("group emptied", .groupEmptied(incarnation: number)),
            ("timer fired", .timerFired(serial: bench.timer?.serial ?? -1)),
        ]
    }

    static func words(_ action: InstanceAction, at now: Instant) -> String {
        switch action {
        case .spawn(let incarnation): "spawn \(incarnation)"
        case .signalGroup(let signal): "\(signal) to group"
        case .signalLeader(let signal): "\(signal) to leader"
        case .say(let word): "say '\(word)'"
        case .closeLifeline: "close life line"
        case .armTimer(_, let at): "wait \(Durations.format(at - now))"
        case .disarmTimer: "disarm"
        case .announce(let change): "say \(change.from.rawValue) -> \(change.to.rawValue) (\(change.cause))"
        }
    }

    @Test("every event in every state does what the table says")
    func table() {
        var lines: [String] = []
        var benches = InstanceState.allCases.map { ($0.rawValue, $0, Bench.inState($0)) }
        // States of their own to look at, though they have the names of others.
        var paused = Bench.inState(.ready)
        paused.tell(.drainRequested(.keepingReady))
        benches.append(("draining, to resume", .draining, paused))
        var watched = Bench.watched()
        watched.report(.ready)
        watched.pass(.seconds(2 as Int64))
        benches.append(("ready, silent for as long as it may be", .ready, watched))
        for (title, state, bench) in benches {
            #expect(bench.machine.state == state)
            lines.append("# \(title)")
            for (name, event) in InstanceMachineTests.events(bench) {
                var copy = bench
                let actions = copy.tell(event, spawns: false)
                let done = actions.map { InstanceMachineTests.words($0, at: copy.now) }.joined(separator: ", ")
                lines.append("\(name): \(copy.machine.state.rawValue)\(done.isEmpty ? "" : "; " + done)")
            }
        }
        let text = lines.joined(separator: "\n")
        #expect(Corpus.expected("supervision/instance_machine.txt", found: text) == text)
    }

    @Test(
        "what comes from an earlier incarnation, and a timer that was replaced, change nothing",
        arguments: InstanceState.allCases)
    func fenced(state: InstanceState) {
        let bench = Bench.inState(state)
        let old = bench.machine.incarnation - 1
        let late: [InstanceEvent] = [
            .reported(.ready, incarnation: old), .reported(.degraded("x"), incarnation: old),
            .exited(.code(1), groupIsEmpty: true, incarnation: old), .groupEmptied(incarnation: old),
            .timerFired(serial: (bench.timer?.serial ?? 0) - 1),
        ]
        for event in late {
            var copy = bench
            #expect(copy.tell(event) == [])
            #expect(copy.machine.state == state)
        }
    }

    @Test("the first restart after a life that was ready is at once, then 100 ms doubling to the most, each ±20 %")
    func backOff() {
        var bench = Bench { $0.crashLoop.count = 1_000 }
        bench.startReady()
        bench.pass(.seconds(5 as Int64))
        bench.exit(.signal(.kill, coreDumped: false))
        #expect(bench.machine.state == .starting)
        #expect(bench.machine.incarnation == 2)
        #expect(bench.machine.restarts == 1)
        for expected: Int64 in [100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000, 30_000] {
            bench.exit(.code(1))
            #expect(bench.machine.state == .backingOff)
            guard let wait = bench.fire() else {
                Issue.record("a timer must be armed")
                return
            }
            let least = Interval.milliseconds(expected * 8 / 10)
            let most = Interval.milliseconds(expected * 12 / 10)
            #expect(least <= wait && wait <= most, "\(expected) ms, got \(Durations.format(wait))")
        }
    }

    @Test("a first life that was never ready is not restarted at once")
    func neverReadyWaits() {
        var bench = Bench()
        bench.start()
        bench.exit(.code(1))
        #expect(bench.machine.state == .backingOff)
    }

    @Test("having been ready for resetAfter, not having lived, starts the waits from the beginning")
    func reset() {
        var bench = Bench()
        bench.startReady()
        for _ in 0..<3 {
            bench.exit(.code(1))
            bench.fire()
        }
        bench.report(.ready)
        #expect(bench.fire() == .seconds(30 as Int64))
        bench.exit(.code(1))
        #expect(bench.machine.state == .starting, "at once again")

        var slow = Bench()
        slow.start()
        for _ in 0..<2 {
            slow.pass(.seconds(29 as Int64))
            slow.exit(.code(1))
            slow.fire()
        }
        slow.pass(.seconds(29 as Int64))
        slow.exit(.code(1))
        #expect(slow.machine.state == .backingOff, "29 s of starting are no health")
    }

    @Test("five deaths within 60 s are a crash loop, and the retries go on; spread over more time they are none")
    func crashLoop() {
        var bench = Bench.inState(.crashLooping)
        #expect(bench.machine.cause.hasPrefix("5 deaths within 1m, the last: exit 1"))
        bench.fire()
        #expect(bench.machine.state == .starting)

        var rare = Bench()
        rare.startReady()
        for _ in 0..<10 {
            rare.pass(.seconds(20 as Int64))
            rare.exit(.code(1))
            #expect(rare.machine.state != .crashLooping)
            if rare.machine.state == .backingOff { rare.fire() }
            rare.report(.ready)
        }
    }

    @Test("a program that cannot be executed, or exits 64 or 78, is not tried again")
    func notRetried() {
        for code: Int32 in [64, 78] {
            var bench = Bench()
            bench.startReady()
            bench.exit(.code(code))
            #expect(bench.machine.state == .failed)
        }
        var bench = Bench()
        bench.tell(.startRequested)
        bench.tell(.dependenciesReady, spawns: false)
        bench.tell(.spawnFailed(reason: "no such file", permanent: true))
        #expect(bench.machine.state == .failed)
        bench.tell(.startRequested)
        #expect(bench.machine.state == .waiting, "a start that is asked for clears it")
    }

    @Test("exit 65 fails a start that never was ready and is a death like others later")
    func dataError() {
        var first = Bench()
        first.start()
        first.exit(.code(65))
        #expect(first.machine.state == .failed)
        var later = Bench()
        later.startReady()
        later.exit(.code(65))
        #expect(later.machine.state == .starting)
    }

    @Test("exit 75 waits and tries again, and is never a crash loop")
    func tryAgain() {
        var bench = Bench()
        bench.startReady()
        for _ in 0..<20 {
            bench.exit(.code(75))
            #expect(bench.machine.state == .backingOff)
            bench.fire()
        }
    }

    @Test("the policies: always restarts an exit of 0, onFailure takes it as the end, never restarts nothing")
    func policies() {
        let table: [(Policy.Restart, Int32, InstanceState)] = [
            (.always, 0, .ready), (.always, 1, .ready), (.onFailure, 0, .finished), (.onFailure, 1, .ready),
            (.never, 0, .finished), (.never, 1, .failed),
        ]
        for (restart, code, expected) in table {
            var bench = Bench(reportsReady: false) { $0.restart = restart }
            bench.start()
            #expect(bench.machine.state == .ready)
            bench.exit(.code(code))
            #expect(bench.machine.state == expected, "\(restart) and exit \(code)")
            #expect(bench.machine.incarnation == (expected == .ready ? 2 : 1))
        }
    }

    @Test("a start that takes too long is stopped and counts as a death: it is never ready by waiting")
    func readyTimeout() {
        var bench = Bench()
        bench.start()
        #expect(bench.fire() == .seconds(30 as Int64))
        #expect(bench.machine.state == .stopping)
        #expect(bench.actions.contains(.signalGroup(.terminate)))
        bench.report(.ready)
        #expect(bench.machine.state == .stopping, "ready said too late is too late")
        bench.exit(.signal(.terminate, coreDumped: false))
        #expect(bench.machine.state == .backingOff)
        #expect(bench.machine.readyTimeouts == 1)
        #expect(bench.machine.cause.hasPrefix("not ready within 30s"))
    }

    @Test("a stop drains, then signals, then kills, each after its time, and ends only with the group")
    func stopLadder() {
        var bench = Bench()
        bench.startReady()
        #expect(bench.tell(.stopRequested(.drain)).contains(.closeLifeline))
        #expect(bench.machine.state == .draining)
        #expect(bench.fire() == .seconds(30 as Int64))
        #expect(bench.actions.contains(.signalGroup(.terminate)))
        #expect(bench.machine.state == .stopping)
        #expect(bench.fire() == .seconds(10 as Int64))
        #expect(bench.actions.contains(.signalGroup(.kill)))
        bench.exit(.signal(.kill, coreDumped: false), groupIsEmpty: false)
        #expect(bench.machine.state == .stopping, "a member of the group is left")
        #expect(bench.fire() == .seconds(1 as Int64))
        #expect(bench.actions.contains(.signalGroup(.kill)))
        bench.tell(.groupEmptied(incarnation: 1))
        #expect(bench.machine.state == .stopped)
        #expect(bench.machine.lastExitWords == "SIGKILL (by us)")
    }

    @Test("what a dead leader left in its group is ended before the next start")
    func leftovers() {
        var bench = Bench()
        bench.startReady()
        bench.exit(.code(7), groupIsEmpty: false)
        #expect(bench.machine.state == .stopping)
        #expect(bench.actions.contains(.signalGroup(.terminate)))
        #expect(bench.fire() == .seconds(1 as Int64))
        #expect(bench.actions.contains(.signalGroup(.kill)))
        #expect(bench.machine.incarnation == 1)
        bench.tell(.groupEmptied(incarnation: 1))
        #expect(bench.machine.incarnation == 2)
        #expect(bench.machine.state == .starting)
        #expect(bench.machine.lastExitWords == "exit 7")
    }

    @Test("what the operator wants beats the policy: a death during a stop is the stop, a start during it follows it")
    func intent() {
        var stopping = Bench.inState(.draining)
        stopping.exit(.code(1))
        #expect(stopping.machine.state == .stopped)
        #expect(stopping.machine.restarts == 0)

        var leftover = Bench.inState(.ready)
        leftover.exit(.code(7), groupIsEmpty: false)
        leftover.tell(.stopRequested(.drain))
        leftover.tell(.groupEmptied(incarnation: 1))
        #expect(leftover.machine.state == .stopped)

        var again = Bench.inState(.stopping)
        again.tell(.startRequested)
        #expect(again.machine.state == .stopping)
        again.exit(.signal(.terminate, coreDumped: false))
        #expect(again.machine.state == .starting)
        #expect(again.machine.restarts == 0)

        var restarted = Bench.inState(.ready)
        restarted.tell(.restartRequested(.drain))
        restarted.exit(.code(1))
        #expect(restarted.machine.incarnation == 2)
        restarted.tell(.stopRequested(.drain))
        #expect(restarted.machine.state == .stopping)
    }

    @Test("more urgency shortens a stop, less does not lengthen it")
    func urgency() {
        var bench = Bench.inState(.draining)
        #expect(bench.tell(.stopRequested(.drain)) == [])
        #expect(bench.tell(.stopRequested(.terminate)).contains(.signalGroup(.terminate)))
        #expect(bench.tell(.stopRequested(.terminate)) == [])
        #expect(bench.tell(.stopRequested(.kill)).contains(.signalGroup(.kill)))
    }

    @Test("a drain ends when the process says so, a resume undoes it, and a stop, a restart or a start end it too")
    func drain() {
        var bench = Bench.inState(.ready)
        #expect(bench.tell(.drainRequested(.keepingReady)).contains(.say("drain")))
        #expect(bench.machine.state == .draining && bench.machine.isPaused)
        #expect(bench.machine.drainedHoldings == nil)
        bench.report(.drained(Holdings(waiting: 2, scheduled: 1)))
        #expect(bench.machine.drainedHoldings == Holdings(waiting: 2, scheduled: 1))
        #expect(bench.machine.cause.contains("2 waiting jobs, 1 scheduled job"))
        #expect(bench.fire() != nil, "its health goes on to be measured")
        #expect(bench.machine.state == .draining)
        #expect(bench.tell(.drainRequested(.finishingReady)) == [.say("finish")])
        #expect(bench.machine.drainedHoldings == nil)

        var resumed = bench
        #expect(resumed.tell(.resumeRequested).contains(.say("resume")))
        #expect(resumed.machine.state == .ready)
        var started = bench
        #expect(started.tell(.startRequested).contains(.say("resume")))
        #expect(started.machine.state == .ready)
        var restarted = bench
        #expect(restarted.tell(.restartRequested(.drain)).contains(.closeLifeline))
        restarted.exit(.code(0))
        restarted.report(.ready)
        #expect(restarted.machine.state == .ready)
        #expect(bench.tell(.stopRequested(.drain)).contains(.closeLifeline))
        #expect(!bench.machine.isPaused)
        #expect(bench.fire() == .seconds(30 as Int64))
        #expect(bench.machine.state == .stopping)
    }

    @Test("a drain outlasts the process: its successor is drained as soon as it is ready, until somebody resumes it")
    func drainOutlasts() {
        var bench = Bench.inState(.ready)
        bench.tell(.drainRequested(.finishingReady))
        bench.report(.drained(Holdings()))
        bench.exit(.signal(.kill, coreDumped: false))
        #expect(bench.machine.incarnation == 2 && bench.machine.drainedHoldings == nil)
        bench.report(.ready)
        #expect(bench.actions.contains(.say("finish")))
        #expect(bench.machine.isPaused)
        bench.report(.drained(Holdings()))
        #expect(bench.machine.drainedHoldings == Holdings())
        var failed = bench
        failed.exit(.code(78))
        failed.start()
        failed.report(.ready)
        #expect(failed.machine.state == .ready, "a start ends it, also of one that failed")
        bench.tell(.resumeRequested)
        bench.exit(.code(1))
        bench.report(.ready)
        #expect(bench.machine.state == .ready || bench.machine.state == .backingOff)
        #expect(!bench.machine.isPaused)
    }

    @Test("a signal that an operator asked for is named as such and the death is restarted like any other")
    func drill() {
        var bench = Bench.inState(.ready)
        #expect(bench.tell(.signalRequested(.kill)) == [.signalLeader(.kill)])
        bench.exit(.signal(.kill, coreDumped: false))
        #expect(bench.machine.lastExitWords == "SIGKILL (by the verb kill)")
        #expect(bench.machine.state == .starting)
    }

    @Test("random events never leave a state that its pid or its timer contradicts", arguments: 0..<200)
    func random(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var bench = Bench()
        var lastIncarnation = 0
        for step in 0..<500 {
            let events = InstanceMachineTests.events(bench)
            // The answers to a spawn come only as answers.
            let possible = events.filter { !$0.name.hasPrefix("spawn") && $0.name != "start blocked" }
            let event = possible[random.below(possible.count)].event
            if case .exited = event, !bench.machine.state.hasProcess { continue }
            if random.chance(1, in: 3), bench.timer != nil { bench.fire() } else { bench.tell(event) }
            bench.pass(.milliseconds(Int64(random.below(2_000))))
            let machine = bench.machine
            let note: Comment = "seed \(seed), step \(step), \(machine.state)"
            #expect((machine.pid != nil) == machine.state.hasProcess, note)
            #expect(machine.incarnation >= lastIncarnation, note)
            let needsTimer = [.starting, .backingOff, .crashLooping, .draining, .stopping].contains(machine.state)
            #expect(machine.drainedHoldings == nil || machine.wantedDrain != nil, note)
            #expect(machine.isPaused || !needsTimer || bench.timer != nil, note)
            lastIncarnation = machine.incarnation
        }
    }
}
