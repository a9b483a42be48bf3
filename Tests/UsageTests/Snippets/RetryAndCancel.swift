import JobReactor

private struct Busy: Error {}

private func flaky(_ name: String, until attempt: Int) -> Handler {
    Handler(name) { args, context in
        if context.attempt < attempt { throw Busy() }
        args["attempt"] = Value(context.attempt)
    }
}

func retries() async throws {
    let jobs = try await startDistributor { flaky("call", until: 1) }
    // snippet
    try jobs.enqueue("call", [:], JobOptions(maxAttempts: 3))
    try jobs.enqueue("call", [:], JobOptions(retry: .fixed(.seconds(30))))
    try jobs.enqueue("call", [:], JobOptions(retry: .linear(.seconds(5))))
    try jobs.enqueue("call", [:], JobOptions(retry: .exponential(.seconds(1), cap: .seconds(600))))
    // end
    let quick = JobOptions(maxAttempts: 3, retry: .fixed(.milliseconds(5)))
    try await startNode("worker_2", jobs) {
        flaky("thrice", until: 3)
        flaky("never", until: 9)
    }
    try check(try await jobs.enqueue("thrice", [:], quick).value["attempt"] == 3)
    let failed = try await jobs.enqueue("never", [:], quick).result
    try check(failed.ending == .failed && failed.attempt == 3 && failed.error == "Busy()")
    try check(RetrySchedule.exponential(.seconds(1), cap: .seconds(600)).delay(afterAttempt: 4).seconds == 8)
    try check(RetrySchedule.linear(.seconds(5)).delay(afterAttempt: 4).seconds == 20)
}

func settings() async throws {
    let kept = JR.config
    defer { JR.config = kept }
    // snippet
    JR.config.maxAttempts = 3
    JR.config.retryMultiplier = 0.5
    // end
    JR.config.retryMultiplier = 0.001
    let jobs = try await startDistributor { flaky("never", until: 9) }
    try check(try await jobs.enqueue("never").result.attempt == 3)
}

func giveUp() async throws {
    let jobs = try await startDistributor {
        // snippet
        Handler("import") { args in
            guard let file = args["file"]?.string else { throw FailForGood("the argument 'file' is missing") }
            if file.isEmpty { throw Cancel() }
            args["rows"] = 12
        }
        // end
    }
    let failed = try await jobs.enqueue("import").result
    try check(failed.ending == .failed && failed.attempt == 1 && failed.error == "the argument 'file' is missing")
    try check(try await jobs.enqueue("import", ["file": ""]).result.ending == .cancelled)
    try check(try await jobs.enqueue("import", ["file": "a"]).value["rows"] == 12)
}

func cancelling() async throws {
    let jobs = try await startDistributor { Handler("report") { _ in } }
    // snippet
    let job = try jobs.enqueue("report", [:], JobOptions(after: .seconds(3_600)))
    let answer = try await job.cancel()
    // end
    try check(answer == .cancelled)
    try check(try await job.result.ending == .cancelled)
}

func looksAround() async throws {
    let (starts, started) = AsyncStream.makeStream(of: Void.self)
    let jobs = try await startDistributor {
        // snippet
        Handler("count") { args, context in
            var count: Int64 = 0
            while count < 1_000_000_000 {
                if count.isMultiple(of: 1_000) { try context.checkCancellation() }
                count += 1
                if count == 1_000 { started.yield() }
            }
            args["count"] = .int(count)
        }
        // end
    }
    let job = try jobs.enqueue("count", [:], JobOptions(defer: true))
    for await _ in starts { break }
    try check(try await job.cancel() == .cancelling)
    try check(try await job.result.ending == .cancelled)
}
