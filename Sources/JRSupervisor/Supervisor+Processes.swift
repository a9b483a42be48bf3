import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// What processes say, and their ends.
extension Supervisor {
    func exited(_ position: Int, _ incarnation: Int, _ status: ExitStatus) {
        let slot = slots[position]
        if let pid = slot.child?.pid { running.remove(pid) }
        // What it said before it went counts as said before.
        slot.ready?.read()
        slot.notices?.read()
        slot.stopListening()
        slot.lifeline = nil
        slot.childExited()
        let exit: Exit =
            switch status {
            case .exited(let code): .code(code)
            case .signalled(let number, let coreDumped): .signal(Signal(number: number), coreDumped: coreDumped)
            }
        noteJobsAtDeath(position)
        // Still in this turn, but after the reading of its pipes: its last lines stand before the line on its end.
        loop.soon { [weak self] _ in self?.ended(position, incarnation, exit) }
    }

    private func ended(_ position: Int, _ incarnation: Int, _ exit: Exit) {
        let isEmpty = !slots[position].hasLivingGroup
        if !isEmpty { noteDetached(position) }
        tell(.instance(position, .exited(exit, groupIsEmpty: isEmpty, incarnation: incarnation)))
        if !isEmpty { awaitEmptyGroup(position, incarnation, .milliseconds(2)) }
    }

    /// The kernel tells nobody when a process group becomes empty: looked at in growing steps, only while one is not.
    private func awaitEmptyGroup(_ position: Int, _ incarnation: Int, _ delay: Interval) {
        loop.schedule(after: delay) { [weak self] _ in
            guard let self, cluster.members[position].machine.incarnation == incarnation else { return }
            if slots[position].hasLivingGroup {
                awaitEmptyGroup(position, incarnation, min(delay * 2, .milliseconds(100)))
            } else {
                tell(.instance(position, .groupEmptied(incarnation: incarnation)))
            }
        }
    }

    func said(_ line: ReadyLine, _ position: Int, _ incarnation: Int) {
        guard cluster.members[position].machine.incarnation == incarnation else { return }
        let slot = slots[position]
        if let port = line.port { slot.port = port }
        if !line.words.isEmpty { heard(words: line.words, of: position) }
        if let recovered = line.recovered, line.report == .ready, slot.recovered == nil {
            let machine = cluster.members[position].machine
            let since = machine.diedAt ?? machine.startedAt ?? loop.now.instant
            slot.recovered = "\(recovered) in \(Durations.format(loop.refreshNow().instant - since))"
        }
        if let jobs = line.jobs {
            slot.jobs = jobs
            countsTold(position)
        }
        if let report = line.report { tell(.instance(position, .reported(report, incarnation: incarnation))) }
    }

    /// Where the distributors listen, as far as it is known.
    func addresses() -> [String: ListenAddress] {
        var found: [String: ListenAddress] = [:]
        // Asked for at every start: one look at a number for each of many others, and no copy of them.
        for index in plan.instances.indices where plan.instances[index].rank == 0 {
            let instance = plan.instances[index]
            guard case .distributor(let settings) = instance.entry.kind else { continue }
            var address = settings.listen
            if address.port == 0, let port = slots[index].port { address.port = port }
            if address.port != 0 { found[instance.entry.name] = address }
        }
        return found
    }
}
