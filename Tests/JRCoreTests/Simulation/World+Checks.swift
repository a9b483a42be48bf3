import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

/// What was promised, watched by someone who believes no engine.
extension World {
    /// A fault that reaches jobs between an application and a node's disk may make these run twice.
    func excuseUnacknowledged() {
        for id in jobs.keys where jobs[id]?.isAcknowledged == false {
            jobs[id]?.mayRunTwice = true
            jobs[id]?.mayHaveCopies = true
        }
    }

    /// A distributor sends what it was granted and no more.
    func checkCredit(_ index: Int) {
        guard let windows = nodes[index].engine?.windows.windows else { return }
        for window in windows where window.received > window.granted {
            complain("node \(index) granted \(window.granted) on \(window.link) and was sent \(window.received)")
        }
    }

    /// Nothing runs early, before it is stored, twice at once, with other arguments or as an attempt that was before.
    func checkRun(_ index: Int, _ order: RunOrder) {
        guard let (record, _) = nodes[index].engine?.job(of: order.attempt) else {
            return complain("\(order.id) runs, and the node does not know it")
        }
        if order.id != record.id || order.name != record.request.name || order.number != record.attempt
            || order.arguments != record.request.arguments
            || order.isPeriodic != (record.request.options.period != nil)
        {
            complain("\(order.id) runs as \(order), and is \(record)")
        }
        guard let job = jobs[record.id] else { return complain("\(record.id) runs, and nobody enqueued it") }
        if nodes[index].disk[record.id] == nil { complain("\(record.id) runs before it is stored") }
        if let due = record.due, due > now.wall { complain("\(record.id) runs \((due - now.wall).seconds) s early") }
        if let due = job.request.options.due, due > now.wall { complain("\(record.id) runs before its time") }
        if job.isCancelled, !job.mayHaveCopies { complain("\(record.id) runs, and was cancelled") }
        let others = job.runningOn.filter { $0 != index || !nodes[index].unstoppable.contains(record.id) }
        if !others.isEmpty, !job.mayRunTwice || others.contains(index) {
            complain("\(record.id) runs on \(job.runningOn) and now on \(index)")
        }
        let found = Self.arguments(record.request.arguments) ?? [:]
        if found["n"] != .int(Int64(record.id.low)) { complain("\(record.id) runs with the arguments \(found)") }
        let last = job.attempts[index] ?? 0
        // A periodic job that succeeded starts anew, as does a copy that comes after the job ended and was forgotten.
        let isPeriodic = record.request.options.period != nil
        let isAnew = record.attempt == 1 && (isPeriodic || (job.hasEnded && job.mayRunTwice))
        if record.attempt < last, !isAnew { complain("\(record.id): attempt \(record.attempt) comes after \(last)") }
        let most = record.request.options.maxAttempts ?? nodes[index].engine?.settings.maxAttempts ?? 0
        if record.attempt > most { complain("\(record.id): attempt \(record.attempt) of \(most)") }
        jobs[record.id]?.attempts[index] = record.attempt
    }

    /// Whether a router knows of a node what it looks at when it chooses one.
    private func isNoted(_ node: NodeLink, in router: Router) -> Bool {
        var seat = Seats()
        seat.set(node.seat, true)
        return router.loads[node.seat] == node.load && router.free.meets(seat) == node.takes(scheduled: false)
            && router.freeForLater.meets(seat) == node.takes(scheduled: true)
    }

    /// What ended stays ended.
    func checkChange(_ index: Int, _ change: StorageChange) {
        let before = nodes[index].disk[change.id]
        switch change {
        case .put(let record):
            if before?.status.isEnded == true, !record.status.isEnded { complain("\(record.id) lives again") }
            if record.status.isEnded { jobs[record.id]?.hasEnded = true }
        case .remove(let id):
            jobs[id]?.hasEnded = true
            if let job = jobs[id], job.clientLife == clients[job.client].life, time > Self.faultsEnd + 90_000 {
                complain("the outcome of \(id) is dropped, and its application is there")
            }
        }
    }

    /// What the application is told.
    func told(_ index: Int, _ event: ClientEngine.Event) {
        switch event {
        case .reached(.accepted, _, _): break
        case .reached(.stored, let stored, _): for job in stored { jobs[job.id]?.isAcknowledged = true }
        case .refused(let job, let code, let text): complain("\(job.id) is refused: \(code), \(text)")
        case .ended(let outcome, _): ended(index, outcome)
        case .answered(let number, let answer):
            guard let id = clients[index].cancels.removeValue(forKey: number) else {
                return complain("an answer to a question that nobody asked")
            }
            answered(id, answer)
        case .notAnswered(let number, let code, let text):
            if clients[index].cancels.removeValue(forKey: number) == nil || (code != .notFound && code != .unavailable)
            {
                complain("no answer: \(text)")
            }
        }
    }

    /// Somebody was told what became of a job that is to be cancelled.
    private func answered(_ id: JobID, _ answer: Value) {
        guard let job = jobs[id] else { return complain("\(id) is cancelled, and nobody enqueued it") }
        let kept = nodes.compactMap { $0.disk[id] }.filter { !$0.status.isEnded }
        switch answer.map?["state"]?.string {
        case "cancelled":
            jobs[id]?.isCancelled = true
            jobs[id]?.hasEnded = true
            if !kept.isEmpty, !job.mayHaveCopies { complain("\(id) is said to be cancelled, and is kept to be run") }
        case "cancelling":
            jobs[id]?.isCancelled = true
            if !kept.allSatisfy(\.isCancelRequested), !job.mayHaveCopies {
                complain("\(id) is to be cancelled, and that is not stored")
            }
        case "ended": if !job.hasEnded { complain("\(id) is said to have ended, and has not") }
        default: complain("the answer about \(id) is \(answer)")
        }
    }

    private func ended(_ index: Int, _ outcome: JobOutcome) {
        // What was cancelled where it waited is stored nowhere.
        if outcome.ending == .cancelled, outcome.node.isEmpty { jobs[outcome.id]?.hasEnded = true }
        guard let job = jobs[outcome.id] else { return complain("an outcome of \(outcome.id), which nobody enqueued") }
        if job.client != index || job.clientLife != clients[index].life {
            complain("the outcome of \(outcome.id) came to another application")
        }
        if job.reported.contains(outcome.run) { complain("run \(outcome.run) of \(outcome.id) was told twice") }
        if !job.hasEnded, outcome.isFinal { complain("the end of \(outcome.id) was told before it was stored") }
        jobs[outcome.id]?.reported.append(outcome.run)
        if outcome.isFinal { jobs[outcome.id]?.finalReports += 1 }
        let found = Self.arguments(outcome.arguments) ?? [:]
        if found["n"] != .int(Int64(outcome.id.low)) { complain("the outcome of \(outcome.id) has \(found)") }
        if outcome.ending == .complete, found["runs"]?.int ?? 0 < 1 { complain("\(outcome.id) is complete unrun") }
    }

    // MARK: The end

    func checkTheEnd() {
        for (id, job) in jobs.sorted(by: { $0.key < $1.key }) { checkTheEnd(id, job) }
        for (index, node) in nodes.enumerated() { checkTheEnd(index, node) }
        for (index, distributor) in distributors.enumerated() {
            guard let engine = distributor.engine else { return complain("distributor \(index) is down") }
            let left = [
                engine.jobs.count, engine.handles.count, engine.heldBytes, engine.onTheWire,
                engine.outcomeSources.count, engine.router.nodes.values.reduce(0) { $0 + $1.unstoredBytes },
                engine.router.routes.reduce(0) { $0 + $1.held },
            ]
            if left.contains(where: { $0 != 0 }) { complain("distributor \(index) keeps \(left)") }
            if engine.router.nodes.count != nodes.count { complain("distributor \(index) misses nodes") }
            for node in engine.router.nodes.values where !isNoted(node, in: engine.router) {
                complain("distributor \(index) has noted \(node.name) otherwise than it is")
            }
        }
        for (index, client) in clients.enumerated() where client.engine?.pendingCount != 0 {
            complain("application \(index) still waits for \(client.engine?.pendingCount ?? -1) jobs")
        }
        for (index, client) in clients.enumerated() where !client.cancels.isEmpty {
            complain("application \(index) still waits for \(client.cancels.count) answers")
        }
    }

    private func checkTheEnd(_ id: JobID, _ job: SimulatedJob) {
        let isAlive = job.clientLife == clients[job.client].life
        if isAlive, !job.isAcknowledged { complain("\(id) was never stored") }
        if job.isAcknowledged, !job.hasEnded { complain("\(id) was stored and is lost") }
        if !job.runningOn.isEmpty { complain("\(id) still runs on \(job.runningOn)") }
        if isAlive, !job.request.feedback.isEmpty, job.finalReports != 1 {
            complain("the end of \(id) was told \(job.finalReports) times")
        }
        let isPeriodic = job.request.options.period != nil
        if !isPeriodic, job.successes > 1, !job.mayRunTwice { complain("\(id) ran \(job.successes) times") }
        if isAlive, isPeriodic, job.request.feedback == .both, !job.mayRunTwice,
            job.reported.sorted() != Array(1...max(1, job.reported.count))
        {
            complain("of \(id) the runs \(job.reported) were told")
        }
    }

    private func checkTheEnd(_ index: Int, _ node: SimulatedNode) {
        guard let engine = node.engine else { return complain("node \(index) is down") }
        if !node.disk.isEmpty { complain("node \(index) keeps \(node.disk.count) jobs on its disk") }
        let held = engine.windows.windows.map(\.held) + [engine.windows.ownHeld]
        let left =
            [
                engine.jobs.count, engine.handles.count, engine.scheduledCount, engine.scheduledBytes,
                engine.timers.count,
            ]
            + [engine.runningCount, engine.dirty.count, engine.afterCommit.count] + held
        if left.contains(where: { $0 != 0 }) { complain("node \(index) keeps \(left)") }
        if !node.running.isEmpty { complain("node \(index) keeps marks of \(node.running)") }
    }
}
