import JRBase
import JRWire
import Testing

@testable import JRCore

/// Attempts that take too long.
@Suite struct TimeoutTests {
    private let link = LinkID(1)

    private func bench(
        _ job: JobRequest = request(1, feedback: .both) { $0.timeout = .seconds(5) }, lane: Lane = .loop,
        _ change: (inout NodeSettings) -> Void = { _ in }
    ) -> NodeBench {
        var bench = NodeBench([], lanes: ["work": lane]) {
            $0.poolJobs = 1
            $0.programJobs = 1
            change(&$0)
        }
        bench.distributor(1)
        bench.job(job, from: link)
        bench.commit()
        _ = bench.actions()
        return bench
    }

    private func run(_ bench: inout NodeBench) throws -> RunOrder {
        let order = bench.engine.nextRun(at: bench.now)
        return try #require(order)
    }

    @Test("an attempt that takes longer than its job allows is told to stop, and fails with what it ends with")
    func timesOut() throws {
        var bench = bench()
        let order = try run(&bench)
        #expect(bench.engine.nextDeadline == moment(5_000).instant)
        bench.wait(until: 4_999)
        #expect(bench.engine.takeCancellations().isEmpty)
        bench.wait(until: 5_000)
        let told = bench.engine.takeCancellations()
        #expect(told == [Cancellation(attempt: order.attempt, reason: .timedOut(after: .seconds(5)))])
        bench.fail(order, "interrupted")
        #expect(bench.record(1)?.status == .error)
        #expect(bench.record(1)?.lastError == "timed out after 5s; interrupted")
        #expect(bench.engine.counters.timedOut == 1)
        bench.wait(until: 10_000)
        #expect(try run(&bench).number == 2)
    }

    @Test("an attempt that ends in the turn in which its time is over is not told to stop")
    func endsAtOnce() throws {
        var bench = bench()
        let order = try run(&bench)
        bench.wait(until: 5_000)
        bench.fail(order, "interrupted")
        #expect(bench.engine.takeCancellations().isEmpty)
        #expect(bench.record(1)?.lastError == "timed out after 5s; interrupted")
    }

    @Test("a node's time-out is for jobs without one, and an attempt that ends in time leaves no timer")
    func nodeTimeout() throws {
        var own = bench { $0.timeout = .seconds(1) }
        _ = try run(&own)
        #expect(own.engine.nextDeadline == moment(5_000).instant)
        var other = bench(request(1)) { $0.timeout = .seconds(1) }
        let order = try run(&other)
        #expect(other.engine.nextDeadline == moment(1_000).instant)
        other.end(order, .success(arguments: [0x80]))
        #expect(other.engine.nextDeadline == nil && other.engine.takeCancellations().isEmpty)
    }

    @Test("an attempt that succeeds within the grace has succeeded; one that cancels itself has failed")
    func inTheGrace() throws {
        var succeeded = bench()
        let first = try run(&succeeded)
        succeeded.wait(until: 5_000)
        succeeded.end(first, .success(arguments: [0x80]))
        #expect(succeeded.record(1)?.status == .complete)
        var cancelled = bench()
        let second = try run(&cancelled)
        cancelled.wait(until: 5_000)
        cancelled.end(second, .cancelled(arguments: [0x80], byErrback: false))
        #expect(cancelled.record(1)?.status == .error)
        #expect(cancelled.record(1)?.lastError == "timed out after 5s")
    }

    @Test(
        "an attempt that does not stop within the grace has failed, and what it says later is counted and dropped",
        arguments: Lane.allCases)
    func givenUp(lane: Lane) throws {
        var bench = bench(lane: lane)
        let order = try run(&bench)
        bench.wait(until: 5_000)
        bench.wait(until: 10_000)
        #expect(bench.record(1)?.status == .error)
        #expect(bench.record(1)?.lastError == "timed out after 5s; it did not stop within 5s")
        // A thread or a process that goes on is still taken.
        #expect(bench.engine.runningCount == (lane == .loop ? 0 : 1))
        bench.wait(until: 15_000)
        #expect((bench.engine.nextRun(at: bench.now) != nil) == (lane == .loop))
        bench.end(order, .success(arguments: [0x80]))
        #expect(bench.engine.counters.staleAnswers == 1)
        if lane != .loop {
            #expect(bench.engine.runningCount == 0)
            #expect(try run(&bench).number == 2)
        }
        #expect(bench.record(1)?.status == .inProgress)
    }

    @Test("the last attempt that takes too long fails the job, and its feedback says so")
    func lastAttempt() throws {
        var bench = bench(
            request(1, feedback: .both) {
                $0.timeout = .seconds(5)
                $0.maxAttempts = 1
            })
        _ = try run(&bench)
        bench.wait(until: 5_000)
        bench.wait(until: 10_000)
        bench.commit()
        let outcome = bench.actions().outcomes(to: link).first
        #expect(outcome?.ending == .failed)
        #expect(outcome?.error == "timed out after 5s; it did not stop within 5s")
    }

    @Test("B34: a job that is cancelled and then takes too long ends as cancelled")
    func cancelledAndTimedOut() throws {
        var bench = bench()
        _ = try run(&bench)
        let id = Value.bytes(jobID(1).bytes)
        bench.receive(.request(number: 9, verb: "cancel", parameters: ["id": id]), from: link)
        bench.wait(until: 5_000)
        #expect(bench.engine.takeCancellations().map(\.reason) == [.requested, .timedOut(after: .seconds(5))])
        bench.wait(until: 10_000)
        bench.commit()
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.cancelled])
    }
}
