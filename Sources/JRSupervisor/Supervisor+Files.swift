import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// The files that tell others, and the next supervisor, what runs here.
extension Supervisor {
    func stateChanged() {
        guard !isStateDirty else { return }
        isStateDirty = true
        loop.atEndOfTurn { [weak self] _ in self?.writeState() }
    }

    func writeState() {
        isStateDirty = false
        let instances = plan.instances.indices.map { index in
            let machine = cluster.members[index].machine
            let startTime = machine.pid == nil ? nil : slots[index].startTime
            return StateRecord.Instance(
                name: plan.instances[index].name, incarnation: machine.incarnation, pid: machine.pid,
                startTime: startTime)
        }
        let known = Set(instances.map(\.name))
        let past = pastIncarnations.filter { !known.contains($0.key) }.sorted { $0.key < $1.key }.map {
            StateRecord.Instance(name: $0.key, incarnation: $0.value, pid: nil, startTime: nil)
        }
        do {
            try runtime.write(StateRecord(supervisorPid: SystemProgram.pid, instances: instances + past))
        } catch {
            note("the state file cannot be written: \(error)")
        }
    }

    func writeURL() {
        guard !hasURL else { return }
        let first = plan.instances.first { if case .distributor = $0.entry.kind { true } else { false } }
        guard let first, let address = addresses()[first.entry.name] else { return }
        do {
            try runtime.writeURL(address.description)
            hasURL = true
        } catch {
            note("the file url cannot be written: \(error)")
        }
    }
}
