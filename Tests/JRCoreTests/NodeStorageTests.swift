import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

@Suite struct NodeStorageTests {
    @Test("B19: a job is said to be stored, and is run, only after the commit that contains it")
    func storedAfterCommit() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        #expect(bench.actions().stored(to: link).isEmpty)
        #expect(bench.runs().isEmpty)
        let batch = try bench.batch()
        #expect(try batch.changes.each() == [.put(JobRecord(request: request(1)))])
        #expect(bench.actions().stored(to: link).isEmpty)
        #expect(bench.runs().isEmpty)
        bench.engine.committed(batch.number, at: bench.now)
        #expect(bench.actions().stored(to: link) == [1])
        #expect(bench.runs().map(\.id) == [jobID(1)])
    }

    @Test("B32: an outcome is sent only after the commit of the end that it reports")
    func outcomeAfterCommit() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, feedback: .both), from: link)
        bench.commit()
        bench.succeedAll()
        _ = bench.actions()
        let batch = try bench.batch()
        #expect(bench.actions().outcomes(to: link).isEmpty)
        bench.engine.committed(batch.number, at: bench.now)
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.complete])
    }

    @Test("B32: a job is stored at its receipt, with each failure and its next moment, and at its end")
    func storedSteps() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        func records(_ changes: [StorageChange]) -> [JobRecord] {
            changes.compactMap { if case .put(let record) = $0 { record } else { nil } }
        }
        bench.job(request(1, feedback: .both), from: link)
        #expect(records(bench.commit()).map(\.status) == [.new])
        bench.fail(try #require(bench.runs().first), "the first failure")
        let failed = try #require(records(bench.commit()).last)
        #expect(failed.status == .error && failed.attempt == 1 && failed.lastError == "the first failure")
        #expect(failed.startedAt == moment(0).wall && failed.failedAt == moment(0).wall)
        #expect(failed.due == moment(5_000).wall)
        bench.wait(until: 5_000)
        bench.succeedAll()
        let ended = try #require(records(bench.commit()).last)
        #expect(ended.status == .complete && ended.attempt == 2 && ended.endedAt == moment(5_000).wall)
        #expect(ended.outcomes.map(\.ending) == [.complete])
        #expect(ended.lastError == "the first failure")
    }

    @Test("what comes during a commit is in the next one, and jobs of one turn share a batch and a message")
    func groups() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        for number in 1...3 { bench.job(request(number), from: link) }
        let first = try bench.batch()
        #expect(first.changes.count == 3)
        bench.job(request(4), from: link)
        #expect(bench.engine.takeBatch(at: bench.now) == nil)
        bench.engine.committed(first.number, at: bench.now)
        #expect(bench.actions().sent(to: link).filter { if case .stored = $0 { true } else { false } }.count == 1)
        #expect(bench.commit().map(\.id) == [jobID(4)])
        #expect(bench.actions().stored(to: link) == [4])
    }

    @Test("the answer of a commit that is not under way is ignored")
    func strayCommit() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        bench.engine.committed(99, at: bench.now)
        bench.engine.commitFailed(99, at: bench.now)
        #expect(bench.actions().stored(to: link).isEmpty)
    }

    @Test("a job that is sent again is stored once, and said to be stored each time, but not before it is")
    func duplicates() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        bench.job(request(1), from: link)
        #expect(bench.actions().stored(to: link).isEmpty)
        #expect(bench.commit().count == 1)
        #expect(bench.actions().stored(to: link) == [1, 1])
        #expect(bench.runs().count == 1)
        bench.job(request(1), from: link)
        bench.commit()
        #expect(bench.actions().stored(to: link) == [1])
        #expect(bench.runs().isEmpty)
        #expect(bench.engine.counters.duplicates == 2)
    }

    @Test("a late copy of a job that ended and was forgotten is said to be stored and not run again")
    func lateCopy() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        bench.commit()
        bench.succeedAll()
        bench.commit()
        #expect(bench.record(1) == nil)
        _ = bench.actions()
        bench.job(request(1), from: link)
        bench.commit()
        #expect(bench.actions().stored(to: link) == [1])
        #expect(bench.runs().isEmpty)
    }

    @Test("B42: with storage full, new jobs are refused, ends are kept and tried again, and all heals by itself")
    func full() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, feedback: .both), from: link)
        bench.commit()
        bench.succeedAll()
        _ = bench.actions()
        bench.job(request(2), from: link)
        bench.failCommit()
        var actions = bench.actions()
        #expect(actions.refusals(to: link) == [.storageFull])
        #expect(actions.outcomes(to: link).isEmpty)
        #expect(bench.record(2) == nil)
        bench.job(request(3), from: link)
        #expect(bench.actions().refusals(to: link) == [.storageFull])
        #expect(bench.engine.takeBatch(at: bench.now) == nil)

        let retry = try #require(bench.engine.nextDeadline)
        #expect(retry == bench.now.instant + .seconds(1))
        bench.wait(until: 1_000)
        #expect(bench.commit().map(\.id) == [jobID(1)])
        actions = bench.actions()
        #expect(actions.outcomes(to: link).map(\.id) == [jobID(1)])
        #expect(actions.sent(to: link).contains { if case .grant = $0 { true } else { false } })
        bench.job(request(2), from: link)
        bench.commit()
        #expect(bench.actions().stored(to: link) == [2])
    }

    @Test("B42: with storage away no job is taken, what waits is stored as soon as it is back, and grants go on")
    func away() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, feedback: .both), from: link)
        bench.commit()
        bench.succeedAll()
        bench.job(request(2), from: link)
        let batch = try bench.batch()
        bench.engine.storageWentAway()
        bench.engine.commitFailed(batch.number, at: bench.now, .away)
        bench.job(request(3), from: link)
        let actions = bench.actions()
        #expect(actions.refusals(to: link) == [.unavailable, .unavailable])
        #expect(actions.outcomes(to: link).isEmpty)
        // Tried again and again, while nothing is granted.
        bench.wait(until: 5_000)
        let second = try bench.batch()
        bench.engine.commitFailed(second.number, at: bench.now, .away)
        #expect(bench.actions().isEmpty)
        bench.engine.storageCameBack()
        #expect(bench.commit().map(\.id) == [jobID(1)])
        let after = bench.actions()
        #expect(after.outcomes(to: link).map(\.id) == [jobID(1)])
        #expect(after.sent(to: link).contains { if case .grant = $0 { true } else { false } })
    }

    @Test("when storage has lost what it had, the next batch puts every job there is, once")
    func lost() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        for number in 1...3 { bench.job(request(number), from: link) }
        bench.commit()
        #expect(bench.runs().count == 3)
        bench.job(request(4), from: link)
        bench.engine.storageLost()
        bench.engine.storageLost()
        #expect(bench.commit().map(\.id).sorted() == (1...4).map(jobID))
        #expect(bench.actions().stored(to: link).contains(4))
    }

    @Test("jobs of one time run in the order in which they came, also when storage has lost what it had meanwhile")
    func lostInOrder() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        for number in 1...9 { bench.job(request(number) { $0.due = moment(5_000).wall }, from: link) }
        bench.commit()
        #expect(bench.engine.waiting.count == 9)
        bench.engine.storageLost()
        #expect(bench.engine.waiting.isEmpty)
        bench.wait(until: 5_000)
        #expect(bench.runs().map { Int($0.id.low) } == Array(1...9))
    }

    @Test("B42: an idle node that refused one job says again what it grants, so that it is not left alone for ever")
    func healedWhenIdle() {
        var bench = NodeBench { $0.credit = 100 }
        let link = bench.distributor(1)
        #expect(bench.actions().sent(to: link) == [.grant(total: 100)])
        bench.job(request(1), from: link)
        bench.failCommit()
        #expect(bench.actions().refusals(to: link) == [.storageFull])
        bench.wait(until: 1_000)
        #expect(bench.actions().sent(to: link) == [.grant(total: 101)])
        bench.wait(until: 2_000)
        #expect(bench.actions().isEmpty)
    }

    @Test("a copy whose first one was refused for want of space, on a link that is gone, is refused as well")
    func refusedCopy() throws {
        var bench = NodeBench()
        let old = bench.distributor(1)
        bench.job(request(1), from: old)
        let batch = try bench.batch()
        bench.engine.linkClosed(old, at: bench.now)
        let new = bench.distributor(2)
        bench.job(request(1), from: new)
        bench.engine.commitFailed(batch.number, at: bench.now)
        bench.wait(until: 1_000)
        bench.commit()
        #expect(bench.actions().refusals(to: new) == [.storageFull])
        bench.job(request(1), from: new)
        bench.commit()
        #expect(bench.actions().stored(to: new) == [1])
    }

    @Test("a scheduled job past the limit is refused until there is room, and then word is given")
    func scheduleFull() {
        var bench = NodeBench { $0.scheduledJobs = 16 }
        let link = bench.distributor(1)
        _ = bench.actions()
        for number in 1...17 { bench.job(request(number) { $0.due = moment(Int64(number)).wall }, from: link) }
        bench.commit()
        var actions = bench.actions()
        #expect(actions.refusals(to: link) == [.scheduleFull])
        #expect(actions.stored(to: link).count == 16)
        bench.job(request(18), from: link)
        bench.commit()
        #expect(bench.actions().stored(to: link) == [18])
        bench.wait(until: 1)
        actions = bench.actions()
        #expect(actions.sent(to: link).contains { if case .grant = $0 { true } else { false } })
        #expect(bench.engine.scheduledCount == 15)
    }

    @Test("before it has read its storage a node grants nothing and refuses what comes; then it gives word")
    func beforeRecovery() {
        var bench = NodeBench(nil)
        let link = bench.distributor(1)
        bench.job(request(1) { $0.due = moment(5).wall }, from: link)
        #expect(bench.actions().sent(to: link).count == 1)
        #expect(bench.engine.counters.refused == 1)
        bench.engine.recovered([], at: bench.now)
        bench.commit()
        #expect(bench.actions().sent(to: link) == [.grant(total: 256)])
    }

    @Test(
        "a job that the node does not know, or that breaks the rules, is refused; so is a peer that is no distributor")
    func refused() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, "other"), from: link)
        bench.job(request(2) { $0.maxAttempts = 0 }, from: link)
        #expect(bench.actions().refusals(to: link) == [.unknownJob, .invalidJob])
        let intruder = LinkID(2)
        bench.engine.linkOpened(
            intruder, Hello(role: .client, name: "app", session: application), at: bench.now)
        bench.job(request(3), from: intruder)
        #expect(bench.actions().refusedLinks == [intruder: .protocolError])
        #expect(bench.commit().isEmpty)
        bench.receive(.grant(total: 1), from: link)
        #expect(bench.actions().refusedLinks == [link: .protocolError])
    }

    @Test("the jobs of a link that closed are kept and run, and count as the node's own")
    func linkCloses() {
        var bench = NodeBench { $0.credit = 4 }
        let link = bench.distributor(1)
        for number in 1...3 { bench.job(request(number), from: link) }
        bench.commit()
        bench.engine.linkClosed(link, at: bench.now)
        let other = bench.distributor(2)
        #expect(bench.actions().sent(to: other) == [.grant(total: 1)])
        #expect(bench.succeedAll() == 3)
        bench.commit()
        #expect(bench.actions().sent(to: other) == [.grant(total: 4)])
        #expect(bench.engine.windows.ownHeld == 0)
    }
}

extension NodeStorageTests {
    @Test("no attempt is made before the end of the last one is stored: with storage full a retry waits for it")
    func retryWaits() throws {
        var bench = NodeBench { $0.retry = RetrySchedule(shape: .fixed, base: .milliseconds(100)) }
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        bench.commit()
        bench.fail(try #require(bench.runs().first))
        bench.failCommit()
        bench.wait(until: 200)
        #expect(bench.runs().isEmpty)
        bench.wait(until: 1_000)
        let batch = try bench.batch()
        #expect(bench.runs().isEmpty)
        bench.engine.committed(batch.number, at: bench.now)
        #expect(bench.runs().map(\.number) == [2])
    }

    @Test("a retry that is due during the commit of its failure runs when that is answered, without another event")
    func dueDuringCommit() throws {
        var bench = NodeBench { $0.retry = RetrySchedule(shape: .fixed, base: .zero) }
        let link = bench.distributor(1)
        bench.job(request(1), from: link)
        bench.commit()
        bench.fail(try #require(bench.runs().first))
        let batch = try bench.batch()
        bench.engine.timersFired(at: bench.now)
        #expect(bench.runs().isEmpty)
        bench.engine.committed(batch.number, at: bench.now)
        #expect(bench.runs().map(\.number) == [2])
    }

    @Test("outcomes that were not acknowledged go before a later one of the same job")
    func earlierFirst() throws {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, feedback: .both) { $0.period = .seconds(1) }, from: link)
        bench.commit()
        bench.engine.linkClosed(link, at: bench.now)
        bench.succeedAll()
        bench.wait(until: 1_000)
        let other = bench.distributor(2)
        _ = bench.actions()
        bench.succeedAll()
        bench.commit()
        #expect(bench.actions().outcomes(to: other).map(\.run) == [1, 2])
    }
}
