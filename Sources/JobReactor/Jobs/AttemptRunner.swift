import JRBase
package import JRCore
import JRWire

/// Runs the chain of one attempt: the job, then its callbacks in order; after a throw the errbacks in order.
///
/// A failed chain leaves no trace: errbacks see the arguments as they were before the attempt, plus `error`. What they
/// add is seen by later errbacks, by the next attempt and by the error feedback; `error` itself is not carried into the
/// next attempt.
package struct AttemptRunner: Sendable {
    package let definition: JobDefinition
    let record: JobRecord
    let host: any JobHost
    let cancellation: AttemptCancellation?
    /// Whether bodies find the facts of their job in the arguments, as `job_itself`.
    let mergesJobItself: Bool
    /// The distributor that sent the job.
    let distributor: String?
    package let before: JobArguments

    static let itself = "job_itself"

    package init(
        _ definition: JobDefinition, _ record: JobRecord, host: any JobHost,
        cancellation: AttemptCancellation? = nil, mergesJobItself: Bool = false, distributor: String? = nil
    ) {
        self.definition = definition
        self.record = record
        self.host = host
        self.cancellation = cancellation
        self.mergesJobItself = mergesJobItself
        self.distributor = distributor
        before = JobArguments(encoded: record.request.arguments)
    }

    private var context: JobContext {
        JobContext(record: record, host: host, cancellation: cancellation, distributor: distributor)
    }

    // MARK: Chains

    /// For definitions that are synchronous throughout.
    package func run() -> AttemptResult {
        var args = start
        do {
            if case .step(let work) = definition.work { try call(work, &args) }
            return finish(args)
        } catch {
            return fail(error, args)
        }
    }

    package func runAwaiting() async -> AttemptResult {
        var args = start
        do {
            if case .step(let work) = definition.work { try await callAwaiting(work, &args) }
            return await finishAwaiting(args)
        } catch {
            return await failAwaiting(error, args)
        }
    }

    /// The callbacks, after the work succeeded with these arguments.
    func finish(_ result: JobArguments) -> AttemptResult {
        var args = result
        do {
            for callback in definition.callbacks { try call(callback.step, &args) }
            return .success(arguments: encoded(args))
        } catch {
            return fail(error, args)
        }
    }

    func finishAwaiting(_ result: JobArguments) async -> AttemptResult {
        var args = result
        do {
            for callback in definition.callbacks { try await callAwaiting(callback.step, &args) }
            return .success(arguments: encoded(args))
        } catch {
            return await failAwaiting(error, args)
        }
    }

    func fail(_ thrown: any Error, _ changed: JobArguments) -> AttemptResult {
        guard let error = failure(of: thrown) else { return cancelled(changed, byErrback: false) }
        var args = failedArguments(error)
        for errback in definition.errbacks {
            let kept = args
            do {
                try call(errback.step, &args)
            } catch {
                if error is Cancel { return cancelled(args, byErrback: true) }
                args = kept
                args["errback_error"] = .string(Self.text(error))
                break
            }
        }
        return result(error, args)
    }

    package func failAwaiting(_ thrown: any Error, _ changed: JobArguments) async -> AttemptResult {
        guard let error = failure(of: thrown) else { return cancelled(changed, byErrback: false) }
        var args = failedArguments(error)
        for errback in definition.errbacks {
            let kept = args
            do {
                try await callAwaiting(errback.step, &args)
            } catch {
                if error is Cancel { return cancelled(args, byErrback: true) }
                args = kept
                args["errback_error"] = .string(Self.text(error))
                break
            }
        }
        return result(error, args)
    }

    // MARK: Pieces

    private var start: JobArguments {
        guard mergesJobItself else { return before }
        var args = before
        args[Self.itself] = context.facts
        return args
    }

    /// The facts of one attempt are no news for the next one, and none for the application.
    private func encoded(_ args: JobArguments) -> [UInt8] {
        guard mergesJobItself else { return args.encoded }
        var args = args
        args[Self.itself] = nil
        return args.encoded
    }

    /// What a thrown error means: nil is a cancelled job.
    ///
    /// Whatever a body throws once it was told to end, it ends as it was told.
    private func failure(of error: any Error) -> (any Error)? {
        switch cancellation?.reason {
        case .requested: return nil
        case .timedOut(let limit):
            let isNotice = error is Cancel || error is CancellationError || error is ProgramFailure
            return isNotice ? TimedOut(limit: limit) : error
        case nil: return error is Cancel ? nil : error
        }
    }

    private func failedArguments(_ error: any Error) -> JobArguments {
        var args = start
        args["error"] = .string(Self.text(error))
        return args
    }

    private func result(_ error: any Error, _ args: JobArguments) -> AttemptResult {
        var next = args
        next["error"] = before["error"]
        let isFinal = (error as? any FinalFailure)?.isFinal ?? (error is FailForGood)
        return .failure(
            error: Self.text(error), arguments: encoded(next), feedback: encoded(args), isFinal: isFinal)
    }

    private func cancelled(_ args: JobArguments, byErrback: Bool) -> AttemptResult {
        .cancelled(arguments: encoded(args), byErrback: byErrback)
    }

    private func call(_ step: JobDefinition.Step, _ args: inout JobArguments) throws {
        switch step {
        case .synchronous(let body): try body(&args)
        case .synchronousInContext(let body): try body(&args, context)
        case .asynchronous, .asynchronousInContext:
            preconditionFailure("an awaiting step of '\(definition.name)' was called without a task")
        }
    }

    private func callAwaiting(_ step: JobDefinition.Step, _ args: inout JobArguments) async throws {
        switch step {
        case .synchronous(let body): try body(&args)
        case .synchronousInContext(let body): try body(&args, context)
        case .asynchronous(let body): try await body(&args)
        case .asynchronousInContext(let body): try await body(&args, context)
        }
    }

    /// What failed, in words: an error that describes itself is introduced by its type, others show it by themselves.
    static func text(_ error: any Error) -> String {
        let text = String(describing: error)
        let speaksForItself = error is FailForGood || error is any FinalFailure || error is JobReactorError
        guard error is any CustomStringConvertible, !speaksForItself else { return NodeEngine.cut(text) }
        return NodeEngine.cut("\(type(of: error)): \(text)")
    }
}

/// A failure that says of itself whether another attempt makes sense.
protocol FinalFailure: Error {
    var isFinal: Bool { get }
}

/// The attempt was told to end, because it had taken as long as it may.
struct TimedOut: FinalFailure, CustomStringConvertible {
    let limit: Interval
    var isFinal: Bool { false }
    var description: String { "timed out after \(Durations.format(limit))" }
}
