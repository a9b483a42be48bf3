import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct RetryScheduleTests {
    private func waits(_ schedule: RetrySchedule, _ attempts: [Int]) -> [Double] {
        attempts.map { schedule.delay(afterAttempt: $0).seconds }
    }

    @Test("B33: by default the wait is the attempt times five seconds")
    func standard() {
        #expect(waits(.standard, [1, 2, 3, 9]) == [5, 10, 15, 45])
    }

    @Test("fixed waits stay, exponential ones double, and none is longer than its cap")
    func shapes() {
        #expect(waits(RetrySchedule(shape: .fixed, base: .seconds(3)), [1, 2, 100]) == [3, 3, 3])
        let doubling = RetrySchedule(shape: .exponential, base: .seconds(1), cap: .seconds(60))
        #expect(waits(doubling, [1, 2, 3, 6, 7, 64, 1_000]) == [1, 2, 4, 32, 60, 60, 60])
        #expect(waits(RetrySchedule(shape: .linear, base: .seconds(1), cap: .seconds(5)), [4, 5, 6]) == [4, 5, 5])
    }

    @Test("attempts and lengths from the wire cannot make a wait overflow or go negative")
    func extremes() {
        for shape in [RetrySchedule.Shape.fixed, .linear, .exponential] {
            let schedule = RetrySchedule(shape: shape, base: Interval(nanoseconds: .max))
            for attempt in [0, 1, Int.max] {
                #expect(schedule.delay(afterAttempt: attempt) >= .zero)
                #expect(schedule.delay(afterAttempt: attempt) <= schedule.cap)
            }
        }
    }
}

@Suite struct BackoffTests {
    @Test("B5: waits double from the first to the most, each at most a fifth off, and start again after a success")
    func doubling() {
        var backoff = Backoff(first: .milliseconds(100), most: .seconds(1), seed: 3)
        for wanted in [100, 200, 400, 800, 1_000, 1_000, 1_000] as [Double] {
            let wait = backoff.failed().seconds * 1_000
            #expect(wait >= wanted * 0.799 && wait <= wanted * 1.201)
        }
        backoff.succeeded()
        #expect(backoff.failed() <= .milliseconds(121))
    }

    @Test("a hundred peers that fail together come back at different moments")
    func spread() {
        let waits = Set(
            (0..<100 as Range<UInt64>).map { seed in
                var backoff = Backoff(seed: seed)
                return backoff.failed()
            })
        #expect(waits.count > 90)
    }

    @Test("failing for ever never overflows")
    func forever() {
        var backoff = Backoff(seed: 1)
        for _ in 0..<1_000 { #expect(backoff.failed() <= .seconds(6)) }
    }
}

@Suite struct HeartbeatTests {
    private func at(_ seconds: Int64) -> Instant { .zero + .seconds(seconds) }

    @Test("a side that has said nothing for its interval sends a sign of life; one that has spoken does not")
    func sends() {
        var heartbeat = Heartbeat(own: .seconds(5), at: .zero)
        #expect(heartbeat.nextCheck == at(5))
        #expect(heartbeat.verdict(at: at(4)) == .fine)
        #expect(heartbeat.verdict(at: at(5)) == .sendHeartbeat)
        heartbeat.sent(at: at(5))
        #expect(heartbeat.verdict(at: at(9)) == .fine)
        #expect(heartbeat.nextCheck == at(10))
    }

    @Test("B5: a peer is gone after three of its intervals without a byte, and one that speaks is not")
    func gone() {
        var heartbeat = Heartbeat(own: .seconds(60), at: .zero)
        heartbeat.peerPromised(.seconds(2))
        #expect(heartbeat.verdict(at: at(5)) == .fine)
        #expect(heartbeat.nextCheck == at(6))
        #expect(heartbeat.verdict(at: at(6)) == .peerIsGone)
        heartbeat.received(at: at(5))
        #expect(heartbeat.verdict(at: at(6)) == .fine)
        #expect(heartbeat.verdict(at: at(11)) == .peerIsGone)
    }
}

@Suite struct JobStatusTests {
    @Test("B31: the statuses are the seven of the original, in its words")
    func words() {
        #expect(
            JobStatus.allCases.map(\.rawValue)
                == ["new", "in progress", "queued", "complete", "error", "failed", "cancelled"])
    }

    @Test("B31: the whole table of allowed moves")
    func table() {
        let wanted: [JobStatus: Set<JobStatus>] = [
            .new: [.inProgress, .cancelled, .failed],
            .inProgress: [.queued, .complete, .error, .failed, .cancelled],
            .queued: [.inProgress, .cancelled, .failed],
            .error: [.inProgress, .cancelled, .failed],
            .complete: [.new], .failed: [.new], .cancelled: [.new],
        ]
        for status in JobStatus.allCases {
            #expect(status.next == wanted[status], "\(status)")
            #expect(status.isEnded == (wanted[status] == [.new]))
        }
    }
}

@Suite struct JobRecordTests {
    private func again(_ record: JobRecord) throws -> JobRecord {
        var writer = ByteWriter()
        record.encode(into: &writer)
        // Written anew as a value it has the same bytes: keys are in their order, and each form is the shortest.
        var (unpacker, canonical) = (Unpacker(writer.bytes[...]), ByteWriter())
        canonical.pack(try unpacker.value())
        #expect(canonical.bytes == writer.bytes)
        return try JobRecord(decoding: writer.bytes[...])
    }

    static var full: JobRecord {
        let time = moment(0).wall
        var record = JobRecord(
            request: request(1, "sum", feedback: .both) { options in
                options.due = time + .seconds(20)
                options.delay = .seconds(20)
                options.period = .seconds(300)
                options.isDeferred = true
                options.placement = Placement(preferred: ["a"], isStrict: true, excluded: ["b", "c"])
                options.maxAttempts = 3
                options.retry = RetrySchedule(shape: .fixed, base: .seconds(2))
                options.timeout = .seconds(9)
            }, status: .error)
        record.attempt = 2
        record.deaths = 1
        record.runs = 4
        record.due = time + .seconds(99)
        record.startedAt = time + .seconds(1)
        record.failedAt = time + .seconds(2)
        record.endedAt = time + .seconds(3)
        record.lastError = "no such user: 'Ä'"
        record.outcomes = [3, 4].map { run in
            JobOutcome(
                id: record.id, run: run, ending: .cancelled, arguments: [0x81, 0xA1, 0x61, 1],
                error: run == 3 ? "why" : nil, attempt: 2, node: "n1", client: application, isFinal: run == 4)
        }
        return record
    }

    @Test("B32: a record comes back from storage with every field as it was")
    func everyField() throws {
        #expect(try again(Self.full) == Self.full)
        var cancelled = Self.full
        cancelled.isCancelRequested = true
        cancelled.isDestroyRequested = true
        #expect(try again(cancelled) == cancelled)
    }

    @Test("a new job, one that is due at once, and one of every status come back")
    func others() throws {
        let plain = JobRecord(request: request(1))
        #expect(try again(plain) == plain)
        var soon = JobRecord(request: request(1) { $0.due = moment(9).wall })
        #expect(soon.due == moment(9).wall)
        soon.due = nil
        #expect(try again(soon).due == nil)
        for status in JobStatus.allCases {
            let record = JobRecord(request: request(1), status: status)
            #expect(try again(record) == record)
        }
    }

    @Test("what is cut off or of another version is refused, never trapped on")
    func malformed() throws {
        var writer = ByteWriter()
        Self.full.encode(into: &writer)
        for count in 0..<writer.count {
            #expect(throws: UnpackError.self) { try JobRecord(decoding: writer.bytes[..<count]) }
        }
        writer.bytes[1] = 2
        #expect(throws: UnpackError.outOfRange(offset: 0)) { try JobRecord(decoding: writer.bytes[...]) }
    }

    @Test("the row of a job names what is set and leaves out what is not")
    func rows() {
        let row = Self.full.row(node: "n1")
        #expect(row["status"] == "error")
        #expect(row["id"] == .string(jobID(1).description))
        #expect(row["node_wanted"] == ["a"])
        #expect(row["not_node"] == ["b", "c"])
        #expect(row["unacknowledged"] == 2)
        let plain = JobRecord(request: request(1)).row(node: "")
        #expect(Set(plain.keys) == ["id", "name", "status", "attempt", "created_at", "arguments"])
    }
}

@Suite struct JobRequestRulesTests {
    private func problem(_ name: String = "work", _ change: (inout JobOptions) -> Void = { _ in }) -> String? {
        request(1, name, change).problem(at: moment(0).wall)
    }

    @Test("B24: what no node would take is named before it is sent")
    func rules() {
        #expect(problem() == nil)
        #expect(problem("no spaces")?.contains("no spaces") == true)
        #expect(problem { $0.period = .zero } != nil)
        #expect(problem { $0.period = .seconds(367 * 86_400) } != nil)
        #expect(problem { $0.delay = .seconds(-1) } != nil)
        #expect(problem { $0.timeout = .zero } != nil)
        #expect(problem { $0.maxAttempts = 0 } != nil)
        #expect(problem { $0.retry = RetrySchedule(shape: .fixed, base: .seconds(-1)) } != nil)
        #expect(problem { $0.due = moment(0).wall + .seconds(366 * 86_400) } == nil)
        #expect(problem { $0.due = moment(1).wall + .seconds(366 * 86_400) } != nil)
        #expect(problem { $0.due = WallTime(milliseconds: -5) } == nil)
        #expect(problem { $0.placement.excluded = ["a b"] } != nil)
        #expect(problem { $0.placement.excluded = (0..<129).map { "n\($0)" } } != nil)
        #expect(problem { $0.placement = Placement(preferred: ["a"], isStrict: true, excluded: ["a"]) } != nil)
        #expect(problem { $0.placement = Placement(preferred: ["a"], excluded: ["a"]) } == nil)
        var large = request(1)
        large.arguments = [UInt8](repeating: 0, count: Limits.argumentBytes + 1)
        #expect(large.problem(at: moment(0).wall) != nil)
    }
}
