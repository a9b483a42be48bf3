/// Hashing of numbers that are hashed for every job, at a fifth of the time of `Hasher`.
///
/// One multiplication of 64 by 64 bits, folded, as in wyhash (https://github.com/wangyi-fudan/wyhash): with a secret of
/// this process, so that nobody who may choose ids can choose them to collide.
///
/// For `_rawHashValue(seed:)`, the requirement of `Hashable` that dictionaries and sets call and that the standard
/// library's own integers implement. Should it ever go, they fall back to `hash(into:)`: slower and as right.
public enum FastHash {
    /// Two numbers that nobody outside this process knows.
    public static let secret = (number(1), number(2))

    /// `Hasher` is seeded anew in every process.
    private static func number(_ which: Int) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(which)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// A hash of both numbers under the dictionary's seed.
    @inlinable
    public static func hash(_ first: UInt64, _ second: UInt64, seed: Int) -> Int {
        let secret = secret
        let product = (first ^ secret.0).multipliedFullWidth(
            by: second ^ secret.1 ^ UInt64(bitPattern: Int64(seed)))
        // Where the other factor is near a simple fraction, numbers in steps fill few of the buckets: bits of above are
        // mixed into those below once more, by the golden ratio, which is near to none.
        let mixed = (product.high ^ product.low) &* 0x9E37_79B9_7F4A_7C15
        return Int(bitPattern: UInt(mixed ^ (mixed &>> 32)))
    }
}
