import JRBase
import Testing

@Suite struct TimeTests {
    @Test("lengths of time stop at their ends instead of trapping")
    func saturates() {
        let most = Interval(nanoseconds: .max)
        let least = Interval(nanoseconds: .min)
        #expect(most + .seconds(1) == most)
        #expect(least - .seconds(1) == least)
        #expect(Interval.zero - least == most)
        #expect(most * -2 == least)
        #expect(least * 2 == least)
        #expect(least * -1 == most)
        #expect(Interval.seconds(Int64.max) == most)
        #expect(Interval.seconds(Int64.min) == least)
        #expect(Interval.seconds(1e300) == most)
        #expect(Interval.seconds(-Double.infinity) == least)
        #expect(Interval.seconds(Double.nan) == .zero)
        #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
        #expect(Instant(nanoseconds: .min) - Instant(nanoseconds: .max) == least)
        #expect(WallTime(milliseconds: .max) + .seconds(1) == WallTime(milliseconds: .max))
        #expect(WallTime(milliseconds: .max) - WallTime(milliseconds: .min) == most)
    }

    @Test("units are what they say, and a whole literal means whole seconds")
    func units() {
        #expect(Interval.seconds(2) == .milliseconds(2_000))
        #expect(Interval.seconds(0.5) == .milliseconds(500))
        #expect(Interval.milliseconds(3) == .microseconds(3_000))
        #expect(Interval.microseconds(3) == .nanoseconds(3_000))
        #expect(Interval.milliseconds(1_500).seconds == 1.5)
        #expect(Interval.seconds(1) < .seconds(2))
    }

    @Test("milliseconds to wait are rounded up, so that no wait is too short")
    func roundsUp() {
        for (nanoseconds, milliseconds) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (-1, 0), (-1_500_000, -1)] {
            #expect(Interval(nanoseconds: Int64(nanoseconds)).millisecondsRoundedUp == Int64(milliseconds))
        }
        #expect(WallTime(milliseconds: 5) + .nanoseconds(1) == WallTime(milliseconds: 6))
        #expect(Interval(nanoseconds: .max).millisecondsRoundedUp == 9_223_372_036_855)
    }

    @Test("a date in the future is as far off on the forward clock, and one in the past is now")
    func instantOfDate() {
        let now = Now(instant: Instant(nanoseconds: 1_000), wall: WallTime(milliseconds: 50))
        #expect(now.instant(of: WallTime(milliseconds: 52)) == Instant(nanoseconds: 2_001_000))
        #expect(now.instant(of: WallTime(milliseconds: 50)) == now.instant)
        #expect(now.instant(of: WallTime(milliseconds: .min)) == now.instant)
        #expect(now.instant(of: WallTime(milliseconds: .max)) == .distantFuture)
    }
}

@Suite struct SeededRandomTests {
    @Test("the numbers of a seed are those of SplitMix64")
    func reference() {
        var random = SeededRandom(seed: 1_234_567)
        let numbers = (0..<5).map { _ in random.next() }
        #expect(
            numbers == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
                4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
            ])
    }

    @Test("bounds hold: numbers, chances and jitter")
    func bounds() {
        var random = SeededRandom(seed: 7)
        #expect(random.below(0) == 0)
        #expect(random.below(-3) == 0)
        var seen: Set<Int> = []
        var hits = 0
        for _ in 0..<1_000 {
            seen.insert(random.below(6))
            if random.chance(1, in: 4) { hits += 1 }
            let wait = random.jittered(.seconds(10), by: 0.2)
            #expect(wait >= .seconds(8) && wait <= .seconds(12))
        }
        #expect(seen == Set(0..<6))
        #expect((150...350).contains(hits))
    }
}
