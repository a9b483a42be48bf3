import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

@Suite struct NodeLifeTests {
    /// A node with one stored job.
    private func bench(
        _ job: JobRequest = request(1, feedback: .both), _ change: (inout NodeSettings) -> Void = { _ in }
    ) -> NodeBench {
        var bench = NodeBench([], change)
        let link = bench.distributor(1)
        bench.job(job, from: link)
        bench.commit()
        _ = bench.actions()
        return bench
    }

    private let link = LinkID(1)

    private func run(_ bench: inout NodeBench) throws -> RunOrder {
        let orders = bench.runs()
        #expect(orders.count == 1)
        return try #require(orders.first)
    }

    @Test("B36: a completed job is kept until its outcome is acknowledged, then forgotten")
    func complete() throws {
        var bench = bench()
        bench.end(try run(&bench), .success(arguments: [0x81, 0xA1, 0x61, 1]))
        bench.commit()
        let outcome = try #require(bench.actions().outcomes(to: link).first)
        #expect(outcome.arguments == [0x81, 0xA1, 0x61, 1])
        #expect(outcome.attempt == 1 && outcome.run == 1 && outcome.isFinal && outcome.error == nil)
        #expect(bench.record(1)?.status == .complete)
        bench.receive(.outcomesReceived([outcome.key]), from: link)
        #expect(bench.commit() == [.remove(jobID(1))])
        #expect(bench.engine.jobs.isEmpty)
        #expect(bench.engine.nextDeadline == nil)
        // A second acknowledgement is nothing to it.
        bench.receive(.outcomesReceived([outcome.key]), from: link)
        #expect(bench.commit().isEmpty)
    }

    @Test("B35: done jobs are kept when they are not to be removed, failed ones by default")
    func kept() throws {
        var done = bench(request(1)) { $0.removeDoneJobs = false }
        done.end(try run(&done), .success(arguments: [0x80]))
        done.commit()
        #expect(done.record(1)?.status == .complete)
        var failed = bench(request(1))
        failed.fail(try run(&failed), isFinal: true)
        failed.commit()
        #expect(failed.record(1)?.status == .failed)
        var removed = bench(request(1)) { $0.removeFailedJobs = true }
        removed.fail(try run(&removed), isFinal: true)
        #expect(removed.commit() == [.remove(jobID(1))])
    }

    @Test("B33: after failure n the job runs again after n times five seconds, ten times in all, and is failed then")
    func retries() throws {
        var bench = bench()
        var time: Int64 = 0
        for attempt in 1...10 {
            let order = try run(&bench)
            #expect(order.number == attempt)
            bench.fail(order, "failure \(attempt)")
            bench.commit()
            guard attempt < 10 else { break }
            #expect(bench.record(1)?.status == .error)
            #expect(bench.actions().outcomes(to: link).isEmpty)
            time += Int64(attempt) * 5_000
            #expect(bench.engine.nextDeadline == moment(time).instant)
            bench.wait(until: time - 1)
            #expect(bench.runs().isEmpty)
            bench.wait(until: time)
        }
        let outcome = try #require(bench.actions().outcomes(to: link).first)
        #expect(outcome.ending == .failed && outcome.error == "failure 10" && outcome.attempt == 10)
        #expect(bench.record(1)?.status == .failed)
    }

    @Test("B33: a job's own number of attempts and waits win over the node's")
    func ownRetries() throws {
        var bench = bench(
            request(1, feedback: .both) {
                $0.maxAttempts = 2
                $0.retry = RetrySchedule(shape: .fixed, base: .seconds(1))
            })
        bench.fail(try run(&bench))
        bench.wait(until: 1_000)
        bench.fail(try run(&bench))
        bench.commit()
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.failed])
    }

    @Test("B15: the next attempt gets the arguments that the errbacks left, the last feedback its own")
    func failedArguments() throws {
        var bench = bench()
        bench.end(
            try run(&bench), .failure(error: "no", arguments: [0x81, 0xA1, 0x61, 1], feedback: [0x80], isFinal: false))
        bench.wait(until: 5_000)
        let order = try run(&bench)
        #expect(order.arguments == [0x81, 0xA1, 0x61, 1])
        bench.end(order, .failure(error: "no", arguments: [0x80], feedback: [0x81, 0xA1, 0x62, 1], isFinal: true))
        bench.commit()
        #expect(bench.actions().outcomes(to: link).first?.arguments == [0x81, 0xA1, 0x62, 1])
    }

    @Test("B20: a scheduled job runs at its time, not before it, and uses no credit until then")
    func scheduled() throws {
        var bench = NodeBench()
        bench.distributor(1)
        bench.job(request(1) { $0.due = moment(20_000).wall }, from: link)
        bench.commit()
        #expect(bench.actions().sent(to: link).contains(.grant(total: 256)))
        #expect(bench.engine.scheduledCount == 1)
        #expect(bench.engine.nextDeadline == moment(20_000).instant)
        bench.wait(until: 19_999)
        #expect(bench.runs().isEmpty)
        bench.wait(until: 20_000)
        #expect(try run(&bench).id == jobID(1))
        #expect(bench.engine.windows.ownHeld == 1)
        #expect(bench.engine.scheduledCount == 0)
    }

    @Test("B20: a job that is due in the past runs at once")
    func overdue() throws {
        var bench = bench(request(1) { $0.due = WallTime(milliseconds: -1) })
        #expect(bench.engine.scheduledCount == 0)
        _ = try run(&bench)
    }

    @Test("B21: a periodic job runs a period after the end of its last run, keeps its state and tells each run")
    func periodic() throws {
        var bench = bench(request(1, feedback: .both) { $0.period = .seconds(60) })
        for round in 1...3 as ClosedRange<Int64> {
            let order = try run(&bench)
            #expect(order.number == 1)
            #expect(order.arguments == (round == 1 ? [0x80] : [0x81, UInt8(round) - 1]))
            bench.wait(until: round * 100_000)
            bench.end(order, .success(arguments: [0x81, UInt8(round)]))
            bench.commit()
            #expect(bench.record(1)?.status == .queued)
            let outcome = try #require(bench.actions().outcomes(to: link).first)
            #expect(outcome.run == Int(round) && !outcome.isFinal)
            bench.receive(.outcomesReceived([outcome.key]), from: link)
            #expect(bench.engine.nextDeadline == moment(round * 100_000 + 60_000).instant)
            bench.wait(until: round * 100_000 + 60_000)
        }
    }

    @Test("B21: a failure of a periodic job waits its period, and a success starts the count of attempts anew")
    func periodicFailure() throws {
        var bench = bench(request(1) { $0.period = .seconds(60) })
        bench.fail(try run(&bench))
        #expect(bench.engine.nextDeadline == moment(60_000).instant)
        bench.wait(until: 60_000)
        let second = try run(&bench)
        #expect(second.number == 2)
        bench.end(second, .success(arguments: [0x80]))
        bench.wait(until: 120_000)
        #expect(try run(&bench).number == 1)
    }

    @Test("a periodic job whose application is away keeps the latest sixteen outcomes")
    func outcomesAreBounded() throws {
        var bench = bench(request(1, feedback: .both) { $0.period = .seconds(1) })
        for round in 1...40 as ClosedRange<Int64> {
            bench.end(try run(&bench), .success(arguments: [0x80]))
            bench.commit()
            bench.wait(until: round * 1_000)
        }
        #expect(bench.record(1)?.outcomes.map(\.run) == Array(25...40))
    }

    @Test("large outcomes of a periodic job are kept as far as they fit its record, and never less than the latest")
    func outcomesFitARecord() throws {
        var bench = bench(request(1, feedback: .both) { $0.period = .seconds(1) })
        for round in 1...6 as ClosedRange<Int64> {
            let size = round == 6 ? Limits.argumentBytes : Limits.argumentBytes / 3
            bench.end(try run(&bench), .success(arguments: [UInt8](repeating: 0, count: size)))
            bench.commit()
            #expect(
                bench.record(1)?.outcomes.map(\.run) == (round == 6 ? [6] : Array(max(1, Int(round) - 2)...Int(round))))
            bench.wait(until: round * 1_000)
        }
    }

    @Test(
        "B34: a cancelled job ends without a retry, with success feedback from a job and error feedback from an errback"
    )
    func cancelled() throws {
        for byErrback in [false, true] {
            var bench = bench(request(1, feedback: .both) { $0.period = .seconds(60) })
            bench.end(try run(&bench), .cancelled(arguments: [0x80], byErrback: byErrback))
            bench.commit()
            let outcome = try #require(bench.actions().outcomes(to: link).first)
            #expect(outcome.ending == .cancelled && outcome.isFinal)
            #expect((outcome.error != nil) == byErrback)
            bench.receive(.outcomesReceived([outcome.key]), from: link)
            bench.commit()
            #expect(bench.engine.jobs.isEmpty && bench.engine.timers.isEmpty)
        }
    }

    @Test("an answer from an attempt that is over cannot settle another, and is counted")
    func answersAreFenced() throws {
        var bench = bench()
        let first = try run(&bench)
        bench.fail(first)
        bench.end(first, .success(arguments: [0x80]))
        #expect(bench.record(1)?.status == .error)
        bench.wait(until: 5_000)
        let second = try run(&bench)
        bench.end(first, .success(arguments: [0x80]))
        #expect(bench.record(1)?.status == .inProgress)
        #expect(bench.engine.counters.staleAnswers == 2)
        bench.end(second, .success(arguments: [0x80]))
        #expect(bench.engine.runningCount == 0)
    }

    @Test("what a job leaves is held to the limit of arguments: a result that fits no frame is a failed attempt")
    func hugeResult() throws {
        let huge = [UInt8](repeating: 0, count: Limits.argumentBytes + 1)
        var bench = bench()
        bench.end(try run(&bench), .success(arguments: huge))
        #expect(bench.record(1)?.status == .error)
        #expect(bench.record(1)?.lastError?.contains("bytes and 8388608 are allowed") == true)
        #expect(bench.record(1)?.request.arguments == [0x80])
        bench.wait(until: 5_000)
        bench.end(try run(&bench), .failure(error: "no", arguments: huge, feedback: huge, isFinal: true))
        bench.commit()
        #expect(bench.actions().outcomes(to: link).first?.arguments == [0x80])
    }

    @Test("an error text is shortened to what is kept")
    func longError() throws {
        var bench = bench()
        bench.fail(try run(&bench), String(repeating: "ä", count: 10_000), isFinal: true)
        #expect(bench.record(1)?.lastError?.utf8.count ?? .max <= Limits.errorTextBytes + 3)
    }

    @Test("only what is wanted is told, except that the last outcome always is")
    func wanted() throws {
        var nothing = bench(request(1))
        nothing.end(try run(&nothing), .success(arguments: [0x80]))
        nothing.commit()
        #expect(nothing.actions().outcomes(to: link).isEmpty)
        var errors = bench(request(1, feedback: .error) { $0.period = .seconds(1) })
        errors.end(try run(&errors), .success(arguments: [0x80]))
        errors.commit()
        #expect(errors.actions().outcomes(to: link).isEmpty)
        var last = bench(request(1, feedback: .error))
        last.end(try run(&last), .success(arguments: [0x80]))
        last.commit()
        #expect(last.actions().outcomes(to: link).map(\.ending) == [.complete])
    }

    @Test("B9: jobs that run on the pool or as programs wait for a place without holding up those of the loop")
    func lanes() {
        var bench = NodeBench([], lanes: ["work": .loop, "program": .program]) {
            $0.poolJobs = 1
            $0.programJobs = 1
        }
        bench.distributor(1)
        for number in 1...2 { bench.job(request(number) { $0.isDeferred = true }, from: link) }
        for number in 3...4 { bench.job(request(number, "program"), from: link) }
        for number in 5...6 { bench.job(request(number), from: link) }
        bench.commit()
        let orders = bench.runs()
        #expect(Set(orders.map { Int($0.id.low) }) == [1, 3, 5, 6])
        #expect(orders.map(\.lane).filter { $0 == .pool }.count == 1)
        for order in orders { bench.end(order, .success(arguments: [0x80])) }
        #expect(Set(bench.runs().map { Int($0.id.low) }) == [2, 4])
    }

    @Test("B6: a draining node tells it, starts nothing, ends what runs and is drained when that is stored")
    func drain() throws {
        var bench = bench()
        let order = try run(&bench)
        bench.job(request(2), from: link)
        bench.commit()
        bench.engine.drain(finishingReady: false)
        #expect(bench.actions().sent(to: link).contains(.draining))
        bench.job(request(3), from: link)
        #expect(bench.actions().refusals(to: link) == [.draining])
        #expect(bench.runs().isEmpty)
        #expect(!bench.engine.isDrained)
        bench.end(order, .success(arguments: [0x80]))
        #expect(!bench.engine.isDrained)
        bench.commit()
        #expect(bench.engine.isDrained)
        let late = bench.distributor(2)
        #expect(bench.actions().sent(to: late) == [.draining])
    }

    @Test("a node that resumes grants to every distributor, and takes and runs jobs again, those that waited first")
    func resume() throws {
        var bench = bench()
        bench.end(try run(&bench), .success(arguments: [0x80]))
        bench.job(request(2), from: link)
        bench.commit()
        bench.engine.drain(finishingReady: false)
        bench.job(request(3) { $0.due = moment(60_000).wall }, from: link)
        #expect(bench.engine.isDrained && bench.runs().isEmpty)
        #expect(bench.engine.counts == NodeCounts(waiting: 1, stored: 2))
        var held = NodeHoldings()
        (held.waiting, held.unacknowledged) = (1, 1)
        #expect(bench.engine.holdings == held)
        _ = bench.actions()
        bench.engine.resume()
        let isGrant = { (message: Message) in if case .grant = message { true } else { false } }
        #expect(bench.actions().sent(to: link).contains(where: isGrant))
        #expect(bench.runs().map { Int($0.id.low) } == [2])
        bench.job(request(4) { $0.due = moment(60_000).wall }, from: link)
        bench.commit()
        #expect(bench.engine.counts == NodeCounts(running: 1, scheduled: 1, stored: 3))
        bench.engine.resume()
        #expect(bench.actions().sent(to: link).count(where: isGrant) == 0)
    }

    @Test("B6: a drain that finishes what is ready runs it first")
    func drainReady() {
        var bench = bench(request(1))
        bench.engine.drain(finishingReady: true)
        #expect(!bench.engine.isDrained)
        #expect(bench.succeedAll() == 1)
        bench.commit()
        #expect(bench.engine.isDrained)
    }

    @Test("B46: with 10,000 jobs scheduled one deadline is asked for, and nothing is to do before it")
    func oneTimer() {
        var bench = NodeBench()
        bench.distributor(1)
        for number in 1...10_000 {
            bench.job(request(number) { $0.due = moment(Int64(20_000 - number)).wall }, from: link)
        }
        bench.commit()
        _ = bench.actions()
        #expect(bench.engine.nextDeadline == moment(10_000).instant)
        bench.wait(until: 9_999)
        #expect(bench.actions().isEmpty && bench.runs().isEmpty && bench.engine.takeBatch(at: bench.now) == nil)
        bench.wait(until: 10_001)
        #expect(bench.runs().map { Int($0.id.low) } == [10_000, 9_999])
    }
}
