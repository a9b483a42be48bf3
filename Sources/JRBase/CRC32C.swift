import CJRChecksum

/// CRC-32C (Castagnoli), as in RFC 3720: finds every error of one bit and every burst of up to 32 bits.
///
/// By the processor's own instruction, or else by eight table look-ups for eight bytes.
public struct CRC32C: Sendable {
    private var state: UInt32 = 0xFFFF_FFFF

    public init() {}

    public var value: UInt32 { ~state }

    public mutating func update(_ bytes: some Collection<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { bytes in
            if Self.hasInstruction { updateByInstruction(bytes) } else { updateByTables(bytes) }
        }
        if done == nil {
            for byte in bytes { step(byte) }
        }
    }

    public mutating func updateLittleEndian(_ number: UInt64) {
        for index in 0..<8 { step(UInt8(truncatingIfNeeded: number >> UInt64(8 * index))) }
    }

    public static func checksum(_ bytes: some Collection<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.update(bytes)
        return crc.value
    }

    /// As ``update(_:)`` with so many zeros.
    public mutating func updateZeros(_ count: Int) { state = Self.shift(state, by: count) }

    /// As ``update(_:)`` with the last bytes that another sum has seen, without a look at them.
    ///
    /// - Parameters:
    ///   - count: how many.
    ///   - whole: the sum that has seen them.
    ///   - start: what it was before.
    public mutating func update(last count: Int, of whole: CRC32C, after start: CRC32C) {
        // What bytes do to a state and what the state does are apart: the sum is linear.
        state = Self.shift(state ^ start.state, by: count) ^ whole.state
    }

    private mutating func step(_ byte: UInt8) {
        state = Self.tables[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ (state >> 8)
    }

    static let hasInstruction = cjr_has_crc32c()

    // SAFETY: the pointer is read only in the call, while its owner lends it, and no further than its count says.
    mutating func updateByInstruction(_ bytes: UnsafeBufferPointer<UInt8>) {
        if let start = bytes.baseAddress { state = cjr_crc32c(state, start, bytes.count) }
    }

    // SAFETY: the pointer is read only here, while its owner lends it; every index into it is below its count, and the
    // table's are at most 7 * 256 + 255 of its 2,048.
    mutating func updateByTables(_ bytes: UnsafeBufferPointer<UInt8>) {
        var index = 0
        Self.tables.withUnsafeBufferPointer { table in
            var crc = state
            while index + 8 <= bytes.count {
                let low =
                    crc ^ UInt32(bytes[index]) ^ UInt32(bytes[index + 1]) << 8 ^ UInt32(bytes[index + 2]) << 16
                    ^ UInt32(bytes[index + 3]) << 24
                crc =
                    table[1792 + Int(low & 0xFF)] ^ table[1536 + Int(low >> 8 & 0xFF)]
                    ^ table[1280 + Int(low >> 16 & 0xFF)] ^ table[1024 + Int(low >> 24)]
                    ^ table[768 + Int(bytes[index + 4])] ^ table[512 + Int(bytes[index + 5])]
                    ^ table[256 + Int(bytes[index + 6])] ^ table[Int(bytes[index + 7])]
                index += 8
            }
            state = crc
        }
        while index < bytes.count {
            step(bytes[index])
            index += 1
        }
    }

    private static let polynomial: UInt32 = 0x82F6_3B78

    /// What a state becomes by zeros: multiplied by the power of x that has eight for each.
    private static func shift(_ state: UInt32, by count: Int) -> UInt32 {
        precondition(count >= 0)
        var (state, rest, place) = (state, count, 0)
        while rest > 0 {
            if rest & 1 == 1 { state = multiply(powers[place], state) }
            rest >>= 1
            place += 1
        }
        return state
    }

    /// Of two polynomials, modulo the one of this sum; the highest bit is the power zero.
    private static func multiply(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var (left, right, product) = (left, right, UInt32(0))
        while left != 0 {
            if left >> 31 == 1 { product ^= right }
            left <<= 1
            right = right & 1 == 1 ? right >> 1 ^ polynomial : right >> 1
        }
        return product
    }

    /// x to the eighth, and each the square of the one before.
    private static let powers: [UInt32] = {
        var powers: [UInt32] = [1 << 23]
        while powers.count < Int.bitWidth {
            powers.append(multiply(powers[powers.count - 1], powers[powers.count - 1]))
        }
        return powers
    }()

    /// Eight tables of 256, one after the other: table k is the effect of a byte followed by k zero bytes.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 2048)
        for byte in 0..<256 {
            var value = UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
            tables[byte] = value
        }
        for byte in 0..<256 {
            for table in 1..<8 {
                let before = tables[(table - 1) * 256 + byte]
                tables[table * 256 + byte] = tables[Int(before & 0xFF)] ^ before >> 8
            }
        }
        return tables
    }()
}
