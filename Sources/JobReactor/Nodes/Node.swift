public import JRBase
package import JRCore
public import JRReactor
import JRStorage
import JRSystem

/// A node: stores the jobs that its distributors send, and runs them.
///
///     let node = try Node("worker_1", distributors: ["127.0.0.1:5000"], storage: .journal(directory: "jobs")) {
///         SendEmail.self
///         Handler("greet") { args in args["greeting"] = "Hello" }
///     }
///     try await node.run()
///
/// Safe to use from any thread. Several nodes, and a distributor beside them, may share a reactor.
public final class Node: Sendable {
    /// Its name in the cluster, to which its stored jobs belong.
    public let name: String
    /// Where it listens for distributors that dial it; nil when it only dials.
    public let address: SocketAddress?
    private let configuration: NodeConfiguration
    private let reactor: Reactor
    private let socket: ListeningSocket?
    private let shell = ShellHolder<NodeShell>()
    private let isStarted = Monitor(false)
    private let readiness = Promise<Result<Void, JobReactorError>>()
    private let end = Promise<Result<Void, JobReactorError>>()

    /// A node with these jobs. It does nothing before ``start(_:)`` or ``run()``.
    ///
    /// - Parameters:
    ///   - name: 1 to 128 letters, digits or `_.:-`. What is left out is as the configuration says, and so as the
    ///     environment says, which a supervisor sets.
    ///   - distributors: those that it dials and keeps dialling, as `HOST:PORT`.
    ///   - storage: where it keeps its jobs.
    ///   - listen: `HOST:PORT` for distributors that dial it.
    ///   - configuration: everything else that can be set.
    ///   - reactor: where its work is done; the one of ``JR`` by default.
    ///   - jobs: what it can run.
    /// - Throws: ``JobReactorError``: `configuration` for what is missing or wrong, `unavailable` for an address that
    ///   is taken.
    public convenience init(
        _ name: String? = nil, distributors: [String]? = nil, storage: StorageChoice? = nil, listen: String? = nil,
        configuration: Configuration = JR.config, on reactor: Reactor? = nil, @JobList jobs: () -> [Handler]
    ) throws(JobReactorError) {
        let registry = JobRegistry()
        for handler in jobs() { registry.define(handler) }
        try self.init(
            name, distributors: distributors, storage: storage, listen: listen, registry: registry,
            configuration: configuration, on: reactor)
    }

    /// A node with the jobs of a registry: by default those that were defined with `job`.
    public convenience init(
        _ name: String? = nil, distributors: [String]? = nil, storage: StorageChoice? = nil, listen: String? = nil,
        registry: JobRegistry = .shared, configuration: Configuration = JR.config, on reactor: Reactor? = nil
    ) throws(JobReactorError) {
        var configuration = configuration
        if let distributors { configuration.distributors = distributors }
        if let storage { configuration.storage = storage }
        if let listen { configuration.listen = listen }
        guard let name = name ?? configuration.name else {
            throw JobReactorError(
                .configuration, what: "a node has no name", why: "its stored jobs belong to its name",
                mend: "Name it where it is made, or set JR_NAME", exitCode: 78)
        }
        try self.init(try NodeConfiguration(configuration, name: name, registry: registry), on: reactor)
    }

    /// A node that is set up to the last setting.
    public init(_ configuration: NodeConfiguration, on reactor: Reactor? = nil) throws(JobReactorError) {
        let name = configuration.settings.name
        guard Names.isValid(name) else {
            throw JobReactorError(
                .configuration, what: "'\(name.prefix(200))' is not a node's name",
                why: "a name is 1 to \(Limits.nameBytes) letters, digits or '_.:-'", mend: "Rename the node",
                exitCode: 78)
        }
        let faults = configuration.registry.takeFaults()
        guard faults.isEmpty else {
            throw JobReactorError(
                .configuration, what: "node '\(name)' has jobs that cannot be run",
                why: faults.joined(separator: "; "), exitCode: 78)
        }
        self.name = name
        self.configuration = configuration
        self.reactor = try JR.reactor(reactor)
        socket = try configuration.listen.map { text throws(JobReactorError) in try ListeningSocket(text) }
        address = socket?.address
    }

    /// Opens storage, takes over what it holds, then dials the distributors. Only the first call counts.
    ///
    /// - Parameter observe: hears what happens, on the reactor's thread.
    public func start(_ observe: @escaping @Sendable (NodeEvent) -> Void = { _ in }) {
        let isFirst = isStarted.update { isStarted in
            defer { isStarted = true }
            return !isStarted
        }
        guard isFirst else { return }
        JR.note(distributors: configuration.distributors, on: reactor)
        let (configuration, socket) = (configuration, socket)
        shell.start(on: reactor) { [self] loop in
            NodeShell(configuration, on: loop) { [self] event in
                heard(event)
                observe(event)
            }
        } then: { shell, _ in
            shell.start(listening: socket)
        }
    }

    private func heard(_ event: NodeEvent) {
        switch event {
        case .connected: readiness.resolve(.success(()))
        // There may be nobody to connect to: then it is ready when it can be dialled.
        case .recovered: if configuration.distributors.isEmpty { readiness.resolve(.success(())) }
        case .disconnected, .paused: break
        case .drained: end.resolve(.success(()))
        case .failed(let error):
            readiness.resolve(.failure(error))
            end.resolve(.failure(error))
        }
    }

    /// Whether it has taken over its stored jobs and been connected to a distributor.
    public var isReady: Bool {
        if case .success? = readiness.current { true } else { false }
    }

    /// Waits until it has taken over its stored jobs and is connected to a distributor.
    ///
    /// - Throws: ``JobReactorError`` when its storage cannot be opened, `CancellationError` when the task is cancelled.
    public func ready() async throws {
        try await readiness.get().get()
    }

    /// Runs the node until the calling task is cancelled, or the process gets SIGTERM or SIGINT or its supervisor goes
    /// away; then drains it. What a program that is a node and nothing else calls last.
    ///
    /// A second signal does not wait for running jobs. The supervisor that started the program, if one did, is told
    /// when the node is ready.
    ///
    /// - Throws: ``JobReactorError`` when its storage cannot be opened or fails.
    public func run() async throws {
        let limit = JR.config.drain
        let supervised = SupervisedNode(self)
        try JR.onEnd(of: reactor, heard: { supervised.heard($0) }) { [weak self] isFirst in
            self?.drain(limit: isFirst ? Interval(limit) : .zero)
        }
        supervised.tellRecovering()
        start { event in supervised.tell(event) }
        do {
            try await end.get().get()
        } catch is CancellationError {
            try await stop(drain: limit)
        }
    }

    /// Takes and starts no more jobs, lets running ones end for at most `limit`, closes storage; ends with
    /// ``NodeEvent/drained``. What had to be cut off runs again at the next start, unless storage is memory.
    public func drain(limit: Interval) {
        shell.call { shell, _ in shell.drain(limit: limit) }
    }

    /// Takes and begins no more jobs until ``resume()``; those that run end. ``NodeEvent/paused(_:)`` tells when none
    /// runs any more. Distributors send what comes meanwhile to other nodes.
    ///
    /// - Parameter finishingReady: whether jobs that it has and that wait for a place are run first.
    public func pause(finishingReady: Bool = false) {
        shell.call { shell, _ in shell.pause(finishingReady: finishingReady) }
    }

    /// Takes and begins jobs again after ``pause(finishingReady:)``. Nothing to a node that works, or that ends.
    public func resume() {
        shell.call { shell, _ in shell.resume() }
    }

    /// Calls `tell` on the reactor's thread with how many jobs it has, now and whenever that has changed, at most four
    /// times a second; nil ends it.
    package func watchCounts(_ tell: (@Sendable (NodeCounts) -> Void)?) {
        shell.call { shell, loop in
            if let tell { shell.counting.watch(tell) } else { shell.counting.unwatch(on: loop) }
            shell.planTurn()
        }
    }

    /// Calls `tell` once with how many jobs it has.
    package func counts(_ tell: @escaping @Sendable (NodeCounts) -> Void) {
        shell.call { shell, _ in tell(shell.engine.counts) }
    }

    /// ``drain(limit:)``, and waits until it is done.
    ///
    /// - Throws: ``JobReactorError`` when storage failed.
    public func stop(drain limit: Duration = .seconds(30)) async throws {
        guard isStarted.update({ $0 }) else { return }
        drain(limit: Interval(limit))
        let end = end
        // Also for a task that is cancelled: what a node holds is worth the wait.
        try await Task { try await end.get().get() }.value
    }
}
