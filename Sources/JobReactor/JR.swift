public import JRBase
import JRReactor
import JRSystem
public import JRWire
import Synchronization

/// The short form: one reactor, its distributors, nodes and connections, and one place to enqueue at.
///
///     JR.run {
///         try JR.startDistributor("localhost", 5000)
///     }
///     try JR.enqueue("my_job", ["arg1": 1], JobOptions(after: .seconds(20)), success: { args in print(args) })
///
/// Everything here is safe from any thread or task.
public enum JR {
    struct State: Sendable {
        var reactor: Reactor?
        var configuration = Configuration()
        var distributors: [Distributor] = []
        var nodes: [Node] = []
        var clients: [JobClient] = []
        /// Those that the program's first node dials.
        var nodeDistributors: [SocketAddress] = []
        var isBodyDone = false
        /// What went wrong in the closure of `run`.
        var failure: JobReactorError?
    }

    static let state = Mutex(State())

    /// The settings for all that is started from now on; see ``Configuration``. Read from the environment at first.
    public static var config: Configuration {
        get { state.withLock(\.configuration) }
        set { state.withLock { $0.configuration = newValue } }
    }

    // MARK: Running

    /// Starts the reactor on a thread of its own, calls `body` inside it, and returns at once.
    ///
    /// What `body` throws is logged as an error and thrown by ``ready()``. When the reactor runs already, `body` is
    /// called inside that one.
    public static func run(_ body: @escaping @Sendable () throws -> Void) {
        do throws(JobReactorError) {
            try reactor().execute { _ in call(body) }
        } catch {
            fail(error)
        }
    }

    /// Runs the reactor on the calling thread, calls `body` inside it, and returns when ``stop(drain:)`` has stopped
    /// it, or when the process gets SIGTERM or SIGINT or its supervisor goes away: then running jobs end first.
    ///
    /// - Throws: ``JobReactorError`` when the reactor runs already or cannot be made, and what `body` throws, after
    ///   everything is stopped again.
    public static func runForever(_ body: @escaping @Sendable () throws -> Void) throws {
        let made = try makeReactor()
        try onEnd(of: made) { isFirst in
            let limit = isFirst ? config.drain : .zero
            Task { await stop(drain: limit) }
        }
        let thrown = Monitor<(any Error)?>(nil)
        made.run { loop in
            do {
                try body()
                state.withLock { $0.isBodyDone = true }
                tellReadyWhenReady()
            } catch {
                thrown.update { $0 = error }
                loop.reactor.stop()
            }
        }
        state.withLock { $0 = State(configuration: $0.configuration) }
        if let error = thrown.update({ $0 }) { throw error }
    }

    private static func call(_ body: () throws -> Void) {
        do {
            try body()
            state.withLock { $0.isBodyDone = true }
        } catch {
            fail(error as? JobReactorError ?? JobReactorError(.configuration, what: "JR.run failed", why: "\(error)"))
        }
    }

    private static func fail(_ error: JobReactorError) {
        let log = state.withLock { state in
            state.failure = error
            return state.configuration.log
        }
        log?(LogEntry(level: .error, time: SystemClock.wall(), source: "JR", text: "\(error)"))
    }

    /// Whether the closure of ``run(_:)`` has run and everything that was started is listening or connected.
    public static var isReady: Bool {
        let (isDone, nodes, clients) = state.withLock { ($0.isBodyDone && $0.failure == nil, $0.nodes, $0.clients) }
        return isDone && nodes.allSatisfy(\.isReady) && clients.allSatisfy(\.isReady)
    }

    /// Waits until ``isReady``.
    ///
    /// - Throws: ``JobReactorError`` when something could not be started, `CancellationError` when the task is
    ///   cancelled.
    public static func ready() async throws {
        try await turn()
        let (failure, nodes, clients) = state.withLock { ($0.failure, $0.nodes, $0.clients) }
        if let failure { throw failure }
        for node in nodes { try await node.ready() }
        for client in clients { try await client.ready() }
    }

    /// Waits until what was handed to the reactor before has been done.
    private static func turn() async throws {
        guard let reactor = state.withLock(\.reactor) else {
            throw JobReactorError(
                .unavailable, what: "nothing runs", why: "neither JR.run nor a start was called", mend: "Call JR.run")
        }
        let reached = Promise<Void>()
        guard reactor.execute({ _ in reached.resolve(()) }) else { return }
        try await reached.get()
    }

    /// Stops everything: nodes take and start no more jobs, running ones end within `limit`, storage and feedback are
    /// flushed, then the reactor ends. ``run(_:)`` may be called again afterwards.
    public static func stop(drain limit: Duration = .seconds(30)) async {
        let old = state.withLock { state in
            defer { state = State(configuration: state.configuration) }
            return state
        }
        await withTaskGroup(of: Void.self) { group in
            for node in old.nodes {
                // A node whose storage has failed has said so already.
                group.addTask { try? await node.stop(drain: limit) }
            }
        }
        for client in old.clients { client.stop() }
        for distributor in old.distributors { distributor.stop() }
        guard let reactor = old.reactor else { return }
        // The turn after the one in which connections were told to close writes what they hold.
        let flushed = Promise<Void>()
        if reactor.execute({ loop in loop.soon { loop in loop.soon { _ in flushed.resolve(()) } } }) {
            try? await flushed.get()
        }
        reactor.stop()
    }

    // MARK: Starting

    /// Starts a distributor; see ``Distributor``. The first one is where ``enqueue(_:_:_:id:success:error:)`` sends
    /// jobs.
    ///
    /// - Parameters:
    ///   - host: the address or name to listen at.
    ///   - port: 0 takes a free one, which ``Distributor/address`` then has.
    ///   - name: what it is called in logs.
    ///   - advertise: the address under which others reach it.
    ///   - nodes: nodes that listen and are to be dialled, as `HOST:PORT`.
    @discardableResult
    public static func startDistributor(
        _ host: String, _ port: UInt16, name: String = "distributor", advertise: String? = nil, nodes: [String] = []
    ) throws(JobReactorError) -> Distributor {
        let shown = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        let distributor = try Distributor(name, listen: "\(shown):\(port)", advertise: advertise, nodes: nodes)
        state.withLock { $0.distributors.append(distributor) }
        return distributor
    }

    /// Starts a node with the jobs that were defined with `job`; see ``Node``.
    @discardableResult
    public static func startNode(
        name: String? = nil, storage: StorageChoice? = nil, listen: String? = nil, distributors: [String]? = nil,
        registry: JobRegistry = .shared
    ) throws(JobReactorError) -> Node {
        let node = try Node(name, distributors: distributors, storage: storage, listen: listen, registry: registry)
        state.withLock { $0.nodes.append(node) }
        node.start()
        return node
    }

    /// Connects to a distributor elsewhere, as `jr://HOST:PORT`, for a program that has none of its own; see
    /// ``JobClient``. Without a URL, the configuration's.
    @discardableResult
    public static func connect(_ url: String? = nil, name: String = "application") throws(JobReactorError) -> JobClient
    {
        guard let url = url ?? config.url else { throw nowhere }
        let client = try JobClient(url, name: name)
        state.withLock { $0.clients.append(client) }
        return client
    }

    // MARK: Enqueueing

    /// Enqueues a job by name at the first distributor of this program, else at the one it is connected to, else at the
    /// one that `JR_URL` names; see ``JobQueue/enqueue(_:_:_:id:success:error:)``.
    @discardableResult
    public static func enqueue(
        _ name: String, _ args: JobArguments = [:], _ options: JobOptions = .standard, id: String? = nil,
        success: (@Sendable (JobArguments) throws -> Void)? = nil,
        error: (@Sendable (JobArguments) throws -> Void)? = nil
    ) throws(JobReactorError) -> JobHandle<JobArguments> {
        try queue().enqueue(name, args, options, id: id, success: success, error: error)
    }

    /// Enqueues a typed job; see ``JobQueue/enqueue(_:after:runAt:period:on:id:options:)``.
    @discardableResult
    public static func enqueue<J: ResultJob>(
        _ job: J, after: Duration? = nil, runAt: WallTime? = nil, period: Duration? = nil,
        on placement: Placement? = nil, id: String? = nil, options: JobOptions? = nil
    ) throws(JobReactorError) -> JobHandle<J.Output> {
        try queue().enqueue(
            job, after: after, runAt: runAt, period: period, on: placement, id: id, options: options)
    }

    /// Cancels a job; see ``JobQueue/cancel(_:)``.
    @discardableResult
    public static func cancel(_ id: JobID) async throws -> CancelAnswer { try await queue().cancel(id) }

    /// Where ``enqueue(_:_:_:id:success:error:)`` sends jobs.
    public static func queue() throws(JobReactorError) -> any JobQueue {
        if let redirection { return redirection }
        let (distributor, client, dialled) = state.withLock {
            ($0.distributors.first, $0.clients.first, $0.nodeDistributors)
        }
        if let distributor { return distributor }
        if let client { return client }
        if config.url != nil { return try connect() }
        if !dialled.isEmpty { return try connect(dialled.map(\.description).joined(separator: ",")) }
        throw nowhere
    }

    private static var nowhere: JobReactorError {
        JobReactorError(
            .unavailable, what: "there is no distributor to enqueue at",
            why: "this program has started none and is connected to none",
            mend: "Call JR.startDistributor or JR.connect first, or set JR_URL", exitCode: 69)
    }
}
