import JRBase

/// How many jobs a node has, by what they do.
public struct NodeCounts: Sendable, Equatable {
    /// Attempts under way.
    public var running: Int
    /// Ready, and in line for a place.
    public var waiting: Int
    /// For a later time: a retry, a delay, a period.
    public var scheduled: Int
    /// All that storage holds, those that have ended and are kept with them.
    public var stored: Int

    public init(running: Int = 0, waiting: Int = 0, scheduled: Int = 0, stored: Int = 0) {
        self.running = running
        self.waiting = waiting
        self.scheduled = scheduled
        self.stored = stored
    }
}

/// What a node keeps that would be missed if it never came back.
public struct NodeHoldings: Sendable, Equatable {
    /// To be run at once when the node goes on.
    public var waiting = 0
    /// For a later time.
    public var scheduled = 0
    /// Failed for good, and kept for somebody to look at.
    public var failed = 0
    /// Ended, with an outcome that its application has not acknowledged.
    public var unacknowledged = 0

    public init() {}
}

extension NodeEngine {
    /// Costs nothing to ask.
    public var counts: NodeCounts {
        NodeCounts(
            running: ready.runningCount, waiting: ready.readyCount, scheduled: scheduledCount, stored: keptJobs)
    }

    /// Looks at every job.
    public var holdings: NodeHoldings {
        var found = NodeHoldings()
        found.scheduled = waiting.count
        jobs.forEach { _, job in
            switch job.phase {
            case .scheduled: found.scheduled += 1
            case .storing, .ready, .parked, .running: found.waiting += 1
            case .ended:
                if !job.record.outcomes.isEmpty {
                    found.unacknowledged += 1
                } else if job.record.status == .failed {
                    found.failed += 1
                }
            case .removing: break
            }
        }
        return found
    }
}
