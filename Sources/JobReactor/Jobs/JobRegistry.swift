import JRBase
import Synchronization

/// The jobs that a node can run, by name. Safe to use from any thread; a node looks once, when it starts.
public final class JobRegistry: Sendable {
    /// Where ``job(_:_:)-swift.function`` and its like put what they define.
    public static let shared = JobRegistry()

    private let jobs = Mutex<[String: JobDefinition]>([:])
    /// Definitions that could not be made; a job file cannot throw, so its loader asks for these.
    private let faults = Mutex<[String]>([])

    public init() {}

    public var names: [String] { jobs.withLock { $0.keys.sorted() } }

    public subscript(name: String) -> JobDefinition? { jobs.withLock { $0[name] } }

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

    func addCallback(to name: String, _ label: String, _ step: JobDefinition.Step) {
        change(name, "callback", label) { $0.callbacks.append((label, step)) }
    }

    func addErrback(to name: String, _ label: String, _ step: JobDefinition.Step) {
        change(name, "errback", label) { $0.errbacks.append((label, step)) }
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

/// Defines a job. In a file of the job directory this stands at the top level.
///
///     job("greet") { args in
///         args["greeting"] = "Hello, \(args["name"]?.string ?? "world")"
///     }
public func job(_ name: String, _ body: @escaping JobBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.synchronous(body))))
}

/// Defines a job that awaits.
public func job(_ name: String, _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.asynchronous(body))))
}

/// Adds a callback: it runs after the job and the callbacks before it, with the arguments as they left them.
public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping JobBody) {
    JobRegistry.shared.addCallback(to: name, label, .synchronous(body))
}

public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.addCallback(to: name, label, .asynchronous(body))
}

/// Adds an errback: it runs after each failed attempt, with the arguments as they were before it and `error`.
public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping JobBody) {
    JobRegistry.shared.addErrback(to: name, label, .synchronous(body))
}

public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.addErrback(to: name, label, .asynchronous(body))
}
