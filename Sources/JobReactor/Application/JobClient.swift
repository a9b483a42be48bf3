public import JRBase
import JRCore
public import JRReactor
import JRSystem
public import JRWire

/// A connection to a distributor elsewhere, to enqueue jobs at: the same API and the same feedback as with a
/// distributor of one's own.
///
///     let jobs = try JobClient("jr://127.0.0.1:5000")
///     let files = try await jobs.enqueue(Thumbnail(path: "/x.jpg")).value
///
/// A connection that breaks is made again until ``stop()``, and what was not stored is sent again under its id, so that
/// nothing is lost and nothing made twice. Safe to use from any thread.
public final class JobClient: JobQueue, Sendable {
    private let reactor: Reactor
    private let inbox = ClientInbox()
    private let connection = Promise<Result<Void, JobReactorError>>()

    /// Connects, now and again for ever.
    ///
    /// - Parameters:
    ///   - url: `jr://HOST:PORT` or `HOST:PORT`; several, separated by commas, are tried in turn.
    ///   - name: what the application is called in the distributor's eyes.
    ///   - reactor: where its work is done and closures are called; the one of ``JR`` by default.
    ///   - observe: hears of the connection, on the reactor's thread.
    /// - Throws: ``JobReactorError`` with code `configuration` for an address that is none, `unavailable` when the
    ///   system has no room for a reactor.
    public init(
        _ url: String, name: String = "application", on reactor: Reactor? = nil,
        observe: @escaping @Sendable (ClientEvent) -> Void = { _ in }
    ) throws(JobReactorError) {
        let addresses = try Addresses.parse(url)
        let reactor = try JR.reactor(reactor)
        self.reactor = reactor
        start(name, reactor, observe) { shell, _ in shell.connect(to: addresses) }
    }

    /// For addresses that were read before, and for somebody who wants to know how many jobs are not stored yet.
    init(_ addresses: [SocketAddress], name: String, on reactor: Reactor, unstored: LoopBound<UnstoredJobs>) {
        self.reactor = reactor
        start(name, reactor, { _ in }) { shell, loop in
            shell.unstored = unstored.open(loop)
            shell.connect(to: addresses)
        }
    }

    /// For a distributor of the same reactor, which is reached without a socket.
    init(_ distributor: ShellHolder<DistributorShell>, name: String, on reactor: Reactor) {
        self.reactor = reactor
        start(name, reactor, { _ in }) { shell, loop in
            let bound = LoopBound(shell, loop)
            distributor.call { found, loop in bound.open(loop).attach(to: found) }
        }
    }

    private func start(
        _ name: String, _ reactor: Reactor, _ observe: @escaping @Sendable (ClientEvent) -> Void,
        _ connect: @escaping @Sendable (ClientShell, Loop) -> Void
    ) {
        let connection = connection
        inbox.shell.start(on: reactor) { loop in
            ClientShell(name: name, on: loop) { event in
                if case .connected = event { connection.resolve(.success(())) }
                observe(event)
            }
        } then: { shell, loop in
            connect(shell, loop)
        }
    }

    /// Whether a distributor has answered since the start.
    public var isReady: Bool { connection.current != nil }

    /// Waits until a distributor has answered. Throws `CancellationError` when the task is cancelled first.
    public func ready() async throws {
        try await connection.get().get()
    }

    /// See ``JobQueue``.
    public func submit(_ request: consuming JobRequest, _ observer: JobObserver?) throws(JobReactorError) {
        inbox.enqueue(request, observer)
    }

    /// See ``JobQueue``. Without a connection the question waits for one.
    public func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        inbox.call { shell, _ in shell.ask(verb, parameters, answer) }
    }

    /// The reactor's clock.
    public var wallTime: WallTime { reactor.wall }

    /// Closes the connection. Feedback that has not come yet is lost to this program, and jobs go on.
    public func stop() {
        inbox.call { shell, _ in shell.stop() }
    }
}

/// Addresses as people and settings write them.
enum Addresses {
    /// `jr://HOST:PORT` or `HOST:PORT`, one or several separated by commas.
    static func parse(_ text: String) throws(JobReactorError) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let part = part.drop { $0 == " " }
            addresses.append(try parseOne(String(part.hasPrefix("jr://") ? part.dropFirst(5) : part)))
        }
        return addresses
    }

    static func parseOne(_ text: String) throws(JobReactorError) -> SocketAddress {
        do throws(SocketAddress.Malformed) {
            return try SocketAddress(parsing: text)
        } catch {
            throw JobReactorError(
                .configuration, what: "'\(text)' is no address", why: error.reason,
                mend: "Write HOST:PORT, [IPv6]:PORT or unix:/PATH, with jr:// before it or without", exitCode: 78)
        }
    }
}
