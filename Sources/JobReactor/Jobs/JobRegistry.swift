import JRBase
import Synchronization

/// The jobs that a node can run, by name. Safe to use from any thread; a node looks once, when it starts.
public final class JobRegistry: Sendable {
    /// Where `job(_:_:)` and its like put what they define.
    public static let shared = JobRegistry()

    private let jobs = Mutex<[String: JobDefinition]>([:])
    /// Definitions that could not be made; a job file cannot throw, so its loader asks for these.
    private let faults = Mutex<[String]>([])

    public init() {}

    /// The names of all jobs, in alphabetical order.
    public var names: [String] { jobs.withLock { $0.keys.sorted() } }

    /// The job of that name, if it is defined.
    public subscript(name: String) -> JobDefinition? { jobs.withLock { $0[name] } }

    /// All jobs by name.
    public var definitions: [String: JobDefinition] { jobs.withLock { $0 } }

    /// Defines a job, or defines it anew: its callbacks and errbacks are then gone.
    public func define(_ definition: JobDefinition) {
        guard Names.isValid(definition.name) else {
            fault(
                "the job name '\(definition.name.prefix(200))' is not 1 to \(Limits.nameBytes) letters, digits or "
                    + "'_.:-': rename the job")
            return
        }
        jobs.withLock { $0[definition.name] = definition }
    }

    /// Takes over a handler with its callbacks and errbacks.
    public func define(_ handler: Handler) {
        define(handler.definition)
    }

    /// Defines a typed job under its ``ResultJob/kind``.
    public func define<J: ResultJob>(_ type: J.Type) {
        define(type.definition)
    }

    func addCallback(to name: String, _ label: String, _ step: JobDefinition.Step) {
        change(name, "callback", label) { $0.callbacks.append(JobDefinition.Chained(label: label, step: step)) }
    }

    func addErrback(to name: String, _ label: String, _ step: JobDefinition.Step) {
        change(name, "errback", label) { $0.errbacks.append(JobDefinition.Chained(label: label, step: step)) }
    }

    /// What was wrong with definitions since the last call, in sentences.
    public func takeFaults() -> [String] {
        faults.withLock { faults in
            defer { faults = [] }
            return faults
        }
    }

    private func change(_ name: String, _ kind: String, _ label: String, _ body: (inout JobDefinition) -> Void) {
        let known: [String]? = jobs.withLock { jobs in
            guard jobs[name] != nil else { return jobs.keys.sorted() }
            if var definition = jobs[name] {
                body(&definition)
                jobs[name] = definition
            }
            return nil
        }
        guard let known else { return }
        let hint = Names.nearest(to: name, among: known).map { " (did you mean '\($0)'?)" } ?? ""
        let named = label.isEmpty ? "a \(kind)" : "the \(kind) '\(label)'"
        fault("\(named) is for the job '\(name)', which is not defined before it\(hint): define the job first")
    }

    private func fault(_ text: String) {
        faults.withLock { $0.append(text) }
    }
}
