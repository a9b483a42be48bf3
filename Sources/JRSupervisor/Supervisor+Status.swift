import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// Who is owed a status, and who is told of every change.
struct StatusDesk {
    /// Something that waits for the counts of these.
    struct Asked {
        let number: Int
        let then: () -> Void
        var awaited: Set<Int>
        let timer: Handle
    }

    var asked: [Asked] = []
    var watchers: [ControlClientConnection] = []
    var isPushPlanned = false
    var nextNumber = 0
}

extension Supervisor {
    /// How long a status waits for a node that does not say how many jobs it has.
    private static let patience = Interval.milliseconds(500)

    var status: ClusterStatus {
        let instances = plan.live.map { status(of: $0) }
        return ClusterStatus(cluster: plan.manifest.name, supervisorPid: SystemProgram.pid, instances: instances)
    }

    private func status(of index: Int) -> InstanceStatus {
        let machine = cluster.members[index].machine
        let slot = slots[index]
        var status = InstanceStatus(
            name: plan.instances[index].name, state: machine.state, cause: machine.cause,
            incarnation: machine.incarnation, restarts: machine.restarts)
        status.entry = plan.instances[index].entry.name
        if plan.instances[index].rank == 0 {
            status.address = addresses()[plan.instances[index].entry.name]?.description
        }
        status.pid = machine.pid
        status.port = slot.port ?? addresses()[plan.instances[index].entry.name]?.port
        status.uptimeSeconds = machine.startedAt.map { (loop.now.instant - $0).seconds }
        status.lastExit = machine.lastExitWords
        status.lastExitSecondsAgo = machine.diedAt.map { (loop.now.instant - $0).seconds }
        status.log = slot.log.path
        if let pid = machine.pid {
            status.jobs = slot.jobs
            status.recovered = slot.recovered
            status.said = slot.said
            status.memoryBytes = Processes.residentBytes(of: pid)
        }
        return status
    }

    /// Answers when the nodes have said how many jobs they have, or a little later without those that have not.
    func answerStatus(_ client: ControlClientConnection) {
        askForCounts(of: Array(slots.indices)) { [weak self] in
            guard let self else { return }
            loop.refreshNow()
            client.succeed(["status": status.json])
        }
    }

    /// Calls `then` when these have said how many jobs they have, or a little later: at once when none of them can.
    func askForCounts(of positions: [Int], then: @escaping () -> Void) {
        let awaited = Set(positions.filter { slots[$0].say("jobs") })
        guard !awaited.isEmpty else { return then() }
        statusDesk.nextNumber += 1
        let number = statusDesk.nextNumber
        let timer = loop.schedule(after: Supervisor.patience) { [weak self] _ in self?.counted { $0 == number } }
        statusDesk.asked.append(.init(number: number, then: then, awaited: awaited, timer: timer))
    }

    private func counted(_ isMeant: (Int) -> Bool) {
        let asked = statusDesk.asked.filter { isMeant($0.number) }
        statusDesk.asked.removeAll { isMeant($0.number) }
        for one in asked {
            loop.cancel(one.timer)
            one.then()
        }
    }

    /// Sends the status now and whenever it has changed, until the client goes.
    func watchStatus(_ client: ControlClientConnection) {
        statusDesk.watchers.append(client)
        client.send(["status": status.json])
        for slot in slots { slot.say("watch") }
    }

    func heard(words: Set<String>, of position: Int) {
        slots[position].words = words
        if !statusDesk.watchers.isEmpty { slots[position].say("watch") }
    }

    /// A node has said how many jobs it has.
    func countsTold(_ position: Int) {
        for index in statusDesk.asked.indices { statusDesk.asked[index].awaited.remove(position) }
        let complete = Set(statusDesk.asked.filter(\.awaited.isEmpty).map(\.number))
        if !complete.isEmpty { counted { complete.contains($0) } }
        statusChanged()
    }

    /// All changes of a turn go out together.
    func statusChanged() {
        guard !statusDesk.watchers.isEmpty, !statusDesk.isPushPlanned else { return }
        statusDesk.isPushPlanned = true
        loop.atEndOfTurn { [weak self] _ in self?.pushStatus() }
    }

    private func pushStatus() {
        statusDesk.isPushPlanned = false
        statusDesk.watchers.removeAll { !$0.isOpen }
        guard !statusDesk.watchers.isEmpty else {
            for slot in slots { slot.say("unwatch") }
            return
        }
        loop.refreshNow()
        let object: JSON = ["status": status.json]
        for watcher in statusDesk.watchers { watcher.send(object) }
    }

    /// Everything is down: who watches is told that nothing more comes.
    func endWatches() {
        for watcher in statusDesk.watchers where watcher.isOpen { watcher.succeed() }
        statusDesk.watchers = []
    }
}
