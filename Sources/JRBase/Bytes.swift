/// Bytes being written: integers in either order, lengths and raw bytes, appended to one growing array.
public struct ByteWriter: Sendable {
    public var bytes: [UInt8]

    @inlinable
    public init(reserving capacity: Int = 0) {
        bytes = []
        // Not by an initializer that takes a capacity: those ask for the array's type anew, at twice the cost of all.
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    @inlinable
    public var count: Int { bytes.count }

    @inlinable
    public mutating func append(_ byte: UInt8) { bytes.append(byte) }

    @inlinable
    public mutating func append(_ more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// The text's bytes in UTF-8.
    @inlinable
    public mutating func append(_ text: String) {
        // In one piece where they lie so, which all native strings do.
        if text.utf8.withContiguousStorageIfAvailable({ bytes.append(contentsOf: $0) }) == nil {
            bytes.append(contentsOf: text.utf8)
        }
    }

    /// Appends what `body` writes: for several small values, so that room for them is looked for once.
    ///
    /// - Parameters:
    ///   - room: the most that it writes.
    ///   - body: may not write more.
    @inlinable
    public mutating func gather(_ room: Int, _ body: (inout OutputSpan<UInt8>) -> Void) {
        bytes.append(addingCapacity: room, initializingWith: body)
    }

    // SAFETY: in both orders, the pointer is to the bytes of an integer and is read only while the closure runs.

    /// Most significant byte first, as the wire has it.
    @inlinable
    public mutating func appendBigEndian<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
    }

    /// Least significant byte first, as the journal has it.
    @inlinable
    public mutating func appendLittleEndian<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    /// Unsigned LEB128: seven bits a byte, lowest first.
    @inlinable
    public mutating func appendVarint(_ number: UInt64) {
        if number < 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: number))
        } else {
            gather(Self.varintBytes(number)) { $0.appendVarint(number) }
        }
    }

    /// How long a number is as ``appendVarint(_:)`` writes it, in bytes.
    @inlinable
    public static func varintBytes(_ number: UInt64) -> Int {
        Swift.max(1, (UInt64.bitWidth - number.leadingZeroBitCount + 6) / 7)
    }

    /// Overwrites four bytes at `offset`, for a length that is known only after what follows it.
    @inlinable
    public mutating func patchBigEndian(_ number: UInt32, at offset: Int) {
        var span = bytes.mutableSpan
        var raw = span.mutableBytes
        raw.storeBytes(of: number.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inlinable
    public mutating func patchLittleEndian(_ number: UInt32, at offset: Int) {
        for index in 0..<4 {
            bytes[offset + index] = UInt8(truncatingIfNeeded: number >> UInt32(8 * index))
        }
    }

    @inlinable
    public mutating func removeAll(keepingCapacity: Bool = true) {
        bytes.removeAll(keepingCapacity: keepingCapacity)
    }
}

extension OutputSpan<UInt8> {
    /// See ``ByteWriter/appendVarint(_:)``.
    @inlinable
    package mutating func appendVarint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Two words, the most significant byte first, for which there has to be room.
    package mutating func append(bigEndian first: UInt64, _ second: UInt64) {
        let start = count
        append(repeating: 0, count: 16)
        var span = mutableSpan
        var raw = span.mutableBytes
        raw.storeBytes(of: first.bigEndian, toByteOffset: start, as: UInt64.self)
        raw.storeBytes(of: second.bigEndian, toByteOffset: start + 8, as: UInt64.self)
    }

    /// All of these bytes, for which there has to be room.
    package mutating func append(copying bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(copying: $0) }
    }

    // SAFETY: the bytes are copied while they are lent, and never past the end of the room.
    package mutating func append(copying bytes: UnsafeBufferPointer<UInt8>) {
        withUnsafeMutableBufferPointer { room, used in
            guard let source = bytes.baseAddress, let start = room.baseAddress else { return }
            precondition(bytes.count <= room.count - used, "more is written than there is room for")
            (start + used).update(from: source, count: bytes.count)
            used += bytes.count
        }
    }
}

/// A place in bytes being read. Every read is checked against the end; nothing traps on any input.
public struct ByteReader: Sendable {
    public enum Failure: Error, Sendable, Equatable {
        /// Fewer bytes were left than the value needs.
        case truncated
        /// A variable-length number that does not fit 64 bits or is longer than it needs to be.
        case malformedNumber
    }

    public let bytes: ArraySlice<UInt8>
    @usableFromInline
    var place: Int

    @inlinable
    public var position: Int { place }

    @inlinable
    public init(_ bytes: [UInt8]) {
        self.init(bytes[...])
    }

    @inlinable
    public init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        place = bytes.startIndex
    }

    @inlinable
    public var remaining: Int { bytes.endIndex - position }
    @inlinable
    public var isAtEnd: Bool { position == bytes.endIndex }

    /// How many bytes have been read.
    @inlinable
    public var offset: Int { position - bytes.startIndex }

    @inlinable
    public func peek() -> UInt8? { isAtEnd ? nil : bytes[position] }

    @inlinable
    public mutating func byte() throws(Failure) -> UInt8 {
        guard position < bytes.endIndex else { throw .truncated }
        defer { place += 1 }
        return bytes[position]
    }

    @inlinable
    public mutating func take(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
        guard count >= 0, count <= remaining else { throw .truncated }
        defer { place += count }
        return bytes[position..<position + count]
    }

    /// The next byte if it is below `limit`; nil, and nothing is read, if it is not.
    @inlinable
    public mutating func byte(below limit: UInt8) -> UInt8? {
        guard place < bytes.endIndex, bytes[place] < limit else { return nil }
        defer { place += 1 }
        return bytes[place]
    }

    /// The two words behind this mark; nil, and nothing is read, where something else is next.
    @inlinable
    public mutating func words(behind mark: UInt16) -> (UInt64, UInt64)? {
        guard remaining >= 18, load(UInt16.self, at: offset) == mark else { return nil }
        defer { place += 18 }
        return (load(UInt64.self, at: offset + 2), load(UInt64.self, at: offset + 10))
    }

    @inlinable
    public mutating func bigEndian<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: Number.Type = Number.self
    ) throws(Failure) -> Number {
        guard MemoryLayout<Number>.size <= remaining else { throw .truncated }
        defer { place += MemoryLayout<Number>.size }
        return load(type, at: offset)
    }

    // SAFETY: any bytes are an integer, and the span checks that they are there.
    @inlinable
    func load<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type, at offset: Int) -> Number {
        Number(bigEndian: bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    @inlinable
    public mutating func littleEndian<Number: FixedWidthInteger & UnsignedInteger>(
        _ type: Number.Type = Number.self
    ) throws(Failure) -> Number {
        let count = Number.bitWidth / 8
        guard count <= remaining else { throw .truncated }
        var number: Number = 0
        for index in (place..<place + count).reversed() { number = number << 8 | Number(bytes[index]) }
        place += count
        return number
    }

    @inlinable
    public mutating func varint() throws(Failure) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            let next = try byte()
            if shift == 63, next > 1 { throw .malformedNumber }
            number |= UInt64(next & 0x7F) << shift
            if next & 0x80 == 0 {
                if next == 0, shift > 0 { throw .malformedNumber }
                return number
            }
        }
        throw .malformedNumber
    }
}
