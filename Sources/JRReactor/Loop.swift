public import JRBase
public import JRSystem

/// The event loop, seen from its own thread. Not `Sendable`: the compiler keeps it there.
///
/// A turn: wait; read, accept, exits and signals; work of other threads; jobs of tasks and actors; due timers; what was
/// put off with ``soon(_:)``; the hooks of ``atEndOfTurn(_:)``, and in a few more rounds those that hooks have made;
/// write what connections have gathered. An idle loop makes no system call at all.
public final class Loop {
    /// The reactor whose thread runs this loop: the way in for other threads.
    public let reactor: Reactor
    /// The time at the start of this turn. What takes long and needs a newer one calls ``refreshNow()``.
    public var now: Now { latestNow }
    // SAFETY: nobody is called while it is looked at or set. It is private because another module that looks at it in
    // place has the access checked all the same.
    @exclusivity(unchecked) private var latestNow: Now

    let poller: Poller
    private let wakeCounter: Int32
    @exclusivity(unchecked) var sources = SlotMap<Source>()
    var acceptedConnections = 0
    // SAFETY: made and freed with the loop, and filled and read within one call on the loop's thread.
    let readBuffer: UnsafeMutableRawBufferPointer

    // SAFETY: of all accesses that are not checked for being the only one, here and below (a turn has a hundred), none
    // lasts over a call of anybody. What is taken out is moved out first, so that its end, which may call, comes later.
    @exclusivity(unchecked) private var timers = TimerHeap<(Loop) -> Void>()
    /// While timers fire: the time up to which they do.
    private var firingUntil: Instant?
    @exclusivity(unchecked) private var putOff = Ring<(Loop) -> Void>()
    @exclusivity(unchecked) private var hooks: [(Loop) -> Void] = []
    /// Empty between turns, and kept for their memory.
    @exclusivity(unchecked) private var spareHooks: [(Loop) -> Void] = []
    @exclusivity(unchecked) private var spareDirty: [Connection] = []
    @exclusivity(unchecked) private var jobs = Ring<UnownedJob>()
    @exclusivity(unchecked) private var dirty: [Connection] = []
    @exclusivity(unchecked) private var closed: [(connection: Connection, reason: CloseReason)] = []
    @exclusivity(unchecked) private var arrivedTasks: [@Sendable (Loop) -> Void] = []
    @exclusivity(unchecked) private var arrivedJobs: [UnownedJob] = []
    @exclusivity(unchecked) private var spareBuffers: [[UInt8]] = []
    private(set) var signalRoutes: [SignalRoute] = []
    private var isStopping = false
    @exclusivity(unchecked) private var vigil = Vigil()
    @exclusivity(unchecked) private var turnBegan = Instant.zero
    private(set) lazy var pool = WorkerPool(
        name: reactor.name, limit: reactor.poolThreads, takesSignals: reactor.poolTakesSignals)
    /// Runs tasks on the threads of the pool.
    public private(set) lazy var poolExecutor = PoolExecutor(pool)
    private var completions = SlotMap<(Loop) -> Void>()
    private var sliceWatches: [(limit: Interval, report: (Loop, Interval) -> Void)] = []

    private static let readBufferBytes = 64 * 1024
    /// Jobs of tasks and actors run in one turn, so that two that call each other for ever do not keep the loop from
    /// its sockets.
    private static let jobsPerTurn = 1_024
    /// What follows at once from what has come leaves in the same write, if it takes no more rounds of hooks than
    /// these, and no further one is begun after this time: sockets wait meanwhile.
    private static let roundsPerTurn = 8
    private static let timeForRounds = Interval.microseconds(Int64(500))
    private static let spareBufferCount = 16
    private static let spareBufferBytes = 256 * 1024

    /// Whatever epoll can report on.
    enum Source {
        case connection(Connection)
        case listener(Listener)
        case connecting(Connecting)
        case child(ChildProcess)
        case watch(Int32, (Loop) -> Void)
    }

    init(reactor: Reactor, poller: Poller, wakeCounter: Int32) {
        self.reactor = reactor
        self.poller = poller
        self.wakeCounter = wakeCounter
        latestNow = reactor.now
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 16)
    }

    deinit {
        readBuffer.deallocate()
    }

    // MARK: Time

    /// Reads the clock, for what takes long and needs a newer time than the turn's.
    @discardableResult
    public func refreshNow() -> Now {
        latestNow = reactor.now
        return latestNow
    }

    /// Calls `body` once, not before `deadline`; timers of one deadline in the order in which they were made.
    @discardableResult
    public func schedule(at deadline: Instant, _ body: @escaping (Loop) -> Void) -> Handle {
        // What a firing timer makes waits for the next turn, or one that makes another at once would starve the rest.
        timers.insert(body, at: firingUntil.map { max(deadline, $0 + .nanoseconds(1)) } ?? deadline)
    }

    /// Calls `body` once, `interval` after this call (and not after the start of the turn) or a little later.
    @discardableResult
    public func schedule(after interval: Interval, _ body: @escaping (Loop) -> Void) -> Handle {
        schedule(at: reactor.now.instant + interval, body)
    }

    /// A cancelled timer never fires, not even when it was due already; cancelling one that has fired does nothing.
    public func cancel(_ timer: Handle) {
        timers.cancel(timer)
    }

    // MARK: Later in the turn

    /// Calls `body` later in this turn, or, from a call of this kind or a hook, in the next one, which then does not
    /// wait: the way to go on with long work while others get their share, and after what is to be sent was written.
    public func soon(_ body: @escaping (Loop) -> Void) {
        putOff.append(body)
    }

    /// Calls `body` once, after all that this turn has read and run by then, and before connections are written; from a
    /// hook, after the other hooks, or in the next turn where this one has taken long.
    public func atEndOfTurn(_ body: @escaping (Loop) -> Void) {
        hooks.append(body)
    }

    // MARK: Descriptors of others

    /// Calls `body` in every turn in which the descriptor can be read, until ``unwatch(_:)``. It stays the caller's,
    /// who unwatches it before it is closed.
    public func watchReadable(_ raw: Int32, _ body: @escaping (Loop) -> Void) throws(SystemError) -> Handle {
        let handle = sources.insert(.watch(raw, body))
        do {
            try poller.add(raw, .read, data: handle.bits)
        } catch {
            sources.remove(handle)
            throw error
        }
        return handle
    }

    /// Watches a descriptor no longer. A handle that was given back before does nothing.
    public func unwatch(_ handle: Handle) {
        guard case .watch(let raw, _)? = sources[handle] else { return }
        poller.remove(raw)
        sources.remove(handle)
    }

    // MARK: Signals

    /// Calls `body` with the number of every one of these signals that reaches the process; several of one kind may
    /// come as one. They lose their default effect until the loop stops. Of two loops that ask for one signal the later
    /// gets it.
    public func onSignals(_ numbers: [Int32], _ body: @escaping (Loop, Int32) -> Void) throws(SystemError) {
        let route = try SignalRoute(numbers, on: self, body)
        signalRoutes.append(route)
    }

    // MARK: Work that blocks

    /// Runs `work` on a thread of the pool, of which there are at most ``Reactor/poolThreads``, and then `then` on the
    /// loop with its result.
    ///
    /// Work waits its turn when all threads are busy. When the loop stops first, `then` is not called.
    public func offload<Result: Sendable>(
        _ work: @escaping @Sendable () -> Result, then: @escaping (Loop, Result) -> Void
    ) {
        let box = Handover<Result>()
        let completion = completions.insert { loop in
            if let result = box.take() { then(loop, result) }
        }
        let reactor = reactor
        let isTaken = pool.submit {
            box.put(work())
            reactor.execute { loop in loop.complete(completion) }
        }
        if !isTaken { completions.remove(completion) }
    }

    private func complete(_ completion: Handle) {
        // The closure is kept here and not sent along, so that what it holds is never released by another thread.
        if let body = completions.remove(completion) { body(self) }
    }

    // MARK: For Reactor

    func enqueue(_ job: UnownedJob) {
        jobs.append(job)
    }

    func runSoonFromExecute(_ work: @escaping @Sendable (Loop) -> Void) -> Bool {
        if isStopped { return false }
        putOff.append(work)
        return true
    }

    func run() {
        while !isStopping { turn() }
        for task in reactor.closeInbox() { task(self) }
        runPutOff()
        closeEverything()
    }

    // MARK: For connections

    func markDirty(_ connection: Connection) {
        dirty.append(connection)
    }

    func reportClosed(_ connection: Connection, _ reason: CloseReason) {
        closed.append((connection, reason))
    }

    /// An empty buffer that others have used before, for bytes to be sent.
    func takeBuffer() -> [UInt8] {
        spareBuffers.popLast() ?? []
    }

    /// Gives a buffer back, so that a connection without anything to send holds no memory for it.
    func giveBack(_ buffer: consuming [UInt8]) {
        guard spareBuffers.count < Self.spareBufferCount, buffer.capacity <= Self.spareBufferBytes else { return }
        buffer.removeAll(keepingCapacity: true)
        spareBuffers.append(buffer)
    }

    // MARK: The turn

    private(set) var isStopped = false

    private func turn() {
        let count = wait()
        reactor.wokeUp()
        refreshNow()
        turnBegan = now.instant
        for index in 0..<count { dispatch(poller.event(index)) }
        takeInbox()
        runJobs()
        fireTimers()
        runPutOff()
        runRounds()
        flush()
        deliverClosed()
    }

    private func wait() -> Int {
        var timeout = hasWork ? Interval.zero : reactor.timeToWait(until: timers.nextDeadline)
        guard timeout.map({ $0 > .zero }) ?? true else { return poll(.zero) }
        let began = SystemClock.instant()
        if !reactor.hasOwnTime, vigil.begins(after: began - turnBegan) {
            if let count = stayAwake(from: began) { return count }
        }
        if !reactor.prepareToSleep() { timeout = .zero }
        let count = poll(timeout)
        // A timer is no answer that somebody is waiting for.
        vigil.slept(count > 0 ? SystemClock.instant() - began : Vigil.longest + .nanoseconds(1))
        return count
    }

    /// Nil where nothing has come for as long as it is worth it.
    private func stayAwake(from began: Instant) -> Int? {
        let end = min(began + Vigil.longest, timers.nextDeadline ?? .distantFuture)
        repeat {
            let count = poll(.zero)
            guard count > 0 || reactor.hasArrivals else { continue }
            vigil.ended(inVain: false)
            return count
        } while SystemClock.instant() < end
        vigil.ended(inVain: true)
        return nil
    }

    private func poll(_ timeout: Interval?) -> Int {
        do {
            return try poller.wait(timeout: timeout)
        } catch {
            // Only a descriptor that was closed behind our back can cause it, and going on would be a busy loop.
            preconditionFailure("reactor '\(reactor.name)' cannot wait for events: \(error)")
        }
    }

    private var hasWork: Bool {
        !putOff.isEmpty || !hooks.isEmpty || !dirty.isEmpty || !closed.isEmpty || !jobs.isEmpty
    }

    private func dispatch(_ event: PollEvent) {
        if event.data == Reactor.wakeWord {
            IO.reset(wakeCounter)
            return
        }
        // An event for a source that an earlier event of this turn has closed finds nothing, even if its place or its
        // descriptor's number is in use again: the generation differs.
        let handle = Handle(bits: event.data)
        switch sources[handle] {
        case .connection(let connection): connection.ready(event)
        case .listener(let listener): listener.acceptWaiting()
        case .connecting(let connecting): connecting.ready()
        case .child(let child): child.ended()
        case .watch(_, let body): body(self)
        case nil: break
        }
    }

    private func takeInbox() {
        let (stop, any) = reactor.takeInbox(tasks: &arrivedTasks, jobs: &arrivedJobs)
        if stop { isStopping = true }
        guard any else { return }
        for task in arrivedTasks { task(self) }
        for job in arrivedJobs { jobs.append(job) }
        arrivedTasks.removeAll(keepingCapacity: true)
        arrivedJobs.removeAll(keepingCapacity: true)
    }

    private func runRounds() {
        let start = now.instant
        for _ in 0..<Self.roundsPerTurn {
            runHooks()
            guard !hooks.isEmpty else { return }
            if reactor.instant - start > Self.timeForRounds { return }
        }
    }

    private func runJobs() {
        guard !jobs.isEmpty else { return }
        let serial = reactor.asUnownedSerialExecutor()
        let task = reactor.asUnownedTaskExecutor()
        for _ in 0..<Self.jobsPerTurn {
            guard let job = jobs.popFirst() else { return }
            guard !sliceWatches.isEmpty else {
                job.runSynchronously(isolatedTo: serial, taskExecutor: task)
                continue
            }
            let start = SystemClock.instant()
            job.runSynchronously(isolatedTo: serial, taskExecutor: task)
            let time = SystemClock.instant() - start
            for watch in sliceWatches where time > watch.limit { watch.report(self, time) }
        }
    }

    /// Calls `report`, with the time, after each piece of a task or actor that held the loop longer than `limit`.
    public func watchSlices(longerThan limit: Interval, _ report: @escaping (Loop, Interval) -> Void) {
        sliceWatches.append((limit, report))
    }

    private func fireTimers() {
        let limit = now.instant
        firingUntil = limit
        while let due = timers.popDue(at: limit) { due.value(self) }
        firingUntil = nil
    }

    private func runPutOff() {
        for _ in 0..<putOff.count {
            guard let body = putOff.popFirst() else { return }
            body(self)
        }
    }

    private func runHooks() {
        guard !hooks.isEmpty else { return }
        swap(&hooks, &spareHooks)
        for hook in spareHooks { hook(self) }
        spareHooks.removeAll(keepingCapacity: true)
    }

    private func flush() {
        guard !dirty.isEmpty else { return }
        swap(&dirty, &spareDirty)
        for connection in spareDirty { connection.flush() }
        spareDirty.removeAll(keepingCapacity: true)
    }

    private func deliverClosed() {
        // Closing one may close others; what their handlers write is for the next turn.
        while !closed.isEmpty {
            let batch = closed
            closed = []
            for (connection, reason) in batch { connection.tellClosed(reason) }
        }
    }

    private func closeEverything() {
        for route in signalRoutes { route.end() }
        signalRoutes = []
        pool.close()
        // Handlers that hear of a close may open something new: that is closed as well.
        while !sources.isEmpty || !closed.isEmpty {
            for handle in sources.handles { close(handle) }
            deliverClosed()
        }
        isStopped = true
        completions = SlotMap()
        var (left, after, then) = (TimerHeap<(Loop) -> Void>(), Ring<(Loop) -> Void>(), [(Loop) -> Void]())
        swap(&left, &timers)
        swap(&after, &putOff)
        swap(&then, &hooks)
        dirty = []
    }

    private func close(_ handle: Handle) {
        switch sources[handle] {
        case .connection(let connection): connection.finish(.loopStopped)
        case .listener(let listener): listener.close()
        case .connecting(let connecting): connecting.fail(connecting.cancelled)
        case .child(let child): child.abandon()
        case .watch: unwatch(handle)
        case nil: break
        }
    }
}
