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
    }

    private let queue: any JobQueue
    private let total: Int
    private let arguments: JobArguments
    private let state = Mutex(State())
    private let end = Monitor<Result?>(nil)
    private let seen: Mutex<[Bool]>

    init(_ queue: any JobQueue, jobs: Int, argumentBytes: Int) {
        self.queue = queue
        total = jobs
        // Eight bytes are the key and what MessagePack needs around it.
        arguments = ["payload": .string(String(repeating: "x", count: max(0, argumentBytes - 12)))]
        seen = Mutex([Bool](repeating: false, count: jobs))
    }

    /// All of them, with so many under way at most; returns when the last has ended.
    ///
    /// - Parameter sent: called when as many as the window holds have been handed over.
    func run(window: Int, sent: () -> Void = {}) throws -> Result {
        let first = min(window, total)
        state.withLock { $0.sent = first }
        for number in 0..<first { try send(number) }
        sent()
        guard let result = end.wait(until: { $0 }) else { throw BenchProblem(70, "the run has no result") }
        if let problem = result.firstProblem {
            throw BenchProblem(1, "\(result.failed) of \(total) jobs failed; the first: \(problem)")
        }
        return result
    }

    private func send(_ number: Int) throws(JobReactorError) {
        let begun = SystemClock.instant()
        try queue.enqueue(BenchNode.job, arguments, feedback: .both) { [self] event in
            switch event {
            case .accepted, .stored: break
            case .refused(let error): ended(number, begun, problem: "\(error)")
            case .ended(let result):
                ended(number, begun, problem: result.ending == .complete ? nil : "\(result.arguments)")
            }
        }
    }

    private func ended(_ number: Int, _ begun: Instant, problem: String?) {
        let time = (SystemClock.instant() - begun).nanoseconds / 1_000
        let isFirst = seen.withLock { seen in
            defer { seen[number] = true }
            return !seen[number]
        }
        let (next, last): (Int?, Result?) = state.withLock { state in
            guard isFirst else {
                state.result.duplicates += 1
                return (nil, nil)
            }
            state.result.ended += 1
            state.result.times.record(time)
            if let problem {
                state.result.failed += 1
                if state.result.firstProblem == nil { state.result.firstProblem = problem }
            }
            if state.result.ended == total { return (nil, state.result) }
            guard state.sent < total else { return (nil, nil) }
            state.sent += 1
            return (state.sent - 1, nil)
        }
        if let next {
            do {
                try send(next)
            } catch {
                ended(next, begun, problem: "\(error)")
            }
        }
        if let last { end.update { $0 = last } }
    }
}
