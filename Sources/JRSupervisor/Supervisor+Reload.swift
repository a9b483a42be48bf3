import JRBase
import JRJSON
import JRReactor
import JRSupervision

/// A manifest that was read again, on its way into the cluster.
final class Reload {
    var machine: ReloadMachine
    let operation: Operation
    /// The roll under way.
    var roll: Roll?
    let startedAt: Instant

    init(_ machine: ReloadMachine, _ operation: Operation, at now: Instant) {
        self.machine = machine
        self.operation = operation
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
            let message = error.message.exchanging("nothing was started", for: "nothing was changed")
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
        let operation = desk.begin(.reload, .reloaded, plan.live, Asker(client))
        note("reload: \(change.lines.joined(separator: "; "))")
        for line in change.lines { operation.asker.progress(line) }
        begin(operation, change, file.plan)
    }

    private func begin(_ operation: Operation, _ change: PlanChange, _ new: Plan) {
        let machine = ReloadMachine(change, to: new, in: &plan, of: cluster)
        for (position, old) in machine.before { noteAddress(position, old) }
        desk.add(machine.grown, to: operation.id)
        followPlan()
        let reload = Reload(machine, operation, at: loop.now.instant)
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
        reload.roll = nil
        switch reload.machine.next() {
        case nil:
            finish(reload)
        case .start(let positions)?:
            tell(.startRequested(positions))
        case .roll(let positions)?:
            reload.roll = roll(positions, progress: { reload.operation.asker.progress($0) }) {
                [weak self] outcome, done in
                self?.rolled(reload, outcome, done)
            }
            lookAtRolls()
        case .shrink(let positions, let count)?:
            shrink(positions, by: count, reload.operation) { [weak self] outcome in
                self?.shrunk(reload, outcome)
            }
        }
    }

    /// Whether what was started is ready.
    func lookAtReload() {
        guard let reload = reloading else { return }
        switch reload.machine.look(cluster) {
        case .waits: break
        case .isReady: next(reload)
        case .lost(let position):
            let machine = cluster.members[position].machine
            let name = plan.instances[position].name
            abort(
                reload,
                "\(name) is \(machine.state.rawValue): \(cause(position))\nits log: \(slots[position].log.path)",
                revert: reload.machine.before)
        }
    }

    /// What is started in a place: during a reload, until it is its turn, what was there before. Otherwise one that
    /// dies meanwhile would be something that nobody has tried, also after the reload was aborted.
    func planned(_ position: Int) -> Plan.Instance {
        guard let reload = reloading else { return plan.instances[position] }
        let old = reload.machine.unreached(reload.roll?.sequence.untouched ?? [])
        return old[position] ?? plan.instances[position]
    }

    private func rolled(_ reload: Reload, _ outcome: RollMachine.Outcome, _ done: [Int]) {
        switch outcome {
        case .succeeded: next(reload)
        case .aborted(let failure):
            abort(
                reload, words(for: failure, done),
                revert: reload.machine.unreached(failure.untouched + [failure.position]))
        }
    }

    private func shrunk(_ reload: Reload, _ outcome: ShrinkMachine.Outcome) {
        switch outcome {
        case .gone(let positions):
            for name in Set(positions.map { plan.instances[$0].entry.name }) { plan.forget(entry: name) }
            next(reload)
        case .refused(let refusals):
            abort(reload, words(for: refusals), revert: [:])
        }
    }

    private func abort(_ reload: Reload, _ why: String, revert: [Int: Plan.Instance]) {
        guard self.reloading === reload else { return }
        self.reloading = nil
        plan.restore(revert)
        followPlan()
        note("the reload was aborted: \(why.exchanging("\n", for: "; "))")
        desk.end(reload.operation.id)?.asker.fail(
            SupervisorError.aborted,
            "the reload was aborted: \(why)\nwhat was not reached stays as it is: see `jr-supervisor reload --dry-run`")
    }

    private func finish(_ reload: Reload) {
        self.reloading = nil
        let time = Durations.format(loop.refreshNow().instant - reload.startedAt)
        note("reloaded in \(time)")
        let lines: JSON = .array(reload.machine.change.lines.map { .string($0) })
        desk.end(reload.operation.id)?.asker.succeed("reloaded in \(time)", ["changes": lines])
    }

    /// Somebody stopped what it was about: what was reached stays, the rest is as before.
    func cancelReload() {
        guard let reload = reloading else { return }
        self.reloading = nil
        let unrolled = reload.roll?.sequence.untouched ?? []
        if let roll = reload.roll { rolls.removeAll { $0 === roll } }
        plan.restore(reload.machine.unreached(unrolled))
        followPlan()
    }
}
