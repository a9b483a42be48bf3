public import JRBase
import JRCore
public import JRWire

/// What becomes of a job, in this order; `accepted` is left out when a node was free.
public enum JobEvent: Sendable {
    /// The distributor holds the job in its memory, because no suitable node is there or free: `reason` says which.
    case accepted(reason: String)
    /// The node has it, as its storage promises.
    case stored(node: String)
    /// Nobody has it and nobody will run it.
    case refused(JobReactorError)
    /// It ended; for a periodic job, once a run.
    case ended(JobResult)
}

/// Called on the reactor's thread, in the order of events.
public typealias JobObserver = @Sendable (JobEvent) -> Void

/// How a job ended.
public struct JobResult: Sendable {
    /// As its node told it, and not in parts of its own, which would be copied one by one.
    private let outcome: JobOutcome

    /// The job.
    public var id: JobID { outcome.id }
    /// Whether it is complete, failed or cancelled.
    public var ending: JobOutcome.Ending { outcome.ending }
    /// As the job and its callbacks, or its errbacks, left them.
    public var arguments: JobArguments { JobArguments(encoded: outcome.arguments) }
    /// What went wrong in the last attempt of a job that failed.
    public var error: String? { outcome.error }
    /// The attempt that ended it, from 1.
    public var attempt: Int { outcome.attempt }
    /// Where it ran; empty for a job that was cancelled before it came to a node.
    public var node: String { outcome.node }
    /// False when a periodic job goes on.
    public var isFinal: Bool { outcome.isFinal }

    package init(_ outcome: consuming JobOutcome) {
        self.outcome = outcome
    }
}

/// What becomes of the connection to the distributor.
public enum ClientEvent: Sendable {
    /// The distributor of that name has answered.
    case connected(distributor: String)
    /// There is no connection; the next try is made after the wait.
    case disconnected(reason: String, retryAfter: Interval)
}
