import JRCore
public import JobReactor
import Synchronization

/// A queue for tests of applications and their jobs: it keeps what is enqueued, runs it when asked, and has a clock of
/// its own. No network, no storage, no waiting.
///
///     let queue = TestQueue {
///         SendEmail.self
///         Handler("greet") { args in args["greeting"] = "Hello" }
///     }
///     try signUp("a@b.c", jobs: queue)                      // the application's code takes `any JobQueue`
///     #expect(try queue.enqueued(SendEmail.self).map(\.to) == ["a@b.c"])
///     try await queue.runAll()                              // what is due now, and what these jobs enqueue
///     try await queue.advance(by: .seconds(3600))           // an hour of retries and periods, at once
///     #expect(queue.failed.isEmpty)
///
/// Behind it are the parts that an application, a distributor and nodes have in production, so that retries, periods,
/// delays, idempotency keys, feedback and placement are the same here. What differs: jobs run one after the other, in
/// an order that is always the same; a body takes no virtual time, so that a timeout strikes only those that wait for a
/// job which is due later; nothing is stored; and programs are not run, see `replace(_:run:)`.
///
/// Code that uses the short form `JR.enqueue` is redirected here with `JR.withQueue(queue) { … }`. Inside jobs
/// that this queue runs, `JR.enqueue` comes here by itself.
///
/// Safe to use from any thread or task. Observers and feedback closures are called on the thread that runs or enqueues
/// the job, in order, one at a time.
public final class TestQueue: JobQueue, Sendable {
    /// When jobs run.
    public enum Mode: Sendable, Hashable {
        /// When ``TestQueue/runAll(limit:)`` or ``TestQueue/advance(by:limit:)`` is called.
        case whenAsked
        /// Within the call of `enqueue` if they are due, and what they enqueue right after them: for code that waits
        /// for what it enqueued. Where that fails, allow one attempt only (`configuration.maxAttempts = 1`): the next
        /// one waits for the clock.
        ///
        /// An `async` job that waits for something outside of itself and its callees, such as the main actor or a
        /// network, ends later, on other threads: wait for its handle.
        case inline
    }

    struct State: Sendable {
        var cluster: TestCluster
        var definitions: [String: JobDefinition]
        /// What was wrong with the queue as it was made; thrown at its first use.
        var fault: JobReactorError?
        /// Whether somebody runs jobs, and who waits to do so.
        var isDriven = false
        var drivers: [CheckedContinuation<Void, Never>] = []
        /// What observers are to be told, whether somebody does so now, and who waits until it is done.
        var deliveries = Deliveries()
        var bodies = Bodies()
    }

    let state: Mutex<State>
    let mode: Mode
    let mergesJobItself: Bool

    /// A queue with these jobs.
    ///
    /// - Parameters:
    ///   - nodes: the nodes that there are; every one has all the jobs.
    ///   - start: the virtual time to begin with.
    ///   - mode: whether jobs run when asked or as they are enqueued.
    ///   - configuration: attempts, waits between them and the like; the library's defaults, whatever the environment
    ///     says.
    ///   - jobs: what can be run.
    public convenience init(
        nodes: [String] = ["test_node"], startingAt start: WallTime = TestQueue.start, mode: Mode = .whenAsked,
        configuration: Configuration = Configuration(environment: [:]), @JobList jobs: () -> [Handler]
    ) {
        let registry = JobRegistry()
        for handler in jobs() { registry.define(handler) }
        self.init(registry: registry, nodes: nodes, startingAt: start, mode: mode, configuration: configuration)
    }

    /// A queue with the jobs of a registry: by default those that were defined with `job`, as of now.
    public init(
        registry: JobRegistry = .shared, nodes: [String] = ["test_node"], startingAt start: WallTime = TestQueue.start,
        mode: Mode = .whenAsked, configuration: Configuration = Configuration(environment: [:])
    ) {
        let definitions = registry.definitions.mapValues(\.withoutProgram)
        let cluster = TestCluster(
            nodes: nodes, jobs: definitions.keys.sorted(), configuration, startingAt: start)
        let faults = registry.takeFaults() + Self.faults(of: nodes)
        let fault =
            faults.isEmpty
            ? nil
            : JobReactorError(
                .configuration, what: "the test queue cannot be used", why: faults.joined(separator: "; "))
        state = Mutex(State(cluster: cluster, definitions: definitions, fault: fault))
        self.mode = mode
        mergesJobItself = configuration.mergeJobItselfToArgs
    }

    /// The virtual time that a queue begins with unless told otherwise: 2026-01-01T00:00:00Z.
    public static let start = WallTime(milliseconds: 1_767_225_600_000)

    private static func faults(of nodes: [String]) -> [String] {
        var faults: [String] = []
        if nodes.isEmpty { faults.append("it has no node: name one") }
        for (index, name) in nodes.enumerated() {
            if !Names.isValid(name) { faults.append("'\(name.prefix(200))' is not a node's name") }
            if nodes[..<index].contains(name) { faults.append("two nodes are named '\(name)'") }
        }
        return faults
    }

    // MARK: Replacing jobs

    /// Runs `body` in place of a job, a program for example; its callbacks and errbacks stay.
    ///
    ///     try queue.replace("sha256") { args in args["digest"] = "e3b0c442" }
    ///
    /// - Throws: ``JobReactorError`` with code `configuration` for a job that the queue does not have.
    public func replace(_ name: String, run body: @escaping AsyncJobContextBody) throws(JobReactorError) {
        try replace(name, with: .asynchronousInContext(body))
    }

    /// The same, for a body that does not look at its context.
    public func replace(_ name: String, run body: @escaping AsyncJobBody) throws(JobReactorError) {
        try replace(name, with: .asynchronous(body))
    }

    /// The same, for a body that does not wait.
    public func replace(_ name: String, run body: @escaping JobContextBody) throws(JobReactorError) {
        try replace(name, with: .synchronousInContext(body))
    }

    /// The same, for a body that does neither.
    public func replace(_ name: String, run body: @escaping JobBody) throws(JobReactorError) {
        try replace(name, with: .synchronous(body))
    }

    /// Runs `body` in place of a typed job: a stand-in for what a test must not do.
    ///
    ///     let sent = Mutex<[String]>([])
    ///     try queue.replace(SendEmail.self) { email, _ in sent.withLock { $0.append(email.to) } }
    ///
    /// - Throws: ``JobReactorError`` with code `configuration` for a job that the queue does not have.
    public func replace<J: Job>(
        _ type: J.Type, run body: @escaping @Sendable (J, JobContext) async throws -> Void
    ) throws(JobReactorError) {
        try replace(J.kind) { args, context in try await body(try args.decode(J.self), context) }
    }

    /// The same, for a job with an answer.
    public func replace<J: ResultJob>(
        _ type: J.Type, run body: @escaping @Sendable (J, JobContext) async throws -> J.Output
    ) throws(JobReactorError) {
        try replace(J.kind) { args, context in
            args["result"] = try Value(encoding: try await body(try args.decode(J.self), context))
        }
    }

    private func replace(_ name: String, with step: JobDefinition.Step) throws(JobReactorError) {
        try state.withLock { state throws(JobReactorError) in
            guard let definition = state.definitions[name] else {
                let hint = Names.nearest(to: name, among: state.definitions.keys.sorted())
                throw JobReactorError(
                    .configuration, what: "the job '\(name)' was not replaced", why: "the test queue has no such job",
                    mend: hint.map { "Did you mean '\($0)'?" } ?? "List it where the queue is made")
            }
            state.definitions[name] = definition.with(work: .step(step))
        }
    }

    // MARK: JobQueue

    /// See ``JobQueue``.
    public func submit(_ request: JobRequest, _ observer: JobObserver?) throws(JobReactorError) {
        let fault: JobReactorError? = state.withLock { state in
            if state.fault == nil { state.change { $0.enqueue(request, observer) } }
            return state.fault
        }
        if let fault { throw fault }
        if mode == .inline { runInline() }
        deliver()
    }

    /// See ``JobQueue``. `answer` is called before this returns.
    public func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        let result = state.withLock { state in state.change { $0.ask(verb, parameters) } }
        if mode == .inline { runInline() }
        deliver()
        if let result { answer(result) }
    }

    /// The virtual time, the same as ``now``.
    public var wallTime: WallTime { now }
}

extension TestQueue.State {
    /// Every change of the cluster goes this way, so that its news are heard in the order of the changes.
    mutating func change<Result>(_ body: (inout TestCluster) -> Result) -> Result {
        let result = body(&cluster)
        deliveries.waiting += cluster.takeNews()
        for id in cluster.takeOver() { bodies.ended(id) }
        for (node, cancellation) in cluster.takeCancellations() { bodies.cancel(cancellation, on: node) }
        return result
    }
}

extension JobDefinition {
    /// A program has no place in a test: an attempt at one fails for good, and says what to do.
    var withoutProgram: JobDefinition {
        guard case .program(let path) = work else { return self }
        let text =
            "the job '\(name)' is the program '\(path)', which a test queue does not run: "
            + "give it a body with queue.replace(\"\(name)\") { args in … }"
        return with(work: .step(.synchronous { _ in throw FailForGood(text) }))
    }

    func with(work: Work) -> JobDefinition {
        var definition = JobDefinition(name: name, work: work)
        definition.callbacks = callbacks
        definition.errbacks = errbacks
        return definition
    }
}
