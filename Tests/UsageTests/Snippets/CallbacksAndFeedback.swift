import JobReactor

private struct NoPaper: Error {}

func chain() async throws {
    let jobs = try await startDistributor {
        // snippet
        Handler("print") { args in
            args["pages"] = 12
        }
        .callback("bill") { args in
            args["cents"] = .int(Int64(args["pages"]?.int ?? 0) * 3)
        }
        .callback("thank") { args in
            args["text"] = "\(args["cents"]?.int ?? 0) cents, please"
        }
        .errback("apologise") { args in
            args["text"] = "Sorry: \(args["error"]?.string ?? "")"
        }
        // end
        Handler("broken") { args in
            args["pages"] = 12
            throw NoPaper()
        }
        .errback { args in args["first"] = true }
        .errback { args in
            args["second"] = true
            throw NoPaper()
        }
        .errback { args in args["third"] = true }
    }
    try check(
        try await jobs.enqueue("print", ["for": "Ada"]).value
            == ["for": "Ada", "pages": 12, "cents": 36, "text": "36 cents, please"])
    let failed = try await jobs.enqueue("broken", ["for": "Ada"], JobOptions(maxAttempts: 1)).result
    try check(
        failed.arguments
            == ["for": "Ada", "error": "NoPaper()", "first": true, "errback_error": "NoPaper()"])
}

func feedback() async throws {
    let (lines, line) = AsyncStream.makeStream(of: String.self)
    let show: @Sendable (String) -> Void = { line.yield($0) }
    let jobs = try await startDistributor {
        Handler("report") { args in
            guard args["month"]?.int == 11 else { throw FailForGood("no such month") }
            args["file"] = "11.pdf"
        }
    }
    // snippet
    try jobs.enqueue("report", ["month": 11]) { args in
        show("written to \(args["file"]?.string ?? "")")
    } error: { args in
        show("failed: \(args["error"]?.string ?? "")")
    }
    // end
    var iterator = lines.makeAsyncIterator()
    try check(await iterator.next() == "written to 11.pdf")
    try jobs.enqueue("report", ["month": 13]) { _ in
    } error: { args in
        show(args["error"]?.string ?? "")
    }
    try check(await iterator.next() == "no such month")
}

func handle() async throws {
    let (lines, line) = AsyncStream.makeStream(of: String.self)
    let show: @Sendable (String) -> Void = { line.yield($0) }
    let jobs = try await startDistributor {
        Handler(Thumbnail.self)
        Handler("report") { _ in throw FailForGood("no such month") }
    }
    // snippet
    let job = try jobs.enqueue(Thumbnail(path: "cat.jpg"))
        .onSuccess { file in show("made \(file)") }
        .onError { failure in show("not made: \(failure)") }

    let node = try await job.accepted.node
    let file = try await job.value
    // end
    try check(node == "worker_1" && file == "cat.jpg.200.png")
    var iterator = lines.makeAsyncIterator()
    try check(await iterator.next() == "made cat.jpg.200.png")
    // snippet
    do {
        let answer = try await jobs.enqueue("report", ["month": 13]).value
        show("written to \(answer["file"]?.string ?? "")")
    } catch let failure as JobFailure {
        show("\(failure.code) on \(failure.node) after \(failure.attempts) attempts: \(failure.message)")
    }
    // end
    try check(await iterator.next() == "job_failed on worker_1 after 1 attempts: no such month")
}

func events() async throws {
    var lines: [String] = []
    func show(_ text: String) { lines.append(text) }
    let jobs = try await startDistributor { Handler("report") { _ in } }
    // snippet
    for await event in try jobs.enqueue("report").events {
        switch event {
        case .accepted(let reason): show("waits: \(reason)")
        case .stored(let node): show("stored on \(node)")
        case .refused(let error): show("refused: \(error)")
        case .ended(let result): show("\(result.ending), attempt \(result.attempt)")
        }
    }
    // end
    // It waits first when the distributor has not heard of the node yet.
    try check(lines.suffix(2) == ["stored on worker_1", "complete, attempt 1"])
}
