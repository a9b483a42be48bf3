import JRBase
package import JRWire

// What engines hold, whole: for those that show it in the same process, such as the queue for tests.

extension NodeEngine {
    /// Every job that it keeps, also those that have ended and are kept for their outcome or for people.
    package var records: [JobRecord] {
        var records: [JobRecord] = []
        jobs.forEach { _, job in
            if job.phase != .removing { records.append(job.record) }
        }
        waiting.forEach { records.append($0) }
        return records
    }
}

extension DistributorEngine {
    /// Every job that no node has, with what it waits for.
    package var waitingJobs: [(request: JobRequest, reason: String)] {
        oldestHeld(heldJobs).filter { $0.node == nil }.map { ($0.request, router.reasonToWait($0.route)) }
    }
}
