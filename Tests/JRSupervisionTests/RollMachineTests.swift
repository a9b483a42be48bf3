import JRBase
import JRSupervision
import Testing

@Suite("The machine of a rolling restart")
struct RollMachineTests {
    private func sight(
        _ state: InstanceState = .ready, _ incarnation: Int = 1, jobs: Int = 0, since: Int64 = 0
    ) -> RollMachine.Sight {
        RollMachine.Sight(
            state: state, cause: "because", incarnation: incarnation, runningJobs: jobs,
            startedAt: Instant(nanoseconds: since))
    }

    /// What is to be done, without what is only said.
    private func look(_ roll: inout RollMachine, _ sights: [Int: RollMachine.Sight]) -> [RollMachine.Action] {
        roll.look(sights).filter { if case .say = $0 { false } else { true } }
    }

    private func begun(_ positions: [Int]) -> RollMachine {
        var roll = RollMachine(positions: positions)
        #expect(roll.look([:]) == [.count])
        roll.counted()
        return roll
    }

    @Test("what is down goes first, then the idle, then the one that was not restarted for longest")
    func order() {
        var roll = begun([0, 1, 2, 3])
        var sights = [
            0: sight(jobs: 3), 1: sight(since: 20), 2: sight(since: 10), 3: sight(.backingOff, jobs: 0),
        ]
        var order: [Int] = []
        for _ in 0..<4 {
            guard case .restart(let position)? = look(&roll, sights).first else { break }
            order.append(position)
            sights[position] = sight(.ready, 2)
            #expect(look(&roll, sights) == [.count])
            roll.counted()
        }
        #expect(order == [3, 2, 1, 0])
        #expect(look(&roll, sights) == [])
        #expect(roll.outcome == .succeeded)
    }

    @Test("nothing is chosen before the nodes have said how many jobs they run, and they are asked before each turn")
    func counting() {
        var roll = RollMachine(positions: [0, 1])
        let sights = [0: sight(), 1: sight()]
        #expect(roll.look(sights) == [.count])
        #expect(roll.look(sights) == [])
        roll.counted()
        #expect(look(&roll, sights) == [.restart(0)])
        roll.counted()
        #expect(roll.look(sights) == [], "a late answer is none to a later question")
    }

    @Test("every state of the new incarnation is waited for, good, or the way back")
    func states() {
        for state in InstanceState.allCases {
            var roll = begun([0, 1])
            #expect(look(&roll, [0: sight(), 1: sight()]) == [.restart(0)])
            let actions = look(&roll, [0: sight(state, 2), 1: sight()])
            switch state {
            case .waiting, .starting, .recovering: #expect(actions == [] && roll.outcome == nil, "\(state)")
            case .ready, .finished: #expect(actions == [.count], "\(state)")
            case .stopped, .blocked:
                // Somebody stopped it, or its port is in other hands: no fault of what is new.
                let cause = "\(state.rawValue): because"
                #expect(roll.outcome == .aborted(.init(position: 0, cause: cause, wentBack: nil, untouched: [1])))
            case .degraded, .backingOff, .crashLooping, .draining, .stopping, .failed:
                #expect(actions == [.goBack(0)], "\(state)")
            }
        }
    }

    @Test("one that waits for what does not come is no fault of what is new: it is left, and the roll ends")
    func inVain() {
        var waiting = sight(.waiting, 1)
        waiting.waitsInVain = true
        let abort = RollMachine.Abort(position: 0, cause: "waiting: because", wentBack: nil, untouched: [1])
        var first = begun([0, 1])
        #expect(look(&first, [0: sight(.stopped), 1: sight()]) == [.restart(0)])
        #expect(look(&first, [0: waiting, 1: sight()]) == [])
        #expect(first.outcome == .aborted(abort))
        var back = begun([0, 1])
        _ = look(&back, [0: sight(), 1: sight()])
        #expect(look(&back, [0: sight(.failed, 2), 1: sight()]) == [.goBack(0)])
        #expect(look(&back, [0: waiting, 1: sight()]) == [])
        guard case .aborted(let end)? = back.outcome else {
            Issue.record("it ends")
            return
        }
        #expect(end.wentBack == false)
    }

    @Test("the first that fails goes back and ends the roll; the others are not touched")
    func abort() {
        for (state, isBack) in [(InstanceState.ready, true), (.backingOff, false), (.failed, false)] {
            var roll = begun([0, 1, 2])
            _ = look(&roll, [0: sight(), 1: sight(), 2: sight()])
            #expect(look(&roll, [0: sight(.draining), 1: sight(), 2: sight()]) == [])
            #expect(look(&roll, [0: sight(.failed, 2), 1: sight(), 2: sight()]) == [.goBack(0)])
            #expect(look(&roll, [0: sight(.failed, 2), 1: sight(), 2: sight()]) == [])
            #expect(look(&roll, [0: sight(.starting, 3), 1: sight(), 2: sight()]) == [])
            #expect(look(&roll, [0: sight(state, 3), 1: sight(), 2: sight()]) == [])
            let expected = RollMachine.Abort(
                position: 0, cause: "failed: because", wentBack: isBack, untouched: [1, 2])
            #expect(roll.outcome == .aborted(expected))
            #expect(roll.look([0: sight(), 1: sight(), 2: sight()]) == [])
        }
    }

    @Test("without anything to go back to it is left as it is")
    func noWayBack() {
        var roll = begun([0])
        _ = look(&roll, [0: sight()])
        var failed = sight(.failed, 2)
        failed.canGoBack = false
        #expect(look(&roll, [0: failed]) == [])
        #expect(roll.outcome == .aborted(.init(position: 0, cause: "failed: because", wentBack: nil, untouched: [])))
    }

    @Test("ready and dead again in one breath is a failure; so is one that was rolled and crash loops later")
    func shortLives() {
        var roll = begun([0, 1])
        _ = look(&roll, [0: sight(), 1: sight()])
        #expect(look(&roll, [0: sight(.starting, 3), 1: sight()]) == [.goBack(0)])

        var later = begun([0, 1])
        _ = look(&later, [0: sight(), 1: sight()])
        _ = look(&later, [0: sight(.ready, 2), 1: sight()])
        later.counted()
        #expect(look(&later, [0: sight(.starting, 3), 1: sight()]) == [], "its return is waited for")
        #expect(look(&later, [0: sight(.crashLooping, 9), 1: sight()]) == [.goBack(0)])
    }

    @Test("no instance, and the last one that dies again, are no success too early")
    func ends() {
        #expect(RollMachine(positions: []).outcome == .succeeded)
        var roll = begun([0])
        _ = look(&roll, [0: sight()])
        _ = look(&roll, [0: sight(.ready, 2)])
        roll.counted()
        #expect(look(&roll, [0: sight(.recovering, 3)]) == [])
        #expect(roll.outcome == nil)
        #expect(look(&roll, [0: sight(.ready, 3)]) == [])
        #expect(roll.outcome == .succeeded)
    }

    /// Real instance machines under a roll, with deaths, failed starts and an operator who stops things.
    private struct Model {
        var benches: [Bench]
        var isNew: [Bool]
        var restarted: [Int] = []
        var wentBack: [Int] = []
        let isNewGood: Bool
        var random: SeededRandom

        init(seed: Int) {
            random = SeededRandom(seed: UInt64(seed))
            benches = (0..<(2 + random.below(4))).map { _ in Bench { $0.crashLoop.count = 1_000 } }
            isNew = benches.map { _ in false }
            isNewGood = random.chance(2, in: 3)
            for index in benches.indices { benches[index].startReady() }
        }

        var sights: [Int: RollMachine.Sight] {
            Dictionary(
                uniqueKeysWithValues: benches.indices.map { index in
                    let machine = benches[index].machine
                    return (
                        index,
                        RollMachine.Sight(
                            state: machine.state, cause: machine.cause, incarnation: machine.incarnation,
                            runningJobs: index * 7 % 3, startedAt: machine.startedAt)
                    )
                })
        }

        /// One thing that may happen to an instance in its state.
        mutating func happen(to index: Int, crashes: Bool) {
            switch benches[index].machine.state {
            case .starting, .recovering:
                let isGood = !isNew[index] || isNewGood
                isGood ? benches[index].report(.ready) : benches[index].exit(.code(1))
            case .draining, .stopping: benches[index].exit(.code(0))
            case .backingOff, .crashLooping: benches[index].fire()
            case .waiting: benches[index].tell(.dependenciesReady)
            case .ready: if crashes { benches[index].exit(.signal(.kill, coreDumped: false)) }
            case .degraded, .blocked, .stopped, .failed, .finished: break
            }
        }
    }

    @Test("random deaths under a roll: one at a time, each once, the rest untouched, and it ends", arguments: 0..<300)
    func random(seed: Int) {
        var model = Model(seed: seed)
        var roll = RollMachine(positions: Array(model.benches.indices))
        var step = 0
        while roll.outcome == nil, step < 5_000 {
            step += 1
            let actions = roll.look(model.sights)
            for action in actions {
                switch action {
                case .count: roll.counted()
                case .say: break
                case .restart(let position):
                    let others = model.benches.indices.filter { $0 != position }
                    let isUp = model.benches[position].machine.state == .ready
                    #expect(!isUp || others.allSatisfy { model.benches[$0].machine.state == .ready }, "seed \(seed)")
                    model.restarted.append(position)
                    model.isNew[position] = true
                    model.benches[position].tell(.restartRequested(.drain))
                case .goBack(let position):
                    model.wentBack.append(position)
                    model.isNew[position] = false
                    model.benches[position].tell(.restartRequested(.terminate))
                }
            }
            let index = model.random.below(model.benches.count)
            model.happen(to: index, crashes: step < 200 && model.random.chance(1, in: 20))
        }
        #expect(Set(model.restarted).count == model.restarted.count, "seed \(seed)")
        switch roll.outcome {
        case .succeeded?:
            #expect(model.isNewGood && model.isNew.allSatisfy { $0 } && model.wentBack.isEmpty, "seed \(seed)")
        case .aborted(let abort)?:
            #expect(abort.untouched.allSatisfy { !model.isNew[$0] && !model.restarted.contains($0) }, "seed \(seed)")
            #expect(abort.wentBack == nil || model.wentBack == [abort.position], "seed \(seed)")
            #expect(abort.wentBack == nil || !model.isNew[abort.position], "seed \(seed)")
        case nil: Issue.record("seed \(seed): no end after \(step) steps")
        }
    }
}
