import JRCore
import JobReactor

/// What observers are to be told, in order: whoever finds nobody at it tells all, and others may wait for that.
struct Deliveries: Sendable {
    var waiting: [@Sendable () -> Void] = []
    private var isBusy = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    /// What to tell next; the first call of a round finds nobody at it, or gets nothing.
    mutating func next(isFirst: Bool) -> [@Sendable () -> Void] {
        if isFirst, isBusy { return [] }
        isBusy = !waiting.isEmpty
        defer { waiting = [] }
        if !isBusy {
            for waiter in waiters { waiter.resume() }
            waiters = []
        }
        return waiting
    }

    /// Resumes the waiter when all is told.
    mutating func whenDone(_ waiter: CheckedContinuation<Void, Never>) {
        if isBusy || !waiting.isEmpty { waiters.append(waiter) } else { waiter.resume() }
    }
}

/// The bodies under way: whether all of them wait for the ends of other jobs, so that these can be run.
struct Bodies: Sendable {
    private struct Body: Sendable {
        let node: Int
        let attempt: AttemptID
        let cancellation: AttemptCancellation?
        var task: Task<Void, Never>?
        var isCancelled = false
        /// How many ends it waits for.
        var waits = 0
    }

    private var bodies: [Int: Body] = [:]
    private var waits: [JobID: [Int]] = [:]
    private var nextNumber = 0
    /// Who runs jobs, while it waits.
    private var driver: CheckedContinuation<Void, Never>?

    mutating func begin(_ order: TestCluster.Order, _ cancellation: AttemptCancellation?) -> Int {
        defer { nextNumber += 1 }
        bodies[nextNumber] = Body(node: order.node, attempt: order.run.attempt, cancellation: cancellation)
        return nextNumber
    }

    mutating func began(_ number: Int, _ task: Task<Void, Never>) {
        bodies[number]?.task = task
        if bodies[number]?.isCancelled == true { task.cancel() }
    }

    /// Tells an attempt to end. What it waits for it will not wait for any longer.
    mutating func cancel(_ cancellation: Cancellation, on node: Int) {
        guard let (number, body) = bodies.first(where: { $1.node == node && $1.attempt == cancellation.attempt })
        else { return }
        switch cancellation.reason {
        case .requested: body.cancellation?.cancel(.requested)
        case .timedOut(let limit): body.cancellation?.cancel(.timedOut(limit))
        }
        bodies[number]?.isCancelled = true
        bodies[number]?.waits = 0
        body.task?.cancel()
    }

    mutating func end(_ number: Int) {
        bodies[number] = nil
        wakeDriver()
    }

    /// The body is about to wait for the end of a job.
    mutating func willWait(_ number: Int, for id: JobID) {
        guard bodies[number] != nil else { return }
        bodies[number]?.waits += 1
        waits[id, default: []].append(number)
        wakeDriver()
    }

    /// A job has ended: whoever waits for it goes on, and is waited for again.
    mutating func ended(_ id: JobID) {
        for number in waits.removeValue(forKey: id) ?? [] {
            guard let count = bodies[number]?.waits, count > 0 else { continue }
            bodies[number]?.waits = count - 1
        }
    }

    /// Resumes the driver when no body is at work.
    mutating func whenQuiet(_ driver: CheckedContinuation<Void, Never>) {
        self.driver = driver
        wakeDriver()
    }

    var tasks: [Task<Void, Never>] { bodies.values.compactMap(\.task) }

    private mutating func wakeDriver() {
        guard bodies.values.allSatisfy({ $0.waits > 0 }) else { return }
        driver?.resume()
        driver = nil
    }
}
