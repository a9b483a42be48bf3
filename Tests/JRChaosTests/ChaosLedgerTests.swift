import JRBase
import JRChaos
import JRJSON
import JRSupervision
import Testing

@Suite("Whether jobs were lost")
struct ChaosLedgerTests {
    private static let start = WallTime(milliseconds: 1_700_000_000_000)

    private static func time(_ seconds: Int64) -> WallTime { start + .seconds(seconds) }

    /// A cluster of one distributor and one node.
    private func sample(
        _ seconds: Int64, main: JobSample.Distributor = .init(), worker: JobSample.Node? = .init(),
        jobs: [String: JobSample.Job] = [:]
    ) -> JobSample {
        var sample = JobSample(time: Self.time(seconds))
        sample.distributors["main.1"] = main
        sample.nodes["worker.1"] = worker
        sample.jobs = jobs
        return sample
    }

    private func judged(_ samples: [JobSample], deaths: [Int: String] = [:]) -> ChaosLedger.Findings {
        var ledger = ChaosLedger()
        for (place, sample) in samples.dropLast().enumerated() {
            ledger.take(sample)
            if let name = deaths[place] { ledger.died(name) }
        }
        return ledger.judge(samples[samples.count - 1])
    }

    @Test("a node that dies and comes back with everything has lost nothing")
    func good() {
        let findings = judged(
            [
                sample(0, main: .init(enqueued: 100, stored: 90, held: 10), worker: .init(active: 5, failed: 3)),
                sample(
                    1, main: .init(enqueued: 150, stored: 140, cancelled: 2, held: 8),
                    worker: .init(active: 9, failed: 3)),
                sample(
                    2, main: .init(enqueued: 170, stored: 165, cancelled: 2, rejected: 1, held: 2, maybeDuplicate: 1),
                    worker: .init(active: 4)),
            ], deaths: [1: "worker.1"])
        #expect(findings.problems == [] && findings.gaps == [])
        #expect(findings.enqueued == 70 && findings.stored == 75 && findings.left == 6)
        #expect(findings.lost == 0 && findings.failed == 0 && findings.maybeDuplicate == 1 && findings.samples == 3)
    }

    @Test("what a distributor took has to be somewhere")
    func conservation() {
        let findings = judged([
            sample(0, main: .init(enqueued: 10, stored: 10)), sample(1, main: .init(enqueued: 20, stored: 15, held: 2)),
        ])
        #expect(findings.lost == 3)
        #expect(findings.problems == ["3 jobs left main.1 and no node had stored them"])
    }

    @Test("a distributor counts from 0 in its next life")
    func distributorDeath() {
        let lives = [
            sample(0, main: .init(enqueued: 10, stored: 10)), sample(1, main: .init(enqueued: 30, stored: 25, held: 5)),
            sample(2, main: .init(enqueued: 7, stored: 6, held: 1)),
        ]
        let findings = judged(lives, deaths: [1: "main.1"])
        #expect(findings.problems == [] && findings.enqueued == 27 && findings.stored == 21)
        #expect(judged(lives).lost == 0, "less than before is no loss")
    }

    @Test("jobs that waited in a distributor when it died and that nobody enqueues again are told, and are no loss")
    func waited() {
        let waiting = ["a": JobSample.Job(waitsIn: "main.1"), "b": JobSample.Job(waitsIn: "main.1")]
        func findings(after: JobSample.Distributor, jobs: [String: JobSample.Job]) -> ChaosLedger.Findings {
            let samples = [
                sample(0, main: .init(enqueued: 2, held: 2), jobs: waiting), sample(1, main: after, jobs: jobs),
            ]
            return judged(samples, deaths: [0: "main.1"])
        }
        let gone = findings(after: .init(), jobs: [:])
        #expect(gone.lost == 0 && gone.problems == [] && gone.gaps == [])
        #expect(
            gone.remarks == [
                "2 jobs waited in main.1 when it died, and nobody has enqueued them again: "
                    + "nodes stored them in its last moment, or their application is gone and had no receipt"
            ])
        let one = findings(after: .init(enqueued: 1, stored: 1), jobs: [:])
        #expect(one.remarks.map { $0.hasPrefix("1 job waited") } == [true])
        #expect(findings(after: .init(enqueued: 2, stored: 2), jobs: [:]).remarks == [])
        #expect(findings(after: .init(), jobs: ["a": .init(), "b": .init()]).remarks == [], "nodes have them")
    }

    @Test("jobs that waited are enqueued again in whatever life comes next, and are not counted in each of them")
    func lives() {
        let waiting = ["a": JobSample.Job(waitsIn: "main.1"), "b": JobSample.Job(waitsIn: "main.1")]
        let first = sample(0, main: .init(enqueued: 2, held: 2, waiting: 2), jobs: waiting)
        let ran = sample(1, main: .init(enqueued: 2, stored: 2))
        #expect(judged([first, ran, sample(2)], deaths: [0: "main.1", 1: "main.1"]).remarks == [])
        let gone = judged([first, first, sample(2)], deaths: [0: "main.1", 1: "main.1"])
        #expect(gone.remarks.map { $0.hasPrefix("2 jobs waited") } == [true])
    }

    @Test("a distributor is believed alone when its nodes do not answer, and its unseen lives are told")
    func partial() {
        var alone = JobSample(time: Self.time(1))
        alone.isPartial = true
        alone.distributors["main.1"] = .init(enqueued: 5, stored: 1, held: 4, waiting: 3)
        let findings = judged([sample(0), alone, sample(2)], deaths: [1: "main.1"])
        #expect(findings.remarks.count == 1 && findings.enqueued == 5 && findings.gaps == [])
        let back = judged([sample(0), alone, sample(2, main: .init(enqueued: 3, stored: 3))], deaths: [1: "main.1"])
        #expect(back.remarks == [])
        var ledger = ChaosLedger()
        ledger.take(sample(0))
        ledger.take(alone)
        ledger.died("main.1")
        ledger.died("main.1")
        let unseen = ledger.judge(sample(2))
        #expect(unseen.lost == 0 && unseen.gaps == ["main.1 died before it could be asked, 1 time"])
    }

    @Test("a job for a later time has to be there until then")
    func later() {
        let jobs = ["a": JobSample.Job(due: Self.time(100)), "b": JobSample.Job(due: Self.time(2))]
        #expect(
            judged([sample(0, jobs: jobs), sample(5)]).problems == [
                "1 job for a later time cannot be found any more, such as a"
            ])
        #expect(judged([sample(0, jobs: jobs), sample(5, jobs: ["a": .init(due: Self.time(100))])]).lost == 0)
        // It was run earlier than planned, and is seen doing so.
        #expect(judged([sample(0, jobs: jobs), sample(1, jobs: ["a": .init()]), sample(5)]).lost == 0)
        var cut = sample(5)
        cut.isWhole = false
        let findings = judged([sample(0, jobs: jobs), cut])
        #expect(findings.lost == 0 && findings.gaps.count == 1)
    }

    @Test("a node that keeps its jobs in memory loses them with its process, and one with storage does not")
    func memory() {
        func findings(isMemory: Bool, active: Int) -> ChaosLedger.Findings {
            let node = JobSample.Node(active: active, isMemory: isMemory)
            return judged([sample(0, worker: node), sample(1)], deaths: [0: "worker.1"])
        }
        #expect(
            findings(isMemory: true, active: 4).problems == ["worker.1 keeps its jobs in memory and died with 4 jobs"])
        #expect(findings(isMemory: true, active: 4).lost == 4)
        #expect(findings(isMemory: true, active: 0).problems == [])
        #expect(findings(isMemory: false, active: 4).problems == [])
    }

    @Test("jobs that fail meanwhile are told, those that had failed before are not")
    func failed() {
        let old = ["a": JobSample.Job(hasFailed: true)]
        let both = old.merging(["b": JobSample.Job(hasFailed: true)]) { $1 }
        let findings = judged([
            sample(0, worker: .init(failed: 1), jobs: old), sample(1, worker: .init(failed: 2), jobs: both),
        ])
        #expect(findings.failed == 1 && findings.problems == ["1 job failed for good, such as b (`jr show b`)"])
        #expect(judged([sample(0, jobs: old), sample(1, jobs: old)]).failed == 0)
        // Those that are not kept are only counted, in each life of the node.
        let counted = judged(
            [
                sample(0, worker: .init(failed: 1)), sample(1, worker: .init(failed: 3)),
                sample(2, worker: .init(failed: 1)),
            ],
            deaths: [1: "worker.1"])
        #expect(counted.failed == 3 && counted.problems == ["3 jobs failed for good"])
    }

    @Test("what could not be looked at is said")
    func gaps() {
        var none = sample(1, worker: nil)
        #expect(judged([sample(0), none]).gaps == ["no distributor has a connection to worker.1"])
        none.distributors = [:]
        #expect(judged([sample(0), none]).gaps.last == "no answer from main.1")
    }

    // MARK: The report

    private func report(
        _ findings: ChaosLedger.Findings?, exitCode: Int32 = 0, reason: String? = nil
    ) -> ChaosReport {
        ChaosReport(seed: 7, tallies: [], findings: findings, exitCode: exitCode, reason: reason)
    }

    @Test("76 for lost or failed jobs, 69 when not all was seen, else 0; a signal stays what it is")
    func exitCodes() {
        let good = judged([sample(0), sample(1)])
        #expect(report(good).exitCode == 0 && report(nil).exitCode == 0)
        #expect(
            report(good).lines == ["no-lost-jobs: holds; 0 jobs enqueued meanwhile, 0 stored, 0 left, 0 maybe twice"])
        let lost = judged([sample(0), sample(1, main: .init(enqueued: 1))])
        #expect(report(lost).exitCode == 76)
        #expect(report(lost).lines.first?.hasPrefix("no-lost-jobs: does not hold: 1 lost, 0 failed; ") == true)
        #expect(report(lost).json["jobs"]?["lost"]?.int == 1)
        let unseen = judged([sample(0), sample(1, worker: nil)])
        #expect(report(unseen).exitCode == 69)
        #expect(report(nil, exitCode: 130, reason: "ended by SIGINT").exitCode == 130)
        #expect(report(nil, exitCode: 130, reason: "ended by SIGINT").lines == ["chaos: ended by SIGINT"])
    }
}
