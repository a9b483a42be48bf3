import JRCore
import JRWire

/// Runs the chain of one attempt: the job, then its callbacks in order; after a throw the errbacks in order.
///
/// A failed chain leaves no trace: errbacks see the arguments as they were before the attempt, plus `error`. What they
/// add is seen by later errbacks, by the next attempt and by the error feedback; `error` itself is not carried into the
/// next attempt.
struct AttemptRunner {
    let definition: JobDefinition
    let before: JobArguments

    /// For definitions that are synchronous throughout.
    func run() -> AttemptResult {
        var args = before
        do {
            if case .step(let work) = definition.work { try call(work, &args) }
            return finish(args)
        } catch {
            return fail(error, args)
        }
    }

    func runAwaiting() async -> AttemptResult {
        var args = before
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
            return .success(arguments: args.encoded)
        } catch {
            return fail(error, args)
        }
    }

    func finishAwaiting(_ result: JobArguments) async -> AttemptResult {
        var args = result
        do {
            for callback in definition.callbacks { try await callAwaiting(callback.step, &args) }
            return .success(arguments: args.encoded)
        } catch {
            return await failAwaiting(error, args)
        }
    }

    func fail(_ error: any Error, _ changed: JobArguments) -> AttemptResult {
        if error is Cancel { return .cancelled(arguments: changed.encoded, byErrback: false) }
        var args = failedArguments(error)
        for errback in definition.errbacks {
            let kept = args
            do {
                try call(errback.step, &args)
            } catch {
                if error is Cancel { return .cancelled(arguments: args.encoded, byErrback: true) }
                args = kept
                args["errback_error"] = .string(Self.text(error))
                break
            }
        }
        return failure(error, args)
    }

    func failAwaiting(_ error: any Error, _ changed: JobArguments) async -> AttemptResult {
        if error is Cancel { return .cancelled(arguments: changed.encoded, byErrback: false) }
        var args = failedArguments(error)
        for errback in definition.errbacks {
            let kept = args
            do {
                try await callAwaiting(errback.step, &args)
            } catch {
                if error is Cancel { return .cancelled(arguments: args.encoded, byErrback: true) }
                args = kept
                args["errback_error"] = .string(Self.text(error))
                break
            }
        }
        return failure(error, args)
    }

    private func failedArguments(_ error: any Error) -> JobArguments {
        var args = before
        args["error"] = .string(Self.text(error))
        return args
    }

    private func failure(_ error: any Error, _ args: JobArguments) -> AttemptResult {
        var next = args
        next["error"] = before["error"]
        let isFinal = (error as? any FinalFailure)?.isFinal ?? (error is FailForGood)
        return .failure(error: Self.text(error), arguments: next.encoded, feedback: args.encoded, isFinal: isFinal)
    }

    private func call(_ step: JobDefinition.Step, _ args: inout JobArguments) throws {
        switch step {
        case .synchronous(let body): try body(&args)
        case .asynchronous: preconditionFailure("an awaiting step of '\(definition.name)' was called without a task")
        }
    }

    private func callAwaiting(_ step: JobDefinition.Step, _ args: inout JobArguments) async throws {
        switch step {
        case .synchronous(let body): try body(&args)
        case .asynchronous(let body): try await body(&args)
        }
    }

    private static func text(_ error: any Error) -> String {
        NodeEngine.cut(String(describing: error))
    }
}

/// A failure that says of itself whether another attempt makes sense.
protocol FinalFailure: Error {
    var isFinal: Bool { get }
}
