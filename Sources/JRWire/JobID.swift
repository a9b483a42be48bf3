public import JRBase

/// The name of a job: 128 bits, made by whoever enqueues it, before the first send.
///
/// Written as 32 hexadecimal digits. Made ids begin with the milliseconds of their making, so that they sort by time.
public struct JobID: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
    /// The more significant half; of a made id it begins with the time.
    public let high: UInt64
    /// The less significant half.
    public let low: UInt64

    /// The id with these halves.
    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A fresh id: 48 bits of time, 80 random ones (the layout of UUID version 7, without its fixed bits).
    public init(at time: WallTime, random: (UInt64, UInt64)) {
        high = UInt64(truncatingIfNeeded: time.milliseconds) << 16 | random.0 & 0xFFFF
        low = random.1
    }

    /// An id as written, or any other text as an idempotency key: the same text is always the same job.
    ///
    /// A key becomes its FNV-1a hash of 128 bits.
    public init(text: String) {
        if let id = JobID(hexadecimal: text) {
            self = id
            return
        }
        var high: UInt64 = 0x6C62_272E_07BB_0142
        var low: UInt64 = 0x62B8_2175_6295_C58D
        for byte in text.utf8 {
            low ^= UInt64(byte)
            // Times the FNV prime 2^88 + 2^8 + 0x3B.
            let product = low.multipliedFullWidth(by: 0x13B)
            high = high &* 0x13B &+ product.high &+ low << 24
            low = product.low
        }
        self.init(high: high, low: low)
    }

    /// Exactly 32 hexadecimal digits, else nil.
    public init?(hexadecimal text: String) {
        let digits = text.utf8
        guard digits.count == 32 else { return nil }
        var words: [UInt64] = [0, 0]
        for (index, digit) in digits.enumerated() {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = digit - UInt8(ascii: "A") + 10
            default: return nil
            }
            words[index / 16] = words[index / 16] << 4 | UInt64(value)
        }
        self.init(high: words[0], low: words[1])
    }

    public var description: String { Self.hexadecimal(high) + Self.hexadecimal(low) }

    @inlinable
    public static func < (left: JobID, right: JobID) -> Bool {
        left.high == right.high ? left.low < right.low : left.high < right.high
    }

    /// See ``JRBase/FastHash``.
    ///
    /// - Parameter seed: of the dictionary or set.
    @inlinable
    public func _rawHashValue(seed: Int) -> Int { FastHash.hash(high, low, seed: seed) }

    /// The sixteen bytes, most significant first.
    public var bytes: [UInt8] {
        var writer = ByteWriter(reserving: 16)
        append(to: &writer)
        return writer.bytes
    }

    /// Writes the sixteen bytes, most significant first.
    @inlinable
    public func append(to writer: inout ByteWriter) {
        writer.appendBigEndian(high)
        writer.appendBigEndian(low)
    }

    /// Sixteen bytes, else nil.
    public init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 16 else { return nil }
        var (high, low): (UInt64, UInt64) = (0, 0)
        for index in bytes.startIndex..<bytes.startIndex + 8 {
            high = high << 8 | UInt64(bytes[index])
            low = low << 8 | UInt64(bytes[index + 8])
        }
        self.init(high: high, low: low)
    }

    private static func hexadecimal(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
