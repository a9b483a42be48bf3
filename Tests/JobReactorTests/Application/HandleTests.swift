import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("What an application sees of a job", .serialized, .mayBlock)
struct HandleTests {
    private struct Broken: Error {}

    private func failing(_ settings: inout NodeSettings) {
        settings.maxAttempts = 2
        settings.retry = .fixed(.milliseconds(1))
    }

    @Test("B19: enqueue gives the id at once; accepted is the receipt of a node that has stored the job")
    func accepted() async throws {
        let harness = try Harness()
        harness.define("work") { _ in }
        let early = try harness.distributor.enqueue("work")
        #expect(early.id != .none)
        let node = try harness.startNode("worker_1")
        #expect(try await early.accepted.node == "worker_1")
        #expect(try await early.result.ending == .complete)
        node.drain()
    }

    @Test("B37: value is the arguments with all that was added, or throws what went wrong after the last attempt")
    func value() async throws {
        let harness = try Harness()
        harness.define("good") { args in args["done"] = true }
        harness.define("bad") { _ in throw Broken() }
        let node = try harness.startNode("worker_1", failing)
        let jobs = try harness.client()
        #expect(try await jobs.enqueue("good", ["n": 1]).value == ["n": 1, "done": true])
        let failure = await #expect(throws: JobFailure.self) { _ = try await jobs.enqueue("bad", ["n": 2]).value }
        #expect(failure?.code == .jobFailed)
        #expect(failure?.message == "Broken()")
        #expect(failure?.attempts == 2)
        #expect(failure?.node == "worker_1")
        #expect(failure?.arguments == ["n": 2, "error": "Broken()"])
        node.drain()
    }

    @Test("B37, B39: feedback closures hear their own kind of ending once, and one that throws harms nobody")
    func feedback() throws {
        let harness = try Harness()
        harness.define("good") { args in args["done"] = true }
        harness.define("bad") { _ in throw Broken() }
        let node = try harness.startNode("worker_1", failing)
        let heard = Monitor<[String]>([])
        let jobs = try harness.client()
        for name in ["good", "bad"] {
            try jobs.enqueue(
                name,
                success: { args in
                    heard.update { $0.append("\(name) success \(args["done"] ?? .null)") }
                    throw Broken()
                },
                error: { args in
                    heard.update { $0.append("\(name) error \(args["error"]?.string ?? "")") }
                    throw Broken()
                })
        }
        let all = heard.wait(timeout: .seconds(Int64(30))) { $0.count >= 2 ? $0.sorted() : nil }
        #expect(all == ["bad error Broken()", "good success bool(true)"])
        // Whatever came twice would have come before this.
        let last = Outcomes()
        try jobs.enqueue("good", feedback: .both) { last.observe($0) }
        #expect(last.wait(1).count == 1)
        #expect(heard.update { $0.count } == 2)
        node.drain()
    }

    @Test("events tell all that becomes of a job, also to whoever asks late")
    func events() async throws {
        let harness = try Harness()
        harness.define("work") { _ in }
        let job = try harness.client().enqueue("work")
        var seen: [String] = []
        var node: RunningNode?
        for await event in job.events {
            switch event {
            case .accepted(let reason):
                seen.append("accepted: \(reason)")
                node = try harness.startNode("worker_1")
            case .stored(let node): seen.append("stored by \(node)")
            case .refused: seen.append("refused")
            case .ended(let result): seen.append("ended: \(result.ending)")
            }
        }
        #expect(seen == ["accepted: no node is connected", "stored by worker_1", "ended: complete"])
        var late = 0
        for await _ in job.events { late += 1 }
        #expect(late == 3)
        node?.drain()
    }

    @Test("B18: two enqueues with the same key are one job, and both callers hear of it")
    func keys() async throws {
        let harness = try Harness()
        let runs = Monitor(0)
        harness.define("once") { args in args["run"] = .int(Int64(runs.update { runs in (runs += 1, runs).1 })) }
        let jobs = try harness.client()
        let (first, second) = (
            try jobs.enqueue("once", id: "invoice 17"), try jobs.enqueue("once", id: "invoice 17")
        )
        #expect(first.id == second.id)
        let node = try harness.startNode("worker_1")
        #expect(try await first.value == ["run": 1])
        #expect(try await second.value == ["run": 1])
        #expect(runs.update { $0 } == 1)
        node.drain()
    }

    @Test("a task that waits for a value and is cancelled stops waiting, and the job goes on")
    func waiting() async throws {
        let harness = try Harness()
        let job = try harness.client().enqueue("later")
        let waiter = Task { try await job.value }
        waiter.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiter.value }
        harness.define("later") { _ in }
        let node = try harness.startNode("worker_1")
        #expect(try await job.result.ending == .complete)
        node.drain()
    }

    @Test(
        "B24: options that no node would take are refused at the call, before anything is sent",
        arguments: [
            (JobOptions(after: .seconds(-1)), "the delay must not be negative"),
            (JobOptions(period: .zero), "the period must be greater than 0 and at most 366 days"),
            (
                JobOptions(node: "a", notNode: "a", strict: true),
                "every node it must run on is one it must not run on"
            ),
            (JobOptions(maxAttempts: 0), "max_attempts must be at least 1"),
            (JobOptions(node: "no/name"), "'no/name' is not a node name"),
        ])
    func badOptions(options: JobOptions, why: String) throws {
        let harness = try Harness()
        let error = #expect(throws: JobReactorError.self) { try harness.distributor.enqueue("work", [:], options) }
        #expect(error?.code == .invalidJob)
        #expect(error?.why == why)
    }
}
