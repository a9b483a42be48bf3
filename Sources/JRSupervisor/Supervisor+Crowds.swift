import JRBase
import JRReactor
import JRSupervision

/// Many deaths at once are told once.
extension Supervisor {
    /// Shows a change to people, now or in a moment.
    func show(_ change: Change, _ position: Int, _ text: String) {
        let entry = plan.instances[position].entry.name
        let sight = CrowdWatch.Sight(
            position: position, entry: entry, count: plan.positions(ofEntry: entry).count, state: change.to,
            exit: cluster.members[position].machine.lastExitWords ?? "unknown", text: text)
        let wasHolding = crowds.deadline != nil
        show(crowds.show(sight, at: loop.now.instant))
        if !wasHolding { awaitCrowd() }
    }

    private func awaitCrowd() {
        guard let deadline = crowds.deadline else { return }
        loop.schedule(at: deadline) { [weak self] loop in
            guard let self, let deadline = crowds.deadline else { return }
            if loop.now.instant < deadline { awaitCrowd() } else { showHeldBack() }
        }
    }

    /// Shows what was held back, or what takes its place.
    func showHeldBack() {
        guard crowds.deadline != nil else { return }
        show(crowds.flush(at: loop.refreshNow().instant))
    }

    private func show(_ outputs: [CrowdWatch.Output]) {
        for output in outputs {
            switch output {
            case .line(let position, let text): if !isConsoleJSON { console.line(position, text) }
            case .note(let text): note(text)
            }
        }
    }
}
