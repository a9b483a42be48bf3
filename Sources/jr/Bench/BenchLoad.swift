import JRBase
import JRSystem
import JRWire
import JobReactor
import Synchronization

/// Sends jobs, a window of them at a time, and hears of their ends.
final class BenchLoad: Sendable {
    struct Result: Sendable {
        var ended = 0
        var failed = 0
        /// Ends that came more than once.
        var duplicates = 0
        /// From the call of enqueue to its feedback, or what the job itself measured, in microseconds.
        var times = Histogram()
        var firstProblem: String?
    }

    private struct State: Sendable {
        var result = Result()
        var sent = 0
        /// The jobs under way, and when each was enqueued.
        var begun = JobTable<Instant>()
    }

    private let queue: any JobQueue
    private let total: Int
    private let arguments: JobArguments
    private let state = Mutex(State())
    private let end = Monitor<Result?>(nil)

    init(_ queue: any JobQueue, jobs: Int, argumentBytes: Int) {
        self.queue = queue
        total = jobs
        // Eight bytes are the key and what MessagePack needs around it.
        arguments = ["payload": .string(String(repeating: "x", count: max(0, argumentBytes - 12)))]
    }

    /// All of them, with so many under way at most; returns when the last has ended.
    ///
    /// - Parameter sent: called when as many as the window holds have been handed over.
    func run(window: Int, sent: () -> Void = {}) throws -> Result {
        let first = min(window, total)
        state.withLock { $0.sent = first }
        for _ in 0..<first { try send() }
        sent()
        guard let result = end.wait(until: { $0 }) else { throw BenchProblem(70, "the run has no result") }
        if let problem = result.firstProblem {
            throw BenchProblem(1, "\(result.failed) of \(total) jobs failed; the first: \(problem)")
        }
        return result
    }

    private func send() throws(JobReactorError) {
        let now = SystemClock.now()
        let id = JobID.fresh(at: now.wall)
        state.withLock { _ = $0.begun.insert(now.instant, for: id) }
        try queue.enqueue(BenchNode.job, arguments, id: id, feedback: .both, observe: { [self] in heard($0) })
    }

    private func heard(_ event: JobEvent) {
        switch event {
        case .accepted, .stored: break
        case .refused(let error): ended(nil, problem: "\(error)")
        case .ended(let result):
            ended(result.id, problem: result.ending == .complete ? nil : "\(result.arguments)")
        }
    }

    /// - Parameter id: nil for a job that was refused, which is not told apart from others: one is enough to fail.
    private func ended(_ id: JobID?, problem: String?) {
        let now = SystemClock.instant()
        let (sendsNext, last): (Bool, Result?) = state.withLock { state in
            if let id {
                guard let begun = state.begun.remove(id) else {
                    state.result.duplicates += 1
                    return (false, nil)
                }
                state.result.times.record((now - begun).nanoseconds / 1_000)
            }
            state.result.ended += 1
            if let problem {
                state.result.failed += 1
                if state.result.firstProblem == nil { state.result.firstProblem = problem }
            }
            if state.result.ended == total { return (false, state.result) }
            guard state.sent < total else { return (false, nil) }
            state.sent += 1
            return (true, nil)
        }
        if sendsNext {
            do {
                try send()
            } catch {
                ended(nil, problem: "\(error)")
            }
        }
        if let last { end.update { $0 = last } }
    }
}
