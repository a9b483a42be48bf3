import JRCore
public import JobReactor
import Synchronization

extension TestQueue {
    /// The body that the calling task is part of.
    @TaskLocal static var isInBody = false

    /// Runs every job that is due, and those that these jobs enqueue, one after the other; answers what it did.
    ///
    /// What is due later stays: retries, delays and periods wait for ``advance(by:limit:)``. A job may wait for the end
    /// of another one that is due (`try await context.enqueue(…).value`): that one is run meanwhile. Of several calls
    /// at once, one runs after the other.
    ///
    /// - Parameter limit: attempts after which it gives up: a job may enqueue itself for ever.
    /// - Throws: ``JobReactorError`` with code `configuration` when the limit is reached, when the queue was made
    ///   wrong, or when a job calls this; `CancellationError` when the task is cancelled. Never what jobs throw: see
    ///   ``failed``.
    @discardableResult
    public func runAll(limit: Int = 100_000) async throws -> RunSummary {
        try await drive("runAll") { before in try await self.runDue(before, limit) }
    }

    /// Moves the virtual time on by this much, from one due time to the next, and runs at each all that is due then.
    ///
    ///     try await queue.advance(by: .seconds(50))
    ///
    /// - Parameter limit: attempts after which it gives up.
    /// - Throws: as ``runAll(limit:)``, and ``JobReactorError`` with code `configuration` for a time that has passed.
    @discardableResult
    public func advance(by duration: Duration, limit: Int = 100_000) async throws -> RunSummary {
        try await advance(limit) { $0.instant + Interval(duration) }
    }

    /// Moves the virtual time on to this moment; see ``advance(by:limit:)``.
    @discardableResult
    public func advance(to time: WallTime, limit: Int = 100_000) async throws -> RunSummary {
        try await advance(limit) { $0.instant + (time - $0.wall) }
    }

    private func advance(_ limit: Int, to target: (Now) -> Instant) async throws -> RunSummary {
        let now = state.withLock(\.cluster.now)
        let target = target(now)
        guard target >= now.instant else {
            throw JobReactorError(
                .configuration, what: "the test queue was not advanced", why: "that time has passed",
                mend: "Virtual time goes forward only: use another queue")
        }
        return try await drive("advance") { before in
            while true {
                try await self.runDue(before, limit)
                let isThere = self.state.withLock { state in
                    let next = min(state.cluster.nextDeadline ?? target, target)
                    state.change { $0.move(to: next) }
                    return next == target
                }
                self.deliver()
                if isThere { break }
            }
            try await self.runDue(before, limit)
        }
    }

    // MARK: Driving

    /// Calls `work` while nobody else runs jobs.
    private func drive(
        _ call: String, _ work: (_ before: RunSummary) async throws -> Void
    ) async throws -> RunSummary {
        if let fault = state.withLock(\.fault) { throw fault }
        guard !Self.isInBody else {
            throw JobReactorError(
                .configuration, what: "a job called \(call) of the queue that runs it", why: "it would wait for itself",
                mend: "Await the handles of what it enqueued instead")
        }
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.isDriven { state.drivers.append(continuation) } else { continuation.resume() }
                state.isDriven = true
            }
        }
        let before = state.withLock(\.cluster.summary)
        do {
            try await work(before)
        } catch {
            release()
            throw error
        }
        let after = state.withLock(\.cluster.summary)
        release()
        return after - before
    }

    private func release() {
        state.withLock { state in
            if state.drivers.isEmpty { state.isDriven = false } else { state.drivers.removeFirst().resume() }
        }
        if mode == .inline { runInline() }
    }

    /// Runs on the calling thread what is due, unless somebody runs jobs already, who then runs this too.
    func runInline() {
        let isFree = state.withLock { state in
            defer { state.isDriven = true }
            return !state.isDriven && state.fault == nil
        }
        guard isFree else { return }
        let executor = CallersExecutor()
        Task(executorPreference: executor) { [self] in
            while true {
                // Nothing is thrown without a limit or cancellation.
                try? await runDue(RunSummary(), .max, on: executor)
                let next = state.withLock { state in
                    let order = state.change { $0.nextOrder() }
                    if order == nil {
                        if state.drivers.isEmpty {
                            state.isDriven = false
                        } else {
                            state.drivers.removeFirst().resume()
                        }
                    }
                    return order
                }
                guard let next else { return }
                await run(next, on: executor)
            }
        }
        executor.runUntilIdle()
    }

    private func runDue(
        _ before: RunSummary, _ limit: Int, on executor: (any TaskExecutor)? = nil
    ) async throws {
        while true {
            deliver()
            await quiet()
            try Task.checkCancellation()
            guard let order = await nextOrder() else { return }
            let made = state.withLock(\.cluster.summary.attempts) - before.attempts
            guard made <= limit else {
                await run(order, on: executor)
                throw JobReactorError(
                    .configuration, what: "the test queue gave up after \(limit) attempts",
                    why: "there is still something due: does job '\(order.run.name)' enqueue itself?",
                    mend: "Pass a higher limit if that many are meant")
            }
            await run(order, on: executor)
        }
    }

    private func nextOrder() async -> TestCluster.Order? {
        if let order = state.withLock({ state in state.change { $0.nextOrder() } }) { return order }
        // What observers enqueue is due as well.
        await told()
        return state.withLock { state in state.change { $0.nextOrder() } }
    }

    /// Tells observers what they are to be told, unless somebody does so already.
    func deliver() {
        var isFirst = true
        while true {
            let news = state.withLock { $0.deliveries.next(isFirst: isFirst) }
            if news.isEmpty { return }
            isFirst = false
            for tell in news { tell() }
        }
    }

    private func told() async {
        await withCheckedContinuation { continuation in
            state.withLock { $0.deliveries.whenDone(continuation) }
        }
    }

    /// Waits until every body under way has ended or waits for the end of another job.
    private func quiet() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in state.withLock { $0.bodies.whenQuiet(continuation) } }
        } onCancel: {
            for task in state.withLock(\.bodies.tasks) { task.cancel() }
        }
    }

    // MARK: Attempts

    /// Makes an attempt; an `async` one is begun, and ``quiet()`` waits for it.
    private func run(_ order: TestCluster.Order, on executor: (any TaskExecutor)?) async {
        let (definition, node) = state.withLock { state in
            (state.definitions[order.run.name], state.cluster.nodes[order.node].name)
        }
        guard let definition else { preconditionFailure("a node ran a job that it does not have") }
        let isInTurn = definition.isSynchronous && !order.record.request.options.isDeferred
        let cancellation = isInTurn ? nil : AttemptCancellation()
        let runner = AttemptRunner(
            definition, order.record, host: TestHost(node: node, testQueue: self), cancellation: cancellation,
            mergesJobItself: mergesJobItself, distributor: "test")
        let body = state.withLock { $0.bodies.begin(order, cancellation) }
        JR.withQueue(self) {
            Self.$isInBody.withValue(true) {
                if definition.isSynchronous {
                    ended(order, runner.run())
                    state.withLock { $0.bodies.end(body) }
                } else {
                    begin(body, order, runner, on: executor)
                }
            }
        }
        await quiet()
    }

    private func begin(
        _ body: Int, _ order: TestCluster.Order, _ runner: AttemptRunner, on executor: (any TaskExecutor)?
    ) {
        let willWait: @Sendable (JobID) -> Void = { [self] id in
            state.withLock { state in
                if state.cluster.isUnderWay(id) { state.bodies.willWait(body, for: id) }
            }
        }
        let task = JR.$willWait.withValue(willWait) {
            Task(executorPreference: executor) { [self] in
                let result = await runner.runAwaiting()
                ended(order, result)
                state.withLock { $0.bodies.end(body) }
                // It may have waited for a job that was ended from outside, when nobody ran jobs any more.
                if mode == .inline { runInline() }
            }
        }
        state.withLock { $0.bodies.began(body, task) }
    }

    private func ended(_ order: TestCluster.Order, _ result: AttemptResult) {
        state.withLock { state in state.change { $0.ended(order, result) } }
        deliver()
    }
}

/// The surroundings of the jobs of one node.
private struct TestHost: JobHost {
    let node: String
    let testQueue: TestQueue

    var queue: any JobQueue { testQueue }

    /// A real one, for jobs that set timers or open connections; made at the first look.
    var reactor: Reactor {
        do throws(JobReactorError) {
            return try JR.reactor()
        } catch {
            preconditionFailure("the job looked at context.reactor: \(error)")
        }
    }
}
