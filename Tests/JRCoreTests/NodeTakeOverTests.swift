import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

@Suite("Jobs of a node that died")
struct NodeTakeOverTests {
    private func found(
        _ number: Int, _ status: JobStatus = .new, name: String = "work", wasRunning: Bool = false, due: Int64? = nil,
        _ change: (inout JobRecord) -> Void = { _ in }
    ) -> RecoveredJob {
        var record = JobRecord(request: request(number, name, feedback: .both), status: status)
        record.due = due.map { moment($0).wall }
        change(&record)
        return RecoveredJob(record: record, wasRunning: wasRunning)
    }

    private func choices(_ bench: NodeBench, _ jobs: [RecoveredJob]) -> [TakeOverChoice]? {
        var engine = bench.engine
        return engine.takeOverChoices(jobs.map(\.record))
    }

    @Test("B27, B29: a node takes over what it can run and may run, and leaves the rest to others")
    func choices() {
        let bench = NodeBench()
        let jobs = [
            found(1), found(2, name: "unknown"), found(3) { $0.request.options.placement.excluded = ["x", "n1"] },
            found(4) { $0.request.options.placement = Placement(preferred: ["dead"], isStrict: true) },
            found(5) { $0.request.options.placement = Placement(preferred: ["dead"]) },
            found(6) { $0.request.options.placement = Placement(preferred: ["dead", "n1"], isStrict: true) },
            found(7) { $0.request.options.placement.isStrict = true }, found(8, .failed, name: "unknown"),
            found(9) { $0.request.options.placement.excluded = ["n11"] },
        ]
        #expect(choices(bench, jobs) == [.take, .leave, .leave, .leave, .take, .take, .take, .take, .take])
    }

    @Test("a job that the node has, or has seen end, is not taken again; one that is not stored yet is left")
    func duplicates() {
        var bench = NodeBench([found(1, due: 1_000)]) { $0.removeDoneJobs = true }
        let link = bench.distributor(1)
        bench.job(request(2), from: link)
        bench.commit()
        bench.succeedAll()
        bench.commit()
        bench.job(request(3), from: link)
        #expect(bench.record(2) == nil)
        #expect(choices(bench, [found(1), found(2), found(3), found(4)]) == [.drop, .drop, .leave, .take])
        // Even if it is handed over.
        bench.engine.tookOver([found(1, due: 9_000)], at: bench.now)
        #expect(bench.record(1)?.due == moment(1_000).wall)
        #expect(bench.engine.counters.takenOver == 0)
    }

    @Test("a node that starts, stops, is full or has no storage takes nothing; one that is nearly full takes what fits")
    func room() {
        #expect(choices(NodeBench(nil), []) == nil)
        var bench = NodeBench([found(1, due: 1_000)]) {
            $0.scheduledJobs = 3
            $0.scheduledBytes = 1_000
        }
        #expect(choices(bench, []) == [])
        #expect(
            choices(bench, [found(2), found(3, name: "unknown"), found(4), found(5)])
                == [.take, .leave, .take, .later])
        let large = found(2) { $0.request.arguments = Array(repeating: 0, count: 5_000) }
        #expect(choices(bench, [large, found(3)]) == [.take, .later])
        bench.engine.storageWentAway()
        #expect(choices(bench, []) == nil)
        bench.engine.storageCameBack()
        bench.engine.tookOver([found(2, due: 1_000), found(3, due: 1_000)], at: bench.now)
        #expect(choices(bench, []) == nil)
        var stopping = NodeBench()
        stopping.engine.drain(finishingReady: false)
        #expect(choices(stopping, []) == nil)
    }

    @Test("B29, B36: they run at their own time, those in progress as an attempt that died, and ended ones stay")
    func rules() {
        var bench = NodeBench()
        bench.engine.tookOver(
            [
                found(1), found(2, .error, due: 5_000) { $0.attempt = 1 }, found(3, .queued, due: 7_000),
                found(4, wasRunning: true), found(5, .complete), found(6, .failed), found(7, .cancelled),
                found(8, .inProgress) { $0.attempt = 3 },
            ], at: bench.now)
        // Nothing before what follows from it is stored.
        #expect(bench.runs().isEmpty)
        #expect(Set(bench.commit().map { Int($0.id.low) }) == [4, 8])
        #expect(Set(bench.runs().map { Int($0.id.low) }) == [1, 4, 8])
        #expect(bench.record(4)?.deaths == 1)
        #expect(bench.record(4)?.attempt == 2)
        #expect(bench.record(8)?.attempt == 4)
        bench.wait(until: 5_000)
        #expect(bench.runs().map { Int($0.id.low) } == [2])
        bench.wait(until: 7_000)
        #expect(bench.runs().map { Int($0.id.low) } == [3])
        for (number, status) in [(5, JobStatus.complete), (6, .failed), (7, .cancelled)] {
            #expect(bench.record(number)?.status == status)
        }
        #expect(bench.engine.counters.takenOver == 8)
        // The node's own start was another thing.
        #expect(bench.engine.recovery == RecoveryReport())
        #expect(bench.engine.scheduledCount == 0)
    }

    @Test("B29, B36: a job that was in progress at one death too many is set aside as poison, and its application told")
    func poison() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.engine.tookOver(
            [
                found(1, wasRunning: true) { $0.deaths = 2 },
                found(2, wasRunning: true) { $0.isCancelRequested = true },
            ], at: bench.now)
        bench.commit()
        #expect(bench.runs().isEmpty)
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.failed, .cancelled])
        #expect(bench.record(1)?.lastError?.contains("poison") == true)
        #expect(bench.engine.scheduledCount == 0)
    }

    @Test("B29, B38: outcomes that the dead node could not tell are told at once, and kept until they are acknowledged")
    func outcomes() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        let outcome = JobOutcome(
            id: jobID(1), run: 1, ending: .complete, arguments: [0x80], error: nil, attempt: 1, node: "dead",
            client: application, isFinal: true)
        bench.engine.tookOver(
            [
                found(1, .complete) {
                    $0.runs = 1
                    $0.outcomes = [outcome]
                    $0.endedAt = moment(0).wall
                }
            ], at: bench.now)
        bench.commit()
        #expect(bench.actions().outcomes(to: link) == [outcome])
        bench.receive(.outcomesReceived([OutcomeKey(id: jobID(1), run: 1)]), from: link)
        #expect(bench.commit() == [.remove(jobID(1))])
    }

    @Test("B34: one that is cancelled before what its node's death means is stored never runs")
    func cancelled() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.engine.tookOver([found(1, wasRunning: true), found(2, due: 1_000)], at: bench.now)
        for number in 1...2 {
            bench.receive(
                .request(number: 1, verb: "cancel", parameters: ["id": .bytes(jobID(number).bytes)]), from: link)
        }
        bench.commit()
        #expect(bench.runs().isEmpty)
        #expect(bench.engine.scheduledCount == 0)
        #expect(bench.actions().outcomes(to: link).map(\.ending) == [.cancelled, .cancelled])
    }

    @Test("a storage that fails in between delays them and loses none; with retryJobsAtStart off they wait")
    func failingStorage() {
        var bench = NodeBench()
        bench.engine.tookOver([found(1, wasRunning: true), found(2)], at: bench.now)
        bench.failCommit()
        #expect(bench.runs().isEmpty)
        bench.wait(until: 1_000)
        bench.commit()
        #expect(bench.runs().count == 2)
        var parking = NodeBench { $0.retryJobsAtStart = false }
        parking.engine.tookOver([found(1, wasRunning: true), found(2)], at: parking.now)
        parking.commit()
        #expect(parking.runs().isEmpty)
        #expect(parking.engine.jobs.count == 2)
    }
}
