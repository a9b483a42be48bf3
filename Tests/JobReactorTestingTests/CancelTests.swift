import JobReactor
import JobReactorTesting
import Testing

@Suite("A test queue cancels jobs as a cluster does")
struct CancelTests {
    @Test("B34: a job that waits or is scheduled is cancelled at once, and does not run")
    func waiting() async throws {
        let queue = TestQueue { Handler("job") { _ in } }
        let now = try queue.enqueue("job")
        let later = try queue.enqueue("job", [:], JobOptions(after: .seconds(10)))
        let unknown = try queue.enqueue("no_node_knows_it")
        #expect(try await now.cancel() == .cancelled)
        #expect(try await later.cancel() == .cancelled)
        #expect(try await unknown.cancel() == .cancelled)
        #expect(try await queue.advance(by: .seconds(60)).attempts == 0)
        #expect(queue.cancelled.map(\.id) == [now.id, later.id, unknown.id])
        #expect(try await now.cancel() == .ended)
    }

    @Test("B34: a job that runs is told so, and ends as cancelled")
    func running() async throws {
        let (began, beginning) = AsyncStream.makeStream(of: Void.self)
        let queue = TestQueue {
            Handler("long") { _, context in
                beginning.yield()
                while !Task.isCancelled { await Task.yield() }
                try context.checkCancellation()
            }
        }
        let handle = try queue.enqueue("long")
        async let summary = queue.runAll()
        for await _ in began { break }
        #expect(try await handle.cancel() == .cancelling)
        #expect(try await summary.cancelled == 1)
        #expect(try await handle.result.ending == .cancelled)
    }

    @Test("a timeout ends the attempt that waits too long for another job, and the next one follows")
    func timeout() async throws {
        let queue = TestQueue {
            Handler("outer") { args, context in
                if context.attempt == 2 { return }
                _ = try await context.enqueue("inner", [:], JobOptions(after: .seconds(60))).value
            }
            Handler("inner") { _ in }
        }
        try queue.enqueue("outer", [:], JobOptions(timeout: .seconds(10)))
        try await queue.advance(by: .seconds(60))
        let outer = queue.attempts.filter { $0.name == "outer" }
        #expect(outer.map(\.error) == ["timed out after 10s", nil])
        #expect(outer.map { ($0.time - TestQueue.start).seconds } == [0, 15])
        #expect(queue.completed.map(\.name) == ["outer", "inner"])
    }

    @Test("a job that failed is run again when it is told to, and a forgotten one is gone")
    func retryAndDestroy() async throws {
        let queue = TestQueue {
            Handler("flaky") { args in
                if args["worked"] == nil {
                    args["worked"] = true
                    throw FailForGood("not yet")
                }
            }.errback { args in args["worked"] = true }
        }
        let handle = try queue.enqueue("flaky")
        try await queue.runAll()
        #expect(queue.failed.count == 1)
        try await queue.retry(handle.id)
        #expect(queue.waiting.map(\.id) == [handle.id])
        try await queue.destroy(handle.id)
        #expect(queue.waiting.isEmpty)
        #expect(try await queue.runAll().attempts == 0)
        #expect(try await queue.job(handle.id) == nil)
    }
}
