import JRBase
import Testing

@Suite("Histograms")
struct HistogramTests {
    @Test("an empty one has no percentiles but 0")
    func empty() {
        #expect(Histogram().value(perMille: 500) == 0)
        #expect(Histogram().largest == 0)
    }

    @Test("small values are exact")
    func small() {
        var histogram = Histogram()
        for value in 1...100 as ClosedRange<Int64> { histogram.record(value) }
        #expect(histogram.count == 100)
        #expect(histogram.value(perMille: 500) == 50)
        #expect(histogram.value(perMille: 990) == 99)
        #expect(histogram.value(perMille: 1_000) == 100)
        #expect(histogram.value(perMille: 0) == 1)
    }

    @Test("the value of every percentile is at most 1 % above the true one, and never below it")
    func error() {
        var random = SeededRandom(seed: 7)
        var values: [Int64] = []
        var histogram = Histogram()
        for _ in 0..<20_000 {
            let value = Int64(random.next() >> UInt64.random(in: 1...63, using: &random))
            values.append(value)
            histogram.record(value)
        }
        values.sort()
        for perMille in [1, 10, 250, 500, 900, 990, 999, 1_000] {
            let exact = values[perMille * values.count / 1_000 - 1]
            let found = histogram.value(perMille: Double(perMille))
            #expect(found >= exact)
            #expect(Double(found - exact) <= Double(exact) / 100)
        }
        #expect(histogram.largest == values.last)
    }

    @Test("the ends of the range have their place, and what is negative counts as 0")
    func ends() {
        var histogram = Histogram()
        histogram.record(.max)
        histogram.record(.min)
        #expect(histogram.value(perMille: 500) == 0)
        #expect(histogram.value(perMille: 1_000) == .max)
    }
}
