public import JRWire
import Synchronization

/// A job that was enqueued, as its application sees it. Safe to use from any thread or task, and to let go of: the job
/// goes on.
public struct JobHandle<Output: Sendable>: Sendable {
    let tracker: JobTracker
    let queue: any JobQueue
    let decode: @Sendable (JobArguments) throws(JobReactorError) -> Output

    /// The job's id.
    public var id: JobID { tracker.id }

    /// Waits until a node has stored the job, as its storage promises.
    ///
    /// - Throws: ``JobReactorError`` when the job was refused, `CancellationError` when the waiting task is cancelled.
    public var accepted: JobReceipt {
        get async throws { try await tracker.receipt.get().get() }
    }

    /// Waits for the job's end and answers what it left; for a periodic job the end of its first run.
    ///
    /// - Throws: ``JobFailure`` when it failed or was cancelled, ``JobReactorError`` when it was refused or its answer
    ///   does not fit the type, `CancellationError` when the waiting task is cancelled (the job goes on).
    public var value: Output {
        get async throws {
            let result = try await self.result
            guard result.ending == .complete else { throw JobFailure(result) }
            return try decode(result.arguments)
        }
    }

    /// Waits for the job's end, whichever it is; for a periodic job the end of its first run.
    ///
    /// - Throws: ``JobReactorError`` when it was refused, `CancellationError` when the waiting task is cancelled.
    public var result: JobResult {
        get async throws {
            if tracker.end.current == nil { JR.willWait?(id) }
            return try await tracker.end.get().get()
        }
    }

    /// All that becomes of the job, from its beginning; ends with its last event. For a periodic job with many runs
    /// behind it the older ones are left out.
    public var events: AsyncStream<JobEvent> {
        AsyncStream { continuation in
            tracker.listen { event, isLast in
                continuation.yield(event)
                if isLast { continuation.finish() }
            }
        }
    }

    /// Calls `body` when the job has succeeded, once for each run of a periodic one: on the reactor's thread, or at
    /// once on this one if it has already.
    ///
    /// What it throws is dropped: an answer that does not fit the type, and errors of its own.
    @discardableResult
    public func onSuccess(_ body: @escaping @Sendable (Output) throws -> Void) -> Self {
        let decode = decode
        tracker.listen { event, _ in
            guard case .ended(let result) = event, result.ending == .complete else { return }
            // One feedback closure must not harm the next, nor the reactor.
            if let output = try? decode(result.arguments) { try? body(output) }
        }
        return self
    }

    /// Calls `body` when the last attempt has failed, or the job was cancelled or refused: on the reactor's thread, or
    /// at once on this one if it was already. What
    /// it throws is dropped.
    @discardableResult
    public func onError(_ body: @escaping @Sendable (JobFailure) throws -> Void) -> Self {
        tracker.listen { event, _ in
            switch event {
            case .refused(let error): try? body(JobFailure(error, id: tracker.id))
            case .ended(let result) where result.ending != .complete: try? body(JobFailure(result))
            case .ended, .accepted, .stored: break
            }
        }
        return self
    }

    /// Cancels the job, wherever it is; see ``JobQueue/cancel(_:)``.
    @discardableResult
    public func cancel() async throws -> CancelAnswer { try await queue.cancel(id) }
}

/// Where a job is stored, and what that means there.
public struct JobReceipt: Sendable, Hashable {
    /// The node that has it.
    public var node: String
}

/// Why a job has no answer.
public struct JobFailure: Error, Sendable, CustomStringConvertible {
    /// `job_failed`, `job_cancelled`, or the code of a refusal.
    public let code: JobReactorError.Code
    /// The job.
    public let id: JobID
    /// What went wrong, in the words of the last attempt.
    public let message: String
    /// The attempts that were made.
    public let attempts: Int
    /// The node that made the last one; empty when none did.
    public let node: String
    /// The arguments as the errbacks left them, with `error`.
    public let arguments: JobArguments

    init(_ result: JobResult) {
        code = result.ending == .cancelled ? .jobCancelled : .jobFailed
        id = result.id
        message = result.error ?? (result.ending == .cancelled ? "the job was cancelled" : "the job failed")
        attempts = result.attempt
        node = result.node
        arguments = result.arguments
    }

    init(_ error: JobReactorError, id: JobID) {
        code = error.code
        self.id = id
        message = error.reason
        attempts = 0
        node = ""
        arguments = ["error": .string(message)]
    }

    public var description: String {
        let place = node.isEmpty ? "" : " on node '\(node)', attempt \(attempts)"
        return "job \(id)\(place): \(message) [\(code)]"
    }
}

extension JobReactorError {
    /// The shortest words that say it.
    var reason: String { why.isEmpty ? what : why }
}

/// What becomes of one job, for the handles that look at it. Safe from any thread.
final class JobTracker: Sendable {
    typealias Listener = @Sendable (JobEvent, _ isLast: Bool) -> Void

    private struct State: Sendable {
        var past: [JobEvent] = []
        var isOver = false
        var listeners: [Listener] = []
    }

    /// Events of a periodic job that a late listener still hears.
    private static let remembered = 16

    let id: JobID
    let receipt = Promise<Result<JobReceipt, JobReactorError>>()
    let end = Promise<Result<JobResult, JobReactorError>>()
    private let state = Mutex(State())

    init(_ id: JobID) {
        self.id = id
    }

    func observe(_ event: JobEvent) {
        let listeners = state.withLock { state in
            if state.past.count >= Self.remembered { state.past.removeFirst() }
            state.past.append(event)
            state.isOver = event.isLast
            defer { if event.isLast { state.listeners = [] } }
            return state.listeners
        }
        for listener in listeners { listener(event, event.isLast) }
        switch event {
        case .accepted: break
        case .stored(let node): receipt.resolve(.success(JobReceipt(node: node)))
        case .refused(let error):
            receipt.resolve(.failure(error))
            end.resolve(.failure(error))
        case .ended(let result):
            receipt.resolve(.success(JobReceipt(node: result.node)))
            end.resolve(.success(result))
        }
    }

    /// Tells of what was and of what comes. A listener that comes while an event is told may hear it first.
    func listen(_ listener: @escaping Listener) {
        let past = state.withLock { state in
            if !state.isOver { state.listeners.append(listener) }
            return state.past
        }
        for event in past { listener(event, event.isLast) }
    }
}

extension JobEvent {
    /// Whether nothing more will become of the job.
    var isLast: Bool {
        switch self {
        case .accepted, .stored: false
        case .refused: true
        case .ended(let result): result.isFinal
        }
    }
}

extension JobResult {
    /// Whether the success feedback of an enqueue by name hears of it: also a job that cancelled itself, or was
    /// cancelled from outside, ended well in the original's eyes; only an errback's cancelling is an error.
    var isSuccessFeedback: Bool { ending == .complete || (ending == .cancelled && error == nil) }
}
