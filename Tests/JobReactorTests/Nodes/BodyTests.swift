import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("The bodies of jobs", .serialized, .mayBlock)
struct BodyTests {
    @Test("B9: a body runs where it should: on the reactor, there in turns, or on a thread of the pool")
    func places() async throws {
        let harness = try Harness()
        let reactor = harness.reactor
        harness.registry.define(Handler("turn") { args in args["loop"] = .bool(reactor.isOnLoop) })
        harness.registry.define(
            Handler("awaiting") { args in
                let before = reactor.isOnLoop
                await Task.yield()
                args["loop"] = .bool(before && reactor.isOnLoop)
            })
        let node = try harness.startNode("worker_1")
        let jobs = try harness.client()
        #expect(try await jobs.enqueue("turn").value["loop"] == true)
        #expect(try await jobs.enqueue("turn", [:], JobOptions(defer: true)).value["loop"] == false)
        #expect(try await jobs.enqueue("awaiting").value["loop"] == true)
        #expect(try await jobs.enqueue("awaiting", [:], JobOptions(defer: true)).value["loop"] == false)
        node.drain()
    }

    @Test("B17: job_itself shows a job's facts when it is asked for, and goes no further than its bodies")
    func jobItself() async throws {
        let harness = try Harness()
        harness.define("facts") { args in
            args["seen"] = args["job_itself"]
            if args["job_itself"]?.map?["attempt"] == 1 { throw FailedOnce() }
        }
        let node = try harness.startNode("worker_1") { settings in
            settings.retry = .fixed(.milliseconds(1))
        } configure: { configuration in
            configuration.mergesJobItself = true
        }
        let job = try harness.client().enqueue("facts", ["n": 1])
        let args = try await job.value
        #expect(args["job_itself"] == nil)
        let facts = try #require(args["seen"]?.map)
        #expect(facts["id"]?.string == job.id.description)
        #expect(facts["name"] == "facts")
        #expect(facts["attempt"] == 2)
        #expect(facts["status"] == "in progress")
        #expect(facts["node"] == "worker_1")
        #expect(facts["distributor"] == "distributor")
        #expect(facts["last_error"] == "FailedOnce()")
        #expect(facts["failed_at"]?.date != nil)
        #expect(facts["defer"] == false)
        #expect(
            facts.keys.sorted() == [
                "attempt", "defer", "distributor", "failed_at", "id", "last_error", "make_after", "name", "node",
                "period",
                "run_at", "status",
            ])
        node.drain()
    }

    private struct FailedOnce: Error {}

    @Test("B17: the context has the same facts without asking, and B11: reaches the reactor and enqueues more")
    func context() async throws {
        let harness = try Harness()
        harness.registry.define(
            Handler("parent") { args, context in
                args["attempt"] = .int(Int64(context.attempt))
                args["node"] = .string(context.node)
                args["distributor"] = context.distributor.map { .string($0) }
                let (reactor, fired) = (context.reactor, Promise<Bool>())
                reactor.execute { loop in loop.schedule(after: .milliseconds(1)) { _ in fired.resolve(true) } }
                args["timer"] = .bool(try await fired.get())
                args["child"] = try await context.enqueue("child", ["n": 20]).value["n"]
            })
        harness.define("child") { args in args["n"] = .int(Int64(args["n"]?.int ?? 0) + 1) }
        let node = try harness.startNode("worker_1")
        let args = try await harness.client().enqueue("parent").value
        #expect(
            args == ["attempt": 1, "node": "worker_1", "distributor": "distributor", "timer": true, "child": 21])
        node.drain()
    }

    @Test("B4: jobs that enqueue jobs, three deep, in one process with the distributor, end with the right sum")
    func threeDeep() async throws {
        let harness = try Harness()
        let sum = Monitor(0)
        for depth in 0..<3 {
            harness.registry.define(
                Handler("level\(depth)") { args, context in
                    let number = args["n"]?.int ?? 0
                    if depth == 2 { return sum.update { $0 += number } }
                    for child in 0..<10 {
                        try context.enqueue("level\(depth + 1)", ["n": .int(Int64(number * 10 + child))])
                    }
                })
        }
        let node = try harness.startNode("worker_1")
        for number in 0..<10 { try harness.distributor.enqueue("level0", ["n": .int(Int64(number))]) }
        // All numbers from 0 to 999, each once.
        #expect(sum.wait(timeout: .seconds(Int64(60))) { $0 >= 499_500 ? $0 : nil } == 499_500)
        node.drain()
    }

    @Test("B9: a body that holds the reactor too long is named in the log, and deferred it is not")
    func slowTurn() async throws {
        let harness = try Harness()
        let warnings = Monitor<[String]>([])
        let log = LogHandler(from: .warning) { entry in warnings.update { $0.append(entry.text) } }
        @Sendable func work(_ time: Interval) {
            let end = SystemClock.instant() + time
            while SystemClock.instant() < end {}
        }
        harness.define("heavy") { _ in work(.seconds(Int64(2))) }
        harness.registry.define(
            Handler("heavy_awaiting") { _ in
                await Task.yield()
                work(.milliseconds(200))
            })
        let node = try harness.startNode("worker_1", log: log) { _ in
        } configure: { configuration in
            configuration.slowTurn = .milliseconds(100)
        }
        let jobs = try harness.client()
        _ = try await jobs.enqueue("heavy", [:], JobOptions(defer: true)).value
        #expect(warnings.update { $0 } == [])
        _ = try await jobs.enqueue("heavy").value
        _ = try await jobs.enqueue("heavy_awaiting").value
        let texts = warnings.wait(timeout: .seconds(Int64(30))) { $0.count >= 2 ? $0 : nil } ?? []
        #expect(texts.first?.hasPrefix("job 'heavy' held the reactor for ") == true, "\(texts)")
        #expect(texts.last?.hasPrefix("job 'heavy_awaiting' held the reactor for ") == true, "\(texts)")
        node.drain()
    }

    @Test("B7: a job that is defined again has lost its callbacks, and a callback of an unknown job is a clear error")
    func definitions() throws {
        let registry = JobRegistry()
        registry.define(Handler("job") { (_: inout JobArguments) in }.callback { (_: inout JobArguments) in })
        registry.define(Handler("job") { (_: inout JobArguments) in })
        #expect(registry["job"]?.callbacks.isEmpty == true)
        registry.addErrback(to: "jop", "note", .synchronous { _ in })
        let error = #expect(throws: JobReactorError.self) {
            _ = try Node("worker_1", registry: registry, configuration: Configuration(environment: [:]))
        }
        #expect(
            error?.why
                == "the errback 'note' is for the job 'jop', which is not defined before it (did you mean 'job'?): "
                + "define the job first")
    }
}
