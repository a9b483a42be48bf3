import JobReactor
import JobReactorTesting
import Synchronization
import Testing

struct Broken: Error {}

@Suite("A test queue runs jobs when it is asked to")
struct RunningTests {
    @Test("what is enqueued is kept, and nothing runs before it is asked for")
    func keeps() async throws {
        let queue = TestQueue { Handler("greet") { args in args["greeting"] = "Hello" } }
        try queue.enqueue("greet", ["name": "you"], JobOptions(maxAttempts: 3))
        let job = try #require(queue.enqueued("greet").first)
        #expect(job.arguments == ["name": "you"])
        #expect(job.options.maxAttempts == 3)
        #expect(job.status == .new)
        #expect(job.createdAt == queue.now)
        #expect(queue.waiting.map(\.name) == ["greet"])
        #expect(queue.completed.isEmpty)
        #expect(queue.attempts.isEmpty)
    }

    @Test("B13, B37: a run goes through callbacks, and handle, feedback and lists have what they left")
    func runs() async throws {
        let queue = TestQueue {
            Handler("greet") { args in args["greeting"] = "Hello" }
                .callback { args in
                    await Task.yield()
                    args["length"] = .int(Int64(args["greeting"]?.string?.count ?? 0))
                }
        }
        let heard = Mutex<[JobArguments]>([])
        let handle = try queue.enqueue(
            "greet", ["name": "you"], success: { args in heard.withLock { $0.append(args) } })
        let summary = try await queue.runAll()
        let left: JobArguments = ["name": "you", "greeting": "Hello", "length": 5]
        #expect(summary.description == "1 attempts: 1 completed, 0 failed, 0 cancelled")
        #expect(try await handle.value == left)
        #expect(try await handle.accepted.node == "test_node")
        #expect(heard.withLock { $0 } == [left])
        #expect(queue.completed.map(\.result?.arguments) == [left])
        #expect(queue.enqueued.map(\.status) == [.complete])
        #expect(queue.waiting.isEmpty)
    }

    @Test("jobs that jobs enqueue run in the same call, by their context and by the short form")
    func jobsOfJobs() async throws {
        let queue = TestQueue {
            Handler("first") { args, context in
                try context.enqueue("second", ["n": args["n"] ?? .null])
                try JR.enqueue("third")
            }
            Handler("second") { _ in }
            Handler("third") { args in
                await Task.yield()
                try JR.enqueue("fourth")
            }
            Handler("fourth") { _ in }
        }
        try queue.enqueue("first", ["n": 7])
        #expect(try await queue.runAll().attempts == 4)
        #expect(queue.completed.map(\.name) == ["first", "second", "third", "fourth"])
        #expect(queue.enqueued("second").map(\.arguments) == [["n": 7]])
    }

    @Test("a job may wait for the end of a job that it enqueued, several at once and in turn")
    func waitsForJobs() async throws {
        let queue = TestQueue {
            Handler("sum") { args, context in
                let handles = try (1...3).map { try context.enqueue("square", ["n": .int($0)]) }
                let squares = try await withThrowingTaskGroup(of: Int.self) { group in
                    for handle in handles { group.addTask { try await handle.value["square"]?.int ?? 0 } }
                    return try await group.reduce(0, +)
                }
                let more = try await context.enqueue("square", ["n": .int(Int64(squares))]).value
                args["sum"] = more["square"]
            }
            Handler("square") { args in
                let number = Int64(args["n"]?.int ?? 0)
                args["square"] = .int(number * number)
            }
        }
        let handle = try queue.enqueue("sum")
        #expect(try await queue.runAll().completed == 5)
        #expect(try await handle.value["sum"] == 196)
    }

    @Test("a job that waits for a job which is due later is finished when that time comes")
    func waitsForLater() async throws {
        let queue = TestQueue {
            Handler("outer") { args, context in
                args["inner"] = try await context.enqueue("inner", [:], JobOptions(after: .seconds(60))).value["ran"]
            }
            Handler("inner") { args in args["ran"] = true }
        }
        let handle = try queue.enqueue("outer")
        try await queue.runAll()
        #expect(queue.enqueued("outer").first?.status == .inProgress)
        try await queue.advance(by: .seconds(60))
        #expect(try await handle.value["inner"] == true)
    }

    @Test("deferred jobs run in order like all others")
    func deferred() async throws {
        let queue = TestQueue { Handler("heavy") { args, context in args["deferred"] = .bool(context.isDeferred) } }
        for _ in 0..<50 { try queue.enqueue("heavy", [:], JobOptions(defer: true)) }
        try await queue.runAll()
        #expect(queue.completed.count == 50)
        #expect(queue.completed.map(\.id) == queue.enqueued.map(\.id))
        #expect(queue.completed.allSatisfy { $0.result?.arguments["deferred"] == true })
    }

    @Test("B34: a job that throws Cancel is cancelled, and runs no errbacks")
    func cancels() async throws {
        let queue = TestQueue {
            Handler("stop") { _ in throw Cancel() }.errback { args in args["errback"] = true }
        }
        let handle = try queue.enqueue("stop")
        #expect(try await queue.runAll().cancelled == 1)
        #expect(queue.cancelled.map(\.status) == [.cancelled])
        #expect(queue.cancelled.first?.result?.arguments == [:])
        await #expect(throws: JobFailure.self) { try await handle.value }
    }

    @Test("one id is one job, however often it is enqueued")
    func idempotency() async throws {
        let queue = TestQueue { Handler("once") { _ in } }
        for _ in 0..<3 { try queue.enqueue("once", id: "order 4711") }
        try await queue.runAll()
        try queue.enqueue("once", id: "order 4711")
        try await queue.runAll()
        #expect(queue.enqueued.count == 1)
        #expect(queue.attempts.count == 1)
    }

    @Test("a job that nobody defined waits, and says for what")
    func unknown() async throws {
        let queue = TestQueue { Handler("greet") { _ in } }
        try queue.enqueue("great")
        #expect(try await queue.runAll().attempts == 0)
        #expect(queue.waiting.map(\.waitingFor) == ["no connected node knows the job 'great' (test_node knows greet)"])
    }

    @Test("what no node would take is refused where it is enqueued")
    func refused() throws {
        let queue = TestQueue { Handler("greet") { _ in } }
        #expect(throws: JobReactorError.self) { try queue.enqueue("no such name!") }
        #expect(throws: JobReactorError.self) { try queue.enqueue("greet", [:], JobOptions(maxAttempts: 0)) }
        #expect(queue.enqueued.isEmpty)
    }

    @Test("a job that enqueues itself for ever is stopped at the limit, with its name")
    func limit() async throws {
        let queue = TestQueue { Handler("loop") { _, context in try context.enqueue("loop") } }
        try queue.enqueue("loop")
        let error = await #expect(throws: JobReactorError.self) { try await queue.runAll(limit: 100) }
        #expect(error?.what == "the test queue gave up after 100 attempts")
        #expect(error?.why == "there is still something due: does job 'loop' enqueue itself?")
    }

    @Test("a job that asks its own queue to run is told so, and does not hang")
    func runsItself() async throws {
        let here = Mutex<TestQueue?>(nil)
        let queue = TestQueue { Handler("mad") { _ in try await here.withLock { $0 }?.runAll() } }
        here.withLock { $0 = queue }
        try queue.enqueue("mad", [:], JobOptions(maxAttempts: 1))
        try await queue.runAll()
        #expect(queue.failed.first?.lastError?.hasPrefix("a job called runAll of the queue that runs it") == true)
        here.withLock { $0 = nil }
    }

    @Test("a queue that was made wrong says why when it is used")
    func fault() async throws {
        let queue = TestQueue(nodes: ["a", "a"]) { Handler("no such name!") { _ in } }
        let error = #expect(throws: JobReactorError.self) { try queue.enqueue("greet") }
        #expect(error?.why.contains("two nodes are named 'a'") == true)
        #expect(error?.why.contains("the job name 'no such name!' is not") == true)
        await #expect(throws: JobReactorError.self) { try await queue.runAll() }
    }
}
