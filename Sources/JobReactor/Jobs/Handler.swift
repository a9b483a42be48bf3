/// A job by name with its callbacks and errbacks, for the list of a ``Node``.
///
///     Handler("greet") { args in args["greeting"] = "Hello" }
///         .callback { args in args["length"] = 5 }
///         .errback { args in print(args["error"] ?? "") }
///
/// What is said of `job`, `jobCallback` and `jobErrback` is true of it; but a handler belongs to its node alone.
public struct Handler: Sendable {
    var definition: JobDefinition

    /// A job that runs in one turn of the reactor.
    public init(_ name: String, run: @escaping JobBody) {
        definition = JobDefinition(name: name, work: .step(.synchronous(run)))
    }

    /// A job that runs in one turn and looks at its context.
    public init(_ name: String, run: @escaping JobContextBody) {
        definition = JobDefinition(name: name, work: .step(.synchronousInContext(run)))
    }

    /// A job that awaits.
    public init(_ name: String, run: @escaping AsyncJobBody) {
        definition = JobDefinition(name: name, work: .step(.asynchronous(run)))
    }

    /// A job that awaits and looks at its context.
    public init(_ name: String, run: @escaping AsyncJobContextBody) {
        definition = JobDefinition(name: name, work: .step(.asynchronousInContext(run)))
    }

    /// A typed job, to hang callbacks and errbacks on.
    public init<J: ResultJob>(_ type: J.Type) {
        definition = type.definition
    }

    /// An executable file; see the job directory.
    public init(_ name: String, program path: String) {
        definition = JobDefinition(name: name, work: .program(path: path))
    }

    /// With one more callback.
    public func callback(_ label: String = "", _ step: @escaping JobBody) -> Handler {
        adding(callback: JobDefinition.Chained(label: label, step: .synchronous(step)))
    }

    /// With one more callback, which looks at the context.
    public func callback(_ label: String = "", _ step: @escaping JobContextBody) -> Handler {
        adding(callback: JobDefinition.Chained(label: label, step: .synchronousInContext(step)))
    }

    /// With one more callback, which awaits.
    public func callback(_ label: String = "", _ step: @escaping AsyncJobBody) -> Handler {
        adding(callback: JobDefinition.Chained(label: label, step: .asynchronous(step)))
    }

    /// With one more callback, which awaits and looks at the context.
    public func callback(_ label: String = "", _ step: @escaping AsyncJobContextBody) -> Handler {
        adding(callback: JobDefinition.Chained(label: label, step: .asynchronousInContext(step)))
    }

    /// With one more errback.
    public func errback(_ label: String = "", _ step: @escaping JobBody) -> Handler {
        adding(errback: JobDefinition.Chained(label: label, step: .synchronous(step)))
    }

    /// With one more errback, which looks at the context.
    public func errback(_ label: String = "", _ step: @escaping JobContextBody) -> Handler {
        adding(errback: JobDefinition.Chained(label: label, step: .synchronousInContext(step)))
    }

    /// With one more errback, which awaits.
    public func errback(_ label: String = "", _ step: @escaping AsyncJobBody) -> Handler {
        adding(errback: JobDefinition.Chained(label: label, step: .asynchronous(step)))
    }

    /// With one more errback, which awaits and looks at the context.
    public func errback(_ label: String = "", _ step: @escaping AsyncJobContextBody) -> Handler {
        adding(errback: JobDefinition.Chained(label: label, step: .asynchronousInContext(step)))
    }

    private func adding(callback: JobDefinition.Chained) -> Handler {
        var handler = self
        handler.definition.callbacks.append(callback)
        return handler
    }

    private func adding(errback: JobDefinition.Chained) -> Handler {
        var handler = self
        handler.definition.errbacks.append(errback)
        return handler
    }
}

/// Builds the list of jobs of a ``Node``: typed jobs by `SendEmail.self`, and handlers.
@resultBuilder
public enum JobList {
    /// A typed job.
    public static func buildExpression<J: ResultJob>(_ type: J.Type) -> [Handler] { [Handler(type)] }
    /// A job by name.
    public static func buildExpression(_ handler: Handler) -> [Handler] { [handler] }
    /// Jobs listed elsewhere.
    public static func buildExpression(_ handlers: [Handler]) -> [Handler] { handlers }
    /// One after the other.
    public static func buildBlock(_ parts: [Handler]...) -> [Handler] { parts.flatMap { $0 } }
    /// Jobs that this node may have or not.
    public static func buildOptional(_ part: [Handler]?) -> [Handler] { part ?? [] }
    /// The first branch.
    public static func buildEither(first: [Handler]) -> [Handler] { first }
    /// The second branch.
    public static func buildEither(second: [Handler]) -> [Handler] { second }
    /// Jobs made in a loop.
    public static func buildArray(_ parts: [[Handler]]) -> [Handler] { parts.flatMap { $0 } }
}
