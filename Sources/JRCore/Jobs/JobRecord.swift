public import JRBase
public import JRWire

/// The status of a job as a person sees it, in the words of the original.
public enum JobStatus: String, Sendable, Hashable, CaseIterable {
    /// Stored, and never started yet.
    case new
    /// An attempt is under way.
    case inProgress = "in progress"
    /// A periodic job between two runs.
    case queued
    /// It has succeeded, with all its callbacks.
    case complete
    /// An attempt failed and another will follow.
    case error
    /// The last attempt failed.
    case failed
    /// It threw `Cancel`, or was cancelled from outside.
    case cancelled

    /// Whether nothing more will become of it by itself.
    public var isEnded: Bool {
        switch self {
        case .complete, .failed, .cancelled: true
        case .new, .inProgress, .queued, .error: false
        }
    }

    /// Where a job may go from here; every storage and every engine keeps to this table.
    public var next: Set<JobStatus> {
        switch self {
        case .new: [.inProgress, .cancelled, .failed]
        case .inProgress: [.queued, .complete, .error, .failed, .cancelled]
        case .queued: [.inProgress, .cancelled, .failed]
        case .error: [.inProgress, .cancelled, .failed]
        case .failed, .cancelled, .complete: [.new]
        }
    }
}

/// All that is kept of a job: what was asked for, and how far it has come.
public struct JobRecord: Sendable, Hashable {
    public var request: JobRequest
    public var status: JobStatus
    /// Attempts since the job was made or, for a periodic job, since its last success.
    public var attempt = 0
    /// Attempts in a row that ended with the death of their node.
    public var deaths = 0
    /// Outcomes reported so far.
    public var runs = 0
    /// When the job is next to run; nil is at once.
    public var due: WallTime?
    public var startedAt: WallTime?
    public var failedAt: WallTime?
    public var endedAt: WallTime?
    public var lastError: String?
    /// It is to end as cancelled when the attempt that is under way is over.
    public var isCancelRequested = false
    /// It is to be forgotten, and nobody told, when the attempt that is under way is over.
    public var isDestroyRequested = false
    /// Outcomes that the application has not acknowledged, oldest first.
    public var outcomes: [JobOutcome] = []

    public var id: JobID { request.id }

    public init(request: consuming JobRequest, status: JobStatus = .new) {
        // Looked at first: what is looked at of a record that is being made copies all of it.
        due = request.options.due
        self.request = request
        self.status = status
    }
}

extension JobRecord {
    /// Becomes in its place what ``init(request:status:)`` makes; the memory that outcomes had stays for those to come.
    ///
    /// - Parameter request: gets what was in the place of it.
    mutating func renew(_ request: inout JobRequest) {
        due = request.options.due
        swap(&self.request, &request)
        status = .new
        attempt = 0
        deaths = 0
        runs = 0
        startedAt = nil
        failedAt = nil
        endedAt = nil
        lastError = nil
        isCancelRequested = false
        isDestroyRequested = false
        if !outcomes.isEmpty { outcomes.removeAll(keepingCapacity: true) }
    }

    /// Nothing more will become of it.
    mutating func end(_ status: JobStatus, at time: WallTime) {
        self.status = status
        isCancelRequested = false
        isDestroyRequested = false
        endedAt = time
        due = nil
    }

    /// Adds an outcome to those that the application is to hear; gives its number.
    mutating func report(
        _ ending: JobOutcome.Ending, arguments: [UInt8], error: String?, node: String, isFinal: Bool
    ) -> Int {
        runs += 1
        outcomes.append(
            JobOutcome(
                id: request.id, run: runs, ending: ending, arguments: arguments, error: error, attempt: attempt,
                node: node, client: request.client, isFinal: isFinal))
        return runs
    }

    /// The application has heard it; false if it had before.
    mutating func forgetOutcome(of run: Int) -> Bool {
        guard let index = outcomes.firstIndex(where: { $0.run == run }) else { return false }
        outcomes.remove(at: index)
        return true
    }

    /// Keeps the latest outcomes, so many at the most and not more than fit a record.
    mutating func dropOldOutcomes(most: Int) {
        var bytes = outcomes.reduce(0) { $0 + $1.arguments.count }
        while outcomes.count > 1, outcomes.count > most || bytes > Limits.argumentBytes {
            bytes -= outcomes.removeFirst().arguments.count
        }
    }
}
