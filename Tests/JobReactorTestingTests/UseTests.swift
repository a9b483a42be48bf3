import JobReactor
import JobReactorTesting
import Synchronization
import Testing

private final class Counter: Sendable {
    let count = Mutex(0)
}

@Suite("A test queue stands in for all that an application enqueues at")
struct UseTests {
    /// As an application has it.
    private func signUp(_ address: String, jobs: any JobQueue) throws {
        try jobs.enqueue("send_email", ["to": .string(address)])
    }

    private func signUpShort(_ address: String) throws {
        try JR.enqueue("send_email", ["to": .string(address)])
    }

    private func queue(mode: TestQueue.Mode = .whenAsked) -> TestQueue {
        TestQueue(mode: mode) {
            Handler("send_email") { args in args["sent"] = true }
            Handler("later") { args in
                await Task.yield()
                args["sent"] = true
            }
        }
    }

    @Test("code that takes any queue enqueues at it")
    func anyQueue() throws {
        let queue = queue()
        try signUp("a@b.c", jobs: queue)
        #expect(queue.enqueued("send_email").map { $0.arguments["to"] } == ["a@b.c"])
    }

    @Test("code that uses the short form is redirected, for one task and its children alone")
    func redirected() async throws {
        let (one, other) = (queue(), queue())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (queue, count) in [(one, 10), (other, 20)] {
                group.addTask {
                    try await JR.withQueue(queue) {
                        for number in 0..<count {
                            await Task.yield()
                            try signUpShort("\(number)@b.c")
                        }
                        try await Task { try signUpShort("last@b.c") }.value
                    }
                }
            }
            try await group.waitForAll()
        }
        try JR.withQueue(one) { try JR.withQueue(other) { try signUpShort("inner@b.c") } }
        #expect(one.enqueued.count == 11)
        #expect(other.enqueued.count == 22)
    }

    @Test("inline, a job has run when its enqueue returns, and so has what it enqueued")
    func inline() throws {
        let queue = TestQueue(mode: .inline) {
            Handler("one") { _, context in
                try context.enqueue("two")
                try JR.enqueue("three")
            }
            Handler("two") { args in
                await Task.yield()
                args["sent"] = true
            }
            Handler("three") { _ in }
        }
        let heard = Mutex(0)
        try queue.enqueue(
            "one",
            success: { _ in
                heard.withLock { $0 += 1 }
                // Feedback may enqueue too.
                try queue.enqueue("two")
            })
        #expect(heard.withLock { $0 } == 1)
        #expect(queue.completed.count == 4)
        #expect(queue.waiting.isEmpty)
    }

    @Test("inline, retries still wait for virtual time")
    func inlineRetries() async throws {
        let queue = TestQueue(mode: .inline) {
            Handler("flaky") { _, context in if context.attempt == 1 { throw Broken() } }
        }
        try queue.enqueue("flaky")
        #expect(queue.scheduled.count == 1)
        try await queue.advance(by: .seconds(5))
        #expect(queue.completed.count == 1)
    }

    @Test("inline, a job that waits for something elsewhere ends when that comes")
    func inlineElsewhere() async throws {
        let (stream, gate) = AsyncStream.makeStream(of: Bool.self)
        let queue = TestQueue(mode: .inline) {
            Handler("wait") { args in for await value in stream { args["came"] = .bool(value) } }
            Handler("after") { _ in }
        }
        let handle = try queue.enqueue("wait")
        let after = try queue.enqueue("after")
        #expect(queue.completed.isEmpty)
        gate.yield(true)
        gate.finish()
        #expect(try await handle.value == ["came": true])
        #expect(try await after.value == [:])
    }

    @Test("B26: jobs go to the nodes that they name, and keep away from those that they exclude")
    func placement() async throws {
        let queue = TestQueue(nodes: ["a", "b"]) { Handler("job") { _ in } }
        for _ in 0..<4 { try queue.enqueue("job") }
        for _ in 0..<4 { try queue.enqueue("job", [:], JobOptions(node: "b")) }
        for _ in 0..<4 { try queue.enqueue("job", [:], JobOptions(notNode: "b")) }
        try queue.enqueue("job", [:], JobOptions(node: "elsewhere", strict: true))
        try await queue.runAll()
        let nodes = Dictionary(uniqueKeysWithValues: queue.attempts.map { ($0.job, $0.node) })
        let places = queue.enqueued.map { nodes[$0.id] }
        #expect(Set(places[0..<4]) == ["a", "b"])
        #expect(Set(places[4..<8]) == ["b"])
        #expect(Set(places[8..<12]) == ["a"])
        #expect(places[12] == nil)
        #expect(queue.waiting.count == 1)
    }

    @Test("a program is not run, and says what to do; a body in its place is, with the callbacks")
    func programs() async throws {
        let queue = TestQueue {
            Handler("sha256", program: "/usr/bin/sha256sum").callback { args in args["called"] = true }
        }
        try queue.enqueue("sha256")
        try await queue.runAll()
        #expect(
            queue.failed.map(\.lastError) == [
                "the job 'sha256' is the program '/usr/bin/sha256sum', which a test queue does not run: "
                    + "give it a body with queue.replace(\"sha256\") { args in … }"
            ])
        try queue.replace("sha256") { args in args["digest"] = "e3b0c442" }
        try queue.enqueue("sha256")
        try await queue.runAll()
        #expect(queue.completed.map(\.result?.arguments) == [["digest": "e3b0c442", "called": true]])
    }

    @Test("only what is there can be replaced")
    func replaceUnknown() {
        let error = #expect(throws: JobReactorError.self) { try queue().replace("send_mail") { _ in } }
        #expect(error?.mend == "Did you mean 'send_email'?")
    }

    @Test("questions are answered as a distributor answers them")
    func questions() async throws {
        let queue = queue()
        let handle = try queue.enqueue("send_email", ["to": "a@b.c"])
        let info = try #require(try await queue.job(handle.id))
        #expect(info.name == "send_email")
        #expect(info.status == .new)
        #expect(try await queue.jobs().map(\.id) == [handle.id])
        await #expect(throws: JobReactorError.self) { try await queue.ask("no such question") }
    }

    @Test("B23: what many threads enqueue at once is all kept and all run")
    func threads() async throws {
        for mode in [TestQueue.Mode.whenAsked, .inline] {
            let queue = queue(mode: mode)
            let told = Counter()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    group.addTask {
                        for number in 0..<100 {
                            let name = number.isMultiple(of: 2) ? "later" : "send_email"
                            try queue.enqueue(
                                name, ["n": .int(Int64(100 * task + number))],
                                success: { _ in told.count.withLock { $0 += 1 } })
                        }
                    }
                }
                group.addTask { try await queue.runAll() }
                try await group.waitForAll()
            }
            try await queue.runAll()
            #expect(Set(queue.completed.compactMap { $0.result?.arguments["n"]?.int }) == Set(0..<800))
            #expect(queue.attempts.count == 800)
            #expect(told.count.withLock { $0 } == 800)
        }
    }

    @Test("handles may be waited for while the queue runs")
    func concurrently() async throws {
        let queue = queue()
        async let value = try queue.enqueue("later").value
        while queue.enqueued.isEmpty { await Task.yield() }
        try await queue.runAll()
        #expect(try await value == ["sent": true])
    }

    @Test("ten thousand jobs, some for later, are all run")
    func many() async throws {
        let queue = queue()
        for number in 0..<10_000 { try queue.enqueue(number.isMultiple(of: 2) ? "later" : "send_email") }
        #expect(try await queue.runAll().completed == 10_000)
    }
}
