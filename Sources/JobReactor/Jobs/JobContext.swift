public import JRBase
import JRCore
public import JRReactor
public import JRWire
import Synchronization

/// What a body may know of its job, and what it can reach: its own facts, the reactor, and the way to enqueue more.
///
///     job("fetch") { args, context in
///         if context.attempt > 1 { args["again"] = true }
///         try context.enqueue("index", ["page": args["page"] ?? .null])
///     }
public struct JobContext: Sendable {
    let record: JobRecord
    let host: any JobHost
    let cancellation: AttemptCancellation?
    /// The distributor that sent the job, as it calls itself; nil when the job was found in storage.
    public let distributor: String?

    /// The job's id.
    public var id: JobID { record.id }
    /// The job's name.
    public var name: String { record.request.name }
    /// Which attempt this is, from 1; a success of a periodic job starts it again.
    public var attempt: Int { record.attempt }
    /// `in progress` while a body runs.
    public var status: JobStatus { record.status }
    /// The node that runs it.
    public var node: String { host.node }
    /// When the application enqueued it.
    public var createdAt: WallTime { record.request.created }
    /// When this attempt began.
    public var runAt: WallTime { record.startedAt ?? record.request.created }
    /// When this run was due; nil for a job that was to run at once.
    public var dueAt: WallTime? { record.due }
    /// When the last failed attempt ended.
    public var failedAt: WallTime? { record.failedAt }
    /// What went wrong in it. It stays readable after a success.
    public var lastError: String? { record.lastError }
    /// The wait between a run's end and the next run.
    public var period: Duration? { record.request.options.period?.duration }
    /// Whether it was enqueued to run on the thread pool.
    public var isDeferred: Bool { record.request.options.isDeferred }

    /// The node's reactor: `context.reactor.execute { loop in … }` sets timers and opens connections on it.
    public var reactor: Reactor { host.reactor }

    /// Whether the job was cancelled or its time is over: long work looks here now and then. In an `async` body
    /// `Task.isCancelled` says the same.
    public var isCancelled: Bool { cancellation?.isCancelled ?? false }

    /// Throws ``Cancel`` if the job was cancelled or its time is over.
    public func checkCancellation() throws(Cancel) {
        if isCancelled { throw Cancel() }
    }

    /// The facts as `job_itself` has them.
    var facts: Value {
        [
            "id": .string(id.description), "name": .string(name), "attempt": Value(attempt),
            "status": .string(status.rawValue), "node": .string(node),
            "distributor": distributor.map { .string($0) } ?? .null, "run_at": .date(runAt),
            "failed_at": failedAt.map { .date($0) } ?? .null, "last_error": lastError.map { .string($0) } ?? .null,
            "make_after": .double(record.request.options.delay?.seconds ?? 0),
            "period": record.request.options.period.map { .double($0.seconds) } ?? .null,
            "defer": .bool(isDeferred),
        ]
    }
}

/// Whether and why an attempt was told to end. Safe from any thread.
package final class AttemptCancellation: Sendable {
    package enum Reason: Sendable, Equatable {
        case requested
        case timedOut(Interval)
    }

    private let state = Mutex<Reason?>(nil)

    package init() {}

    var reason: Reason? { state.withLock { $0 } }
    var isCancelled: Bool { reason != nil }

    /// Only the first reason counts.
    package func cancel(_ reason: Reason) {
        state.withLock { if $0 == nil { $0 = reason } }
    }
}

/// The node as its jobs see it.
package protocol JobHost: Sendable {
    var node: String { get }
    var reactor: Reactor { get }
    /// Where jobs enqueue others.
    var queue: any JobQueue { get }
}

extension JobContext: JobQueue {
    /// Sends the job to the node's own distributors; see ``JobQueue``.
    public func submit(_ request: JobRequest, _ observer: JobObserver?) throws(JobReactorError) {
        try host.queue.submit(request, observer)
    }

    /// Asks a distributor of the node; see ``JobQueue``.
    public func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        host.queue.ask(verb, parameters, answer)
    }

    /// The time on the clock of whatever runs the job.
    public var wallTime: WallTime { host.queue.wallTime }
}
