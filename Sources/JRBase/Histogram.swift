/// Counts of whole numbers from 0 to 2^63 - 1, for percentiles, in constant memory and with an error below 1 %.
///
/// Values below 128 are counted exactly; above, each power of two has 128 classes of equal width, as in Gil Tene's
/// HdrHistogram.
public struct Histogram: Sendable, Equatable {
    private static let classBits = 7
    private var counts = [UInt64](repeating: 0, count: (64 - classBits) << classBits)
    /// How many values were recorded.
    public private(set) var count: UInt64 = 0
    /// The largest value, exactly; 0 without any.
    public private(set) var largest: Int64 = 0

    public init() {}

    /// Counts a value; a negative one counts as 0.
    public mutating func record(_ value: Int64) {
        let value = max(0, value)
        counts[Self.index(of: UInt64(value))] += 1
        count += 1
        largest = max(largest, value)
    }

    /// The value that so many of 1,000 values do not exceed: the upper end of its class, and at most the largest value;
    /// 0 without any.
    public func value(perMille: Double) -> Int64 {
        guard count > 0 else { return 0 }
        let wanted = max(1, UInt64(Double(count) * min(max(perMille, 0), 1_000) / 1_000 + 0.999_999))
        var seen: UInt64 = 0
        for (index, number) in counts.enumerated() where number > 0 {
            seen += number
            if seen >= wanted { return min(largest, Self.upperEnd(of: index)) }
        }
        return largest
    }

    private static func index(of value: UInt64) -> Int {
        guard value >> classBits != 0 else { return Int(value) }
        let shift = 64 - value.leadingZeroBitCount - classBits - 1
        return (shift + 1) << classBits + Int(value >> UInt64(shift)) & (1 << classBits - 1)
    }

    private static func upperEnd(of index: Int) -> Int64 {
        guard index >> classBits != 0 else { return Int64(index) }
        let shift = index >> classBits - 1
        let lower = UInt64(1 << classBits + index & (1 << classBits - 1)) << UInt64(shift)
        return Int64(clamping: lower + (1 << UInt64(shift) - 1))
    }
}
