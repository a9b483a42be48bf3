import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("The chain of a job, its callbacks and its errbacks", .serialized, .mayBlock)
struct ChainTests {
    private struct Broken: Error {}
    private struct AlsoBroken: Error {}

    private func twice(_ settings: inout NodeSettings) {
        settings.maxAttempts = 2
        settings.retry = .fixed(.milliseconds(1))
    }

    @Test("B7, B13: what is defined by closures runs in the order of its definition, each on what the last one left")
    func order() async throws {
        let name = "chain_order"
        @Sendable func add(_ word: String, to args: inout JobArguments) {
            args["trace"] = .array((args["trace"]?.array ?? []) + [.string(word)])
        }
        job(name) { args in add("the old body", to: &args) }
        jobCallback(name, "old") { args in add("the old callback", to: &args) }
        job(name) { args in add("body", to: &args) }
        jobCallback(name, "first") { args in add("first", to: &args) }
        jobCallback(name, "second") { args in
            await Task.yield()
            add("second", to: &args)
        }
        jobCallback(name, "third") { args, context in add("third on \(context.node)", to: &args) }
        let harness = try Harness()
        let node = try harness.startNode("worker_1") { _ in
        } configure: { configuration in
            configuration.registry = .shared
        }
        let args = try await harness.distributor.enqueue(name).value
        #expect(args == ["trace": ["body", "first", "second", "third on worker_1"]])
        node.drain()
    }

    @Test("B13, B14: a throw ends the chain; errbacks run in order after every attempt, on what was there before it")
    func errbacks() async throws {
        let harness = try Harness()
        let trace = Monitor<[String]>([])
        harness.registry.define(
            Handler("broken") { args in
                args["of the chain"] = true
                trace.update { $0.append("body") }
            }
            .callback { (_: inout JobArguments) in
                trace.update { $0.append("callback") }
                throw Broken()
            }
            .callback { (_: inout JobArguments) in trace.update { $0.append("never") } }
            .errback { args in
                trace.update { $0.append("errback \(args == ["n": 1, "error": "Broken()"])") }
            }
            .errback { (_: inout JobArguments) in trace.update { $0.append("errback two") } })
        let node = try harness.startNode("worker_1", twice)
        let result = try await harness.distributor.enqueue("broken", ["n": 1]).result
        #expect(result.ending == .failed)
        let attempt = ["body", "callback", "errback true", "errback two"]
        #expect(trace.update { $0 } == attempt + attempt)
        node.drain()
    }

    @Test("B15: an errback that throws ends the errbacks, takes its changes with it, and the job is tried again")
    func brokenErrback() async throws {
        let harness = try Harness()
        harness.registry.define(
            Handler("broken") { (_: inout JobArguments) in throw Broken() }
                .errback { args in args["first"] = .int(Int64(args["first"]?.int ?? 0) + 1) }
                .errback { args in
                    args["second"] = true
                    throw AlsoBroken()
                }
                .errback { args in args["third"] = true })
        let node = try harness.startNode("worker_1", twice)
        let result = try await harness.distributor.enqueue("broken").result
        #expect(result.attempt == 2)
        #expect(result.arguments == ["first": 2, "error": "Broken()", "errback_error": "AlsoBroken()"])
        node.drain()
    }

    @Test("B16: the error of an earlier attempt is no part of a later success, and stays the job's last error")
    func errorOfEarlierAttempt() async throws {
        let harness = try Harness()
        harness.registry.define(
            Handler("once_broken") { args, context in
                if context.attempt == 1 { throw Broken() }
                args["last"] = context.lastError.map { .string($0) }
                args["saw_error"] = .bool(args["error"] != nil)
            }
            .errback { args in args["noted"] = args["error"] })
        let node = try harness.startNode("worker_1") { settings in
            settings.retry = .fixed(.milliseconds(1))
            settings.removeDoneJobs = false
        }
        let job = try harness.distributor.enqueue("once_broken")
        #expect(try await job.value == ["last": "Broken()", "saw_error": false, "noted": "Broken()"])
        let info = try #require(try await harness.distributor.job(job.id))
        #expect(info.status == .complete)
        #expect(info.lastError == "Broken()")
        #expect(info.attempt == 2)
        node.drain()
    }

    @Test(
        "B34: a cancel in job or callback is success feedback, in an errback error feedback, and nothing runs after it")
    func cancels() throws {
        let harness = try Harness()
        let heard = Monitor<[String]>([])
        harness.registry.define(
            Handler("job") { (_: inout JobArguments) in throw Cancel() }
                .errback { args in args["errback"] = true })
        harness.registry.define(
            Handler("callback") { (_: inout JobArguments) in }
                .callback { (_: inout JobArguments) in throw Cancel() }
                .errback { args in args["errback"] = true })
        harness.registry.define(
            Handler("errback") { (_: inout JobArguments) in throw Broken() }
                .errback { (_: inout JobArguments) in throw Cancel() }
                .errback { args in args["errback"] = true })
        let node = try harness.startNode("worker_1", twice)
        for name in ["job", "callback", "errback"] {
            try harness.distributor.enqueue(
                name,
                success: { args in heard.update { $0.append("\(name) success \(args["errback"] == nil)") } },
                error: { args in heard.update { $0.append("\(name) error \(args["errback"] == nil)") } })
        }
        let all = heard.wait(timeout: .seconds(Int64(30))) { $0.count == 3 ? $0.sorted() : nil }
        #expect(all == ["callback success true", "errback error true", "job success true"])
        node.drain()
    }

    // MARK: Time

    @Test("B21: a periodic job keeps its arguments between runs, waits its period even after a failure, and can end")
    func periodic() throws {
        let harness = try Harness()
        let runs = Monitor<[Run]>([])
        harness.registry.define(
            Handler("tick") { args, context in
                let number = (args["n"]?.int ?? 0) + 1
                Self.work()
                runs.update { runs in
                    runs.append(
                        Run(
                            number: number, attempt: context.attempt, due: context.dueAt, failed: context.failedAt,
                            ended: SystemClock.wall()))
                }
                if context.attempt == 1, number == 3 { throw Broken() }
                if number == 5 { throw Cancel() }
                args["n"] = .int(Int64(number))
            })
        // A retry would wait for an hour.
        let node = try harness.startNode("worker_1") { $0.retry = .fixed(.seconds(3_600)) }
        let heard = Monitor<[Int]>([])
        try harness.distributor.enqueue(
            "tick", ["n": 0], JobOptions(period: .milliseconds(20)),
            success: { args in heard.update { $0.append(args["n"]?.int ?? -1) } })
        // After each run that succeeded, and once more when it cancelled itself.
        #expect(heard.wait(timeout: .seconds(Int64(30))) { $0.count == 5 ? $0 : nil } == [1, 2, 3, 4, 4])
        let all = runs.update { $0 }
        #expect(all.map(\.number) == [1, 2, 3, 3, 4, 5])
        #expect(all.map(\.attempt) == [1, 1, 1, 2, 1, 1])
        for (last, next) in zip(all, all.dropFirst()) {
            #expect((next.due ?? last.ended) - last.ended >= .milliseconds(20))
        }
        node.drain()
    }

    @Test("B33: the wait for the next attempt counts from the end of the failed one, however long that took")
    func waitAfterFailure() async throws {
        let harness = try Harness()
        harness.registry.define(
            Handler("slow_to_fail") { args, context in
                if context.attempt == 2 { return args["due"] = context.dueAt.map { .date($0) } }
                Self.work()
                throw Broken()
            }
            .errback { args in args["failed"] = .date(SystemClock.wall()) })
        let node = try harness.startNode("worker_1") { $0.retry = .fixed(.milliseconds(50)) }
        let args = try await harness.distributor.enqueue("slow_to_fail").value
        let (failed, due) = (try #require(args["failed"]?.date), try #require(args["due"]?.date))
        #expect(due - failed >= .milliseconds(50))
        node.drain()
    }

    /// Holds the reactor for a while.
    private static func work() {
        let end = SystemClock.instant() + .milliseconds(10)
        while SystemClock.instant() < end {}
    }

    private struct Run: Sendable {
        var number: Int
        var attempt: Int
        var due: WallTime?
        var failed: WallTime?
        var ended: WallTime
    }

    @Test("B18, B20: a delay counts down to the millisecond, a moment is absolute, and one that has passed is now")
    func due() async throws {
        let harness = try Harness()
        harness.registry.define(
            Handler("when") { args, context in
                args["due"] = context.dueAt.map { .date($0) }
                args["created"] = .date(context.createdAt)
                args["ran"] = .date(SystemClock.wall())
            })
        let node = try harness.startNode("worker_1")
        let jobs = harness.distributor
        let late = try await jobs.enqueue("when", [:], JobOptions(after: .milliseconds(150))).value
        let created = try #require(late["created"]?.date)
        #expect(late["due"]?.date == created + .milliseconds(150))
        #expect(late["ran"]?.date ?? created >= created + .milliseconds(150))
        let moment = SystemClock.wall() + .milliseconds(70)
        let atMoment = try await jobs.enqueue("when", [:], JobOptions(runAt: moment)).value
        #expect(atMoment["due"]?.date == moment)
        #expect(atMoment["ran"]?.date ?? created >= moment)
        let past = SystemClock.wall() + .seconds(Int64(-3_600))
        let passed = try await jobs.enqueue("when", [:], JobOptions(runAt: past)).value
        #expect(passed["ran"]?.date != nil)
        node.drain()
    }

    @Test("B18: attempts and waits of one job win over those of its node")
    func ownRetry() async throws {
        let harness = try Harness()
        harness.define("broken") { _ in throw Broken() }
        let node = try harness.startNode("worker_1")
        let options = JobOptions(maxAttempts: 3, retry: .linear(.milliseconds(1)))
        #expect(try await harness.distributor.enqueue("broken", [:], options).result.attempt == 3)
        node.drain()
    }
}
