import JRSystem
public import Testing

/// Runs a test on a thread of its own.
///
/// A test that waits for a process or a condition holds up its thread meanwhile. The tests share as many threads as
/// there are cores: two that wait would stop all others, and time limits of tests that do nothing wrong would pass.
public struct OwnThread: TestTrait, SuiteTrait, TestScoping {
    public var isRecursive: Bool { true }

    @concurrent
    public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let executor = ThreadExecutor()
        try Threads.start(name: "test") { executor.run() }
        defer { executor.end() }
        try await withTaskExecutorPreference(executor) { try await function() }
    }
}

extension Trait where Self == OwnThread {
    /// The test, or each test of the suite, may block the thread that it runs on.
    public static var mayBlock: OwnThread { OwnThread() }
}

/// Runs the jobs of tasks one after the other on the thread that calls ``run()``.
private final class ThreadExecutor: TaskExecutor {
    private struct State: Sendable {
        var jobs: [UnownedJob] = []
        var isOver = false
    }

    private let state = Monitor(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        state.update { $0.jobs.append(job) }
    }

    /// Returns when it has been told that it is over and nothing is left.
    func run() {
        while true {
            let jobs = state.wait(timeout: nil) { state -> [UnownedJob]? in
                if state.jobs.isEmpty { return state.isOver ? [] : nil }
                defer { state.jobs = [] }
                return state.jobs
            }
            guard let jobs, !jobs.isEmpty else { return }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }

    func end() {
        state.update { $0.isOver = true }
    }
}
