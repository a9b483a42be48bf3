/// The work of a job, a callback or an errback: it may read and change the arguments, and fails by throwing.
///
/// A synchronous body runs in one turn of the node's reactor, so code on a node needs no locks.
public typealias JobBody = @Sendable (inout JobArguments) throws -> Void

/// The same for bodies that wait: they run on the reactor's thread too, and other jobs proceed while they await.
public typealias AsyncJobBody = @Sendable (inout JobArguments) async throws -> Void

/// A synchronous body that looks at its job and its surroundings; see ``JobContext``.
public typealias JobContextBody = @Sendable (inout JobArguments, JobContext) throws -> Void

/// The same for bodies that wait.
public typealias AsyncJobContextBody = @Sendable (inout JobArguments, JobContext) async throws -> Void

/// Thrown by a job, a callback or an errback to end the job as cancelled: no errbacks, no retry, no next period.
public struct Cancel: Error, Sendable {
    public init() {}
}

/// Thrown by a job to fail for good: errbacks run, and no attempt follows.
public struct FailForGood: Error, Sendable, CustomStringConvertible {
    /// What the application and `jr show` are told.
    public let description: String

    /// Says why no further attempt can help.
    public init(_ description: String) {
        self.description = description
    }
}

/// A job as a node knows it.
public struct JobDefinition: Sendable {
    /// A body, with or without the context, waiting or not: what a body does not ask for is not made.
    public enum Step: Sendable {
        /// Runs within one turn of the reactor.
        case synchronous(JobBody)
        /// Runs within one turn and looks at the context.
        case synchronousInContext(JobContextBody)
        /// Awaits.
        case asynchronous(AsyncJobBody)
        /// Awaits and looks at the context.
        case asynchronousInContext(AsyncJobContextBody)

        var isSynchronous: Bool {
            switch self {
            case .synchronous, .synchronousInContext: true
            case .asynchronous, .asynchronousInContext: false
            }
        }

        var looksAtContext: Bool {
            switch self {
            case .synchronousInContext, .asynchronousInContext: true
            case .synchronous, .asynchronous: false
            }
        }
    }

    /// What is run.
    public enum Work: Sendable {
        /// A body of this program.
        case step(Step)
        /// An executable file: arguments as JSON on its standard input, changes as JSON on its standard output.
        case program(path: String)
    }

    /// A callback or an errback.
    public struct Chained: Sendable {
        /// What people call it; may be empty.
        public var label: String
        /// What it does.
        public var step: Step
    }

    /// In one piece, and with what is asked of it for every attempt: it is handed on with each.
    private final class Box: Sendable {
        let name: String
        let work: Work
        let soleBody: JobBody?
        let callbacks: [Chained]
        let errbacks: [Chained]
        let looksAtContext: Bool
        let isSynchronous: Bool
        let stepsAreSynchronous: Bool

        init(name: String, work: Work, callbacks: [Chained] = [], errbacks: [Chained] = []) {
            self.name = name
            self.work = work
            self.callbacks = callbacks
            self.errbacks = errbacks
            let steps = (callbacks + errbacks).map(\.step)
            stepsAreSynchronous = steps.allSatisfy(\.isSynchronous)
            if case .step(.synchronous(let body)) = work, callbacks.isEmpty { soleBody = body } else { soleBody = nil }
            if case .step(let own) = work {
                looksAtContext = own.looksAtContext || steps.contains(where: \.looksAtContext)
                isSynchronous = own.isSynchronous && stepsAreSynchronous
            } else {
                looksAtContext = steps.contains(where: \.looksAtContext)
                isSynchronous = false
            }
        }
    }

    private var box: Box

    /// A job without callbacks and errbacks.
    public init(name: String, work: Work) {
        box = Box(name: name, work: work)
    }

    /// The job's name.
    public var name: String { box.name }
    /// What is run first.
    public var work: Work { box.work }

    /// They run after the work, in this order.
    public package(set) var callbacks: [Chained] {
        get { box.callbacks }
        set { box = Box(name: name, work: work, callbacks: newValue, errbacks: errbacks) }
    }

    /// They run after each failed attempt, in this order.
    public package(set) var errbacks: [Chained] {
        get { box.errbacks }
        set { box = Box(name: name, work: work, callbacks: callbacks, errbacks: newValue) }
    }

    /// All that an attempt does which succeeds, where that is one body which knows nothing of its job.
    var soleBody: JobBody? { box.soleBody }

    /// Whether a body of it asks for the context.
    var looksAtContext: Bool { box.looksAtContext }

    /// Nothing of it awaits: it can run within a turn, or on a thread of the pool.
    package var isSynchronous: Bool { box.isSynchronous }

    /// None of its callbacks and errbacks awaits.
    var stepsAreSynchronous: Bool { box.stepsAreSynchronous }
}
