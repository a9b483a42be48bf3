public import JRBase

/// The constants of the journal's format; `docs/journal-format.md` has the whole layout.
public enum JournalFormat {
    /// A reader refuses another major version; a higher minor one only adds records that may be skipped.
    public static let major: UInt8 = 1
    public static let minor: UInt8 = 0

    public static let segmentHeaderBytes = 64
    public static let frameHeaderBytes = 36
    public static let metaBytes = 64
    public static let witnessSlotBytes = 64

    /// A frame's records, before the last one, are at most this long together.
    public static let frameBodyBytes = 1024 * 1024
    public static let recordsPerFrame = 1_000
    /// The longest single record, in bytes; a longer one is refused before anything is written. A job's record holds
    /// its arguments and its unacknowledged outcomes, each of up to 8 MiB.
    public static let recordBytes = 64 * 1024 * 1024
    /// No writer makes a longer body; a reader takes a longer length for damage before it allocates anything.
    public static let longestBodyBytes = frameBodyBytes + recordBytes + 16
    /// All frames of one commit together: they lie in one segment, whose length has 32 bits.
    public static let commitBytes = 1024 * 1024 * 1024

    /// The first segment of a store; each following one is twice as long, up to ``longestSegmentBytes``, so that a
    /// store of a few jobs stays small and quick to open.
    public static let firstSegmentBytes = 4 * 1024 * 1024
    public static let longestSegmentBytes = 32 * 1024 * 1024
    /// Kept free at the end of each segment for its seal or close frame.
    public static let sealBytes = 64

    public static let metaName = "META"
    public static let witnessName = "WITNESS"
    public static let lockName = "LOCK"
    public static let runningName = "RUNNING"
    public static let quarantineName = "quarantine"
    /// What the next segment is called until it is complete; one found at the start is a leftover and is removed.
    public static let temporarySegmentName = "next.tmp"

    /// A segment's file name: its first sequence number in 20 digits, so that names sort as numbers.
    public static func segmentName(_ firstSequence: UInt64) -> String {
        let digits = String(firstSequence)
        return String(repeating: "0", count: 20 - digits.count) + digits + ".seg"
    }

    /// The first sequence number of the segment called `name`, nil if `name` is not a segment's.
    public static func firstSequence(ofSegment name: String) -> UInt64? {
        guard name.utf8.count == 24, name.hasSuffix(".seg") else { return nil }
        let digits = name.utf8.prefix(20)
        guard digits.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
        return UInt64(String(name.prefix(20)))
    }
}

/// What a record is filed under: 16 bytes, a job's id.
public struct JournalKey: Hashable, Sendable {
    /// The first eight bytes, most significant first.
    public var high: UInt64
    public var low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// See ``JRBase/FastHash``.
    ///
    /// - Parameter seed: of the dictionary or set.
    @inlinable
    public func _rawHashValue(seed: Int) -> Int { FastHash.hash(high, low, seed: seed) }

    /// The first 16 bytes of `bytes`; nil if there are fewer.
    public init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count >= 16 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<8 {
            high = high << 8 | UInt64(bytes[bytes.startIndex + index])
            low = low << 8 | UInt64(bytes[bytes.startIndex + 8 + index])
        }
        self.init(high: high, low: low)
    }
}

/// Which store a segment belongs to: 16 random bytes made once, in `META` and in every segment's header.
public typealias StoreIdentity = JournalKey

/// Numbers in the journal are little endian. Positions are indices of the slice; the caller has checked them.
enum Load {
    static func u16(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt16 {
        UInt16(bytes[index]) | UInt16(bytes[index + 1]) << 8
    }

    static func u32(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt32 {
        UInt32(u16(bytes, at: index)) | UInt32(u16(bytes, at: index + 2)) << 16
    }

    static func u64(_ bytes: ArraySlice<UInt8>, at index: Int) -> UInt64 {
        UInt64(u32(bytes, at: index)) | UInt64(u32(bytes, at: index + 4)) << 32
    }
}
