import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// Instances on their way out.
final class Shrink {
    var machine: ShrinkMachine
    let operation: Operation?
    let ended: (ShrinkMachine.Outcome) -> Void
    var timer: Handle?

    init(_ machine: ShrinkMachine, _ operation: Operation?, ended: @escaping (ShrinkMachine.Outcome) -> Void) {
        self.machine = machine
        self.operation = operation
        self.ended = ended
    }
}

/// `scale`
extension Supervisor {
    private static let mostInstances = 1_000

    func scale(_ request: JSON, _ client: ControlClientConnection) throws(SupervisorError) {
        guard let name = request["name"]?.string, let count = request["count"]?.int.flatMap({ Int(exactly: $0) }),
            (0...Supervisor.mostInstances).contains(count)
        else {
            throw SupervisorError(
                exitCode: ExitCodes.usage,
                "scale: an entry has 0 to \(Words.grouped(Supervisor.mostInstances)) instances, such as worker=4")
        }
        guard let entry = plan.manifest.entry(named: name) else {
            throw SupervisorError(
                exitCode: ExitCodes.usage,
                "there is no entry \"\(name)\" here (\(plan.suggestion(for: name, isEntry: true)))")
        }
        if case .distributor = entry.kind {
            throw SupervisorError(
                exitCode: ExitCodes.usage,
                "\(name) is a distributor, of which there is one at an address: add another entry to the manifest")
        }
        if cluster.goingDown != nil {
            throw SupervisorError(exitCode: SupervisorError.inUse, "everything is going down")
        }
        let present = plan.live.filter { plan.instances[$0].entry.name == name }
        try makeWay(for: .scale, present)
        note("scale was asked for: \(name)=\(count), of \(present.count)")
        if count > present.count {
            grow(name, by: count - present.count, client)
        } else if count == present.count {
            client.succeed(["message": .string("\(name) has \(Words.count(count, "instance")) already")])
        } else {
            let operation = desk.begin(.scale, .scaled, present, Asker(client))
            shrink(present, by: present.count - count, operation) { [weak self] outcome in
                guard let self, let operation = desk.end(operation.id) else { return }
                answer(operation, outcome, name)
            }
        }
    }

    // MARK: More

    private func grow(_ name: String, by count: Int, _ client: ControlClientConnection) {
        let positions = start(more: name, count)
        _ = desk.begin(.scale, .ready, positions, Asker(client))
        tell(.startRequested(positions))
    }

    /// Makes the places; they are to be started.
    func start(more name: String, _ count: Int) -> [Int] {
        let positions = plan.grow(name, by: count)
        followPlan()
        return positions
    }

    /// Slots and members for what is new in the plan.
    func followPlan() {
        for index in slots.count..<plan.instances.count { slots.append(slot(index, plan.instances[index])) }
        var random = SeededRandom(seed: SystemRandom.seed())
        cluster.follow(plan) { position, last in
            let incarnation = max(last, pastIncarnations[plan.instances[position].name] ?? 0)
            return plan.member(position, incarnation: incarnation, seed: random.next())
        }
        console.prepare(plan.instances.map(\.name))
        stateChanged()
        statusChanged()
    }

    // MARK: Fewer

    func shrink(
        _ candidates: [Int], by count: Int, _ operation: Operation?,
        ended: @escaping (ShrinkMachine.Outcome) -> Void
    ) {
        let shrink = Shrink(ShrinkMachine(candidates: candidates, count: count), operation, ended: ended)
        shrinks.append(shrink)
        lookAtShrinks()
    }

    func lookAtShrinks() {
        shrinksNeedLook = true
        guard !isLookingAtShrinks else { return }
        isLookingAtShrinks = true
        while shrinksNeedLook {
            shrinksNeedLook = false
            for shrink in shrinks {
                perform(shrink.machine.look(sights(shrink)), shrink)
                settle(shrink)
            }
        }
        isLookingAtShrinks = false
    }

    private func sights(_ shrink: Shrink) -> [Int: ShrinkMachine.Sight] {
        var sights: [Int: ShrinkMachine.Sight] = [:]
        for position in shrink.machine.candidates {
            let instance = plan.instances[position]
            let machine = cluster.members[position].machine
            var sight = ShrinkMachine.Sight(
                state: machine.state, cause: machine.cause, index: instance.index, holdsJobs: instance.rank == 1)
            sight.jobs = slots[position].jobs
            sight.holdings = machine.drainedHoldings
            if case .node(let settings) = instance.entry.kind { sight.isInMemory = settings.storage == .memory }
            sight.isAskedToDrain = machine.wantedDrain != nil
            sight.canFinish = slots[position].words.contains("finish")
            sights[position] = sight
        }
        return sights
    }

    private func perform(_ actions: [ShrinkMachine.Action], _ shrink: Shrink) {
        for action in actions {
            switch action {
            case .count:
                askForCounts(of: shrink.machine.candidates) { [weak self, weak shrink] in
                    shrink?.machine.counted()
                    self?.lookAtShrinks()
                }
            case .drain(let positions):
                if shrink.timer == nil { limitDrain(shrink, positions) }
                shrink.operation?.asker.progress("draining: \(names(positions))")
                tell(.drainRequested(positions, .finishingReady))
            case .resume(let positions):
                tell(.resumeRequested(positions))
            case .stop(let positions):
                tell(.stopRequested(positions, .drain))
            case .start(let positions):
                tell(.startRequested(positions))
            }
        }
    }

    private func limitDrain(_ shrink: Shrink, _ positions: [Int]) {
        let limit = positions.map { plan.instances[$0].entry.policy.stop.drain }.max() ?? .zero
        shrink.timer = loop.schedule(after: limit) { [weak self, weak shrink] _ in
            guard let self, let shrink else { return }
            perform(shrink.machine.timedOut(sights(shrink)), shrink)
            lookAtShrinks()
        }
    }

    private func settle(_ shrink: Shrink) {
        guard let outcome = shrink.machine.outcome, shrinks.contains(where: { $0 === shrink }) else { return }
        shrinks.removeAll { $0 === shrink }
        if let timer = shrink.timer { loop.cancel(timer) }
        if case .gone(let positions) = outcome {
            plan.retire(positions)
            for position in positions { slots[position].forgetWhatRan() }
            followPlan()
        }
        shrink.ended(outcome)
    }

    /// The operation is over: what was drained or stopped for it goes on.
    func cancelShrinks(of operation: Operation) {
        for shrink in shrinks where shrink.operation?.id == operation.id {
            shrinks.removeAll { $0 === shrink }
            if let timer = shrink.timer { loop.cancel(timer) }
            perform(shrink.machine.cut(), shrink)
        }
    }

    private func answer(_ operation: Operation, _ outcome: ShrinkMachine.Outcome, _ name: String) {
        switch outcome {
        case .gone(let positions):
            let left = plan.live.count { plan.instances[$0].entry.name == name }
            let text = "\(name) has \(Words.count(left, "instance")); gone: \(names(positions))"
            note(text)
            operation.asker.succeed(text)
        case .refused(let refusals):
            let text = words(for: refusals)
            note("scale is refused: \(text.exchanging("\n", for: "; "))")
            operation.asker.fail(SupervisorError.unavailable, text)
        }
    }

    /// Why they stay, and what can be done about it.
    func words(for refusals: [ShrinkMachine.Refusal]) -> String {
        let lines = refusals.map { "\(plan.instances[$0.position].name) \($0.why)" }
        let name = refusals.first.map { plan.instances[$0.position].name } ?? ""
        let mend =
            "nothing was changed, since nobody would run those jobs any more: look at them with"
            + " `jr list --node \(name)`, then let them end, cancel or destroy them"
        return (lines + [mend]).joined(separator: "\n")
    }
}
