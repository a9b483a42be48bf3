import JRBase
import JRChaos
import JRJSON
import JRSupervision
import Testing

@Suite("Drills")
struct ChaosDrillTests {
    @Test("are read as they are written, and said in words")
    func read() throws {
        let read = { (text: String) in try ChaosDrill.kill(text).words }
        #expect(try read("worker:every=2s") == "kill worker every 2s")
        #expect(try read("worker.1") == "kill worker.1")
        #expect(try read("worker:signal=TERM,every=250ms") == "kill worker with SIGTERM every 250ms")
        #expect(try ChaosDrill.pause("worker.2:3s").words == "pause worker.2 for 3s")
        #expect(try ChaosDrill.pause("worker:500ms,every=10s").words == "pause worker for 500ms every 10s")
    }

    @Test(
        "are refused with their form when they are wrong",
        arguments: [
            "", ":every=2s", "worker:", "worker:every", "worker:every=", "worker:every=2", "worker:every=0s",
            "worker:every=9ms", "worker:every=2d", "worker:every=2s,every=3s", "worker:2s", "worker:signal=WHAT",
            "worker:evry=2s", "wor ker:every=2s", "worker:every=2s,",
        ])
    func wrongKill(text: String) {
        #expect { try ChaosDrill.kill(text) } throws: { error in
            (error as? ValueError)?.text == text && "\(error)".contains("such as worker:every=2s")
        }
    }

    @Test(
        "a pause needs its length, once",
        arguments: [
            "worker", "worker:", "worker:every=2s", "worker:1s,2s", "worker:x", "worker:1s,signal=TERM", "a:25h",
        ])
    func wrongPause(text: String) {
        #expect { try ChaosDrill.pause(text) } throws: { error in
            (error as? ValueError)?.text == text && "\(error)".contains("such as worker.2:3s")
        }
    }
}

@Suite("The drills of a seed")
struct ChaosScheduleTests {
    private let workers = ["worker.1", "worker.2", "worker.3"]

    private func schedule(_ seed: UInt64, seconds: Int64 = 60, _ texts: String...) throws -> ChaosSchedule {
        let drills = try texts.map { text in
            (try text.contains("every") ? ChaosDrill.kill(text) : ChaosDrill.pause(text), workers)
        }
        return ChaosSchedule(seed: seed, drills, length: .seconds(seconds))
    }

    @Test("the same seed and instances give the same drills, another seed others")
    func seeds() throws {
        let first = try schedule(7, "worker:every=2s", "worker:3s")
        #expect(try first == schedule(7, "worker:every=2s", "worker:3s"))
        #expect(try first != schedule(8, "worker:every=2s", "worker:3s"))
        // Written down: a change of how they are made would make seeds of the past worthless.
        let some = first.steps.prefix(3).map { "\(Durations.formatExactly($0.at)) \($0.instance)" }
        #expect(some == ["1s780ms worker.1", "4s582ms worker.1", "6s487ms worker.1"])
    }

    @Test("one more drill changes none of the others")
    func independent() throws {
        let alone = try schedule(7, "worker:every=2s").steps
        let both = try schedule(7, "worker:every=2s", "worker:3s").steps
        #expect(both.count == alone.count + 1)
        #expect(both.filter { $0.kind == .kill(.kill) } == alone)
    }

    @Test(
        "they come in order, about as often as was asked for, and reach every instance",
        arguments: 0..<20 as Range<UInt64>)
    func fair(seed: UInt64) throws {
        let steps = try schedule(seed, "worker:every=2s").steps
        #expect((20...45).contains(steps.count))
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect(Set(steps.map(\.instance)) == Set(workers))
        #expect(steps.allSatisfy { $0.at > .zero && $0.at <= .seconds(60 as Int64) })
    }

    @Test("pauses end in time, and none begins while the same instance is paused", arguments: 0..<20 as Range<UInt64>)
    func pauses(seed: UInt64) throws {
        let often = try ChaosDrill.pause("worker:3s,every=1s")
        let schedule = ChaosSchedule(seed: seed, [(often, workers)], length: .seconds(20 as Int64))
        var ends: [String: Interval] = [:]
        for step in schedule.steps {
            #expect(step.at > ends[step.instance] ?? .milliseconds(-1))
            ends[step.instance] = step.at + .seconds(3 as Int64)
            #expect(step.at + .seconds(3 as Int64) <= schedule.length)
        }
        #expect(schedule.steps.count > 3)
        let once = ChaosSchedule(
            seed: seed, [(try ChaosDrill.pause("worker:3s"), workers)], length: .seconds(4 as Int64))
        #expect(once.steps.count == 1 && once.steps.allSatisfy { $0.at <= .seconds(1 as Int64) })
        #expect(ChaosSchedule(seed: seed, [(often, [])], length: .seconds(4 as Int64)).steps.isEmpty)
    }
}

@Suite("A run of drills")
struct ChaosMachineTests {
    private let start = Instant(nanoseconds: 5_000_000_000)

    private func at(_ milliseconds: Int64) -> Instant { start + .milliseconds(milliseconds) }

    /// One kill and one pause of 400 ms, within 1 s.
    private func machine(_ texts: (kill: String, pause: String) = ("worker.1", "worker.2:400ms")) throws
        -> (ChaosMachine, ChaosSchedule)
    {
        let drills = [
            (try ChaosDrill.kill(texts.kill), ["worker.1"]), (try ChaosDrill.pause(texts.pause), ["worker.2"]),
        ]
        let schedule = ChaosSchedule(seed: 3, drills, length: .seconds(1 as Int64))
        return (ChaosMachine(schedule, instances: ["main.1", "worker.1", "worker.2"]), schedule)
    }

    /// Fires every timer in turn until `end`, answering each drill as done; what was done, without what was shown.
    private func run(_ machine: inout ChaosMachine, until end: Instant) -> [(Instant, ChaosMachine.Action)] {
        var done: [(Instant, ChaosMachine.Action)] = []
        var deadline: Instant?
        func take(_ actions: [ChaosMachine.Action], _ now: Instant) {
            for action in actions {
                switch action {
                case .armTimer(let at): deadline = at
                case .show: break
                default: done.append((now, action))
                }
            }
        }
        take(machine.handle(.began, at: start), start)
        while let now = deadline, now <= end {
            deadline = nil
            let count = done.count
            take(machine.handle(.timerFired, at: now), now)
            for (_, action) in done[count...] {
                switch action {
                case .kill(let instance, let signal):
                    let answer = ChaosMachine.Event.done(instance: instance, pid: 7, incarnation: 1, .kill(signal))
                    take(machine.handle(answer, at: now), now)
                    let death = change(.ready, .backingOff, incarnation: 1)
                    take(machine.handle(.changed(instance: instance, death), at: now), now)
                case .stop(let instance, let length):
                    let answer = ChaosMachine.Event.done(instance: instance, pid: 8, incarnation: 1, .pause(length))
                    take(machine.handle(answer, at: now), now)
                default: break
                }
            }
        }
        return done
    }

    private func change(_ from: InstanceState, _ to: InstanceState, incarnation: Int = 2) -> Change {
        Change(from: from, to: to, incarnation: incarnation, pid: nil, cause: "SIGKILL (by the verb kill)")
    }

    @Test("every drill is done at its time, every pause is undone after its length, and then all are waited for")
    func whole() throws {
        var (machine, schedule) = try machine()
        let done = run(&machine, until: at(1_000))
        let pause = try #require(schedule.steps.first { $0.instance == "worker.2" })
        let kill = try #require(schedule.steps.first { $0.instance == "worker.1" })
        #expect(done.contains { $0 == (start + kill.at, .kill(instance: "worker.1", .kill)) })
        #expect(done.contains { $0 == (start + pause.at, .stop(instance: "worker.2", for: .milliseconds(400))) })
        #expect(done.contains { $0 == (start + pause.at + .milliseconds(400), .resume(instance: "worker.2")) })
        #expect(done.last?.1 == .waitReady && done.count == 4)
        #expect(machine.handle(.ready, at: at(1_100)) == [.finish(exitCode: 0, reason: nil)])
        #expect(machine.tallies.map(\.kills) == [0, 1, 0] && machine.tallies.map(\.pauses) == [0, 0, 1])
        #expect(machine.handle(.signalled(.terminate), at: at(1_200)) == [], "it is over")
    }

    @Test(
        "whatever ends it, what is paused goes on first",
        arguments: [
            (ChaosMachine.Event.signalled(.interrupt), 130 as Int32), (.signalled(.terminate), 143),
            (.lost("the supervisor is gone"), 69),
        ])
    func ends(event: ChaosMachine.Event, code: Int32) throws {
        var (machine, schedule) = try machine()
        let pause = try #require(schedule.steps.first { $0.instance == "worker.2" })
        _ = run(&machine, until: start + pause.at + .milliseconds(100))
        let actions = machine.handle(event, at: start + pause.at + .milliseconds(200))
        let resume = try #require(actions.firstIndex(of: .resume(instance: "worker.2")))
        guard case .finish(code, _)? = actions.last else {
            Issue.record("it ends with \(actions)")
            return
        }
        #expect(resume < actions.count - 1)
    }

    @Test("what was killed last is waited for from its death on, in whatever order that is heard of")
    func lastKill() throws {
        for deathFirst in [false, true] {
            var (machine, schedule) = try machine()
            let kill = try #require(schedule.steps.first { $0.instance == "worker.1" })
            _ = machine.handle(.began, at: start)
            #expect(machine.handle(.timerFired, at: start + kill.at).contains(.kill(instance: "worker.1", .kill)))
            func isWaiting(_ event: ChaosMachine.Event) -> Bool {
                machine.handle(event, at: at(1_001)).contains(.waitReady)
            }
            let paused = machine.handle(.timerFired, at: at(1_000))
            if paused.contains(.stop(instance: "worker.2", for: .milliseconds(400))) {
                #expect(!isWaiting(.refused(instance: "worker.2", .pause(.milliseconds(400)), why: "")))
            }
            let sent = ChaosMachine.Event.done(instance: "worker.1", pid: 7, incarnation: 4, .kill(.kill))
            let death = ChaosMachine.Event.changed(
                instance: "worker.1", change(.ready, .backingOff, incarnation: 4))
            #expect(!isWaiting(deathFirst ? death : sent))
            #expect(!isWaiting(.changed(instance: "worker.1", change(.ready, .backingOff, incarnation: 3))))
            #expect(isWaiting(deathFirst ? sent : death))
            #expect(!isWaiting(.changed(instance: "main.1", change(.ready, .backingOff))), "once")
        }
    }

    @Test("a pause that was only asked for is undone as well")
    func asked() throws {
        var (machine, schedule) = try machine()
        let pause = try #require(schedule.steps.first { $0.instance == "worker.2" })
        _ = machine.handle(.began, at: start)
        let asked = machine.handle(.timerFired, at: start + pause.at)
        #expect(asked.contains(.stop(instance: "worker.2", for: .milliseconds(400))))
        #expect(machine.handle(.signalled(.terminate), at: at(990)).contains(.resume(instance: "worker.2")))
    }

    @Test("one that was refused is told and not undone; one whose process died is not either")
    func refused() throws {
        for dies in [false, true] {
            var (machine, schedule) = try machine()
            let pause = try #require(schedule.steps.first { $0.instance == "worker.2" })
            _ = machine.handle(.began, at: start)
            _ = machine.handle(.timerFired, at: start + pause.at)
            if dies {
                _ = machine.handle(
                    .done(instance: "worker.2", pid: 8, incarnation: 1, .pause(.milliseconds(400))),
                    at: start + pause.at)
                _ = machine.handle(.changed(instance: "worker.2", change(.ready, .backingOff)), at: start + pause.at)
            } else {
                let told = machine.handle(
                    .refused(instance: "worker.2", .pause(.milliseconds(400)), why: "worker.2 has no process"),
                    at: start + pause.at)
                guard case .show(let line)? = told.first else {
                    Issue.record("nothing was told")
                    return
                }
                #expect(line.word == "skipped" && line.text == "pause: worker.2 has no process")
            }
            let end = machine.handle(.signalled(.terminate), at: at(995))
            #expect(!end.contains(.resume(instance: "worker.2")))
        }
    }

    @Test("the longest time from a death to ready is kept for each, and restarts are counted")
    func back() throws {
        var (machine, _) = try machine()
        _ = machine.handle(.began, at: start)
        for (died, ready) in [(100, 150), (300, 420), (500, 530)] as [(Int64, Int64)] {
            _ = machine.handle(.changed(instance: "worker.1", change(.ready, .backingOff)), at: at(died))
            _ = machine.handle(.changed(instance: "worker.1", change(.backingOff, .starting)), at: at(died + 1))
            _ = machine.handle(.changed(instance: "worker.1", change(.starting, .ready)), at: at(ready))
        }
        #expect(machine.tallies[1].restarts == 3)
        #expect(machine.tallies[1].longestToReady == .milliseconds(120))
        #expect(machine.tallies[0].longestToReady == nil)
    }

    @Test("a cluster that does not get ready again is 69")
    func notReady() throws {
        var (machine, _) = try machine()
        _ = run(&machine, until: at(1_000))
        let actions = machine.handle(.notReady("worker.1 is failed: exit 78"), at: at(2_000))
        #expect(actions == [.finish(exitCode: 69, reason: "not ready again: worker.1 is failed: exit 78")])
    }

    @Test("lines stand below each other")
    func lines() {
        let line = ChaosLine(at: .milliseconds(1_204), word: "kill", instance: "worker.1", text: "SIGKILL to pid 7")
        #expect(line.line(width: 9) == "  1.204s  kill     worker.1   SIGKILL to pid 7")
        #expect(
            ChaosLine(at: .seconds(60 as Int64), word: "resume", instance: "a.1", text: "").line(width: 3)
                == " 60.000s  resume   a.1")
        #expect(line.json["at"]?.double == 1.204)
    }
}
