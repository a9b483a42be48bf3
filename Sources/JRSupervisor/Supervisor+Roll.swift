import JRBase
import JRJSON
import JRReactor
import JRSupervision

/// A roll that is under way over one group after the other.
final class Roll {
    var machine: RollMachine
    var later: [[Int]]
    /// Restarted and ready, in this order.
    var done: [Int] = []
    /// What ran in each place before.
    let before: [Int: Launch]
    /// Called with a line for people.
    let progress: (String) -> Void
    let ended: (RollMachine.Outcome, _ done: [Int]) -> Void

    init(
        _ groups: [[Int]], before: [Int: Launch], progress: @escaping (String) -> Void,
        ended: @escaping (RollMachine.Outcome, _ done: [Int]) -> Void
    ) {
        machine = RollMachine(positions: groups.first ?? [])
        later = Array(groups.dropFirst())
        self.before = before
        self.progress = progress
        self.ended = ended
    }
}

/// Rolling restarts: what ``RollMachine`` says, done.
extension Supervisor {
    /// Groups of instances that replace each other, in the order in which they are rolled: nodes, which find their
    /// distributors again, then distributors, then programs.
    func rollGroups(_ positions: [Int]) -> [[Int]] {
        let order = [1: 0, 0: 1, 2: 2]
        var groups: [(rank: Int, name: String, positions: [Int])] = []
        for position in positions {
            let instance = plan.instances[position]
            if let index = groups.firstIndex(where: { $0.name == instance.entry.name }) {
                groups[index].positions.append(position)
            } else {
                groups.append((order[instance.rank] ?? 2, instance.entry.name, [position]))
            }
        }
        // Within a rank as the plan has them.
        return (0...2).flatMap { rank in groups.filter { $0.rank == rank }.map(\.positions) }
    }

    func roll(
        _ positions: [Int], progress: @escaping (String) -> Void,
        ended: @escaping (RollMachine.Outcome, _ done: [Int]) -> Void
    ) -> Roll {
        var before: [Int: Launch] = [:]
        for position in positions { before[position] = slots[position].proven }
        let roll = Roll(rollGroups(positions), before: before, progress: progress, ended: ended)
        rolls.append(roll)
        return roll
    }

    /// `restart --rolling`
    func beginRoll(_ operation: Operation) {
        let startedAt = loop.now.instant
        _ = roll(operation.positions, progress: { operation.progress($0) }) { [weak self] outcome, done in
            guard let self else { return }
            operations.removeAll { $0 === operation }
            answer(operation, outcome, done, after: loop.refreshNow().instant - startedAt)
        }
        lookAtRolls()
    }

    /// Asks every roll what is to be done, until none has anything to say.
    func lookAtRolls() {
        rollsNeedLook = true
        guard !isLookingAtRolls else { return }
        isLookingAtRolls = true
        while rollsNeedLook {
            rollsNeedLook = false
            for roll in rolls { look(at: roll) }
        }
        isLookingAtRolls = false
    }

    private func look(at roll: Roll) {
        var sights: [Int: RollMachine.Sight] = [:]
        for position in roll.machine.positions { sights[position] = sight(position, roll) }
        for action in roll.machine.look(sights) {
            switch action {
            case .count:
                askForCounts(of: roll.machine.positions) { [weak self, weak roll] in
                    roll?.machine.counted()
                    self?.lookAtRolls()
                }
            case .say(let position, let text):
                let name = plan.instances[position].name
                roll.progress("\(name) \(text)")
                note(position, "roll: \(text)")
            case .restart(let position):
                slots[position].fallback = nil
                tell(.restartRequested([position], .drain))
            case .goBack(let position):
                slots[position].fallback = roll.before[position]
                tell(.restartRequested([position], .terminate))
            }
        }
        settle(roll)
    }

    private func sight(_ position: Int, _ roll: Roll) -> RollMachine.Sight {
        let machine = cluster.members[position].machine
        var sight = RollMachine.Sight(
            state: machine.state, cause: machine.cause, incarnation: machine.incarnation,
            runningJobs: slots[position].jobs?.running ?? 0, startedAt: machine.startedAt)
        sight.canGoBack = roll.before[position]?.isWhole ?? false
        return sight
    }

    private func settle(_ roll: Roll) {
        guard let outcome = roll.machine.outcome, rolls.contains(where: { $0 === roll }) else { return }
        switch outcome {
        case .succeeded:
            roll.done += roll.machine.positions
            if let next = roll.later.first {
                roll.later.removeFirst()
                roll.machine = RollMachine(positions: next)
                rollsNeedLook = true
                return
            }
            rolls.removeAll { $0 === roll }
            roll.ended(outcome, roll.done)
        case .aborted(var abort):
            roll.done += roll.machine.done.filter { $0 != abort.position && !abort.untouched.contains($0) }
            abort.untouched += roll.later.joined()
            rolls.removeAll { $0 === roll }
            roll.ended(.aborted(abort), roll.done)
        }
    }

    /// Those whose operation is gone are left where they are.
    func cancelRolls(of positions: [Int]) {
        rolls.removeAll { roll in roll.machine.positions.contains(where: positions.contains) }
    }

    private func answer(_ operation: Operation, _ outcome: RollMachine.Outcome, _ done: [Int], after time: Interval) {
        switch outcome {
        case .succeeded:
            let text = "rolled in \(Durations.format(time)): \(names(done))"
            note(text)
            operation.succeed(text)
        case .aborted(let abort):
            let text = words(for: abort, done)
            note("the roll was aborted: \(text.replacing("\n", with: "; "))")
            operation.fail(SupervisorError.aborted, "the roll was aborted: \(text)", json(abort, done))
        }
    }

    /// What became of a roll, a line for each subject.
    func words(for abort: RollMachine.Abort, _ done: [Int]) -> String {
        let name = plan.instances[abort.position].name
        var lines = ["\(name) is \(abort.cause)"]
        switch abort.wentBack {
        case true?: lines.append("\(name) went back to what ran before, and is ready")
        case false?: lines.append("\(name) could not go back to what ran before either: `jr-supervisor why \(name)`")
        case nil: lines.append("\(name) is left as it is")
        }
        if !abort.untouched.isEmpty { lines.append("not touched: \(names(abort.untouched))") }
        if !done.isEmpty { lines.append("rolled before that: \(names(done))") }
        lines.append("its log: \(slots[abort.position].log.path)")
        return lines.joined(separator: "\n")
    }

    func json(_ abort: RollMachine.Abort, _ done: [Int]) -> JSON {
        let list = { (positions: [Int]) -> JSON in .array(positions.map { .string(self.plan.instances[$0].name) }) }
        return [
            "failed": .string(plan.instances[abort.position].name), "cause": .string(abort.cause),
            "wentBack": abort.wentBack.map { .bool($0) } ?? .null, "untouched": list(abort.untouched),
            "rolled": list(done),
        ]
    }
}
