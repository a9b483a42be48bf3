import JRBase
import JRJSON
import JRReactor
import JRSupervision

/// A roll that is under way.
final class Roll {
    var sequence: RollSequence
    /// What ran in each place before.
    let before: [Int: Launch]
    /// Called with a line for people.
    let progress: (String) -> Void
    let ended: (RollMachine.Outcome, _ done: [Int]) -> Void
    /// The operation that is nothing but this roll.
    var operation: Int?

    init(
        _ sequence: RollSequence, before: [Int: Launch], progress: @escaping (String) -> Void,
        ended: @escaping (RollMachine.Outcome, _ done: [Int]) -> Void
    ) {
        self.sequence = sequence
        self.before = before
        self.progress = progress
        self.ended = ended
    }
}

/// Rolling restarts: what ``RollMachine`` says, done.
extension Supervisor {
    func roll(
        _ positions: [Int], progress: @escaping (String) -> Void,
        ended: @escaping (RollMachine.Outcome, _ done: [Int]) -> Void
    ) -> Roll {
        var before: [Int: Launch] = [:]
        for position in positions { before[position] = slots[position].proven }
        let sequence = RollSequence(positions, of: plan, in: cluster)
        let roll = Roll(sequence, before: before, progress: progress, ended: ended)
        rolls.append(roll)
        return roll
    }

    /// `restart --rolling`
    func beginRoll(_ operation: Operation) {
        let startedAt = loop.now.instant
        let roll = roll(operation.positions, progress: { operation.asker.progress($0) }) { [weak self] outcome, done in
            guard let self, let operation = desk.end(operation.id) else { return }
            answer(operation, outcome, done, after: loop.refreshNow().instant - startedAt)
        }
        roll.operation = operation.id
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
        for position in roll.sequence.positions { sights[position] = sight(position, roll) }
        for action in roll.sequence.look(sights) {
            switch action {
            case .count:
                askForCounts(of: roll.sequence.positions) { [weak self, weak roll] in
                    roll?.sequence.counted()
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
            state: machine.state, cause: cause(position), incarnation: machine.incarnation,
            runningJobs: slots[position].jobs?.running ?? 0, startedAt: machine.startedAt)
        sight.waitsInVain = cluster.obstacle(position) != nil
        sight.canGoBack = roll.before[position]?.isWhole ?? false
        return sight
    }

    /// Why it is as it is, and what it waits for if that does not come by itself.
    func cause(_ position: Int) -> String {
        guard let other = cluster.obstacle(position) else { return cluster.members[position].machine.cause }
        let state = cluster.members[other].machine.state
        return "\(plan.instances[other].name), which it comes after, is \(state.rawValue)"
    }

    private func settle(_ roll: Roll) {
        guard let outcome = roll.sequence.outcome, rolls.contains(where: { $0 === roll }) else { return }
        rolls.removeAll { $0 === roll }
        roll.ended(outcome, roll.sequence.done)
    }

    /// Those whose operation is gone are left where they are.
    func cancelRoll(of operation: Operation) {
        rolls.removeAll { $0.operation == operation.id }
    }

    private func answer(_ operation: Operation, _ outcome: RollMachine.Outcome, _ done: [Int], after time: Interval) {
        switch outcome {
        case .succeeded:
            let text = "rolled in \(Durations.format(time)): \(names(done))"
            note(text)
            operation.asker.succeed(text)
        case .aborted(let abort):
            let text = words(for: abort, done)
            note("the roll was aborted: \(text.exchanging("\n", for: "; "))")
            operation.asker.fail(SupervisorError.aborted, "the roll was aborted: \(text)", json(abort, done))
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
