import JRBase
import JRReactor
import JRSupervision

/// The verbs `drain` and `resume`.
extension Supervisor {
    /// Refuses what cannot be drained, or is not drained.
    func checkDrain(_ verb: Verb, _ positions: [Int]) throws(SupervisorError) {
        for position in positions {
            let machine = cluster.members[position].machine
            let name = plan.instances[position].name
            let canPause = machine.state == .ready || machine.state == .degraded || machine.isPaused
            guard verb == .drain else {
                if canPause { continue }
                throw SupervisorError(
                    exitCode: SupervisorError.unavailable,
                    "\(name) is \(machine.state.rawValue), not drained: start it with `jr-supervisor start \(name)`")
            }
            guard canPause else {
                throw SupervisorError(
                    exitCode: SupervisorError.unavailable,
                    "\(name) is \(machine.state.rawValue): only what is ready can be drained")
            }
            guard slots[position].words.contains("drain") else {
                throw SupervisorError(
                    exitCode: SupervisorError.unavailable,
                    "\(name) has not said that it can be drained: only nodes can; `jr-supervisor stop \(name)` lets it"
                        + " end its work and leave")
            }
        }
    }

    func beginDrain(_ operation: Operation) {
        let limit = operation.positions.map { plan.instances[$0].entry.policy.stop.drain }.max() ?? .zero
        operation.asker.timer = loop.schedule(after: limit) { [weak self] _ in self?.drainTookTooLong(operation, limit)
        }
        for position in operation.positions { slots[position].say("jobs") }
        tell(.drainRequested(operation.positions, .keepingReady))
    }

    func wordsForDrained(_ positions: [Int]) -> String {
        let words = positions.map { position in
            let held = cluster.members[position].machine.drainedHoldings?.words ?? ""
            return "\(plan.instances[position].name) is drained and keeps \(held)"
        }
        return words.joined(separator: "\n")
    }

    private func drainTookTooLong(_ operation: Operation, _ limit: Interval) {
        guard let operation = desk.end(operation.id) else { return }
        let late = operation.positions.filter { cluster.members[$0].machine.drainedHoldings == nil }
        operation.asker.fail(
            SupervisorError.timeout,
            "not drained within \(Durations.format(limit)): \(names(late)) still runs jobs and goes on draining;"
                + " `jr-supervisor resume \(late.map { plan.instances[$0].name }.joined(separator: " "))` undoes it")
    }
}
