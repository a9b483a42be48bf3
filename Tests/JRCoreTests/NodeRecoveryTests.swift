import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

@Suite struct NodeRecoveryTests {
    private func found(
        _ number: Int, _ status: JobStatus, wasRunning: Bool = false, due: Int64? = nil, feedback: Feedback = .both,
        _ change: (inout JobRecord) -> Void = { _ in }
    ) -> RecoveredJob {
        var record = JobRecord(request: request(number, feedback: feedback), status: status)
        record.due = due.map { moment($0).wall }
        change(&record)
        return RecoveredJob(record: record, wasRunning: wasRunning)
    }

    @Test("B36: new, queued and error jobs are due at their own time, those in progress at once, ended ones stay")
    func statuses() {
        var bench = NodeBench([
            found(1, .new), found(2, .error, due: 5_000) { $0.attempt = 1 }, found(3, .queued, due: 7_000),
            found(4, .new, wasRunning: true), found(5, .complete), found(6, .failed), found(7, .cancelled),
        ])
        #expect(Set(bench.runs().map { Int($0.id.low) }) == [1, 4])
        bench.wait(until: 4_999)
        #expect(bench.runs().isEmpty)
        bench.wait(until: 5_000)
        #expect(bench.runs().map { Int($0.id.low) } == [2])
        bench.wait(until: 7_000)
        #expect(bench.runs().map { Int($0.id.low) } == [3])
        for (number, status) in [(5, JobStatus.complete), (6, .failed), (7, .cancelled)] {
            #expect(bench.record(number)?.status == status)
        }
        #expect(bench.engine.recovery == RecoveryReport(jobs: 7, retried: 1, poisoned: 0, unacknowledged: 0))
    }

    @Test("B36: nothing runs before what a death means is stored, and then it counts as an attempt")
    func deathIsStoredFirst() throws {
        var bench = NodeBench(nil)
        bench.engine.recovered([found(1, .new, wasRunning: true)], at: bench.now)
        #expect(!bench.engine.isRecovered)
        #expect(bench.runs().isEmpty)
        guard case .put(let record)? = bench.commit().first else {
            Issue.record("nothing stored")
            return
        }
        #expect(record.attempt == 1 && record.deaths == 1 && record.status == .error)
        #expect(bench.engine.isRecovered)
        let order = try #require(bench.runs().first)
        #expect(order.number == 2)
        bench.end(order, .failure(error: "no", arguments: [0x80], feedback: [0x80], isFinal: false))
        #expect(bench.record(1)?.deaths == 0)
    }

    @Test("a record that was stored during an attempt is one that died, and its attempt is counted once")
    func storedDuringAttempt() {
        for wasRunning in [false, true] {
            let bench = NodeBench([found(1, .inProgress, wasRunning: wasRunning) { $0.attempt = 3 }])
            #expect(bench.record(1)?.attempt == 3)
            #expect(bench.record(1)?.deaths == 1)
        }
    }

    @Test("B36: a job in progress at three deaths in a row is failed as poison, and says so")
    func poison() throws {
        var bench = NodeBench([found(1, .error, wasRunning: true, due: 0) { $0.deaths = 2 }])
        let link = bench.distributor(1)
        #expect(bench.runs().isEmpty)
        #expect(bench.record(1)?.status == .failed)
        #expect(bench.record(1)?.lastError?.contains("poison") == true)
        #expect(bench.engine.recovery.poisoned == 1)
        bench.receive(
            .request(number: 0, verb: "outcomes", parameters: ["client": .bytes(application.bytes)]), from: link)
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.failed])
        #expect(bench.engine.scheduledCount == 0)
    }

    @Test("a death during the last attempt allowed is a failure, not one more attempt")
    func lastAttempt() {
        let bench = NodeBench([
            found(1, .new, wasRunning: true) { $0.request.options.maxAttempts = 1 }
        ])
        #expect(bench.record(1)?.status == .failed)
        #expect(bench.record(1)?.lastError?.contains("last one allowed") == true)
    }

    @Test("B35: with retryJobsAtStart off nothing is run, and nothing is lost")
    func noRetry() {
        var bench = NodeBench([found(1, .new), found(2, .new, wasRunning: true)]) { $0.retryJobsAtStart = false }
        #expect(bench.runs().isEmpty)
        #expect(bench.engine.jobs.count == 2)
    }

    @Test("B35: with retryJobsAtStart off, jobs that a storage has packed are as they would be had it not packed them")
    func packedNoRetry() throws {
        let found = (1...6).map { number in
            RecoveredJob(
                record: JobRecord(request: request(number) { $0.due = moment(5_000 * Int64(number)).wall }),
                wasRunning: false)
        }
        var waiting = WaitingJobs()
        for job in found {
            var writer = ByteWriter()
            job.record.encode(into: &writer)
            let isIn = try waiting.insert(decoding: writer.bytes[...], id: job.record.id, at: moment(0).wall)
            #expect(isIn)
        }
        var benches = [NodeBench(nil) { $0.retryJobsAtStart = false }, NodeBench(nil) { $0.retryJobsAtStart = false }]
        benches[0].engine.recovered(found, at: moment(0))
        benches[1].engine.recovered([], waiting: waiting, at: moment(0))
        for var bench in benches {
            bench.commit()
            let link = bench.distributor(1)
            // Nothing of them runs by itself, and all that can be asked is answered alike.
            bench.wait(until: 100_000)
            #expect(bench.runs().isEmpty && bench.engine.nextDeadline == nil)
            #expect(bench.engine.counts == benches[0].engine.counts && bench.engine.counts.scheduled == 6)
            #expect(bench.engine.holdings == benches[0].engine.holdings)
            #expect(bench.engine.recovery == RecoveryReport(jobs: 6))
            #expect(bench.engine.records == found.map(\.record))
            #expect(bench.engine.scheduledBytes == 6)
            for (verb, number) in [("cancel", 1), ("destroy", 2), ("retry", 6), ("retry", 3)] {
                bench.receive(
                    .request(number: 1, verb: verb, parameters: ["id": .bytes(jobID(number).bytes)]), from: link)
            }
            bench.job(request(4), from: link)
            bench.wait(until: 100_001)
            #expect(bench.runs().map { Int($0.id.low) } == [6, 3])
            bench.commit()
            #expect(bench.actions().stored(to: link) == [4])
            #expect(bench.engine.counts == NodeCounts(running: 2, waiting: 0, scheduled: 2, stored: 4))
            // Another process that may run them does.
            var next = NodeBench(bench.engine.records.map { RecoveredJob(record: $0, wasRunning: false) })
            next.wait(until: 100_002)
            #expect(Set(next.runs().map { Int($0.id.low) }).isSuperset(of: [4, 5]))
        }
    }

    @Test("a delay is a bound for the first run only: a retry or a next period after a restart is never early")
    func notEarly() {
        var bench = NodeBench([
            found(1, .error, due: 50_000) {
                $0.request.options.delay = .seconds(1)
                $0.attempt = 10
            },
            found(2, .queued, due: 60_000) {
                $0.request.options.delay = .seconds(1)
                $0.request.options.period = .seconds(60)
            },
        ])
        #expect(bench.engine.nextDeadline == moment(50_000).instant)
        bench.wait(until: 50_000)
        #expect(bench.runs().map { Int($0.id.low) } == [1])
        #expect(bench.engine.nextDeadline == moment(60_000).instant)
    }

    @Test("a wall clock that was set back puts no job off beyond the delay it waits out; a date is a date")
    func clockSetBack() {
        let day: Int64 = 86_400_000
        var bench = NodeBench([
            found(1, .new, due: day) { $0.request.options.delay = .seconds(20) },
            found(2, .queued, due: day) { $0.request.options.period = .seconds(30) },
            found(3, .error, due: day) { $0.attempt = 8 },
            found(4, .new, due: day) { $0.request.options.due = moment(day).wall },
        ])
        for (time, number) in [(20_000, 1), (30_000, 2), (40_000, 3), (day, 4)] as [(Int64, Int)] {
            #expect(bench.engine.nextDeadline == moment(time).instant)
            bench.wait(until: time)
            #expect(bench.runs().map { Int($0.id.low) } == [number])
        }
    }

    @Test("a full storage at the start delays the recovery, and loses nothing")
    func fullAtStart() {
        var bench = NodeBench(nil)
        bench.engine.recovered([found(1, .new, wasRunning: true)], at: bench.now)
        bench.failCommit()
        #expect(!bench.engine.isRecovered)
        bench.wait(until: 1_000)
        bench.commit()
        #expect(bench.engine.isRecovered)
        #expect(bench.runs().count == 1)
    }
}
