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

/// The `async` bodies under way: whether all of them wait for the ends of other jobs, so that these can be run.
struct Bodies: Sendable {
    private struct Body: Sendable {
        var task: Task<Void, Never>?
        /// How many ends it waits for.
        var waits = 0
    }

    private var bodies: [Int: Body] = [:]
    private var waits: [JobID: [Int]] = [:]
    private var nextNumber = 0
    /// Who runs jobs, while it waits.
    private var driver: CheckedContinuation<Void, Never>?

    mutating func begin() -> Int {
        defer { nextNumber += 1 }
        bodies[nextNumber] = Body()
        return nextNumber
    }

    mutating func began(_ number: Int, _ task: Task<Void, Never>) { bodies[number]?.task = task }

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
        for number in waits.removeValue(forKey: id) ?? [] { bodies[number]?.waits -= 1 }
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
