public import JRBase
import JRSystem
public import JRWire

/// Something to enqueue jobs at: a ``Distributor`` of this program, a ``JobClient`` of one elsewhere, the
/// ``JobContext`` of a running job, or, in tests, a stand-in without network.
///
/// Code that takes an `any JobQueue` can be tested without any of the others. Safe to use from any thread or task;
/// every enqueue returns at once.
public protocol JobQueue: Sendable {
    /// Hands over one job. The forms of `enqueue` make the request; only a new kind of queue needs to know this.
    ///
    /// - Throws: ``JobReactorError`` for what is known to be wrong at once; `observer` hears all the rest.
    func submit(_ request: consuming JobRequest, _ observer: JobObserver?) throws(JobReactorError)

    /// Puts a question about jobs (`list`, `show`, `nodes`, `stats`, `cancel`, …); `answer` is called once, when a
    /// distributor has answered.
    func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void)

    /// The time, on the clock that decides when a job is due.
    var wallTime: WallTime { get }
}

extension JobQueue {
    /// Enqueues a job by name.
    ///
    ///     let job = try queue.enqueue("greet", ["name": "you"], JobOptions(after: .seconds(20)))
    ///     print(try await job.value["greeting"] ?? "")
    ///
    /// - Parameters:
    ///   - name: what nodes call the job.
    ///   - args: its arguments.
    ///   - options: when, where and how often it is to run.
    ///   - id: an idempotency key: two enqueues with the same key are one job. A fresh id by default.
    ///   - success: called on the reactor's thread with the arguments as the job and its callbacks left them; for a
    ///     periodic job after each run that succeeded.
    ///   - error: called on the reactor's thread with the arguments and `error`, after the last attempt failed.
    /// - Returns: a handle with the job's id, at once.
    /// - Throws: ``JobReactorError`` with code `invalid_job` for a name or options that no node would take: nothing is
    ///   sent then.
    @discardableResult
    public func enqueue(
        _ name: String, _ args: JobArguments = [:], _ options: JobOptions = .standard, id: String? = nil,
        success: (@Sendable (JobArguments) throws -> Void)? = nil,
        error: (@Sendable (JobArguments) throws -> Void)? = nil
    ) throws(JobReactorError) -> JobHandle<JobArguments> {
        let listener = Self.listener(success, error)
        return try enqueue(name, args.encoded, options, id: id, listener) { args throws(JobReactorError) in args }
    }

    /// What hears of the endings for the two closures; nil without any.
    private static func listener(
        _ success: (@Sendable (JobArguments) throws -> Void)?, _ error: (@Sendable (JobArguments) throws -> Void)?
    ) -> JobTracker.Listener? {
        if success == nil, error == nil { return nil }
        return { event, _ in
            switch event {
            // What a closure throws is its own affair: it must not harm the next, nor the reactor.
            case .ended(let result): try? (result.isSuccessFeedback ? success : error)?(result.arguments)
            case .refused(let refusal): try? error?(["error": .string(refusal.reason)])
            case .accepted, .stored: break
            }
        }
    }

    /// Enqueues a typed job.
    ///
    ///     let files = try await queue.enqueue(Thumbnail(path: "/x.jpg")).value
    ///     try queue.enqueue(SendEmail(to: "a@b.c"), after: .seconds(20), on: .not("worker_2"))
    ///
    /// - Parameters:
    ///   - job: the job, with its arguments.
    ///   - after: not before this much later than the call.
    ///   - runAt: not before this moment.
    ///   - period: again and again, this long after the end of each run.
    ///   - placement: where it may run; anywhere by default.
    ///   - id: an idempotency key: two enqueues with the same key are one job. A fresh id by default.
    ///   - options: everything else, instead of the type's own ``ResultJob/options``; the parameters above win over it.
    /// - Returns: a handle with the job's id, at once.
    /// - Throws: ``JobReactorError`` with code `invalid_job` for a job that cannot be encoded or options that no node
    ///   would take: nothing is sent then.
    @discardableResult
    public func enqueue<J: ResultJob>(
        _ job: J, after: Duration? = nil, runAt: WallTime? = nil, period: Duration? = nil,
        on placement: Placement? = nil, id: String? = nil, options: JobOptions? = nil
    ) throws(JobReactorError) -> JobHandle<J.Output> {
        var options = options ?? J.options
        if let after { options.delay = Interval(after) }
        if let runAt { options.due = runAt }
        if let period { options.period = Interval(period) }
        if let placement { options.placement = placement }
        let args = try JobArguments(encoding: job)
        return try enqueue(J.kind, args.encoded, options, id: id, nil, J.output(of:))
    }

    /// Enqueues a job by name and tells `observe` all that becomes of it, on the reactor's thread, in the order of
    /// events: the leanest form, without a handle.
    ///
    /// - Parameters:
    ///   - name: what nodes call the job.
    ///   - args: its arguments.
    ///   - options: when, where and how often it is to run.
    ///   - id: a fresh id by default.
    ///   - feedback: which endings the node reports; with none, `observe` hears only that the job is stored.
    ///   - observe: hears what becomes of the job.
    /// - Throws: as the other forms.
    @discardableResult
    public func enqueue(
        _ name: String, _ args: JobArguments = [:], _ options: JobOptions = .standard, id: JobID? = nil,
        feedback: Feedback, observe: @escaping JobObserver
    ) throws(JobReactorError) -> JobID {
        let now = wallTime
        let request = JobRequest(
            id: id ?? JobID.fresh(at: now), name: name, arguments: args.encoded, created: now, feedback: feedback,
            options: options.fixed(at: now))
        try JobReactorError.check(request, at: now)
        let made = request.id
        try submit(request, observe)
        return made
    }

    private func enqueue<Output>(
        _ name: String, _ arguments: [UInt8], _ options: JobOptions, id: String?,
        _ listener: JobTracker.Listener?, _ decode: @escaping @Sendable (JobArguments) throws(JobReactorError) -> Output
    ) throws(JobReactorError) -> JobHandle<Output> {
        let now = wallTime
        let request = JobRequest(
            id: id.map { JobID(text: $0) } ?? JobID.fresh(at: now), name: name, arguments: arguments, created: now,
            feedback: .both, options: options.fixed(at: now))
        try JobReactorError.check(request, at: now)
        let tracker = JobTracker(request.id)
        // Before anything can happen, so that it hears all on the reactor's thread.
        if let listener { tracker.listen(listener) }
        try submit(request) { event in tracker.observe(event) }
        return JobHandle(tracker: tracker, queue: self, decode: decode)
    }
}

extension JobID {
    /// An id that nobody has made before.
    public static func fresh(at time: WallTime) -> JobID {
        JobID(at: time, random: (SystemRandom.number(), SystemRandom.number()))
    }
}

extension JobReactorError {
    /// What no node would take is thrown where it is enqueued, before anything is sent.
    static func check(_ request: JobRequest, at now: WallTime) throws(JobReactorError) {
        guard let problem = request.problem(at: now) else { return }
        throw JobReactorError(.invalidJob, what: "the job was not enqueued", why: problem)
    }
}
