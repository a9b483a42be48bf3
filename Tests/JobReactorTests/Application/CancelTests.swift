import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite(
    "Jobs are cancelled, retried and forgotten from outside, and end when their time is over", .serialized, .mayBlock)
struct CancelTests {
    private struct Broken: Error {}

    /// Jobs that wait until they are told to end, in each of the ways a body can.
    private func defineEndless(_ harness: Harness, started: Monitor<Int>) {
        harness.registry.define(
            Handler("awaiting") { args in
                args["seen"] = true
                started.update { $0 += 1 }
                // Never resolved: only the cancelling of the task ends the wait.
                try await Promise<Void>().get()
            }.errback { args in args["errback"] = true })
        harness.registry.define(
            Handler("looking") { _, context in
                started.update { $0 += 1 }
                while true { try context.checkCancellation() }
            })
    }

    private func wait(_ started: Monitor<Int>, for count: Int = 1) {
        #expect(started.wait(timeout: .seconds(Int64(30))) { $0 >= count ? true : nil } == true)
    }

    @Test("B28, B34: a job that waits in the distributor is cancelled there, and its application hears of it")
    func waiting() async throws {
        let harness = try Harness()
        let jobs = try harness.client()
        let job = try jobs.enqueue("nobody_knows_it")
        #expect(try await jobs.jobs().map(\.id) == [job.id])
        #expect(try await jobs.job(job.id)?.waitingFor == "no node is connected")
        #expect(try await job.cancel() == .cancelled)
        #expect(try await job.result.ending == .cancelled)
        #expect(try await jobs.jobs().isEmpty)
        let failure = await #expect(throws: JobFailure.self) { _ = try await job.value }
        #expect(failure?.code == .jobCancelled)
    }

    @Test("B34: a scheduled job and a periodic one between its runs are cancelled, and never run again")
    func scheduled() async throws {
        let harness = try Harness()
        let runs = Monitor(0)
        harness.define("tick") { _ in runs.update { $0 += 1 } }
        let node = try harness.startNode("worker_1")
        let jobs = try harness.client()
        let later = try jobs.enqueue("tick", [:], JobOptions(after: .seconds(3_600)))
        _ = try await later.accepted
        #expect(try await later.cancel() == .cancelled)
        #expect(try await later.result.ending == .cancelled)
        let periodic = try jobs.enqueue("tick", [:], JobOptions(period: .seconds(3_600)))
        #expect(try await periodic.result.isFinal == false)
        #expect(try await periodic.cancel() == .cancelled)
        #expect(try await jobs.jobs().isEmpty)
        #expect(runs.update { $0 } == 1)
        node.drain()
    }

    @Test("B34: a running job is cancelled co-operatively, and ends as cancelled without errbacks or another attempt")
    func running() async throws {
        let harness = try Harness()
        let started = Monitor(0)
        defineEndless(harness, started: started)
        let node = try harness.startNode("worker_1")
        let jobs = try harness.client()
        let awaiting = try jobs.enqueue("awaiting")
        let looking = try jobs.enqueue("looking", [:], JobOptions(defer: true))
        wait(started, for: 2)
        for job in [awaiting, looking] {
            #expect(try await job.cancel() == .cancelling)
            let result = try await job.result
            #expect(result.ending == .cancelled)
            #expect(result.arguments["errback"] == nil)
            // Known until its application has acknowledged the end.
            let again = try? await job.cancel()
            #expect(again == nil || again == .ended)
        }
        node.drain()
    }

    @Test("B34: a running program gets SIGTERM, and its job ends as cancelled")
    func program() async throws {
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-cancel-")
        defer { try? Files.removeTree(folder) }
        let script = """
            #!/bin/sh
            trap 'echo ended > \(folder)/end; exit 1' TERM
            echo started >&2
            sleep 1000 &
            wait
            """
        try Files.write("\(folder)/endless", Array(script.utf8), mode: 0o755)
        let harness = try Harness()
        harness.registry.define(Handler("endless", program: "\(folder)/endless"))
        let started = Monitor(false)
        let log = LogHandler(from: .info) { entry in
            if entry.text == "endless: started" { started.update { $0 = true } }
        }
        let node = try harness.startNode("worker_1", log: log)
        let job = try harness.client().enqueue("endless")
        #expect(started.wait(timeout: .seconds(Int64(30))) { $0 ? true : nil } == true)
        #expect(try await job.cancel() == .cancelling)
        #expect(try await job.result.ending == .cancelled)
        #expect(try Files.read("\(folder)/end", limit: 100) == Array("ended\n".utf8))
        node.drain()
    }

    @Test("an attempt that takes too long is told to end, fails as timed out, and is tried again")
    func timeouts() async throws {
        let harness = try Harness()
        let started = Monitor(0)
        defineEndless(harness, started: started)
        let node = try harness.startNode("worker_1") { settings in
            settings.maxAttempts = 2
            settings.retry = .fixed(.milliseconds(1))
            settings.timeout = .milliseconds(20)
        }
        let jobs = try harness.client()
        let awaiting = try jobs.enqueue("awaiting")
        let looking = try jobs.enqueue("looking", [:], JobOptions(defer: true, timeout: .milliseconds(30)))
        let failures = [
            await #expect(throws: JobFailure.self) { _ = try await awaiting.value },
            await #expect(throws: JobFailure.self) { _ = try await looking.value },
        ]
        #expect(failures.map { $0?.message } == ["timed out after 20ms", "timed out after 30ms"])
        #expect(failures.allSatisfy { $0?.attempts == 2 })
        #expect(failures.first??.arguments["errback"] == true)
        #expect(started.update { $0 } == 4)
        node.drain()
    }

    @Test("B34, B41: a failed job is shown, retried by hand from its first attempt, and forgotten when it is destroyed")
    func byHand() async throws {
        let harness = try Harness()
        let isMended = Monitor(false)
        harness.define("fragile") { _ in if !isMended.update({ $0 }) { throw Broken() } }
        let node = try harness.startNode("worker_1") { settings in
            settings.maxAttempts = 1
            settings.removeDoneJobs = false
        }
        let jobs = try harness.client()
        let job = try jobs.enqueue("fragile", ["n": 1])
        #expect(try await job.result.ending == .failed)
        let shown = try #require(try await jobs.job(job.id))
        #expect(shown.status == .failed)
        #expect(shown.lastError == "Broken()")
        #expect(try await jobs.jobs(node: "worker_1", status: .failed).map(\.id) == [job.id])
        isMended.update { $0 = true }
        try await jobs.retry(job.id)
        // The node says when it is done through what it shows.
        var status = try await jobs.job(job.id)?.status
        while status != .complete { status = try await jobs.job(job.id)?.status }
        try await jobs.destroy(job.id)
        #expect(try await jobs.job(job.id) == nil)
        let error = await #expect(throws: JobReactorError.self) { try await jobs.retry(job.id) }
        #expect(error?.code == .notFound)
        for number in 0..<3 { _ = try await jobs.enqueue("fragile", ["n": .int(Int64(number))]).result }
        #expect(try await jobs.destroyAll(node: "worker_1") == 3)
        #expect(try await jobs.jobs().isEmpty)
        node.drain()
    }

    @Test("B33: jitter moves a wait within its part and below the cap, and the same job waits the same each time")
    func jitter() {
        let schedule = RetrySchedule.exponential(.seconds(1), cap: .seconds(8), jitter: 0.2)
        var waits: Set<Int64> = []
        for low in 0..<100 as Range<UInt64> {
            let id = JobID(high: 7, low: low)
            let wait = schedule.delay(afterAttempt: 2, of: id)
            #expect(wait == schedule.delay(afterAttempt: 2, of: id))
            #expect((1.6...2.4).contains(wait.seconds))
            #expect(schedule.delay(afterAttempt: 9, of: id) <= .seconds(8))
            waits.insert(wait.nanoseconds)
        }
        #expect(waits.count > 90)
    }
}
