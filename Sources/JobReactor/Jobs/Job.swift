public import JRWire

/// A job as a type, with a typed answer: the value is the job's arguments, and what ``run(_:)`` returns goes back to
/// the application.
///
///     struct Thumbnail: ResultJob {
///         var path: String
///
///         func run(_ context: JobContext) async throws -> String {
///             path + ".png"
///         }
///     }
///
/// On the wire it is an ordinary job: its stored properties are the arguments, and the answer is the argument `result`.
/// So an application may enqueue it by name, and a typed enqueue may be run by a job that a node defines by name.
public protocol ResultJob: Codable, Sendable {
    /// What the job answers.
    associatedtype Output: Codable & Sendable

    /// The job's name; once jobs of it are stored it must not change. The type's name unless said otherwise.
    static var kind: String { get }

    /// What every enqueue of it asks for unless that enqueue says otherwise. ``JobOptions/standard`` by default.
    static var options: JobOptions { get }

    /// Does the work, on the node's reactor: other jobs proceed while it awaits. With the option `defer` it runs on the
    /// thread pool. Throwing fails the attempt, and another one follows; see ``Cancel`` and ``FailForGood``.
    func run(_ context: JobContext) async throws -> Output
}

extension ResultJob {
    /// The type's name.
    public static var kind: String { String(describing: Self.self) }

    /// Nothing but the node's own settings.
    public static var options: JobOptions { .standard }
}

/// A job as a type, without an answer.
///
///     struct SendEmail: Job {
///         var to: String
///
///         func run(_ context: JobContext) async throws {
///             try await mail(to)
///         }
///     }
public protocol Job: ResultJob where Output == Nothing {
    /// Does the work; see ``ResultJob/run(_:)``.
    func run(_ context: JobContext) async throws
}

extension Job {
    /// Runs the job and answers nothing.
    public func run(_ context: JobContext) async throws -> Nothing {
        let _: Void = try await run(context)
        return Nothing()
    }
}

/// The answer of a job that has none.
public struct Nothing: Codable, Sendable, Hashable {
    public init() {}
}

extension ResultJob {
    /// The job as a node's registry has it.
    static var definition: JobDefinition {
        JobDefinition(
            name: kind,
            work: .step(
                .asynchronousInContext { args, context in
                    let job: Self
                    do {
                        job = try args.decode(Self.self)
                    } catch {
                        // Another attempt finds the same arguments.
                        throw FailForGood("\(error)")
                    }
                    let output = try await job.run(context)
                    if !(output is Nothing) { args["result"] = try Value(encoding: output) }
                }))
    }

    /// The typed answer in what came back.
    static func output(of arguments: JobArguments) throws(JobReactorError) -> Output {
        if let nothing = Nothing() as? Output { return nothing }
        return try (arguments["result"] ?? .null).decode(Output.self)
    }
}
