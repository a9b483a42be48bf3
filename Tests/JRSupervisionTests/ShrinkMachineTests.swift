import JRBase
import JRSupervision
import Testing

@Suite("The machine of fewer instances")
struct ShrinkMachineTests {
    private func sight(
        _ index: Int, _ state: InstanceState = .ready, running: Int = 0, scheduled: Int = 0, holds: Holdings? = nil
    ) -> ShrinkMachine.Sight {
        var sight = ShrinkMachine.Sight(state: state, cause: "because", index: index, holdsJobs: true)
        sight.jobs = JobCounts(running: running, scheduled: scheduled)
        sight.holdings = holds
        return sight
    }

    private func begun(_ candidates: [Int], _ count: Int) -> ShrinkMachine {
        var machine = ShrinkMachine(candidates: candidates, count: count)
        #expect(machine.look([:]) == [.count])
        machine.counted()
        return machine
    }

    @Test("those go that hold nothing for later, then the idle, then the highest number")
    func order() {
        let sights = [
            0: sight(1), 1: sight(2, running: 2), 2: sight(3, scheduled: 5), 3: sight(4), 4: sight(5, .failed),
        ]
        for (count, expected) in [(1, [3]), (2, [0, 3]), (3, [0, 1, 3]), (4, [0, 1, 2, 3])] {
            var machine = begun([0, 1, 2, 3, 4], count)
            #expect(machine.look(sights) == [.drain(expected)])
        }
    }

    @Test("what is drained and empty is stopped, and gone when it has stopped")
    func gone() {
        var machine = begun([0, 1], 1)
        #expect(machine.look([0: sight(1), 1: sight(2)]) == [.drain([1])])
        #expect(machine.look([0: sight(1), 1: sight(2, .draining)]) == [])
        #expect(machine.look([0: sight(1), 1: sight(2, .draining, holds: Holdings())]) == [.stop([1])])
        #expect(machine.look([0: sight(1), 1: sight(2, .draining)]) == [] && machine.outcome == nil)
        #expect(machine.look([0: sight(1), 1: sight(2, .stopped)]) == [])
        #expect(machine.outcome == .gone([1]))
        #expect(machine.look([0: sight(1), 1: sight(2, .stopped)]) == [])
    }

    @Test("when something else comes in between all stay: what was drained goes on, what was stopped starts again")
    func cut() {
        var counting = begun([0, 1], 1)
        #expect(counting.cut() == [] && counting.look([0: sight(1), 1: sight(2)]) == [])
        var draining = begun([0, 1], 1)
        #expect(draining.look([0: sight(1), 1: sight(2)]) == [.drain([1])])
        #expect(draining.cut() == [.resume([1])])
        // One was stopped before, by somebody else.
        var resting = sight(3, .stopped)
        resting.isInMemory = true
        var stopping = begun([0, 1, 2], 2)
        #expect(stopping.look([0: sight(1, running: 1), 1: sight(2), 2: resting]) == [.drain([1])])
        let empty = sight(2, .draining, holds: Holdings())
        #expect(stopping.look([0: sight(1), 1: empty, 2: resting]) == [.stop([1, 2])])
        #expect(stopping.cut() == [.resume([1]), .start([1])])
        #expect(stopping.outcome == nil && stopping.look([1: sight(2, .stopped), 2: resting]) == [])
    }

    @Test("one that holds jobs keeps all of them, and they go on; what it holds is said")
    func holds() {
        var machine = begun([0, 1], 2)
        #expect(machine.look([0: sight(1), 1: sight(2)]) == [.drain([0, 1])])
        let empty = sight(1, .draining, holds: Holdings())
        #expect(machine.look([0: empty, 1: sight(2, .draining)]) == [])
        let full = sight(2, .draining, holds: Holdings(waiting: 1, scheduled: 2, failed: 3))
        #expect(machine.look([0: empty, 1: full]) == [.resume([0, 1])])
        #expect(
            machine.outcome == .refused([.init(1, "holds 1 waiting job, 2 scheduled jobs, 3 failed jobs")]))
    }

    @Test("one that somebody had drained before stays drained when it comes to nothing")
    func drainedBefore() {
        var machine = begun([0, 1], 2)
        var drained = sight(2, .draining, holds: Holdings(waiting: 1))
        drained.isAskedToDrain = true
        #expect(machine.look([0: sight(1), 1: drained]) == [.drain([0, 1])])
        #expect(machine.paused == [0])
        #expect(machine.look([0: sight(1, .draining, holds: Holdings()), 1: drained]) == [.resume([0])])
    }

    @Test("an outcome on its way is waited for, and refused when it is not acknowledged in time")
    func unacknowledged() {
        let late = sight(1, .draining, holds: Holdings(unacknowledged: 1))
        var good = begun([0], 1)
        _ = good.look([0: sight(1)])
        #expect(good.look([0: late]) == [])
        #expect(good.look([0: sight(1, .draining, holds: Holdings())]) == [.stop([0])])
        #expect(good.timedOut([0: late]) == [])
        var bad = begun([0], 1)
        _ = bad.look([0: sight(1)])
        #expect(bad.timedOut([0: late]) == [.resume([0])])
        #expect(bad.outcome == .refused([.init(0, "holds 1 unacknowledged outcome")]))
        var busy = begun([0], 1)
        _ = busy.look([0: sight(1)])
        _ = busy.timedOut([0: sight(1, .draining, running: 2)])
        #expect(busy.outcome == .refused([.init(0, "still runs 2 jobs")]))
    }

    @Test("what cannot say what it holds stays; a program, and a node in memory that is down, just go")
    func unknown() {
        for state in InstanceState.allCases where !state.hasProcess {
            var machine = begun([0], 1)
            #expect(machine.look([0: sight(1, state)]) == [])
            let why = "is \(state.rawValue), and nobody can say what jobs its storage holds"
            #expect(machine.outcome == .refused([.init(0, why)]))
            var memory = sight(1, state)
            memory.isInMemory = true
            var second = begun([0], 1)
            #expect(second.look([0: memory]) == [.stop([0])], "\(state)")
        }
        var deaf = sight(1)
        deaf.canFinish = false
        var machine = begun([0], 1)
        _ = machine.look([0: deaf])
        #expect(machine.outcome == .refused([.init(0, "does not say what jobs it holds")]))
        var program = begun([0], 1)
        #expect(
            program.look([0: ShrinkMachine.Sight(state: .ready, cause: "", index: 1, holdsJobs: false)])
                == [.stop([0])])
    }

    @Test("one that is stopped or fails while it drains keeps all; one that dies is waited for, and told again")
    func states() {
        for state in InstanceState.allCases {
            var machine = begun([0], 1)
            _ = machine.look([0: sight(1)])
            let actions = machine.look([0: sight(1, state)])
            let isUp = state == .ready || state == .degraded
            #expect(actions == (state.isSettled ? [.resume([0])] : isUp ? [.drain([0])] : []), "\(state)")
            #expect((machine.outcome != nil) == state.isSettled, "\(state)")
        }
    }

    @Test("none is none, and more than there are is all")
    func bounds() {
        #expect(ShrinkMachine(candidates: [0, 1], count: 0).outcome == .gone([]))
        #expect(ShrinkMachine(candidates: [0, 1], count: 9).count == 2)
    }

    @Test(
        "random lives under it: it ends, nothing that held jobs is stopped, and what stays goes on", arguments: 0..<300)
    func random(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var benches = (0..<(1 + random.below(4))).map { _ in Bench { $0.crashLoop.count = 1_000 } }
        let held = benches.map { _ in random.chance(1, in: 4) ? Holdings(scheduled: 1) : Holdings() }
        for index in benches.indices { benches[index].startReady() }
        let all = Array(benches.indices)
        var machine = ShrinkMachine(candidates: all, count: 1 + random.below(all.count))
        var stopped: [Int] = []
        for step in 0..<2_000 where machine.outcome == nil {
            var sights: [Int: ShrinkMachine.Sight] = [:]
            for index in all {
                let life = benches[index].machine
                var sight = ShrinkMachine.Sight(state: life.state, cause: life.cause, index: index + 1, holdsJobs: true)
                sight.holdings = life.drainedHoldings
                sights[index] = sight
            }
            for action in machine.look(sights) {
                switch action {
                case .count: machine.counted()
                case .drain(let positions):
                    for index in positions { benches[index].tell(.drainRequested(.finishingReady)) }
                case .resume(let positions): for index in positions { benches[index].tell(.resumeRequested) }
                case .stop(let positions):
                    stopped = positions
                    for index in positions { benches[index].tell(.stopRequested(.drain)) }
                case .start: Issue.record("seed \(seed): nothing came in between")
                }
            }
            let index = random.below(all.count)
            switch benches[index].machine.state {
            case .starting: benches[index].report(.ready)
            case .draining where benches[index].machine.isPaused:
                random.chance(1, in: 5)
                    ? benches[index].exit(.signal(.kill, coreDumped: false))
                    : benches[index].report(.drained(held[index]))
            case .draining, .stopping: benches[index].exit(.code(0))
            case .backingOff, .crashLooping: benches[index].fire()
            case .ready: if step < 100, random.chance(1, in: 10) { benches[index].exit(.code(1)) }
            case .waiting, .recovering, .degraded, .blocked, .stopped, .failed, .finished: break
            }
        }
        #expect(stopped.allSatisfy { held[$0].isEmpty }, "seed \(seed)")
        switch machine.outcome {
        case .gone(let positions)?: #expect(positions == stopped && positions.count == machine.count, "seed \(seed)")
        case .refused?:
            #expect(stopped.isEmpty, "seed \(seed)")
            #expect(all.allSatisfy { benches[$0].machine.wantedDrain == nil }, "seed \(seed)")
        case nil: Issue.record("seed \(seed): no end")
        }
    }
}
