import JRBase

/// The forms of MessagePack that a number of bytes known beforehand is enough for, written into room that is there.
extension OutputSpan<UInt8> {
    /// The most bytes that a number takes.
    static var numberBytes: Int { 9 }
    /// The bytes of an id.
    static var idBytes: Int { 18 }
    /// The most bytes of what stands before a text, bytes, an array or a map.
    static var headBytes: Int { 5 }

    package mutating func put(_ value: Int64) {
        if value >= 0 {
            put(unsigned: UInt64(value))
        } else if value >= -32 {
            append(UInt8(bitPattern: Int8(value)))
        } else if let small = Int8(exactly: value) {
            put(0xD0, small)
        } else if let small = Int16(exactly: value) {
            put(0xD1, small)
        } else if let small = Int32(exactly: value) {
            put(0xD2, small)
        } else {
            put(0xD3, value)
        }
    }

    package mutating func put(unsigned value: UInt64) {
        if value < 0x80 {
            append(UInt8(value))
        } else if let small = UInt8(exactly: value) {
            put(0xCC, small)
        } else if let small = UInt16(exactly: value) {
            put(0xCD, small)
        } else if let small = UInt32(exactly: value) {
            put(0xCE, small)
        } else {
            put(0xCF, value)
        }
    }

    package mutating func put(_ id: JobID) {
        append(UInt8(truncatingIfNeeded: Unpacker.idMark >> 8))
        append(UInt8(truncatingIfNeeded: Unpacker.idMark))
        append(bigEndian: id.high, id.low)
    }

    /// A frame of at most fourteen fields whose length is not known yet.
    mutating func startFrame(_ type: Int, fields: Int) {
        append(repeating: 0, count: 4)
        append(0x90 | UInt8(fields + 1))
        append(UInt8(type))
    }

    mutating func putHead(ofText count: Int) {
        putHead(count, short: (0xA0, 31), one: 0xD9, two: 0xDA, four: 0xDB)
    }

    mutating func putHead(ofBytes count: Int) {
        putHead(count, short: nil, one: 0xC4, two: 0xC5, four: 0xC6)
    }

    package mutating func putHead(ofArray count: Int) {
        putHead(count, short: (0x90, 15), one: nil, two: 0xDC, four: 0xDD)
    }

    package mutating func put(text: String) {
        let count = text.utf8.count
        putHead(ofText: count)
        // In one piece where they lie so, which all native strings do.
        if text.utf8.withContiguousStorageIfAvailable({ append(copying: $0) }) == nil {
            for byte in text.utf8 { append(byte) }
        }
    }

    /// A text that stands in the program.
    package mutating func put(key: StaticString) {
        putHead(ofText: key.utf8CodeUnitCount)
        key.withUTF8Buffer { append(copying: $0) }
    }

    package mutating func put(bytes: [UInt8]) {
        putHead(ofBytes: bytes.count)
        append(copying: bytes.span)
    }

    mutating func putHead(_ count: Int, short: (mark: UInt8, most: Int)?, one: UInt8?, two: UInt8, four: UInt8) {
        if let short, count <= short.most {
            append(short.mark | UInt8(count))
        } else if let one, count <= 0xFF {
            put(one, UInt8(count))
        } else if count <= 0xFFFF {
            put(two, UInt16(count))
        } else {
            put(four, UInt32(truncatingIfNeeded: count))
        }
    }

    /// A byte, and then a number with its most significant byte first.
    private mutating func put<Number: FixedWidthInteger & BitwiseCopyable>(_ mark: UInt8, _ number: Number) {
        append(mark)
        let start = count
        append(repeating: 0, count: MemoryLayout<Number>.size)
        var span = mutableSpan
        var raw = span.mutableBytes
        raw.storeBytes(of: number.bigEndian, toByteOffset: start, as: Number.self)
    }
}
