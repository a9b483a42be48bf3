public import JRBase
public import JRSystem
import Synchronization

/// The face that an event loop shows to other threads: hand it work, stop it, run tasks and actors on it.
///
/// One thread runs the loop. What belongs to it (``Loop``, `Connection`, ...) is not `Sendable` and stays there;
/// closures given to ``execute(_:)`` get the ``Loop`` as their argument.
///
/// As an executor it runs the jobs of `Task(executorPreference: reactor)`, and of actors whose `unownedExecutor` it is,
/// on the loop's thread and in the order in which they came. Stop it last: jobs that come after it stopped never run.
public final class Reactor: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // SAFETY: other threads reach `inbox`, which is locked, `life`, which is too, and atomics. `loop` is written by the
    // loop's thread only, while `loopThread` does not name it, and read only by the thread that `loopThread` names.
    /// What its thread is called.
    public let name: String
    /// The most threads for work that blocks, at once.
    public let poolThreads: Int
    /// Whether signals to the process may be handled on threads of the pool.
    let poolTakesSignals: Bool
    private let clock: ManualClock?

    private let poller: Poller
    private let wakeCounter: Descriptor
    private let inbox = Monitor(Inbox())
    private let isAsleep = Atomic<Bool>(false)
    private let loopThread = Atomic<UInt>(0)
    private let life = Monitor(Life.created)
    private var loop: Loop?

    private let turnCount = Atomic<Int>(0)
    private let wakeUpCount = Atomic<Int>(0)

    /// Turns of the loop so far.
    package var turns: Int { turnCount.load(ordering: .relaxed) }
    /// How often another thread had to wake the loop.
    package var wakeUps: Int { wakeUpCount.load(ordering: .relaxed) }

    private enum Life: Sendable { case created, running, stopped }

    /// What other threads left for the loop.
    struct Inbox: Sendable {
        var tasks: [@Sendable (Loop) -> Void] = []
        var jobs: [UnownedJob] = []
        var isStopping = false
        var isClosed = false

        var isEmpty: Bool { tasks.isEmpty && jobs.isEmpty && !isStopping }
    }

    /// The word in epoll's user data that means "look into the inbox": no handle has this index.
    static let wakeWord = UInt64.max

    /// - Parameters:
    ///   - name: of the thread, for ``start(_:)``; the system shows 15 bytes of it.
    ///   - poolThreads: the most threads for work that blocks, at once; each ends when it had nothing to do for a
    ///     while.
    ///   - poolTakesSignals: false for a process that may become another program: then a signal that comes meanwhile
    ///     waits for that one, unless the loop's thread takes it.
    ///   - clock: the time by which the loop works; nil is the machine's.
    /// - Throws: `EMFILE` or `ENFILE` without descriptors, `ENOSYS` on Linux before 5.11.
    public init(
        name: String, poolThreads: Int = 20, poolTakesSignals: Bool = true, clock: ManualClock? = nil
    ) throws(SystemError) {
        self.name = name
        self.poolTakesSignals = poolTakesSignals
        self.poolThreads = poolThreads
        self.clock = clock
        poller = try Poller()
        wakeCounter = try IO.eventCounter()
        try poller.add(wakeCounter.raw, .read, data: Self.wakeWord)
        _ = try poller.wait(timeout: .zero)
        SystemProgram.ignoreBrokenPipes()
        clock?.onAdvance { [weak self] in self?.execute { _ in } }
    }

    /// How long to wait for a deadline; nil is until something happens, as it does when a manual clock goes on.
    func timeToWait(until deadline: Instant?) -> Interval? {
        guard let left = deadline.map({ $0 - now.instant }) else { return nil }
        return clock != nil && left > .zero ? nil : left
    }

    /// The time by which the loop works: the machine's, or that of the clock it was made with.
    public var now: Now { clock?.now ?? SystemClock.now() }
    var instant: Instant { clock?.now.instant ?? SystemClock.instant() }
    /// The date of ``now``, for those who want no more of it.
    public var wall: WallTime { clock?.now.wall ?? SystemClock.wall() }

    // MARK: Running

    /// Runs the loop on this thread until ``stop()``. `body` runs first, inside the loop. Only once in a reactor's
    /// life.
    public func run(_ body: @Sendable (Loop) -> Void) {
        let isFirst = life.update { life in
            defer { life = .running }
            return life == .created
        }
        precondition(isFirst, "reactor '\(name)' was run twice")
        runLoop(body)
    }

    /// Runs the loop on a thread of its own.
    ///
    /// - Throws: `EAGAIN` when there is no room for another thread.
    public func start(_ body: @escaping @Sendable (Loop) -> Void) throws(SystemError) {
        try Threads.start(name: name) { self.run(body) }
    }

    /// Ends the loop after its current turn and closes all it owns. From any thread, any number of times.
    public func stop() {
        inbox.withLock { $0.isStopping = true }
        wake()
    }

    /// Sleeps until a stopped loop has closed everything. Not for the loop's own thread.
    public func waitUntilStopped() {
        precondition(!isOnLoop, "the loop of reactor '\(name)' cannot wait for its own end")
        _ = life.wait { $0 == .stopped ? true : nil }
    }

    private func runLoop(_ body: (Loop) -> Void) {
        let loop = Loop(reactor: self, poller: poller, wakeCounter: wakeCounter.raw)
        self.loop = loop
        loopThread.store(Threads.currentID, ordering: .sequentiallyConsistent)
        body(loop)
        loop.run()
        loopThread.store(0, ordering: .sequentiallyConsistent)
        self.loop = nil
        life.update { $0 = .stopped }
    }

    // MARK: Handing over work

    /// Runs `work` on the loop's thread, after what was handed over before.
    ///
    /// A burst from other threads costs one wake-up; from the loop's own thread there is no system call, and the work
    /// runs later in the same turn or in the next. False when the loop has stopped: then it never runs.
    @discardableResult
    public func execute(_ work: @escaping @Sendable (Loop) -> Void) -> Bool {
        if isOnLoop, let loop { return loop.runSoonFromExecute(work) }
        let isTaken = inbox.withLock { inbox in
            if inbox.isClosed { return false }
            inbox.tasks.append(work)
            return true
        }
        if isTaken { wake() }
        return isTaken
    }

    /// For Swift's concurrency: runs a job of a task or an actor on the loop's thread.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isOnLoop, let loop {
            loop.enqueue(job)
            return
        }
        inbox.withLock { $0.jobs.append(job) }
        wake()
    }

    /// For Swift's concurrency: the reactor as the executor of actors.
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    /// For Swift's concurrency: the reactor as the executor of tasks.
    public func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    // MARK: The loop's thread

    /// Whether the calling thread is the one that runs the loop.
    public var isOnLoop: Bool {
        loopThread.load(ordering: .relaxed) == Threads.currentID
    }

    /// Called by the runtime where code assumes an actor of this executor.
    public func checkIsolated() {
        precondition(isOnLoop, "this needs the thread of reactor '\(name)'")
    }

    /// The way back to the loop for code that runs on it already: jobs of tasks and actors. Traps on any other thread.
    public func assumeOnLoop<Result: Sendable, Failure: Error>(
        _ body: (Loop) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        checkIsolated()
        guard let loop else { preconditionFailure("reactor '\(name)' has no loop") }
        return try body(loop)
    }

    // MARK: For the loop

    /// Whether its time is not that of the machine.
    var hasOwnTime: Bool { clock != nil }

    /// Whether other threads have left something.
    var hasArrivals: Bool { inbox.withLock { !$0.isEmpty } }

    /// Says that the loop is about to wait, unless there is something for it: then false.
    ///
    /// The flag goes up before the inbox is looked at, and others fill the inbox before they look at the flag:
    /// whichever comes first, one of the two sees the other.
    func prepareToSleep() -> Bool {
        isAsleep.store(true, ordering: .sequentiallyConsistent)
        if inbox.withLock({ $0.isEmpty }) { return true }
        isAsleep.store(false, ordering: .relaxed)
        return false
    }

    func wokeUp() {
        isAsleep.store(false, ordering: .relaxed)
        turnCount.wrappingAdd(1, ordering: .relaxed)
    }

    /// Takes all that is there, leaving the given empty arrays in its place so that their memory is used again.
    func takeInbox(tasks: inout [@Sendable (Loop) -> Void], jobs: inout [UnownedJob]) -> (isStopping: Bool, any: Bool) {
        inbox.withLock { inbox in
            let any = !inbox.tasks.isEmpty || !inbox.jobs.isEmpty
            if any {
                swap(&inbox.tasks, &tasks)
                swap(&inbox.jobs, &jobs)
            }
            return (inbox.isStopping, any)
        }
    }

    /// Takes the last tasks; from here on ``execute(_:)`` says that it is too late.
    func closeInbox() -> [@Sendable (Loop) -> Void] {
        inbox.withLock { inbox in
            inbox.isClosed = true
            defer { inbox.tasks = [] }
            return inbox.tasks
        }
    }

    private func wake() {
        guard isAsleep.exchange(false, ordering: .sequentiallyConsistent) else { return }
        wakeUpCount.wrappingAdd(1, ordering: .relaxed)
        IO.raise(wakeCounter.raw)
    }
}
