import JobReactor

// snippet
struct Thumbnail: ResultJob {
    var path: String
    var width = 200

    func run(_ context: JobContext) async throws -> String {
        try await shrink(path, to: width)
    }
}
// end

private func shrink(_ path: String, to width: Int) async throws -> String { "\(path).\(width).png" }

func typedJob() async throws {
    let jobs = try Distributor(listen: "127.0.0.1:0")
    // snippet
    let node = try Node("worker_1", distributors: [jobs.url], storage: .memory) {
        Thumbnail.self
    }
    node.start()

    let file = try await jobs.enqueue(Thumbnail(path: "cat.jpg")).value
    // end
    try check(file == "cat.jpg.200.png")
}

func handlers() async throws {
    let jobs = try Distributor(listen: "127.0.0.1:0")
    // snippet
    let node = try Node("worker_1", distributors: [jobs.url]) {
        Handler("shout") { args in
            args["text"] = args["text"]?.string.map { .string($0.uppercased()) }
        }
        Handler("rest") { args in
            await Task.yield()
        }
        Handler("sign") { args, context in
            args["by"] = "\(context.node), at attempt \(context.attempt)"
        }
    }
    // end
    node.start()
    try check(try await jobs.enqueue("shout", ["text": "hi"]).value == ["text": "HI"])
    try check(try await jobs.enqueue("rest").value == [:])
    try check(try await jobs.enqueue("sign").value == ["by": "worker_1, at attempt 1"])
}

func context() async throws {
    let pages = AsyncStream.makeStream(of: String.self)
    let jobs = try await startDistributor {
        // snippet
        Handler("fetch") { args, context in
            if context.attempt > 1 { args["again"] = true }
            try context.enqueue("index", ["page": args["page"] ?? .null])
        }
        // end
        Handler("index") { args in pages.continuation.yield(args["page"]?.string ?? "") }
    }
    try check(try await jobs.enqueue("fetch", ["page": "a.html"]).value == ["page": "a.html"])
    var iterator = pages.stream.makeAsyncIterator()
    try check(await iterator.next() == "a.html")
}

func arguments() async throws {
    // snippet
    var args: JobArguments = ["name": "Ada", "tries": 3, "tags": ["a", "b"], "size": ["width": 2.5]]
    args["when"] = .date(try Dates.parse("2026-11-23T08:15:04Z"))
    args["tries"] = nil

    let name = args["name"]?.string ?? "nobody"
    let width = args["size"]?.map?["width"]?.double
    // end
    try check(name == "Ada" && width == 2.5 && args["tries"] == nil)
}

func threads() async throws {
    // The loop is short here; what it stands for is not.
    let jobs = try await startDistributor {
        Handler("crunch") { args in args["sum"] = .int((1...1_000).reduce(0, +)) }
    }
    // snippet
    try jobs.enqueue("crunch", ["file": "data.csv"], JobOptions(defer: true, timeout: .seconds(600)))
    // end
    try check(try await jobs.enqueue("crunch", [:], JobOptions(defer: true)).value["sum"] == 500_500)
}
