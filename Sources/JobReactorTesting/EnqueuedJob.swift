public import JobReactor

/// A job that was enqueued at a ``TestQueue``, as it was at the moment of the look.
public struct EnqueuedJob: Sendable, Identifiable {
    /// The job's id.
    public let id: JobID
    /// The job's name.
    public let name: String
    /// The arguments that it was enqueued with.
    public let arguments: JobArguments
    /// Everything else that it was enqueued with; `after` and `runAt` as the moment ``JobOptions/due``.
    public let options: JobOptions
    /// When it was enqueued, in virtual time.
    public let createdAt: WallTime
    /// What has become of it; nil when nobody has it: it was refused or destroyed.
    public internal(set) var status: JobStatus?
    /// Attempts so far; those of a periodic job since its last success.
    public internal(set) var attempt = 0
    /// The node that has or had it; nil while no node does.
    public internal(set) var node: String?
    /// What it waits for while no node has it.
    public internal(set) var waitingFor: String?
    /// When it is next to run, if that is later than now.
    public internal(set) var due: WallTime?
    /// What went wrong in its last failed attempt.
    public internal(set) var lastError: String?
    /// How it ended, with the arguments that it left; for a periodic job, how its last run did.
    public internal(set) var result: JobResult?

    init(_ request: JobRequest) {
        id = request.id
        name = request.name
        arguments = JobArguments(encoded: request.arguments)
        options = request.options
        createdAt = request.created
    }

    /// The job as the type that it was enqueued as.
    ///
    /// - Throws: ``JobReactorError`` when its arguments do not fit the type.
    public func decode<J: ResultJob>(_ type: J.Type = J.self) throws(JobReactorError) -> J {
        try arguments.decode(type)
    }
}

/// One attempt at a job that a ``TestQueue`` made.
public struct TestAttempt: Sendable, Hashable {
    /// The job's id.
    public let job: JobID
    /// The job's name.
    public let name: String
    /// Where it ran.
    public let node: String
    /// Which attempt it was, from 1; a success of a periodic job starts it again.
    public let number: Int
    /// When it was made, in virtual time.
    public let time: WallTime
    /// What went wrong; nil when it succeeded, was cancelled, or is under way.
    public internal(set) var error: String?
}

/// What one call of ``TestQueue/runAll(limit:)`` or ``TestQueue/advance(by:limit:)`` did.
public struct RunSummary: Sendable, Hashable, CustomStringConvertible {
    /// Attempts that were made.
    public internal(set) var attempts = 0
    /// Jobs that succeeded; each run of a periodic job counts.
    public internal(set) var completed = 0
    /// Jobs that failed for good.
    public internal(set) var failed = 0
    /// Jobs that were cancelled.
    public internal(set) var cancelled = 0

    /// For failed expectations and logs: `3 attempts: 1 completed, 1 failed, 0 cancelled`.
    public var description: String {
        "\(attempts) attempts: \(completed) completed, \(failed) failed, \(cancelled) cancelled"
    }

    static func - (left: RunSummary, right: RunSummary) -> RunSummary {
        var difference = left
        difference.attempts -= right.attempts
        difference.completed -= right.completed
        difference.failed -= right.failed
        difference.cancelled -= right.cancelled
        return difference
    }
}
