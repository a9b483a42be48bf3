/// The work of a job, a callback or an errback: it may read and change the arguments, and fails by throwing.
///
/// A synchronous body runs in one turn of the node's reactor, so code on a node needs no locks.
public typealias JobBody = @Sendable (inout JobArguments) throws -> Void

/// The same for bodies that wait: they run on the reactor's thread too, and other jobs proceed while they await.
public typealias AsyncJobBody = @Sendable (inout JobArguments) async throws -> Void

/// Thrown by a job, a callback or an errback to end the job as cancelled: no errbacks, no retry, no next period.
public struct Cancel: Error, Sendable {
    public init() {}
}

/// Thrown by a job to fail for good: errbacks run, and no attempt follows.
public struct FailForGood: Error, Sendable, CustomStringConvertible {
    public let description: String

    public init(_ description: String) {
        self.description = description
    }
}

/// A job as a node knows it.
public struct JobDefinition: Sendable {
    public enum Step: Sendable {
        case synchronous(JobBody)
        case asynchronous(AsyncJobBody)

        var isSynchronous: Bool {
            if case .synchronous = self { true } else { false }
        }
    }

    public enum Work: Sendable {
        case step(Step)
        /// An executable file: arguments as JSON on its standard input, changes as JSON on its standard output.
        case program(path: String)
    }

    public let name: String
    public let work: Work
    public internal(set) var callbacks: [(label: String, step: Step)] = []
    public internal(set) var errbacks: [(label: String, step: Step)] = []

    public init(name: String, work: Work) {
        self.name = name
        self.work = work
    }

    /// Nothing of it awaits: it can run within a turn, or on a thread of the pool.
    var isSynchronous: Bool {
        guard case .step(let step) = work else { return false }
        return step.isSynchronous && stepsAreSynchronous
    }

    /// None of its callbacks and errbacks awaits.
    var stepsAreSynchronous: Bool {
        callbacks.allSatisfy(\.step.isSynchronous) && errbacks.allSatisfy(\.step.isSynchronous)
    }
}
