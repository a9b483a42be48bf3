public import JRBase
public import JRWire

/// What a node is set to; `JR.config` and the manifest fill it in.
public struct NodeSettings: Sendable, Equatable {
    /// The node's name, to which its stored jobs belong.
    public var name: String
    /// Jobs that may be ready or running at once, over all distributors.
    public var credit = 256
    /// Attempts before a job counts as failed.
    public var maxAttempts = 10
    /// The wait after a failed attempt of a job that asks for none of its own.
    public var retry = RetrySchedule.standard
    /// Whether a job that is complete is forgotten.
    public var removeDoneJobs = true
    /// Whether a job that was cancelled is forgotten.
    public var removeCancelledJobs = true
    /// Whether a job that has failed is forgotten.
    public var removeFailedJobs = false
    /// Whether the unfinished jobs that are found in storage run.
    public var retryJobsAtStart = true
    /// The longest that an attempt may take, for jobs that do not say so themselves; nil is as long as it likes.
    public var timeout: Interval?
    /// How long an attempt that took too long has to end before its failure no longer waits for it.
    public var cancelGrace = Interval.seconds(Int64(5))
    /// Deaths of the node during a job's attempts, in a row, after which the job is failed as poison.
    public var poisonDeaths = 3
    /// How long an outcome is kept for an application that does not come for it.
    public var outcomeLife = Interval.seconds(Int64(24 * 3600))
    /// Attempts that run at once on the thread pool, and as programs.
    public var poolJobs = 20
    /// Attempts that run at once as programs.
    public var programJobs = 4
    /// Jobs kept for a later time, and the bytes of their arguments; past either, more are refused.
    public var scheduledJobs = Limits.scheduledJobs
    /// Bytes of the arguments of jobs kept for a later time.
    public var scheduledBytes = Limits.scheduledBytes

    /// The defaults, for a node of this name.
    public init(name: String) {
        self.name = name
    }
}

/// Where an attempt runs, each with a limit of its own.
public enum Lane: Int, Sendable, Hashable, CaseIterable {
    /// On the reactor's thread.
    case loop
    /// On the thread pool.
    case pool
    /// In a process of its own.
    case program
}

/// Names one attempt: an answer that comes after its attempt is over is recognised.
public struct AttemptID: Sendable, Hashable {
    let job: Handle
    let serial: UInt64
}

/// One attempt to make now, with what nearly all attempts need of their job; for the others there is
/// ``NodeEngine/job(of:)``.
public struct RunOrder: Sendable {
    public var attempt: AttemptID
    public var lane: Lane
    /// Of the job.
    public var id: JobID
    /// What the job is called.
    public var name: String
    /// What the attempt is to work with.
    public var arguments: [UInt8]
    /// Which attempt of the job it is, from 1.
    public var number: Int
    /// Whether the job runs again after a success.
    public var isPeriodic: Bool
}

/// Why an attempt is to stop.
public enum CancelReason: Sendable, Hashable {
    /// Somebody cancelled or destroyed the job. It ends when the attempt does, however long that takes.
    case requested
    /// The attempt took too long. What it ends with within ``NodeSettings/cancelGrace`` counts as its failure, or as
    /// its success after all; later it is ignored.
    case timedOut(after: Interval)
}

/// An attempt that the shell is to stop, as far as it can.
public struct Cancellation: Sendable, Hashable {
    public var attempt: AttemptID
    public var reason: CancelReason
}

/// How an attempt ended, with the arguments as encoded MessagePack.
public enum AttemptResult: Sendable, Equatable {
    case success(arguments: [UInt8])
    /// `arguments` are those of the next attempt; `feedback` those of the error feedback, should this be the last.
    case failure(error: String, arguments: [UInt8], feedback: [UInt8], isFinal: Bool)
    /// The job or a callback cancelled it (`byErrback` false), or an errback.
    case cancelled(arguments: [UInt8], byErrback: Bool)
}

/// Changes to store together, in this order.
public struct StorageBatch: Sendable {
    public var number: Int
    public var changes: StorageChanges
}

/// Why storage did not take a batch, which it may later.
public enum StorageTrouble: Sendable, Hashable {
    case full
    /// It cannot be reached, or refuses for now.
    case away
}

/// A record found in storage: at start, or among the jobs of a node that died.
public struct RecoveredJob: Sendable, Equatable {
    public var record: JobRecord
    /// An attempt was under way when the node died.
    public var wasRunning: Bool

    public init(record: JobRecord, wasRunning: Bool) {
        self.record = record
        self.wasRunning = wasRunning
    }
}

/// What a node found and did at start.
public struct RecoveryReport: Sendable, Equatable {
    /// All that storage held.
    public var jobs = 0
    /// In progress when the node died, and to be run again.
    public var retried = 0
    /// Set aside as failed, because they were in progress at too many deaths in a row.
    public var poisoned = 0
    /// Ended, with an outcome that was not acknowledged.
    public var unacknowledged = 0
}

/// What becomes of a job of a node that died.
public enum TakeOverChoice: Sendable, Hashable {
    /// It is one of this node's from now on.
    case take
    /// It is not for this node, and stays for another one.
    case leave
    /// This node has it, or has seen it end: the copy goes.
    case drop
    /// There is no room for it now.
    case later
}

/// Counted since the start; shown by `jr stats`.
public struct NodeCounters: Sendable, Equatable {
    public var stored = 0
    public var started = 0
    public var completed = 0
    public var failedAttempts = 0
    /// Failed attempts that another one follows.
    public var retried = 0
    public var failed = 0
    public var cancelled = 0
    public var duplicates = 0
    public var refused = 0
    public var staleAnswers = 0
    /// Jobs of other nodes, which died.
    public var takenOver = 0
    public var timedOut = 0
}
