import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

/// What people do to jobs of a node from outside.
@Suite struct NodeControlTests {
    private let link = LinkID(1)

    private func bench(
        _ job: JobRequest = request(1, feedback: .both), _ change: (inout NodeSettings) -> Void = { _ in }
    ) -> NodeBench {
        var bench = NodeBench([], change)
        bench.distributor(1)
        bench.job(job, from: link)
        bench.commit()
        _ = bench.actions()
        return bench
    }

    private func ask(_ verb: String, _ bench: inout NodeBench, of number: Int = 1) {
        bench.receive(
            .request(number: 9, verb: verb, parameters: ["id": .bytes(jobID(number).bytes)]), from: link)
    }

    /// Asks, commits and gives the answer with what else was said.
    private func answer(_ verb: String, _ bench: inout NodeBench, of number: Int = 1) -> (Value?, [LinkAction]) {
        ask(verb, &bench, of: number)
        bench.commit()
        let actions = bench.actions()
        for case .reply(9, let result) in actions.sent(to: link) { return (result, actions) }
        return (nil, actions)
    }

    private func refusal(_ actions: [LinkAction]) -> (RefusalCode, String)? {
        for case .replyFailure(9, let code, let text) in actions.sent(to: link) { return (code, text) }
        return nil
    }

    private func run(_ bench: inout NodeBench) throws -> RunOrder {
        let order = bench.engine.nextRun(at: bench.now)
        return try #require(order)
    }

    // MARK: Cancel

    @Test("B34: a ready job that is cancelled never runs, and ends with success feedback as cancelled")
    func cancelReady() throws {
        var bench = bench()
        let (result, actions) = answer("cancel", &bench)
        #expect(result == ["state": "cancelled"])
        let outcome = try #require(actions.outcomes(to: link).first)
        #expect(outcome.ending == .cancelled && outcome.isFinal && outcome.error == nil && outcome.attempt == 0)
        #expect(bench.runs().isEmpty)
        #expect(bench.engine.windows.ownHeld == 0 && bench.engine.windows.held(by: link) == 0)
        let (again, _) = answer("cancel", &bench)
        #expect(again == ["state": "ended", "status": "cancelled"])
        bench.receive(.outcomesReceived([outcome.key]), from: link)
        bench.commit()
        #expect(bench.engine.jobs.isEmpty && bench.engine.timers.isEmpty)
        let (forgotten, _) = answer("cancel", &bench)
        #expect(forgotten == ["state": "ended", "status": "cancelled"])
    }

    @Test("B34: a scheduled job, and a periodic one between two runs, ends when it is cancelled")
    func cancelScheduled() throws {
        var scheduled = bench(request(1) { $0.due = moment(9_000).wall })
        #expect(answer("cancel", &scheduled).0 == ["state": "cancelled"])
        var periodic = bench(request(1, feedback: .both) { $0.period = .seconds(60) })
        periodic.end(try run(&periodic), .success(arguments: [0x80]))
        periodic.commit()
        #expect(answer("cancel", &periodic).0 == ["state": "cancelled"])
        #expect(periodic.record(1)?.outcomes.map(\.isFinal) == [false, true])
        for bench in [scheduled, periodic] {
            #expect(bench.engine.scheduledCount == 0 && bench.engine.scheduledBytes == 0)
            var later = bench
            later.wait(until: 100_000)
            #expect(later.runs().isEmpty)
        }
        #expect(scheduled.engine.jobs.isEmpty && scheduled.engine.nextDeadline == nil)
    }

    @Test("B34: a job that is cancelled before it is stored is said to be stored and to be cancelled, and never runs")
    func cancelStoring() throws {
        for due in [nil, moment(5_000).wall] {
            var bench = NodeBench()
            bench.distributor(1)
            bench.job(request(1) { $0.due = due }, from: link)
            ask("cancel", &bench)
            #expect(bench.actions().sent(to: link).allSatisfy { if case .grant = $0 { true } else { false } })
            bench.commit()
            let actions = bench.actions()
            #expect(actions.stored(to: link) == [1])
            #expect(actions.sent(to: link).contains(.reply(number: 9, result: ["state": "cancelled"])))
            bench.wait(until: 10_000)
            #expect(bench.runs().isEmpty)
            #expect(bench.engine.scheduledCount == 0 && bench.engine.windows.held(by: link) == 0)
            #expect(bench.engine.jobs.isEmpty)
        }
    }

    @Test("B34, B42: a job cancelled while storage is full is not refused, or another node would run it")
    func cancelWhileFull() throws {
        var bench = NodeBench()
        bench.distributor(1)
        bench.job(request(1, feedback: .both), from: link)
        ask("cancel", &bench)
        bench.failCommit()
        let early = bench.actions()
        #expect(early.refusals(to: link).isEmpty && early.stored(to: link).isEmpty)
        bench.wait(until: 1_000)
        bench.commit()
        let actions = bench.actions()
        #expect(actions.stored(to: link) == [1])
        #expect(actions.outcomes(to: link).map(\.ending) == [.cancelled])
        #expect(actions.sent(to: link).contains(.reply(number: 9, result: ["state": "cancelled"])))
    }

    @Test("B34: a running job is told to stop once, and its failure is its end as cancelled, without a retry")
    func cancelRunning() throws {
        var bench = bench()
        let order = try run(&bench)
        ask("cancel", &bench)
        #expect(bench.engine.takeCancellations() == [Cancellation(attempt: order.attempt, reason: .requested)])
        #expect(bench.actions().isEmpty)
        let changes = bench.commit()
        #expect(changes.count == 1)
        #expect(bench.actions().sent(to: link) == [.reply(number: 9, result: ["state": "cancelling"])])
        #expect(answer("cancel", &bench).0 == ["state": "cancelling"])
        #expect(bench.engine.takeCancellations().isEmpty)
        bench.fail(order)
        bench.commit()
        let outcomes = bench.actions().outcomes(to: link)
        #expect(outcomes.map(\.ending) == [.cancelled] && outcomes.first?.isFinal == true)
        #expect(bench.record(1)?.lastError == "no" && bench.engine.nextDeadline != nil)
        bench.wait(until: 60_000)
        #expect(bench.runs().isEmpty)
        #expect(bench.engine.counters.cancelled == 1)
    }

    @Test("B34: a run that succeeds although it was told to stop is complete, and a periodic job ends with it")
    func cancelSucceeds() throws {
        for period in [nil, Interval.seconds(60)] {
            var bench = bench(request(1, feedback: .both) { $0.period = period })
            let order = try run(&bench)
            ask("cancel", &bench)
            bench.end(order, .success(arguments: [0x80]))
            bench.commit()
            let outcomes = bench.actions().outcomes(to: link)
            #expect(outcomes.map(\.ending) == [.complete] && outcomes.map(\.isFinal) == [true])
            #expect(bench.record(1)?.status == .complete)
        }
    }

    @Test("B34: a job that was told to stop when its node died ends as cancelled at the next start")
    func cancelThenDeath() throws {
        var bench = bench()
        _ = try run(&bench)
        ask("cancel", &bench)
        guard case .put(let record)? = bench.commit().first else {
            Issue.record("the request is not stored")
            return
        }
        var writer = ByteWriter()
        record.encode(into: &writer)
        let read = try JobRecord(decoding: writer.bytes[...])
        #expect(read == record && read.isCancelRequested)
        var next = NodeBench([RecoveredJob(record: read, wasRunning: true)])
        #expect(next.runs().isEmpty)
        #expect(next.record(1)?.status == .cancelled && next.record(1)?.isCancelRequested == false)
        #expect(next.record(1)?.outcomes.map(\.ending) == [.cancelled])
        #expect(next.engine.scheduledCount == 0)
    }

    @Test("a node that is still reading its storage says so rather than that it has no such job")
    func beforeRecovery() {
        var bench = NodeBench(nil)
        bench.distributor(1)
        #expect(refusal(answer("cancel", &bench).1)?.0 == .unavailable)
    }

    @Test("a job that the node does not have is null, and a request without an id is refused")
    func unknown() {
        var bench = bench()
        for verb in ["cancel", "retry", "destroy"] {
            #expect(answer(verb, &bench, of: 2).0 == .null)
            bench.receive(.request(number: 9, verb: verb, parameters: [:]), from: link)
            bench.commit()
            #expect(refusal(bench.actions())?.0 == .invalidRequest)
        }
    }

    // MARK: Retry

    @Test("a failed job that is retried starts anew, at once, and keeps what it said last")
    func retryFailed() throws {
        var bench = bench()
        bench.fail(try run(&bench), "broken", isFinal: true)
        bench.commit()
        #expect(answer("retry", &bench).0 == ["state": "ready"])
        #expect(bench.record(1)?.status == .new && bench.record(1)?.lastError == "broken")
        #expect(bench.runs().isEmpty)
        bench.wait(until: 0)
        let order = try run(&bench)
        #expect(order.number == 1)
        bench.end(order, .success(arguments: [0x80]))
        bench.commit()
        #expect(bench.actions().outcomes(to: link).map(\.run) == [1, 2])
        bench.receive(.outcomesReceived([1, 2].map { OutcomeKey(id: jobID(1), run: $0) }), from: link)
        bench.commit()
        #expect(bench.engine.jobs.isEmpty && bench.engine.timers.isEmpty)
        #expect(bench.engine.scheduledCount == 0 && bench.engine.windows.ownHeld == 0)
    }

    @Test("a cancelled job that is kept can be retried; one that is done, or only kept for its outcome, cannot")
    func retryEnded() throws {
        var kept = bench { $0.removeCancelledJobs = false }
        _ = answer("cancel", &kept)
        #expect(answer("retry", &kept).0 == ["state": "ready"])
        kept.wait(until: 0)
        #expect(kept.runs().count == 1)
        var cancelled = bench()
        _ = answer("cancel", &cancelled)
        #expect(refusal(answer("retry", &cancelled).1)?.0 == .invalidRequest)
        var done = bench { $0.removeDoneJobs = false }
        done.succeedAll()
        done.commit()
        #expect(refusal(answer("retry", &done).1)?.1.contains("is complete: enqueue it again") == true)
    }

    @Test("a job between two attempts and a scheduled job run at once when they are retried, once")
    func retryWaiting() throws {
        var failed = bench()
        failed.fail(try run(&failed))
        failed.commit()
        var scheduled = bench(request(1) { $0.due = moment(90_000).wall })
        for var bench in [failed, scheduled] {
            #expect(answer("retry", &bench).0 == ["state": "ready"])
            #expect(answer("retry", &bench).0 == ["state": "ready"])
            bench.wait(until: 0)
            #expect(answer("retry", &bench).0 == ["state": "ready"])
            #expect(bench.succeedAll() == 1)
            bench.wait(until: 100_000)
            #expect(bench.runs().isEmpty)
            #expect(bench.engine.scheduledCount == 0 && bench.engine.windows.ownHeld == 0)
        }
        _ = scheduled.actions()
    }

    @Test("a job that runs is not retried: the answer says what to do")
    func retryRunning() throws {
        var bench = bench()
        _ = try run(&bench)
        let refused = refusal(answer("retry", &bench).1)
        #expect(refused?.0 == .invalidRequest && refused?.1.contains("cancel it first") == true)
    }

    @Test("B35: jobs that are not retried at start are listed, and run when somebody retries them")
    func parked() throws {
        let found = [1, 2].map { RecoveredJob(record: JobRecord(request: request($0)), wasRunning: false) }
        var bench = NodeBench(found) { $0.retryJobsAtStart = false }
        bench.distributor(1)
        #expect(bench.runs().isEmpty)
        #expect(answer("retry", &bench, of: 1).0 == ["state": "ready"])
        #expect(answer("cancel", &bench, of: 2).0 == ["state": "cancelled"])
        bench.wait(until: 0)
        #expect(bench.succeedAll() == 1)
        bench.commit()
        #expect(bench.engine.jobs.isEmpty && bench.engine.scheduledCount == 0)
    }

    // MARK: Destroy

    @Test("a job that is destroyed is forgotten with its outcomes, whatever its status, and nobody is told")
    func destroy() throws {
        var ready = bench()
        var failed = bench()
        failed.fail(try run(&failed), isFinal: true)
        failed.commit()
        _ = failed.actions()
        var scheduled = bench(request(1, feedback: .both) { $0.due = moment(90_000).wall })
        for var bench in [ready, failed, scheduled] {
            let (result, actions) = answer("destroy", &bench)
            #expect(result == ["state": "destroyed"])
            #expect(actions.outcomes(to: link).isEmpty)
            #expect(answer("destroy", &bench).0 == ["state": "destroyed"])
            #expect(bench.engine.jobs.isEmpty && bench.engine.timers.isEmpty && bench.engine.scheduledCount == 0)
            #expect(bench.runs().isEmpty && bench.engine.windows.held(by: link) == 0)
        }
        _ = (ready.actions(), scheduled.actions())
    }

    @Test("a running job that is destroyed is told to stop and forgotten at its end, also after a death of its node")
    func destroyRunning() throws {
        var bench = bench()
        let order = try run(&bench)
        ask("destroy", &bench)
        #expect(bench.engine.takeCancellations().map(\.reason) == [.requested])
        guard case .put(let record)? = bench.commit().first else {
            Issue.record("the request is not stored")
            return
        }
        #expect(bench.actions().sent(to: link) == [.reply(number: 9, result: ["state": "destroying"])])
        bench.fail(order)
        #expect(bench.commit() == [.remove(jobID(1))])
        #expect(bench.actions().outcomes(to: link).isEmpty && bench.engine.jobs.isEmpty)
        let next = NodeBench([RecoveredJob(record: record, wasRunning: true)])
        #expect(next.engine.jobs.isEmpty && next.engine.scheduledCount == 0)
    }

    @Test("all jobs of a node that do not run are destroyed together, and counted")
    func destroyAll() throws {
        var bench = bench()
        _ = try run(&bench)
        for number in 2...4 { bench.job(request(number) { $0.due = moment(Int64(number)).wall }, from: link) }
        bench.commit()
        _ = bench.actions()
        for (node, result) in [("n2", Value.null), ("n1", ["destroyed": 3])] {
            bench.receive(.request(number: 9, verb: "destroy", parameters: ["node": .string(node)]), from: link)
            bench.commit()
            #expect(bench.actions().sent(to: link).contains(.reply(number: 9, result: result)))
        }
        #expect(bench.engine.jobs.count == 1 && bench.engine.scheduledCount == 0)
    }
}
