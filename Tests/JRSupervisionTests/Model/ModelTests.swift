import Glibc
import JRBase
import JRSupervision
import Testing

extension ModelCluster {
    // MARK: Runs

    /// As much as there is, in any order.
    func chaos(_ count: Int) {
        character.isQuiet = false
        for _ in 0..<count where !hasFailed {
            steps += 1
            now = now + .milliseconds(Int64(random.below(400)))
            switch random.below(20) {
            case 0..<2: ask()
            case 2..<4: answerQuestion()
            case 4..<7:
                if let position = timers.keys.min(by: { (timers[$0]?.at ?? now, $0) < (timers[$1]?.at ?? now, $1) }) {
                    fireTimer(of: position)
                }
            case 7: passTurn()
            case 8:
                if let id = limits.keys.sorted().first { fireLimit(of: id) }
            default: _ = happen(to: random.below(plan.instances.count))
            }
            check()
        }
    }

    /// Nothing bad happens any more and all processes do what they should, until nothing is left to happen.
    func quiet() {
        character.isQuiet = true
        for _ in 0..<20_000 where !hasFailed {
            steps += 1
            if !questions.isEmpty {
                answerQuestion()
            } else if !plan.instances.indices.contains(where: happen) {
                // How long something has been ready is measured on and on.
                let due = timers.filter { machine($0.key).state != .ready && !machine($0.key).isPaused }
                let first = due.min { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
                let limit = limits.min { ($0.value, $0.key) < ($1.value, $1.key) }
                let next = [first?.value.at, limit?.value].compactMap(\.self).min()
                if let turn = cluster.nextTurn, next.map({ turn <= $0 }) ?? true {
                    passTurn()
                } else if let limit, limit.value == next {
                    fireLimit(of: limit.key)
                } else if let first {
                    fireTimer(of: first.key)
                } else {
                    return check()
                }
            }
        }
        expect(false, "it does not come to rest")
    }

    /// What holds after every step.
    private func check() {
        for position in plan.instances.indices {
            let (machine, process) = (machine(position), processes[position])
            expect((machine.pid != nil) == (process != nil), "\(name(position)): \(machine.state), its process is not")
            expect(machine.state.hasProcess == (process != nil), "\(name(position)) is \(machine.state)")
            if let process { expect(process.incarnation == machine.incarnation, "\(name(position)): another life") }
            if let process, reload == nil, !process.isFallback, !wishes[position].isAskedToLeave {
                let version = plan.instances[position].version
                expect(process.version == version, "\(name(position)) is \(process.version), planned is \(version)")
            }
            let needsTimer = [.backingOff, .crashLooping, .stopping, .starting, .blocked].contains(machine.state)
            expect(!needsTimer || timers[position] != nil, "\(name(position)) is \(machine.state) without a timer")
        }
        var taken: Set<Int> = []
        for operation in desk.open where operation.goal != .down {
            expect(taken.isDisjoint(with: operation.positions), "two operations at once: \(names(operation.positions))")
            taken.formUnion(operation.positions)
        }
        let open = Set(desk.open.map(\.id))
        let under = rolls.map(\.operation) + shrinks.map(\.operation) + (reload.map { [$0.operation] } ?? [])
        expect(open.isSuperset(of: under), "something is done for an operation that is over")
        if let reload { expect(taken.isSuperset(of: reload.machine.grown), "what a reload has made is in other hands") }
        expect(asked == open.union(answers.keys) && open.isDisjoint(with: answers.keys), "an operation was lost")
    }

    // MARK: What has come of it

    /// What the operator asked for last, and what the policy makes of ends that nobody asked for.
    func compare() {
        for position in plan.instances.indices where !hasFailed {
            let (wish, state) = (wishes[position], machine(position).state)
            let isFree = plan.instances[position].after.allSatisfy { machine($0).state.allowsDependents }
            var wanted: InstanceState = wish.isWanted ? wish.final ?? (wish.isPaused ? .draining : .ready) : .stopped
            if plan.retired.contains(position) {
                expect(state.isSettled, "\(name(position)) is not in the plan and \(state)")
                continue
            }
            // A drain that was asked for is done when it is up again.
            if state == .waiting, !isFree { wanted = .waiting }
            expect(state == wanted, "\(name(position)) is \(state) (\(machine(position).cause)), wanted is \(wanted)")
            if state == .draining { expect(machine(position).isPaused, "\(name(position)) is on its way out") }
        }
        for operation in desk.open {
            let waits = operation.positions.contains { machine($0).state == .waiting }
            expect(waits && operation.goal == .ready, "operation \(operation.id) has no end")
        }
    }

    /// Everything is started, as an operator would do it who wants it up.
    func startAll() {
        for rank in 0...2 {
            for position in plan.live where plan.instances[position].rank == rank { act(.start, [position]) }
            quiet()
        }
        for position in plan.live where !hasFailed {
            expect(machine(position).state == .ready, "\(name(position)) was started and is \(machine(position).state)")
        }
        expect(desk.open.isEmpty, "all that was asked for has come")
    }

    /// A manifest in a cluster that is well: it is what the manifest says afterwards, and what did not change was left
    /// alone.
    func settle(_ manifest: ModelManifest) {
        let before = plan.live.map { ($0, machine($0).incarnation) }
        let was = Dictionary(uniqueKeysWithValues: plan.live.map { ($0, plan.instances[$0]) })
        let new = manifests[manifest] ?? manifest.plan
        let change = PlanChange(from: plan, to: new)
        guard change.refusals.isEmpty, !change.isEmpty else { return }
        let id = reload(manifest)
        quiet()
        guard !hasFailed else { return }
        expect(id.flatMap { answers[$0] } == .succeeded, "a reload of a cluster that is well succeeds")
        expect(PlanChange(from: plan, to: new).isEmpty, "after the reload: \(PlanChange(from: plan, to: new).lines)")
        let entries = manifest.entries
        for (name, entry) in entries {
            let positions = plan.positions(ofEntry: name)
            expect(positions.count == entry.count, "\(positions.count) of \(name), not \(entry.count)")
            for position in positions {
                let process = processes[position]
                let isNew = process?.version == entry.version || process?.isFallback == true
                expect(
                    machine(position).state == .ready && isNew,
                    "\(self.name(position)) is \(machine(position).state), version \(process?.version ?? -1)")
            }
        }
        expect(Set(plan.live.map { plan.instances[$0].entry.name }) == Set(entries.keys), "an entry too many")
        let rolled = Set(change.differences.filter(\.needsRestart).flatMap(\.positions))
        for (position, incarnation) in before where !rolled.contains(position) && plan.live.contains(position) {
            let isSame = was[position]?.version == plan.instances[position].version
            expect(
                isSame && machine(position).incarnation == incarnation,
                "\(name(position)) did not change and was restarted")
        }
    }

    /// Everything is taken down, with more and more urgency.
    func down() {
        let id = begin(.down, .down, plan.live)
        for urgency in [Urgency.drain, .terminate, .kill].prefix(1 + random.below(3)) {
            note("down, \(urgency)")
            tell(.downRequested(urgency))
            chaosWhileDown(random.below(30))
        }
        quiet()
        expect(cluster.isSettled && processes.isEmpty, "down, and something is there")
        for operation in desk.endAll() { answer(operation.id, operation.id == id ? .succeeded : .wentDown) }
        expect(asked == Set(answers.keys), "an operation has no answer")
    }

    private func chaosWhileDown(_ count: Int) {
        character.isQuiet = false
        for _ in 0..<count where !hasFailed {
            steps += 1
            _ = happen(to: random.below(plan.instances.count))
            check()
        }
    }
}

@Suite("A whole cluster against what was asked of it")
struct ModelTests {
    /// - Returns: How many steps it took.
    private func run(seed: Int, rounds: Int, steps: Int) -> Int {
        let model = ModelCluster(seed: seed)
        model.act(.start, model.plan.live)
        for _ in 0..<rounds where !model.hasFailed {
            model.chaos(steps)
            model.quiet()
            model.compare()
            model.startAll()
            model.settle(ModelManifest(&model.random))
            model.compare()
        }
        if !model.hasFailed { model.chaos(50) }
        if !model.hasFailed { model.down() }
        return model.steps
    }

    /// A few thousand steps in every run, a million where `JR_TEST_FULL=1` asks for them.
    static let isFull = getenv("JR_TEST_FULL").map { String(cString: $0) } == "1"

    @Test(
        "whatever is asked for and whatever processes do: one life at a time, one operation at a time, each answered once",
        arguments: 0..<(isFull ? 1_000 : 24))
    func random(seed: Int) {
        let steps = run(seed: seed, rounds: Self.isFull ? 3 : 2, steps: Self.isFull ? 300 : 120)
        if Self.isFull { print("model seed \(seed): \(steps) steps") }
    }
}
