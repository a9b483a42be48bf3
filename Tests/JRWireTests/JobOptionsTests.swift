import JRBase
import JRWire
import Testing

@Suite struct JobOptionsTests {
    private func again(_ options: JobOptions) throws -> JobOptions {
        var writer = ByteWriter()
        writer.pack(options)
        var unpacker = Unpacker(writer.bytes[...])
        let found = try unpacker.jobOptions()
        try unpacker.expectEnd()
        return found
    }

    @Test("options that say nothing are one byte")
    func standard() throws {
        var writer = ByteWriter()
        writer.pack(JobOptions.standard)
        #expect(writer.bytes == [0xC0])
        #expect(try again(.standard) == .standard)
    }

    @Test("each option alone comes back as it was")
    func each() throws {
        let changes: [(inout JobOptions) -> Void] = [
            { $0.due = WallTime(milliseconds: 1_700_000_000_001) },
            { $0.delay = .milliseconds(1_500) },
            { $0.period = .seconds(60) },
            { $0.isDeferred = true },
            { $0.placement.preferred = ["a", "b"] },
            { $0.placement.isStrict = true },
            { $0.placement.excluded = ["c"] },
            { $0.maxAttempts = 1 },
            { $0.retry = RetrySchedule(shape: .fixed, base: .zero) },
            { $0.timeout = .milliseconds(1) },
        ]
        for change in changes {
            var options = JobOptions()
            change(&options)
            #expect(options != .standard)
            #expect(try again(options) == options)
        }
        #expect(try again(Fixtures.everyOption) == Fixtures.everyOption)
    }

    @Test("B20: a due time before 1970 is in the past, not an error")
    func longAgo() throws {
        var options = JobOptions()
        options.due = WallTime(milliseconds: -1)
        #expect(try again(options) == options)
    }

    @Test("a length of time finer than a millisecond is rounded up, never down to nothing")
    func rounding() throws {
        var options = JobOptions()
        options.period = .nanoseconds(1)
        #expect(try again(options).period == .milliseconds(1))
    }

    @Test("an option of the wrong kind is refused; one that is not known is left alone")
    func wrongKinds() throws {
        let wrong: [[String: Value]] = [
            ["due": "tomorrow"], ["delay": -1], ["node": "worker"], ["node": [1]], ["retry": [1, 2]],
            ["retry": [9, 1, 1]], ["max_attempts": 1.5], ["retry": "often"], ["defer": 1], ["strict": "yes"],
        ]
        for members in wrong {
            var unpacker = Unpacker(Fixtures.packed(members)[...])
            #expect(throws: UnpackError.self, "\(members)") { try unpacker.jobOptions() }
        }
        var unpacker = Unpacker(Fixtures.packed(["later_version": 1, "max_attempts": 2])[...])
        #expect(try unpacker.jobOptions().maxAttempts == 2)
    }

    @Test("a key that comes twice is refused, among a few keys and among many", arguments: [0, 15, 16, 40])
    func twice(others: Int) {
        var writer = ByteWriter()
        writer.packMap(count: others + 2)
        for number in 0..<others {
            writer.pack("k\(number)")
            writer.pack(Int64(number))
        }
        for _ in 0..<2 {
            writer.pack("again")
            writer.pack(Int64(1))
        }
        var unpacker = Unpacker(writer.bytes[...])
        #expect(throws: UnpackError.duplicateKey("again")) { try unpacker.jobOptions() }
    }
}
