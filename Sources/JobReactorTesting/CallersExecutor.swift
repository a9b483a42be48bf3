import Synchronization

/// Runs tasks on the thread that calls ``runUntilIdle()``; what comes later goes to the global executor.
final class CallersExecutor: TaskExecutor {
    private struct State: Sendable {
        var jobs: [UnownedJob] = []
        var isReleased = false
    }

    private let state = Mutex(State())

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isReleased = state.withLock { state in
            if !state.isReleased { state.jobs.append(job) }
            return state.isReleased
        }
        if isReleased { globalConcurrentExecutor.enqueue(job) }
    }

    /// Runs what there is and what it leads to, until all that is left waits for something elsewhere.
    func runUntilIdle() {
        while true {
            let jobs = state.withLock { state in
                defer { state.jobs = [] }
                state.isReleased = state.jobs.isEmpty
                return state.jobs
            }
            if jobs.isEmpty { return }
            for job in jobs { job.runSynchronously(on: asUnownedTaskExecutor()) }
        }
    }
}
