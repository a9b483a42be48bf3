import JRBase
import JRWire

/// Questions that a distributor passes on.
extension NodeEngine {
    mutating func answer(_ number: UInt32, _ verb: String, _ parameters: [String: Value], to link: LinkID, at now: Now)
    {
        let result: Value
        switch verb {
        case "outcomes":
            sendOutcomes(parameters, to: link)
            return
        case "list": result = .array(rows(parameters))
        case "show":
            let id = parameters["id"]?.bytes.flatMap { JobID(bytes: $0[...]) }
            let record = id.flatMap { id in handles[id].flatMap { jobs[$0]?.record } ?? waiting.record(id) }
            result = record.map { .map($0.row(node: settings.name)) } ?? .null
        case "stats": result = statistics
        case "view": result = currentView()
        case "changes":
            askedForChanges(number, parameters, from: link)
            return
        case "idle":
            askedWhenIdle(number, from: link)
            return
        case "cancel", "retry", "destroy":
            change(number, verb, parameters, for: link, at: now)
            return
        default:
            let text = "node '\(settings.name)' does not know the question '\(verb)'"
            actions.append(.send(link, .replyFailure(number: number, code: .invalidRequest, text: text)))
            return
        }
        actions.append(.send(link, .reply(number: number, result: result)))
    }

    /// An application came back: what it has not acknowledged is sent again.
    private mutating func sendOutcomes(_ parameters: [String: Value], to link: LinkID) {
        guard let client = parameters["client"]?.bytes.flatMap({ JobID(bytes: $0[...]) }) else { return }
        actions.append(.send(link, .reply(number: 0, result: .bytes(client.bytes))))
        // What is not committed yet will be sent when it is.
        let waiting = Set((afterCommit + (commitUnderWay?.after ?? [])).compactMap(\.outcomeJob))
        var found: [Handle] = []
        jobs.forEach { handle, job in
            guard job.record.request.client == client else { return }
            // Those that end later go this way too: here is where the application is.
            jobs[handle]?.origin = link
            if !job.record.outcomes.isEmpty, !waiting.contains(handle) { found.append(handle) }
        }
        self.waiting.setOrigin(link, ofJobsFrom: client)
        resends.begin(client, over: link, jobs: found)
        sendMoreOutcomes(of: client)
    }

    mutating func sendMoreOutcomes(of client: JobID) {
        while let (handle, link) = resends.next(for: client) {
            for outcome in jobs[handle]?.record.outcomes ?? [] {
                resends.sent(outcome, to: client)
                actions.append(.send(link, .ended(outcome)))
            }
        }
    }

    private func rows(_ parameters: [String: Value]) -> [Value] {
        if let node = parameters["node"]?.string, node != settings.name { return [] }
        let status = parameters["status"]?.string
        // What ended well and is kept for a while: for its application, or because its kind is kept.
        let hidesEnded = status == nil && parameters["ended"] == false
        var rows = ListedRows(parameters)
        jobs.forEach { _, job in
            guard !rows.isFull, job.phase != .removing else { return }
            if let status, job.record.status.rawValue != status { return }
            if hidesEnded, job.record.status == .complete || job.record.status == .cancelled { return }
            rows.append(job.record.row(node: settings.name))
        }
        waiting.forEach { record in
            guard !rows.isFull, status == nil || status == record.status.rawValue else { return }
            rows.append(record.row(node: settings.name))
        }
        return rows.rows
    }

    var statistics: Value {
        [
            "name": .string(settings.name), "jobs": .int(Int64(keptJobs)), "ready": .int(Int64(ready.readyCount)),
            "running": .int(Int64(ready.runningCount)), "scheduled": .int(Int64(scheduledCount)),
            "stored": .int(Int64(counters.stored)), "started": .int(Int64(counters.started)),
            "completed": .int(Int64(counters.completed)), "failedAttempts": .int(Int64(counters.failedAttempts)),
            "retried": .int(Int64(counters.retried)), "failed": .int(Int64(counters.failed)),
            "cancelled": .int(Int64(counters.cancelled)),
            "duplicates": .int(Int64(counters.duplicates)), "refused": .int(Int64(counters.refused)),
            "timedOut": .int(Int64(counters.timedOut)), "recovered": .int(Int64(recovery.jobs)),
            "retriedAtStart": .int(Int64(recovery.retried)), "poisoned": .int(Int64(recovery.poisoned)),
            "takenOver": .int(Int64(counters.takenOver)), "lateResults": .int(Int64(lateResults)),
            "promise": .string(promise),
        ]
    }
}

extension NodeEngine.AfterCommit {
    var outcomeJob: Handle? {
        if case .outcome(let handle, _) = self { handle } else { nil }
    }
}
