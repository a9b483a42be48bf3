/// Defines a job. In a file of the job directory this stands at the top level.
///
///     job("greet") { args in
///         args["greeting"] = "Hello, \(args["name"]?.string ?? "world")"
///     }
///
/// Defining a job again replaces it, its callbacks and its errbacks. Safe from any thread; a node looks once, when it
/// starts.
public func job(_ name: String, _ body: @escaping JobBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.synchronous(body))))
}

/// Defines a job, which looks at its context.
public func job(_ name: String, _ body: @escaping JobContextBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.synchronousInContext(body))))
}

/// Defines a job, which awaits.
public func job(_ name: String, _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.asynchronous(body))))
}

/// Defines a job, which awaits and looks at its context.
public func job(_ name: String, _ body: @escaping AsyncJobContextBody) {
    JobRegistry.shared.define(JobDefinition(name: name, work: .step(.asynchronousInContext(body))))
}

/// Defines a typed job under its ``ResultJob/kind``, so that nodes of the job directory have it.
public func job<J: ResultJob>(_ type: J.Type) {
    JobRegistry.shared.define(type)
}

/// Adds a callback: it runs after the job and the callbacks before it, with the arguments as they left them.
public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping JobBody) {
    JobRegistry.shared.addCallback(to: name, label, .synchronous(body))
}

/// Adds a callback, which looks at its context.
public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping JobContextBody) {
    JobRegistry.shared.addCallback(to: name, label, .synchronousInContext(body))
}

/// Adds a callback, which awaits.
public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.addCallback(to: name, label, .asynchronous(body))
}

/// Adds a callback, which awaits and looks at its context.
public func jobCallback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobContextBody) {
    JobRegistry.shared.addCallback(to: name, label, .asynchronousInContext(body))
}

/// Adds an errback: it runs after each failed attempt, with the arguments as they were before it and `error`.
public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping JobBody) {
    JobRegistry.shared.addErrback(to: name, label, .synchronous(body))
}

/// Adds an errback, which looks at its context.
public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping JobContextBody) {
    JobRegistry.shared.addErrback(to: name, label, .synchronousInContext(body))
}

/// Adds an errback, which awaits.
public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobBody) {
    JobRegistry.shared.addErrback(to: name, label, .asynchronous(body))
}

/// Adds an errback, which awaits and looks at its context.
public func jobErrback(_ name: String, _ label: String = "", _ body: @escaping AsyncJobContextBody) {
    JobRegistry.shared.addErrback(to: name, label, .asynchronousInContext(body))
}
