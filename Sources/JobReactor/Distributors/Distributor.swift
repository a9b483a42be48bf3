public import JRBase
public import JRReactor
public import JRSystem
public import JRWire
import Synchronization

/// A distributor: takes jobs from applications and hands each to a node. Embedded in an application, it is what that
/// application enqueues at.
///
///     let jobs = try Distributor(listen: "127.0.0.1:5000")
///     try jobs.enqueue("greet", ["name": "you"])
///
/// Jobs that no node can take yet wait in its memory, in order; a job is forgotten here when a node has said that it is
/// stored. Safe to use from any thread. Several may live in one process.
public final class Distributor: JobQueue, Sendable {
    /// What it is called in logs.
    public let name: String
    /// Where it listens, with the real port where port 0 was asked for.
    public let address: SocketAddress
    /// How others reach it, as `jr://HOST:PORT`: for `JR_URL`, and for an application's ``JobClient``.
    public let url: String
    let shell = ShellHolder<DistributorShell>()
    private let reactor: Reactor
    private let local = Mutex<JobClient?>(nil)

    /// Listens, from now until ``stop()``.
    ///
    /// - Parameters:
    ///   - name: what it is called in logs.
    ///   - listen: `HOST:PORT` or `unix:/PATH`; port 0 takes a free one. The configuration's by default, else
    ///     `127.0.0.1:5000`.
    ///   - advertise: the address under which others reach it, where that is another one (behind a NAT, in a
    ///     container).
    ///   - nodes: nodes that listen themselves and are to be dialled, in vain or not, for ever.
    ///   - configuration: everything else that can be set.
    ///   - reactor: where its work is done; the one of ``JR`` by default.
    /// - Throws: ``JobReactorError``: `configuration` for an address that is none, `unavailable` when it is taken.
    public init(
        _ name: String = "distributor", listen: String? = nil, advertise: String? = nil, nodes: [String] = [],
        configuration: Configuration = JR.config, on reactor: Reactor? = nil
    ) throws(JobReactorError) {
        try configuration.check()
        let found = try JR.reactor(reactor)
        var dialled: [SocketAddress] = []
        for node in nodes { dialled.append(contentsOf: try Addresses.parse(node)) }
        let socket = try ListeningSocket(listen ?? configuration.listen ?? "127.0.0.1:5000")
        let advertised = try (advertise ?? configuration.advertise).map { text throws(JobReactorError) in
            try Addresses.parseOne(text)
        }
        self.name = name
        self.reactor = found
        address = socket.address
        url = "jr://\(advertised ?? socket.address)"
        shell.start(on: found) { [dialled] loop in
            let shell = DistributorShell(name: name, configuration, on: loop)
            shell.listen(with: socket)
            shell.dial(dialled)
            return shell
        } then: { _, _ in
        }
    }

    /// Stops listening and closes all connections once what is under way is sent. Jobs that no node has stored are
    /// lost: drain first what must not be.
    public func stop() {
        local.withLock { $0.take() }?.stop()
        shell.call { shell, _ in shell.stop() }
    }

    /// The way in for this process, without a socket.
    private var client: JobClient {
        local.withLock { local in
            let client = local ?? JobClient(shell, name: "\(name), the application", on: reactor)
            local = client
            return client
        }
    }

    /// See ``JobQueue``.
    public func submit(_ request: consuming JobRequest, _ observer: JobObserver?) throws(JobReactorError) {
        try client.submit(request, observer)
    }

    /// See ``JobQueue``.
    public func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        client.ask(verb, parameters, answer)
    }

    /// The reactor's clock.
    public var wallTime: WallTime { reactor.wall }
}
