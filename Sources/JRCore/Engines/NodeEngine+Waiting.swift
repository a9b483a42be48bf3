import JRBase
import JRWire

/// Jobs for a later time, which are packed while nothing is done to them: see ``WaitingJobs``.
extension NodeEngine {
    /// All that storage holds.
    var keptJobs: Int { jobs.count + waiting.count }

    /// The job of this id in its place among the others, to have something done to it.
    mutating func handle(of id: JobID) -> Handle? {
        if let handle = handles[id] { return handle }
        return waiting.take(id).map { unpack($0) }
    }

    /// Packs a job that is counted as scheduled. False where there is more to it, or it has changed since it was
    /// stored: then it stays where it is.
    mutating func pack(_ handle: Handle, until deadline: Instant) -> Bool {
        guard let job = jobs[handle], job.batch != nextBatch, job.charge == .nobody,
            waiting.insert(job.record, origin: job.origin, at: deadline)
        else { return false }
        handles[job.record.id] = nil
        jobs.discard(handle)
        return true
    }

    @discardableResult
    private mutating func unpack(_ waited: WaitingJobs.Waiting) -> Handle {
        let handle = insert(waited)
        let timer = timers.insert(.due(handle), at: waited.deadline)
        jobs.with(handle) { $0.phase = .scheduled(timer: timer) }
        return handle
    }

    mutating func unpackAll() {
        // Those of one time are to stay in their order.
        while let waited = waiting.popDue(at: .distantFuture) { unpack(waited) }
    }

    /// Its time has come.
    mutating func ready(_ waited: WaitingJobs.Waiting) {
        let handle = insert(waited)
        countScheduled(handle, -1)
        makeReady(handle)
    }

    private mutating func insert(_ waited: WaitingJobs.Waiting) -> Handle {
        let lane = lane(of: waited.record.request)
        let job = Job(record: waited.record, phase: .storing, charge: .nobody, origin: waited.origin, lane: lane)
        let handle = jobs.insert(job)
        handles[waited.record.id] = handle
        return handle
    }

    /// What a storage has packed, at a start. A node that runs nothing by itself keeps these jobs like all others.
    mutating func take(_ found: consuming WaitingJobs, _ records: inout [RecoveredJob], at now: Now) {
        guard settings.retryJobsAtStart else {
            // The last is the one that was put last.
            var waited: [RecoveredJob] = []
            while let last = found.popLast() { waited.append(RecoveredJob(record: last.record, wasRunning: false)) }
            records += waited.reversed()
            return
        }
        waiting = found
        waiting.begin(at: now)
        recovery.jobs += waiting.count
        scheduledCount += waiting.count
        scheduledBytes += waiting.argumentBytes
    }
}
