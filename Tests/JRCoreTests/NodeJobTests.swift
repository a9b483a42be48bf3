import JRBase
import JRWire
import Testing

@testable import JRCore

/// The places of jobs that have gone are used again.
@Suite struct NodeJobTests {
    @Test("a job that takes the place of another has nothing of it")
    func renewed() {
        var record = JobRecord(request: Self.request(1), status: .failed)
        record.attempt = 3
        record.deaths = 2
        record.runs = 4
        record.due = moment(5).wall
        record.startedAt = moment(6).wall
        record.failedAt = moment(7).wall
        record.endedAt = moment(8).wall
        record.lastError = "no"
        record.isCancelRequested = true
        record.isDestroyRequested = true
        record.outcomes = [
            JobOutcome(
                id: record.id, run: 1, ending: .failed, arguments: [0x80], error: "no", attempt: 3, node: "n",
                client: .none, isFinal: true)
        ]
        var job = NodeEngine.Job(
            record: record, phase: .removing, charge: .node, origin: LinkID(9), lane: .program, batch: 7,
            deadline: Handle(index: 1, generation: 2), timedOutAfter: .seconds(Int64(1)))
        let fresh = NodeEngine.Job(
            record: JobRecord(request: Self.request(2)), phase: .storing, charge: .link(LinkID(1)), origin: LinkID(1),
            lane: .loop, batch: 8)
        // Each of its parts, so that none that is added later is forgotten here.
        for (old, new) in [
            (Mirror(reflecting: job), Mirror(reflecting: fresh)),
            (Mirror(reflecting: job.record), Mirror(reflecting: fresh.record)),
        ] {
            for (old, new) in zip(old.children, new.children) {
                #expect("\(old.value)" != "\(new.value)", "\(old.label ?? "") is to differ before")
            }
        }
        var request = Self.request(2)
        job.renew(&request, charge: .link(LinkID(1)), origin: LinkID(1), lane: .loop, batch: 8)
        #expect("\(job)" == "\(fresh)")
    }

    private static func request(_ number: UInt64) -> JobRequest {
        var options = JobOptions()
        if number == 1 { options.maxAttempts = 1 }
        return JobRequest(
            id: JobID(high: 0, low: number), name: "job\(number)", arguments: [0x80 + UInt8(number)],
            created: moment(Int64(number)).wall, feedback: number == 1 ? .both : .error,
            client: JobID(high: number, low: 0), options: options)
    }
}
