import JRBase
import JRCore
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("A job's way from an application to a node and back", .serialized, .mayBlock)
struct RoundTripTests {
    @Test("B13, B37: callbacks run in order, and the application gets all they added")
    func callbacksAndFeedback() throws {
        let harness = try Harness()
        harness.define("greet") { args in args["result"] = "Hello" }
        harness.registry.addCallback(to: "greet", "one", .synchronous { args in args["another"] = "world" })
        harness.registry.addCallback(
            to: "greet", "two",
            .asynchronous { args in
                await Task.yield()
                args["both"] = .string("\(args["result"]?.string ?? "") \(args["another"]?.string ?? "")")
            })
        let node = try harness.startNode("worker_1")
        let outcomes = Outcomes()
        try harness.client().enqueue("greet", ["initial": 1], feedback: .both) { outcomes.observe($0) }
        let result = try #require(outcomes.wait(1).first)
        #expect(result.ending == .complete)
        #expect(
            result.arguments == ["initial": 1, "result": "Hello", "another": "world", "both": "Hello world"])
        #expect(result.node == "worker_1")
        node.drain()
    }

    @Test(
        "B14, B15, B33: a failed chain leaves only what errbacks added, and is tried again until the attempts are used")
    func failure() throws {
        struct Broken: Error {}
        let harness = try Harness()
        harness.define("broken") { args in
            args["trace"] = "of the failed chain"
            throw Broken()
        }
        harness.registry.addErrback(
            to: "broken", "count",
            .synchronous { args in args["errbacks"] = .int((args["errbacks"]?.int).map { Int64($0) + 1 } ?? 1) })
        let node = try harness.startNode("worker_1") { settings in
            settings.maxAttempts = 3
            settings.retry = RetrySchedule(shape: .fixed, base: .milliseconds(1))
        }
        let outcomes = Outcomes()
        try harness.client().enqueue("broken", ["initial": 1], feedback: .both) { outcomes.observe($0) }
        let result = try #require(outcomes.wait(1).first)
        #expect(result.ending == .failed)
        #expect(result.attempt == 3)
        #expect(result.arguments == ["initial": 1, "error": "Broken()", "errbacks": 3])
        node.drain()
    }

    @Test("B22: a job that no node knows waits, says for what, and runs when such a node comes")
    func unknownJob() throws {
        let harness = try Harness()
        harness.define("late") { args in args["ran"] = true }
        let outcomes = Outcomes()
        try harness.client().enqueue("late", feedback: .both) { outcomes.observe($0) }
        let reason = outcomes.waiting.wait(timeout: .seconds(Int64(30))) { $0.first }
        #expect(reason == "no node is connected")
        let node = try harness.startNode("worker_1")
        #expect(outcomes.wait(1).first?.arguments == ["ran": true])
        node.drain()
    }

    @Test("B23: enqueueing from many threads at once loses nothing")
    func manyThreads() throws {
        let harness = try Harness()
        harness.define("square") { args in
            let number = Int64(args["n"]?.int ?? 0)
            args["square"] = .int(number * number)
        }
        let nodes = [try harness.startNode("worker_1"), try harness.startNode("worker_2")]
        let outcomes = Outcomes()
        let client = try harness.client()
        for thread in 0..<20 {
            try Threads.start(name: "enqueue") {
                for number in 0..<100 {
                    _ = try? client.enqueue("square", ["n": .int(Int64(thread * 100 + number))], feedback: .both) {
                        outcomes.observe($0)
                    }
                }
            }
        }
        let results = outcomes.wait(2_000)
        let squares = Set(results.compactMap { $0.arguments["square"]?.int })
        #expect(squares == Set((0..<2_000).map { $0 * $0 }))
        for node in nodes { node.drain() }
    }

    @Test("a job whose receipt and outcome come in one turn is reported in both")
    func receiptAndOutcomeTogether() throws {
        let harness = try Harness()
        harness.define("quick") { _ in }
        let node = try harness.startNode("worker_1")
        let outcomes = Outcomes()
        let client = try harness.client()
        // Many at once, so that receipts and outcomes share turns.
        for _ in 0..<500 { try client.enqueue("quick", feedback: .both) { outcomes.observe($0) } }
        #expect(outcomes.wait(500).count == 500)
        #expect(outcomes.stored.update { $0.count } == 500)
        node.drain()
    }

    @Test("B34: a job that throws Cancel ends as cancelled, without errbacks or another attempt")
    func cancel() throws {
        let harness = try Harness()
        harness.define("stop") { args in
            args["seen"] = true
            throw Cancel()
        }
        harness.registry.addErrback(to: "stop", "", .synchronous { args in args["errback"] = true })
        let node = try harness.startNode("worker_1")
        let outcomes = Outcomes()
        try harness.client().enqueue("stop", feedback: .both) { outcomes.observe($0) }
        let result = try #require(outcomes.wait(1).first)
        #expect(result.ending == .cancelled)
        #expect(result.arguments == ["seen": true])
        node.drain()
    }

    /// Fifty jobs are stored by a first node, and run by the next one.
    private func runLater(_ harness: Harness, _ storage: StorageChoice) throws {
        harness.define("later") { args in args["ran"] = true }
        let first = try harness.startNode("worker_1", storage: storage)
        let outcomes = Outcomes()
        let client = try harness.client()
        var options = JobOptions()
        options.delay = .milliseconds(300)
        options.due = SystemClock.wall() + .milliseconds(300)
        for number in 0..<50 {
            try client.enqueue("later", ["n": .int(Int64(number))], options, feedback: .both) { outcomes.observe($0) }
        }
        #expect(outcomes.stored.wait(timeout: .seconds(Int64(30))) { $0.count == 50 ? true : nil } == true)
        first.drain()
        let second = try harness.startNode("worker_1", storage: storage)
        let results = outcomes.wait(50)
        #expect(Set(results.compactMap { $0.arguments["n"]?.int }) == Set(0..<50))
        second.drain()
    }

    @Test("B40: jobs of a journal are there when the node is started again, and run at their own time")
    func journalAcrossRestart() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-node-")
        defer { try? Files.removeTree(directory) }
        let harness = try Harness()
        let storage = StorageChoice.journal(directory: directory + "/store", sync: .always)
        try runLater(harness, storage)
    }

    @Test("B40: jobs on a Redis server are there when the node is started again, and run at their own time")
    func redisAcrossRestart() throws {
        let server = try RedisServer(["--appendonly", "yes"])
        let harness = try Harness()
        let storage = StorageChoice.redis(url: server.url)
        try runLater(harness, storage)
    }

    @Test("B42: while its Redis server is away a node takes nothing and says so once; then all goes on by itself")
    func redisAway() throws {
        let server = try RedisServer(["--appendonly", "yes", "--appendfsync", "always"])
        let harness = try Harness()
        harness.define("job") { _ in }
        let lines = Monitor<[String]>([])
        let log = LogHandler(from: .warning) { entry in lines.update { $0.append(entry.text) } }
        let node = try harness.startNode("worker_1", storage: .redis(url: server.url), log: log)
        let outcomes = Outcomes()
        let client = try harness.client()
        server.kill()
        let isAway = { (lines: [String]) in lines.contains { $0.contains("[storage_unavailable]") } ? true : nil }
        #expect(lines.wait(timeout: .seconds(Int64(30)), until: { isAway($0) }) == true)
        for _ in 0..<20 { try client.enqueue("job", feedback: .both) { outcomes.observe($0) } }
        try server.start()
        #expect(outcomes.wait(20).count == 20)
        #expect(lines.update { $0.contains("the storage takes jobs again") })
        node.drain()
    }

    @Test("B42: a node that is started before its Redis server waits for it")
    func redisLater() throws {
        let server = try RedisServer()
        server.kill()
        let harness = try Harness()
        harness.define("job") { _ in }
        let lines = Monitor<[String]>([])
        let log = LogHandler(from: .warning) { entry in
            if entry.text.contains("[storage_unavailable]") { try? server.start() }
            lines.update { $0.append(entry.text) }
        }
        let node = try harness.startNode("worker_1", storage: .redis(url: server.url), log: log)
        let outcomes = Outcomes()
        try harness.client().enqueue("job", feedback: .both) { outcomes.observe($0) }
        #expect(outcomes.wait(1).first?.ending == .complete)
        #expect(lines.update { lines in lines.contains { $0.contains("keeps nothing on disk") } })
        node.drain()
    }

    @Test("B9: a deferred job runs beside the reactor, which goes on meanwhile")
    func deferred() throws {
        let harness = try Harness()
        let gate = Monitor(false)
        harness.define("heavy") { args in
            args["opened"] = .bool(gate.wait(timeout: .seconds(Int64(30))) { $0 ? true : nil } ?? false)
        }
        harness.define("light") { _ in gate.update { $0 = true } }
        let node = try harness.startNode("worker_1")
        let outcomes = Outcomes()
        let client = try harness.client()
        var options = JobOptions()
        options.isDeferred = true
        try client.enqueue("heavy", [:], options, feedback: .both) { outcomes.observe($0) }
        try client.enqueue("light")
        #expect(outcomes.wait(1).first?.arguments == ["opened": true])
        node.drain()
    }
}
