public import JobReactor
import Synchronization

extension TestQueue {
    /// The virtual time. It stands still but for ``advance(by:limit:)`` and ``advance(to:limit:)``.
    public var now: WallTime { state.withLock(\.cluster.now.wall) }

    /// Every job that was enqueued so far, by the application and by jobs, in order. What was enqueued twice under one
    /// id is one job.
    public var enqueued: [EnqueuedJob] { state.withLock(\.cluster.jobs) }

    /// The jobs of this name that were enqueued so far, in order.
    ///
    ///     #expect(queue.enqueued("greet").map { $0.arguments["name"] } == ["you"])
    public func enqueued(_ name: String) -> [EnqueuedJob] { enqueued.filter { $0.name == name } }

    /// The jobs of this type that were enqueued so far, in order, as they were enqueued.
    ///
    ///     #expect(try queue.enqueued(SendEmail.self).map(\.to) == ["a@b.c"])
    ///
    /// For options and what became of them, see ``enqueued(_:)-(String)`` with the type's `kind`.
    ///
    /// - Throws: ``JobReactorError`` when one was enqueued by name with arguments that do not fit the type.
    public func enqueued<J: ResultJob>(_ type: J.Type) throws(JobReactorError) -> [J] {
        var jobs: [J] = []
        for job in enqueued(J.kind) { jobs.append(try job.decode(type)) }
        return jobs
    }

    /// Jobs that ``runAll(limit:)`` would run now, and those that no node takes, for which
    /// ``EnqueuedJob/waitingFor`` says why; in the order in which they were enqueued.
    public var waiting: [EnqueuedJob] {
        enqueued.filter { $0.due == nil && $0.status?.isEnded == false && $0.status != .inProgress }
    }

    /// Jobs that wait for a later time: delays, retries and periods; the next one first.
    public var scheduled: [EnqueuedJob] {
        enqueued.enumerated()
            .compactMap { position, job in job.due.map { (due: $0, position: position, job: job) } }
            .sorted { ($0.due, $0.position) < ($1.due, $1.position) }
            .map(\.job)
    }

    /// Jobs that succeeded, in the order of their ends, with their ``EnqueuedJob/result``; a periodic job once a run.
    public var completed: [EnqueuedJob] { ended(.complete) }

    /// Jobs that failed for good, in the order of their ends. Those that will be tried again are ``scheduled``, with
    /// their ``EnqueuedJob/lastError``.
    public var failed: [EnqueuedJob] { ended(.failed) }

    /// Jobs that were cancelled, in the order of their ends.
    public var cancelled: [EnqueuedJob] { ended(.cancelled) }

    /// Every attempt that was made, in order: which job, where and when.
    ///
    ///     #expect(queue.attempts.map { ($0.time - TestQueue.start).seconds } == [0, 5, 15])
    public var attempts: [TestAttempt] { state.withLock(\.cluster.attempts) }

    private func ended(_ ending: JobOutcome.Ending) -> [EnqueuedJob] {
        state.withLock { state in
            let cluster = state.cluster
            return cluster.endings.filter { $0.ending == ending }.compactMap { cluster.job(of: $0) }
        }
    }
}
