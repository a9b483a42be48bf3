public import JRBase
import JRWire

/// Jobs of another node on the same storage, which died.
extension NodeEngine {
    /// Which of a dead node's jobs this node takes, in their order; nil when it takes none now.
    ///
    /// It takes what it can run and may run, as far as it has room: what it cannot, another node may.
    public mutating func takeOverChoices(_ records: [JobRecord]) -> [TakeOverChoice]? {
        guard isRecovered, !isDraining, !isStorageAway, storageRetry == nil else { return nil }
        var places = settings.scheduledJobs - keptJobs
        var bytes = settings.scheduledBytes - scheduledBytes
        guard places > 0, bytes > 0 else { return nil }
        return records.map { record in
            guard places > 0, bytes > 0 else { return .later }
            let choice = takeOverChoice(record)
            if choice == .take {
                places -= 1
                bytes -= record.request.arguments.count
            }
            return choice
        }
    }

    private mutating func takeOverChoice(_ record: JobRecord) -> TakeOverChoice {
        if let handle = handles[record.id] {
            // Not stored here yet, and perhaps never: then the copy is the only one.
            return jobs[handle]?.phase == .storing ? .leave : .drop
        }
        if finished[record.id] != nil || waiting.contains(record.id) { return .drop }
        // What has ended waits for nothing but to be told, or looked at.
        if record.status.isEnded { return .take }
        let placement = record.request.options.placement
        let isForOthers =
            placement.isStrict && !placement.preferred.isEmpty && !placement.preferred.contains(settings.name)
        guard lanes[record.request.name] != nil, !isForOthers, !placement.excluded.contains(settings.name) else {
            return .leave
        }
        return .take
    }

    /// These jobs, of those that it chose, are stored as its own now. They are treated as those found at a start, and
    /// what follows from that is stored before an attempt is made.
    public mutating func tookOver(_ found: [RecoveredJob], at now: Now) {
        for found in found where handles[found.record.id] == nil && !waiting.contains(found.record.id) {
            let lane = lane(of: found.record.request)
            let handle = jobs.insert(
                Job(record: found.record, phase: .storing, charge: .nobody, origin: nil, lane: lane))
            handles[found.record.id] = handle
            counters.takenOver += 1
            if found.record.status.isEnded {
                keepEnded(handle, at: now)
                // Those who are connected have asked for outcomes before these were here.
                if !found.record.outcomes.isEmpty {
                    afterCommit.append(.outcome(handle, run: found.record.runs))
                }
                continue
            }
            countScheduled(handle, 1)
            switch death(of: found, handle, at: now) {
            case .poison, .end: continue
            case .again, nil: break
            }
            if settings.retryJobsAtStart {
                afterCommit.append(.tookOver(handle))
            } else {
                jobs[handle]?.phase = .parked
            }
        }
    }
}
