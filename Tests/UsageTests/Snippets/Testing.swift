import JobReactor
import JobReactorTesting

// snippet
struct Welcome: Job {
    var to: String

    func run(_ context: JobContext) async throws {
        try context.enqueue("remind", ["to": .string(to)], JobOptions(after: .seconds(3_600)))
    }
}

func signUp(_ address: String, jobs: any JobQueue) throws {
    try jobs.enqueue(Welcome(to: address))
}
// end

private struct LineIsBusy: Error {}

func testQueue() async throws {
    // snippet
    let queue = TestQueue {
        Welcome.self
        Handler("remind") { args in args["reminded"] = true }
    }
    try signUp("ada@example.org", jobs: queue)
    try check(queue.enqueued(Welcome.self).map(\.to) == ["ada@example.org"])

    try await queue.runAll()
    try check(queue.completed.map(\.name) == ["Welcome"])

    try await queue.advance(by: .seconds(3_600))
    try check(queue.completed.map(\.name) == ["Welcome", "remind"])
    // end
}

func testFailure() async throws {
    // snippet
    let queue = TestQueue {
        Handler("call") { args in throw LineIsBusy() }
    }
    try queue.enqueue("call")
    try await queue.advance(by: .seconds(3_600))

    let waits = queue.attempts.map { ($0.time - TestQueue.start).seconds }
    try check(waits == [0, 5, 15, 30, 50, 75, 105, 140, 180, 225])
    try check(queue.failed.map(\.name) == ["call"])
    // end
}

func standIn() async throws {
    let (lines, line) = AsyncStream.makeStream(of: String.self)
    let show: @Sendable (String) -> Void = { line.yield($0) }
    let queue = TestQueue { Welcome.self }
    // snippet
    try queue.replace(Welcome.self) { welcome, _ in show("welcome, \(welcome.to)") }
    // end
    try signUp("ada@example.org", jobs: queue)
    try await queue.runAll()
    var iterator = lines.makeAsyncIterator()
    try check(await iterator.next() == "welcome, ada@example.org")
}
