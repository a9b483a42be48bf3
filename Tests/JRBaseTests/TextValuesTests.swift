import JRBase
import Testing

@Suite struct DurationsTests {
    @Test(
        "lengths of time are read exactly",
        arguments: [
            ("250ms", 250_000_000), ("30s", 30_000_000_000), ("5m", 300_000_000_000), ("2h", 7_200_000_000_000),
            ("1.5s", 1_500_000_000), ("0.1s", 100_000_000), ("0ms", 0), ("7d", 604_800_000_000_000), ("3us", 3_000),
            ("9ns", 9), ("2m41s", 161_000_000_000), ("1h0.5m", 3_630_000_000_000), ("0.0000000019s", 1),
        ] as [(String, Int64)])
    func parses(text: String, nanoseconds: Int64) throws {
        #expect(try Durations.parse(text) == Interval(nanoseconds: nanoseconds))
    }

    @Test(
        "anything else is refused, with what is allowed",
        arguments: [
            "", "5", "s", "5x", "5 s", " 5s", "5s ", "-5s", "+5s", "1e3s", "5.s", ".5s", "5S", "5sec", "41s2m", "1s1s",
            "1.2.3s", "１s", "0", "1234567890123s",
        ])
    func refuses(text: String) {
        let error = #expect(throws: ValueError.self) { try Durations.parse(text) }
        #expect(error?.description == "'\(text)' is not a length of time such as 250ms, 30s, 5m, 2h or 1h30m")
    }

    @Test("one out of bounds is refused with both of them")
    func bounds() throws {
        let range = Interval.milliseconds(10)...Interval.seconds(86_400 as Int64)
        #expect(try Durations.parse("10ms", within: range) == .milliseconds(10))
        #expect(try Durations.parse("1d", within: range) == .seconds(86_400 as Int64))
        for text in ["0s", "9ms", "1d1s"] {
            let error = #expect(throws: ValueError.self) { try Durations.parse(text, within: range) }
            #expect(error?.expected == "a length of time from 10ms to 1d, such as 250ms, 30s or 5m")
        }
    }

    @Test("a length of time that does not fit is refused")
    func tooLong() {
        let error = #expect(throws: ValueError.self) { try Durations.parse("106752d") }
        #expect(error?.expected == "a length of time below 292 years")
    }

    @Test(
        "for people it has about three digits, cut off",
        arguments: [
            (0, "0s"), (1, "1ns"), (1_999, "1.9us"), (1_900_000, "1.9ms"), (16_000_000, "16ms"), (250_900_000, "250ms"),
            (999_999_999, "999ms"), (12_899_999_999, "12.8s"), (59_999_999_999, "59.9s"), (60_000_000_000, "1m"),
            (161_900_000_000, "2m41s"), (7_500_000_000_000, "2h5m"), (3_600_000_000_000, "1h"),
            (360_000_000_000_000, "4d4h"), (-1_500_000_000, "-1.5s"), (.min, "-106751d23h"),
        ] as [(Int64, String)])
    func formats(nanoseconds: Int64, text: String) {
        #expect(Durations.format(Interval(nanoseconds: nanoseconds)) == text)
    }

    @Test("written exactly, it reads back as the same")
    func exact() throws {
        #expect(Durations.formatExactly(.milliseconds(3_660_500)) == "1h1m500ms")
        for value in [0, 1, 999, 1_000_000_001, 86_400_000_000_000, Int64.max] {
            let interval = Interval(nanoseconds: value)
            #expect(try Durations.parse(Durations.formatExactly(interval)) == interval)
        }
        #expect(Durations.formatExactly(.seconds(-1)) == "0s")
    }
}

@Suite struct SizesTests {
    @Test("sizes are read exactly")
    func parses() throws {
        for (text, bytes) in [
            ("100B", 100), ("512KiB", 524_288), ("16MiB", 16_777_216), ("1GiB", 1 << 30), ("1.5KiB", 1_536),
            ("2TiB", 2 << 40),
        ] {
            #expect(try Sizes.parse(text) == bytes)
        }
    }

    @Test("anything else is refused", arguments: ["", "5", "16M", "16MB", "16mib", "16 MiB", "-1B", "1KiB1B", "KiB"])
    func refuses(text: String) {
        let error = #expect(throws: ValueError.self) { try Sizes.parse(text) }
        #expect(error?.description == "'\(text)' is not a size such as 100B, 512KiB, 16MiB or 1GiB")
    }

    @Test("a size that does not fit is refused")
    func tooLarge() {
        #expect(throws: ValueError("8388608TiB", expected: "a size below 8388608TiB")) { try Sizes.parse("8388608TiB") }
    }

    @Test("for people it has one decimal, cut off; exactly, it reads back as the same")
    func formats() throws {
        for (bytes, text, exact) in [
            (0, "0B", "0B"), (512, "512B", "512B"), (1_024, "1.0K", "1KiB"), (1_048_575, "1023.9K", "1048575B"),
            (9_542_042, "9.1M", "9542042B"), (16 << 20, "16.0M", "16MiB"), (3 << 40, "3.0T", "3TiB"),
        ] {
            #expect(Sizes.format(bytes) == text)
            #expect(Sizes.formatExactly(bytes) == exact)
            #expect(try Sizes.parse(exact) == bytes)
        }
        #expect(Sizes.format(-2_048) == "-2.0K")
        #expect(Sizes.format(.min) == "-8388607.9T")
    }
}

@Suite struct DatesTests {
    @Test(
        "a date is read with its offset and its fraction",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.001Z", 1), ("1969-12-31T23:59:59.999Z", -1),
            ("2026-11-23T08:15:04.123Z", 1_795_421_704_123), ("2026-11-23T09:15:04.123456+01:00", 1_795_421_704_123),
            ("2026-11-23 02:45:04.1-05:30", 1_795_421_704_100), ("2000-02-29t00:00:00z", 951_782_400_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000), ("0000-01-01T00:00:00Z", -62_167_219_200_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] as [(String, Int64)])
    func parses(text: String, milliseconds: Int64) throws {
        #expect(try Dates.parse(text) == WallTime(milliseconds: milliseconds))
    }

    @Test(
        "anything else is refused",
        arguments: [
            "", "2026-11-23", "2026-11-23T08:15:04", "2026-11-23T08:15Z", "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Zx", "20260101T000000Z",
        ])
    func refuses(text: String) {
        let error = #expect(throws: ValueError.self) { try Dates.parse(text) }
        #expect(error?.text == text)
        #expect(error?.expected == Dates.expected)
    }

    @Test("every day of 800 years is written and read back as the same")
    func roundTrip() throws {
        for day in stride(from: Int64(-146_097), through: 146_097, by: 1) {
            let time = WallTime(milliseconds: day * 86_400_000 + 12_345_678)
            let text = Dates.format(time)
            #expect(try Dates.parse(text) == time, "\(text)")
        }
        #expect(Dates.format(WallTime(milliseconds: 1_795_421_704_123)) == "2026-11-23T08:15:04.123Z")
        #expect(Dates.formatTimeOfDay(WallTime(milliseconds: -1)) == "23:59:59.999")
    }

    @Test("the ends of time are written without a trap")
    func extremes() {
        #expect(Dates.format(WallTime(milliseconds: .max)).hasPrefix("292278994-08-17T"))
        #expect(Dates.format(WallTime(milliseconds: .min)).hasPrefix("-292275055-05-16T"))
    }
}

@Suite struct IntegersTests {
    @Test("a whole number is read within its range, and refused with the range")
    func parses() throws {
        #expect(try Integers.parse("12") == 12)
        #expect(try Integers.parse("-3", in: -5...5) == -3)
        for (text, range, expected) in [
            ("x", 0...Int.max, "a whole number of 0 or more"), ("1.5", Int.min...Int.max, "a whole number"),
            ("6", 1...5, "a whole number from 1 to 5"), ("1", Int.min...0, "a whole number of 0 or less"),
            ("99999999999999999999", 1...Int.max, "a whole number of 1 or more"),
        ] {
            #expect(throws: ValueError(text, expected: expected)) { try Integers.parse(text, in: range) }
        }
    }
}
