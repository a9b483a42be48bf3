import JobReactor

func oneProcess() async throws {
    // snippet
    let jobs = try Distributor(listen: "127.0.0.1:0")
    let node = try Node("worker_1", distributors: [jobs.url]) {
        Handler("greet") { args in args["greeting"] = "Hello, \(args["name"]?.string ?? "world")" }
    }
    node.start()
    try await node.ready()
    // end
    try check(node.isReady)
    try check(try await jobs.enqueue("greet").value == ["greeting": "Hello, world"])
    // snippet
    try await node.stop(drain: .seconds(10))
    jobs.stop()
    // end
}

func shortForm() async throws {
    // snippet
    JR.run {
        let jobs = try JR.startDistributor("localhost", 0)
        try JR.startNode(name: "worker_1", distributors: [jobs.url])
    }
    try await JR.ready()
    // end
    try check(JR.isReady)
    // snippet
    await JR.stop(drain: .seconds(10))
    // end
    try check(!JR.isReady)
}

// snippet
struct SignUp {
    let jobs: any JobQueue

    func callAsFunction(_ address: String) throws {
        try jobs.enqueue("welcome", ["to": .string(address)], id: "welcome-\(address)")
    }
}
// end

func anyQueue() async throws {
    let (sent, send) = AsyncStream.makeStream(of: String.self)
    let jobs = try await startDistributor { Handler("welcome") { args in send.yield(args["to"]?.string ?? "") } }
    try SignUp(jobs: jobs)("a@example.org")
    var iterator = sent.makeAsyncIterator()
    try check(await iterator.next() == "a@example.org")
}

func looking() async throws {
    let jobs = try await startDistributor { Handler("report") { _ in } }
    let id = try jobs.enqueue("report", [:], JobOptions(after: .seconds(3_600))).id
    // snippet
    let job = try await jobs.job(id)
    let waiting = try await jobs.jobs(node: "worker_1", status: .new)
    // end
    try check(job?.name == "report" && job?.node == "worker_1" && waiting.count == 1)
}

func connecting() async throws {
    let distributor = try await startDistributor { Handler("greet") { args in args["greeting"] = "Hello" } }
    let url = distributor.url
    // snippet
    let jobs = try JobClient(url)
    let answer = try await jobs.enqueue("greet", ["name": "Ada"]).value
    jobs.stop()
    // end
    try check(answer["greeting"] == "Hello")
}
