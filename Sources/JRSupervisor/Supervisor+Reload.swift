import JRBase
import JRJSON
import JRReactor
import JRSupervision

/// A manifest that was read again, on its way into the cluster.
final class Reload {
    enum Step {
        case start([Int])
        case roll([Int])
        case shrink([Int], count: Int)
    }

    let operation: Operation
    let change: PlanChange
    let before: [Int: Plan.Instance]
    let startedAt: Instant
    var steps: [Step]
    /// Started, and waited for.
    var awaited: [Int] = []

    init(
        _ operation: Operation, _ change: PlanChange, before: [Int: Plan.Instance], _ steps: [Step], at now: Instant
    ) {
        self.operation = operation
        self.change = change
        self.before = before
        self.steps = steps
        startedAt = now
    }
}

/// `reload`
extension Supervisor {
    func reload(_ request: JSON, _ client: ControlClientConnection) throws(SupervisorError) {
        if cluster.goingDown != nil {
            throw SupervisorError(exitCode: SupervisorError.inUse, "everything is going down")
        }
        guard let reread else {
            throw SupervisorError(
                exitCode: SupervisorError.unavailable, "this cluster was not started from a manifest that can change")
        }
        let file: ManifestFile
        do throws(SupervisorError) {
            file = try reread()
        } catch {
            let message = error.message.replacing("nothing was started", with: "nothing was changed")
            throw SupervisorError(exitCode: error.exitCode, message)
        }
        let change = PlanChange(from: plan, to: file.plan)
        guard change.refusals.isEmpty else {
            let why = change.refusals.joined(separator: "\n")
            throw SupervisorError(
                exitCode: SupervisorError.configuration,
                "nothing was changed; these need `jr-supervisor down` and `up`:\n\(why)")
        }
        let lines: JSON = .array(change.lines.map { .string($0) })
        let text = change.isEmpty ? "no difference" : change.lines.joined(separator: "\n")
        if change.isEmpty || request["dryRun"]?.bool == true {
            return client.succeed(["message": .string(text), "changes": lines])
        }
        try makeWay(for: .reload, plan.live)
        let operation = Operation(.reload, .reloaded, plan.live, client)
        operations.append(operation)
        note("reload: \(change.lines.joined(separator: "; "))")
        for line in change.lines { operation.progress(line) }
        begin(operation, change, file.plan)
    }

    private func begin(_ operation: Operation, _ change: PlanChange, _ new: Plan) {
        let before = plan.take(new, at: change.differences.flatMap(\.positions))
        for (position, old) in before { noteAddress(position, old) }
        let grown = change.growths.flatMap { plan.grow($0.entry, by: $0.count) }
        followPlan()
        let rolled = change.differences.filter(\.needsRestart).flatMap(\.positions)
        var steps: [Reload.Step] = []
        if !grown.isEmpty { steps.append(.start(grown)) }
        // A distributor that listens elsewhere is there before the nodes that are told so.
        for rank in 0...2 {
            let positions = rolled.filter { plan.instances[$0].rank == rank }
            if !positions.isEmpty { steps.append(.roll(positions)) }
        }
        for rank in [2, 1, 0] {
            for loss in change.losses {
                let positions = plan.positions(ofEntry: loss.entry)
                guard positions.first.map({ plan.instances[$0].rank }) == rank else { continue }
                steps.append(.shrink(positions, count: loss.count))
            }
        }
        let reload = Reload(operation, change, before: before, steps, at: loop.now.instant)
        self.reloading = reload
        next(reload)
    }

    /// What it said of its port holds no longer when it is to listen elsewhere.
    private func noteAddress(_ position: Int, _ old: Plan.Instance) {
        guard case .distributor(let was) = old.entry.kind,
            case .distributor(let settings) = plan.instances[position].entry.kind, was.listen != settings.listen
        else { return }
        slots[position].port = nil
        hasURL = false
    }

    private func next(_ reload: Reload) {
        guard self.reloading === reload else { return }
        guard let step = reload.steps.first else { return finish(reload) }
        reload.steps.removeFirst()
        switch step {
        case .start(let positions):
            reload.awaited = positions
            tell(.startRequested(positions))
        case .roll(let positions):
            _ = roll(positions, progress: { reload.operation.progress($0) }) { [weak self] outcome, done in
                self?.rolled(reload, outcome, done)
            }
            lookAtRolls()
        case .shrink(let positions, let count):
            shrink(positions, by: count, reload.operation) { [weak self] outcome in
                self?.shrunk(reload, outcome)
            }
        }
    }

    /// Whether what was started is ready.
    func lookAtReload() {
        guard let reload = reloading, !reload.awaited.isEmpty else { return }
        let lost = reload.awaited.filter { isLost(cluster.members[$0].machine) }
        if let first = lost.first {
            let machine = cluster.members[first].machine
            let name = plan.instances[first].name
            return abort(
                reload, "\(name) is \(machine.state.rawValue): \(machine.cause)\nits log: \(slots[first].log.path)",
                revert: Array(reload.before.keys))
        }
        guard reload.awaited.allSatisfy({ cluster.members[$0].machine.state.allowsDependents }) else { return }
        reload.awaited = []
        next(reload)
    }

    private func rolled(_ reload: Reload, _ outcome: RollMachine.Outcome, _ done: [Int]) {
        switch outcome {
        case .succeeded: next(reload)
        case .aborted(let failure):
            // What comes later in the reload was not touched either.
            let later = reload.steps.flatMap { if case .roll(let positions) = $0 { positions } else { [Int]() } }
            abort(reload, words(for: failure, done), revert: failure.untouched + [failure.position] + later)
        }
    }

    private func shrunk(_ reload: Reload, _ outcome: ShrinkMachine.Outcome) {
        switch outcome {
        case .gone(let positions):
            for name in Set(positions.map { plan.instances[$0].entry.name }) { plan.forget(entry: name) }
            next(reload)
        case .refused(let refusals):
            abort(reload, words(for: refusals), revert: [])
        }
    }

    private func abort(_ reload: Reload, _ why: String, revert positions: [Int]) {
        guard self.reloading === reload else { return }
        self.reloading = nil
        operations.removeAll { $0 === reload.operation }
        plan.restore(reload.before.filter { positions.contains($0.key) })
        followPlan()
        note("the reload was aborted: \(why.replacing("\n", with: "; "))")
        reload.operation.fail(
            SupervisorError.aborted,
            "the reload was aborted: \(why)\nwhat was not reached stays as it is: see `jr-supervisor reload --dry-run`")
    }

    private func finish(_ reload: Reload) {
        self.reloading = nil
        operations.removeAll { $0 === reload.operation }
        let time = Durations.format(loop.refreshNow().instant - reload.startedAt)
        note("reloaded in \(time)")
        reload.operation.succeed("reloaded in \(time)", ["changes": .array(reload.change.lines.map { .string($0) })])
    }

    /// Somebody stopped what it was about: what was reached stays, the rest is as before.
    func cancelReload() {
        guard let reload = reloading else { return }
        self.reloading = nil
        let later = reload.steps.flatMap { if case .roll(let positions) = $0 { positions } else { [Int]() } }
        let unrolled = later + rolls.flatMap { [$0.machine.untouched] + $0.later }.joined()
        rolls.removeAll { roll in roll.machine.positions.contains { reload.before[$0] != nil } }
        plan.restore(reload.before.filter { unrolled.contains($0.key) })
        followPlan()
    }
}
