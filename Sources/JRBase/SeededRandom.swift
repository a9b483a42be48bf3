/// A reproducible random number generator (SplitMix64): the same seed gives the same numbers on every machine.
///
/// Not for secrets. Machines own one and are given its seed by their shell; simulations are replayed by it.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    @usableFromInline var state: UInt64

    @inlinable
    public init(seed: UInt64) {
        state = seed
    }

    // The constants are those of Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014).
    @inlinable
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number in 0 ..< `bound`; 0 when `bound` is 0.
    @inlinable
    public mutating func below(_ bound: Int) -> Int {
        bound <= 0 ? 0 : Int(next() % UInt64(bound))
    }

    /// True in about `numerator` of `denominator` calls.
    @inlinable
    public mutating func chance(_ numerator: Int, in denominator: Int) -> Bool {
        below(denominator) < numerator
    }

    /// `interval` changed by at most `fraction` either way.
    public mutating func jittered(_ interval: Interval, by fraction: Double) -> Interval {
        let unit = Double(next() >> 11) / Double(1 << 53)
        return .seconds(interval.seconds * (1 + fraction * (2 * unit - 1)))
    }
}
