import JobReactor
import JobReactorTesting
import Synchronization
import Testing

@Suite("A test queue has a clock of its own")
struct TimeTests {
    private func times(_ queue: TestQueue, _ name: String? = nil) -> [Int64] {
        queue.attempts.filter { name == nil || $0.name == name }
            .map { ($0.time.milliseconds - TestQueue.start.milliseconds) / 1_000 }
    }

    @Test("B15, B33: ten attempts with their waits take no real time, and then the job has failed")
    func retries() async throws {
        let queue = TestQueue {
            Handler("broken") { args in
                args["trace"] = "of the failed chain"
                throw Broken()
            }.errback { args in args["errbacks"] = .int(Int64((args["errbacks"]?.int ?? 0) + 1)) }
        }
        let began = ContinuousClock.now
        let handle = try queue.enqueue("broken", ["initial": 1])
        try await queue.runAll()
        #expect(queue.scheduled.map(\.lastError) == ["Broken()"])
        #expect(queue.scheduled.map(\.status) == [.error])
        #expect(queue.scheduled.first?.due == queue.now + .seconds(Int64(5)))
        let summary = try await queue.advance(by: .seconds(3_600))
        #expect(summary.attempts == 9)
        #expect(times(queue) == [0, 5, 15, 30, 50, 75, 105, 140, 180, 225])
        #expect(queue.attempts.map(\.number) == Array(1...10))
        #expect(queue.failed.map(\.result?.arguments) == [["initial": 1, "error": "Broken()", "errbacks": 10]])
        #expect(queue.failed.map(\.attempt) == [10])
        await #expect(throws: JobFailure.self) { try await handle.value }
        #expect(queue.scheduled.isEmpty)
        // Four minutes of waits; a loaded machine may need a while even for nothing.
        #expect(ContinuousClock.now - began < .seconds(60))
    }

    @Test("attempts and waits are set by the configuration, and by the job before it")
    func settings() async throws {
        var configuration = Configuration(environment: [:])
        configuration.maxAttempts = 3
        configuration.retryMultiplier = 1
        let queue = TestQueue(configuration: configuration) { Handler("broken") { _ in throw Broken() } }
        try queue.enqueue("broken")
        try await queue.advance(by: .seconds(100))
        #expect(times(queue) == [0, 1, 3])
        try queue.enqueue("broken", [:], JobOptions(maxAttempts: 2, retry: .fixed(.seconds(7))))
        try await queue.advance(by: .seconds(100))
        #expect(times(queue) == [0, 1, 3, 100, 107])
    }

    @Test("a failure for good is not tried again")
    func failForGood() async throws {
        let queue = TestQueue { Handler("never") { _ in throw FailForGood("no such customer") } }
        try queue.enqueue("never")
        #expect(try await queue.advance(by: .seconds(3_600)).attempts == 1)
        #expect(queue.failed.map(\.lastError) == ["no such customer"])
    }

    @Test("a delayed job and a dated one run when they are due, in the order of their times")
    func delays() async throws {
        let queue = TestQueue(startingAt: WallTime(milliseconds: 1_000)) { Handler("job") { _ in } }
        try queue.enqueue("job", ["n": 1], JobOptions(after: .seconds(30)))
        try queue.enqueue("job", ["n": 2], JobOptions(runAt: WallTime(milliseconds: 21_000)))
        try queue.enqueue("job", ["n": 3])
        #expect(queue.scheduled.map { $0.arguments["n"] } == [2, 1])
        #expect(queue.waiting.map { $0.arguments["n"] } == [3])
        try await queue.runAll()
        #expect(queue.attempts.map(\.time.milliseconds) == [1_000])
        try await queue.advance(by: .milliseconds(19_999))
        #expect(queue.attempts.count == 1)
        try await queue.advance(by: .milliseconds(1))
        #expect(queue.now == WallTime(milliseconds: 21_000))
        #expect(queue.completed.map { $0.arguments["n"] } == [3, 2])
        try await queue.advance(to: WallTime(milliseconds: 40_000))
        #expect(queue.attempts.map(\.time.milliseconds) == [1_000, 21_000, 31_000])
        #expect(queue.now == WallTime(milliseconds: 40_000))
    }

    @Test("B21: a periodic job runs once a period, with feedback each time, and stops by throwing Cancel")
    func periods() async throws {
        let queue = TestQueue {
            Handler("tick") { args in
                let count = (args["count"]?.int ?? 0) + 1
                args["count"] = .int(Int64(count))
                if count == 5 { throw Cancel() }
            }
        }
        let heard = Mutex<[Int]>([])
        try queue.enqueue("tick", [:], JobOptions(period: .seconds(60))) { args in
            heard.withLock { $0.append(args["count"]?.int ?? 0) }
        }
        try await queue.advance(by: .seconds(150))
        #expect(times(queue) == [0, 60, 120])
        #expect(queue.completed.count == 3)
        #expect(queue.scheduled.map(\.status) == [.queued])
        try await queue.advance(by: .seconds(1_000))
        #expect(times(queue) == [0, 60, 120, 180, 240])
        #expect(queue.cancelled.count == 1)
        #expect(heard.withLock { $0 } == [1, 2, 3, 4, 5])
    }

    @Test("jobs see the virtual time, and what they enqueue for later counts from it")
    func contextTime() async throws {
        let seen = Mutex<[WallTime]>([])
        let queue = TestQueue {
            Handler("look") { _, context in
                seen.withLock { $0.append(context.wallTime) }
                if context.wallTime < TestQueue.start + .seconds(Int64(30)) {
                    try context.enqueue("look", [:], JobOptions(after: .seconds(20)))
                }
            }
        }
        try queue.enqueue("look")
        try await queue.advance(by: .seconds(100))
        #expect(seen.withLock { $0 } == [0, 20, 40].map { TestQueue.start + .seconds(Int64($0)) })
    }

    @Test("time does not go back")
    func back() async throws {
        let queue = TestQueue { Handler("job") { _ in } }
        await #expect(throws: JobReactorError.self) { try await queue.advance(by: .seconds(-1)) }
        await #expect(throws: JobReactorError.self) { try await queue.advance(to: WallTime(milliseconds: 0)) }
        #expect(queue.now == TestQueue.start)
    }

    @Test("two queues that are treated alike do the same in the same order")
    func determinism() async throws {
        func history() async throws -> [String] {
            let queue = TestQueue(nodes: ["a", "b", "c"]) {
                Handler("work") { args, context in
                    let number = args["n"]?.int ?? 0
                    if number.isMultiple(of: 3), context.attempt < 3 { throw Broken() }
                    if number.isMultiple(of: 5) {
                        await Task.yield()
                        try context.enqueue("more", ["n": .int(Int64(number))], JobOptions(after: .seconds(number)))
                    }
                }
                Handler("more") { _ in }
            }
            for number in 0..<200 {
                try queue.enqueue(
                    "work", ["n": .int(Int64(number))],
                    number.isMultiple(of: 7) ? JobOptions(node: "b", notNode: "c") : .standard)
            }
            try await queue.advance(by: .seconds(1_000))
            let numbers = Dictionary(uniqueKeysWithValues: queue.enqueued.enumerated().map { ($1.id, $0) })
            return queue.attempts.map {
                "\(numbers[$0.job] ?? -1) \($0.name) \($0.node) \($0.number) \($0.time.milliseconds) \($0.error ?? "")"
            }
        }
        let first = try await history()
        #expect(first.count > 300)
        #expect(try await history() == first)
    }
}
