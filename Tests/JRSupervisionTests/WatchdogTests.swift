import JRBase
import JRSupervision
import Testing

extension Bench {
    /// A foreign program that has to say that it is alive.
    static func watched(
        every watchdog: Interval = .seconds(2 as Int64), _ change: (inout Policy) -> Void = { _ in }
    ) -> Bench {
        var bench = Bench(drains: false, change)
        bench.tell(.startRequested)
        bench.tell(.dependenciesReady, spawns: false)
        bench.tell(.spawned(pid: 100, watchdog: watchdog))
        return bench
    }
}

@Suite("A program that has to say that it is alive")
struct WatchdogTests {
    private let second = Interval.seconds(1 as Int64)

    private func signals(_ bench: Bench) -> [Signal] {
        bench.actions.compactMap { if case .signalGroup(let signal) = $0 { signal } else { nil } }
    }

    @Test("silent for so long from when it is ready, it is ended by ABRT, then KILL, and starts again as after a crash")
    func silent() {
        var bench = Bench.watched { $0.stop.kill = .seconds(7 as Int64) }
        bench.pass(second * 20)
        #expect(bench.machine.state == .starting, "what starts has the time of a start")
        bench.report(.ready)
        #expect(bench.fire() == second * 2)
        #expect(bench.machine.state == .stopping && bench.machine.cause == "hung: no WATCHDOG=1 for 2s")
        #expect(signals(bench) == [.abort, .continue])
        #expect(bench.fire() == second * 7)
        #expect(signals(bench) == [.kill])
        bench.exit(.signal(.kill, coreDumped: false))
        #expect(bench.machine.lastExitWords == "hung: no WATCHDOG=1 for 2s: SIGKILL (by us)")
        #expect(bench.machine.wasHung && bench.machine.restarts == 1 && bench.machine.incarnation == 2)
        // The bench says nothing of a watchdog for this one.
        bench.report(.ready)
        #expect(bench.fire() == second * 30 && bench.machine.state == .ready)
        bench.exit(.code(1))
        #expect(!bench.machine.wasHung)
    }

    @Test("each word counts from when it came, and the timer is armed again only when it fires")
    func alive() {
        var bench = Bench.watched()
        bench.report(.alive)
        bench.pass(second)
        bench.report(.ready)
        for _ in 0..<3 {
            bench.pass(.milliseconds(500))
            bench.report(.alive)
            #expect(bench.actions.isEmpty, "a word costs nothing")
        }
        #expect(bench.fire() == .milliseconds(500))
        #expect(bench.machine.state == .ready)
        #expect(bench.actions == [.armTimer(serial: bench.timer?.serial ?? 0, at: bench.now + .milliseconds(1_500))])
        bench.fire()
        #expect(bench.machine.state == .stopping)
    }

    @Test("its past is forgotten after the same time as that of any other")
    func healthy() {
        var bench = Bench.watched(every: second * 20)
        bench.report(.ready)
        bench.pass(second * 15)
        bench.report(.alive)
        #expect(bench.fire() == second * 5 && bench.machine.state == .ready)
        #expect(bench.machine.memory.healthyAt != nil)
        #expect(bench.fire() == second * 10 && bench.machine.state == .ready)
        #expect(bench.machine.memory.healthyAt == nil)
        #expect(bench.fire() == second * 5 && bench.machine.state == .stopping)
    }

    @Test("a program that has found out by itself that it hangs is believed, also without a watchdog and as it starts")
    func trigger() {
        for isReady in [false, true] {
            var bench = Bench(drains: false) { $0.restart = .onFailure }
            bench.start()
            if isReady { bench.report(.ready) }
            bench.report(.hung)
            #expect(bench.machine.state == .stopping && bench.machine.cause == "hung: it said so")
            #expect(signals(bench) == [.abort, .continue])
            bench.exit(.code(0))
            #expect(bench.machine.state != .finished, "an end with 0 is no success then")
            #expect(bench.machine.cause.contains("hung: it said so: exit 0"))
        }
        var never = Bench.watched { $0.restart = .never }
        never.report(.ready)
        never.fire()
        never.exit(.signal(.abort, coreDumped: true))
        #expect(never.machine.state == .failed)
        #expect(never.machine.cause.hasPrefix("hung: no WATCHDOG=1 for 2s: SIGABRT (by us, core dumped) after 2s"))
    }

    @Test("one that is told to end, or says that it ends, is not looked at any more")
    func ending() {
        for end in [InstanceEvent.stopRequested(.drain), .reported(.stopping, incarnation: 1)] {
            var bench = Bench.watched { $0.stop.kill = .seconds(7 as Int64) }
            bench.report(.ready)
            bench.tell(end)
            #expect(bench.machine.state == .stopping && bench.timer?.at == bench.now + second * 7)
            bench.report(.hung)
            bench.report(.alive)
            #expect(bench.actions.isEmpty)
        }
        var asked = Bench.watched()
        asked.report(.ready)
        asked.fire()
        asked.tell(.stopRequested(.drain))
        asked.exit(.signal(.abort, coreDumped: false))
        #expect(asked.machine.state == .stopped && asked.machine.cause == "SIGABRT (by us) after 2s")
    }
}
