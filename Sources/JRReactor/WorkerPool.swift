import JRBase
import JRSystem

/// Threads for work that blocks: started when there is more work than idle threads, ended when they had none for a
/// while.
final class WorkerPool: Sendable {
    private struct State: Sendable {
        var work = Ring<@Sendable () -> Void>()
        var threads = 0
        var busy = 0
        var isClosed = false
    }

    private enum Next: Sendable {
        case run(@Sendable () -> Void)
        case end
    }

    private let name: String
    private let state = Monitor(State())

    private let limit: Int
    private let takesSignals: Bool
    private static let idleTime = Interval.seconds(Int64(10))

    /// - Parameter limit: the most threads at once.
    init(name: String, limit: Int, takesSignals: Bool = true) {
        self.name = name
        self.takesSignals = takesSignals
        self.limit = max(1, limit)
    }

    /// How many threads there are.
    var threads: Int { state.updateForOne { $0.threads } }

    /// False when the pool is closed: then `work` never runs.
    func submit(_ work: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, needsThread) = state.updateForOne { state in
            if state.isClosed { return (false, false) }
            state.work.append(work)
            let needsThread = state.work.count > state.threads - state.busy && state.threads < limit
            if needsThread { state.threads += 1 }
            return (true, needsThread)
        }
        if needsThread { startThread() }
        return isTaken
    }

    /// Ends idle threads now and busy ones after what they are at; work that still waits is dropped.
    func close() {
        state.update { state in
            state.isClosed = true
            state.work.removeAll()
        }
    }

    private func startThread() {
        do {
            try Threads.start(name: "\(name)-pool", takesSignals: takesSignals) { self.work() }
        } catch {
            let isAlone = state.updateForOne { state in
                state.threads -= 1
                return state.threads == 0
            }
            // With no thread at all nothing would ever run; holding up the caller is better than that.
            while isAlone, let work = state.updateForOne({ $0.work.popFirst() }) { work() }
        }
    }

    private func work() {
        var hasFinished = false
        while true {
            let next = state.wait(timeout: Self.idleTime) { state -> Next? in
                if hasFinished {
                    state.busy -= 1
                    hasFinished = false
                }
                return Self.next(&state)
            }
            switch next {
            case .run(let work):
                work()
                hasFinished = true
            case .end:
                return
            case nil:
                let isOver = state.updateForOne { state in
                    guard state.work.isEmpty else { return false }
                    state.threads -= 1
                    return true
                }
                if isOver { return }
            }
        }
    }

    private static func next(_ state: inout State) -> Next? {
        if let work = state.work.popFirst() {
            state.busy += 1
            return .run(work)
        }
        return state.isClosed ? .end : nil
    }
}

/// Runs the jobs of tasks on the threads of a pool: what they hold up is a thread of the pool and nothing else.
public final class PoolExecutor: TaskExecutor {
    private let pool: WorkerPool

    init(_ pool: WorkerPool) {
        self.pool = pool
    }

    /// Jobs that come after the loop has stopped never run.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        _ = pool.submit { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }

    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}

/// One value on its way from a thread of the pool to the loop.
final class Handover<Value: Sendable>: Sendable {
    private let value = Monitor<Value?>(nil)

    func put(_ value: Value) {
        self.value.withLock { $0 = value }
    }

    func take() -> Value? {
        value.withLock { $0.take() }
    }
}
