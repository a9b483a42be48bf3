extension Array where Element == UInt8 {
    /// The number whose bytes, lowest first, begin at `offset`; they have to be there.
    ///
    /// - Parameter offset: any, also one that is no multiple of the number's length.
    @inlinable
    public func word<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int) -> Number {
        // SAFETY: any bytes are an integer, and the span checks that they are there.
        Number(littleEndian: span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self))
    }

    /// Writes the number's bytes, lowest first, over those from `offset` on; they have to be there.
    ///
    /// - Parameters:
    ///   - number: what ``word(at:)`` is to give.
    ///   - offset: any, as there.
    @inlinable
    public mutating func setWord<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number, at offset: Int) {
        var span = mutableSpan
        var raw = span.mutableBytes
        raw.storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self)
    }
}
