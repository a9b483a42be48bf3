public import JRBase
import JRCore
public import JRReactor
public import JRSystem
public import JRWire

/// What becomes of the connection to the distributor.
public enum ClientEvent: Sendable {
    case connected(distributor: String)
    case disconnected(reason: String, retryAfter: Interval)
}

/// What becomes of a job, in this order; `accepted` is left out when a node was free.
public enum JobEvent: Sendable {
    /// The distributor holds the job in its memory, because no suitable node is there or free: `reason` says which.
    case accepted(reason: String)
    /// The node has it, as its storage promises.
    case stored(node: String)
    case refused(JobReactorError)
    /// It ended; for a periodic job, once a run.
    case ended(JobResult)
}

/// Called on the reactor's thread, in the order of events.
public typealias JobObserver = @Sendable (JobEvent) -> Void

/// How a job ended.
public struct JobResult: Sendable {
    public let id: JobID
    public let ending: JobOutcome.Ending
    public let arguments: JobArguments
    public let error: String?
    public let attempt: Int
    public let node: String
    /// False when a periodic job goes on.
    public let isFinal: Bool

    init(_ outcome: JobOutcome) {
        id = outcome.id
        ending = outcome.ending
        arguments = JobArguments(encoded: outcome.arguments)
        error = outcome.error
        attempt = outcome.attempt
        node = outcome.node
        isFinal = outcome.isFinal
    }
}

/// Enqueues jobs at a distributor, in another process or in this one. Safe to use from any thread.
///
/// A connection that breaks is made again until ``stop()``, and what was not stored is sent again.
public final class JobClient: Sendable {
    private enum Target: Sendable {
        case address(SocketAddress)
        case distributor(Distributor)
    }

    private let name: String
    private let target: Target
    private let shell = ShellHolder<ClientShell>()

    public init(name: String, distributor address: SocketAddress) {
        self.name = name
        target = .address(address)
    }

    /// For a distributor that was started in this process, on the reactor that this client will be started on.
    public init(name: String, distributor: Distributor) {
        self.name = name
        target = .distributor(distributor)
    }

    public func start(on reactor: Reactor, _ observe: @escaping @Sendable (ClientEvent) -> Void = { _ in }) {
        let (name, target) = (name, target)
        shell.start(on: reactor) { loop in
            ClientShell(name: name, on: loop, observe)
        } then: { shell, loop in
            switch target {
            case .address(let address): shell.connect(to: address)
            case .distributor(let distributor):
                let bound = LoopBound(shell, loop)
                distributor.shell.call { found, loop in bound.open(loop).attach(to: found) }
            }
        }
    }

    /// A fresh id, for callers that need it before they enqueue.
    public static func makeID() -> JobID {
        JobID(at: SystemClock.wall(), random: (SystemRandom.seed(), SystemRandom.seed()))
    }

    /// Enqueues a job and tells what becomes of it.
    ///
    /// - Parameter feedback: which endings the node reports; none by default without an observer, both with one.
    /// - Returns: the job's id, at once.
    /// - Throws: ``JobReactorError`` with code `invalid_job` for a name or options that no node would take.
    @discardableResult
    public func enqueue(
        _ name: String, _ arguments: JobArguments = [:], _ options: JobOptions = .standard, id: JobID? = nil,
        feedback: Feedback? = nil, _ observer: JobObserver? = nil
    ) throws(JobReactorError) -> JobID {
        let now = SystemClock.wall()
        let request = JobRequest(
            id: id ?? Self.makeID(), name: name, arguments: arguments.encoded, created: now,
            feedback: feedback ?? (observer == nil ? [] : .both), options: options)
        if let problem = request.problem(at: now) {
            throw JobReactorError(.invalidJob, what: "the job was not enqueued", why: problem)
        }
        shell.call { shell, _ in shell.enqueue(request, observer) }
        return request.id
    }

    /// Asks the distributor: `nodes`, `stats`, `list` (`node`, `status`, `limit`), `show` (`id`).
    ///
    /// The answer comes on the reactor's thread, when a distributor is reached.
    public func ask(
        _ verb: String, _ parameters: [String: Value] = [:],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {
        shell.call { shell, _ in shell.ask(verb, parameters, answer) }
    }

    public func stop() {
        shell.call { shell, _ in shell.stop() }
    }
}
