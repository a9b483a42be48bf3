import JRBase
import JRCore
import JRWire

/// Jobs in every status, the first with every field that there is.
enum SampleJobs {
    static let time = WallTime(milliseconds: 1_795_000_000_123)

    static var all: [JobRecord] {
        var records = JobStatus.allCases.enumerated().map { number, status in full(number, status) }
        records.append(JobRecord(request: JobRequest(id: id(90), name: "plain", arguments: [0x80], created: time)))
        for (number, arguments) in awkward.enumerated() {
            let request = JobRequest(id: id(100 + number), name: "awkward", arguments: arguments, created: time)
            records.append(JobRecord(request: request))
        }
        // Not due at once any more, though it was made so; and the other way round.
        var moved = JobRecord(request: JobRequest(id: id(95), name: "moved", arguments: [0x80], created: time))
        moved.due = time + .seconds(Int64(60))
        var options = JobOptions()
        options.due = time
        var early = JobRecord(
            request: JobRequest(id: id(96), name: "early", arguments: [0x80], created: time, options: options))
        early.due = nil
        return records + [moved, early]
    }

    static func full(_ number: Int, _ status: JobStatus) -> JobRecord {
        var options = JobOptions()
        options.due = time + .seconds(Int64(number))
        options.delay = .milliseconds(1_234)
        options.period = .seconds(Int64(3_600))
        options.isDeferred = true
        options.placement = Placement(preferred: ["worker_1", "worker.2"], isStrict: true, excluded: ["worker_3"])
        options.maxAttempts = 7
        options.retry = RetrySchedule(
            shape: .exponential, base: .milliseconds(250), cap: .seconds(Int64(30)), jitterPercent: 25)
        options.timeout = .seconds(Int64(90))
        var record = JobRecord(
            request: JobRequest(
                id: id(number), name: "full:\(number)",
                arguments: packed(["n": 1, "text": "a \"quoted\"\n\u{0} line"]),
                created: time, feedback: .both, client: JobID(high: 7, low: UInt64(number)), options: options),
            status: status)
        record.attempt = 3
        record.deaths = 1
        record.runs = 2
        record.due = time + .milliseconds(5)
        record.startedAt = time + .milliseconds(1)
        record.failedAt = time + .milliseconds(2)
        record.endedAt = time + .milliseconds(3)
        record.lastError = "it broke: \u{1B}[31m"
        record.isCancelRequested = true
        record.isDestroyRequested = true
        record.outcomes = JobOutcome.Ending.allCases.enumerated().map { run, ending in
            JobOutcome(
                id: record.id, run: run + 1, ending: ending, arguments: packed(["run": .int(Int64(run))]),
                error: ending == .failed ? "why" : nil, attempt: 1, node: "worker_1", client: record.request.client,
                isFinal: run == 2)
        }
        return record
    }

    static func packed(_ members: [String: Value]) -> [UInt8] {
        var writer = ByteWriter()
        writer.pack(map: members)
        return writer.bytes
    }

    /// What JSON has no word for, or another order.
    static var awkward: [[UInt8]] {
        [
            packed(["bytes": .bytes([0, 1, 254, 255])]), packed(["date": .date(time)]),
            packed(["infinite": .double(.infinity)]), packed(["nan": .double(.nan)]),
            packed([
                "zero": .double(-0.0), "tiny": .double(.leastNonzeroMagnitude), "large": .double(1e300),
                "whole": .double(3),
            ]),
            packed(["least": .int(.min), "most": .int(.max), "nothing": .null, "yes": true]),
            packed(["deep": [[[["x": [1, 2.5, "y", .null]]]]], "empty": [:], "none": []]),
            // Keys out of order, an integer that is longer than it need be, and no map at all.
            [0x82, 0xA1, 0x62, 0x01, 0xA1, 0x61, 0x02], [0x81, 0xA1, 0x61, 0xCC, 0x01], [0x01], [],
        ]
    }
}
