import JRBase

/// One frame as found in a segment: what its header says, and where it lies. Its checksum has been compared.
public struct JournalFrame: Sendable, Equatable {
    /// Where its header begins, in bytes from the start of the segment.
    public var offset: Int
    public var bodyBytes: Int
    public var firstSequence: UInt64
    public var count: UInt32
    /// The next frame belongs to the same commit: neither counts without the other.
    public var continues: Bool
    /// The highest sequence number known to be durable when this frame was written.
    public var durableSequence: UInt64
    public var checksum: UInt32

    public var bodyOffset: Int { offset + JournalFormat.frameHeaderBytes }
    public var end: Int { bodyOffset + bodyBytes }
    public var lastSequence: UInt64 { firstSequence + UInt64(count) - 1 }

    static let magic: UInt32 = 0x5246_524A  // "JRFR"
    static let continuesFlag: UInt32 = 1
    /// Where in the header the checksum is; it covers all before it, and the body.
    static let checksumOffset = 32

    /// What was found where a frame should begin.
    enum Parsed: Equatable {
        case frame(JournalFrame)
        /// Four zero bytes, or fewer bytes than a magic: nothing was written here.
        case nothing
        case damaged(FrameDamage)
    }

    /// Looks for a frame at `offset` of the segment `bytes`.
    static func parse(_ bytes: ArraySlice<UInt8>, at offset: Int, salt: UInt64) -> Parsed {
        parse(bytes, at: offset) { header, body in checksum(header: header, body: bytes[body], salt: salt) }
    }

    /// - Parameter sum: the checksum that a frame must have, of its header's bytes up to there and a range of `bytes`.
    static func parse(
        _ bytes: ArraySlice<UInt8>, at offset: Int, sum: (_ header: ArraySlice<UInt8>, _ body: Range<Int>) -> UInt32
    ) -> Parsed {
        let start = bytes.startIndex + offset
        let available = bytes.endIndex - start
        guard available >= 4 else { return available <= 0 || isZero(bytes[start...]) ? .nothing : .damaged(.magic) }
        let magic = Load.u32(bytes, at: start)
        if magic == 0 { return .nothing }
        guard magic == Self.magic else { return .damaged(.magic) }
        guard available >= JournalFormat.frameHeaderBytes else { return .damaged(.cutOff) }
        let (frame, flags) = header(bytes, at: start, offset: offset)
        guard frame.bodyBytes <= JournalFormat.longestBodyBytes else { return .damaged(.length) }
        guard frame.bodyBytes <= available - JournalFormat.frameHeaderBytes else { return .damaged(.cutOff) }
        let body = start + JournalFormat.frameHeaderBytes
        let actual = sum(bytes[start..<start + checksumOffset], body..<body + frame.bodyBytes)
        guard frame.checksum == actual else { return .damaged(.checksum) }
        guard flags & ~continuesFlag == 0 else { return .damaged(.unknownFlags) }
        return frame.isPossible ? .frame(frame) : .damaged(.content)
    }

    /// What the header at this index says, of which nothing was compared yet, and all of its flags.
    static func header(_ bytes: ArraySlice<UInt8>, at start: Int, offset: Int) -> (JournalFrame, flags: UInt32) {
        let flags = Load.u32(bytes, at: start + 20)
        let frame = JournalFrame(
            offset: offset, bodyBytes: Int(Load.u32(bytes, at: start + 4)),
            firstSequence: Load.u64(bytes, at: start + 8), count: Load.u32(bytes, at: start + 16),
            continues: flags & continuesFlag != 0, durableSequence: Load.u64(bytes, at: start + 24),
            checksum: Load.u32(bytes, at: start + checksumOffset))
        return (frame, flags)
    }

    var isPossible: Bool { count > 0 && firstSequence <= UInt64.max - UInt64(count) }

    static func checksum(header: ArraySlice<UInt8>, body: ArraySlice<UInt8>, salt: UInt64) -> UInt32 {
        var crc = sum(header: header, salt: salt)
        crc.update(body)
        return crc.value
    }

    /// Where the checksum of a frame begins.
    static func sum(header: ArraySlice<UInt8>, salt: UInt64) -> CRC32C {
        var crc = CRC32C()
        crc.updateLittleEndian(salt)
        crc.update(header)
        return crc
    }

    /// Whether every byte is zero. The end of an open segment is megabytes of zeros, so eight are compared at a time.
    static func isZero(_ bytes: ArraySlice<UInt8>) -> Bool { firstNonZero(bytes) == nil }

    static func firstNonZero(_ bytes: ArraySlice<UInt8>) -> Int? {
        var index = bytes.startIndex
        // SAFETY: every load lies inside the buffer, which lives as long as the closure; unaligned loads are asked for.
        index += bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count, raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self) == 0 {
                offset += 8
            }
            return offset
        }
        return bytes[index...].firstIndex { $0 != 0 }
    }

    static func lastNonZero(_ bytes: ArraySlice<UInt8>) -> Int? {
        // SAFETY: as above.
        let end = bytes.withUnsafeBytes { raw in
            var end = raw.count
            while end >= 8, raw.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self) == 0 { end -= 8 }
            while end > 0, raw[end - 1] == 0 { end -= 1 }
            return end
        }
        return end == 0 ? nil : bytes.startIndex + end - 1
    }

    /// The first offset from `offset` on at which the magic stands, whatever follows it.
    static func firstMagic(in bytes: ArraySlice<UInt8>, from offset: Int) -> Int? {
        // SAFETY: as above.
        bytes.withUnsafeBytes { raw in
            var place = offset
            while place + 4 <= raw.count {
                let word = UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: place, as: UInt32.self))
                if word == magic { return place }
                let isZero = place + 8 <= raw.count && raw.loadUnaligned(fromByteOffset: place, as: UInt64.self) == 0
                place += isZero ? 8 : 1
            }
            return nil
        }
    }
}

/// Why the bytes where a frame should begin are none.
public enum FrameDamage: Error, Sendable, Equatable {
    case magic
    case length
    case cutOff
    case checksum
    /// The checksum holds, but the content is not what any writer makes.
    case content
    /// The checksum holds: a newer version wrote it.
    case unknownFlags
    case unknownRecord(type: UInt8)

    /// True if the frame is as it was written, so that it cannot be the torn end of an interrupted write.
    var isIntact: Bool {
        switch self {
        case .magic, .length, .cutOff, .checksum: false
        case .content, .unknownFlags, .unknownRecord: true
        }
    }

    public var words: String {
        switch self {
        case .magic: "no frame begins there"
        case .length: "the frame's length is impossible"
        case .cutOff: "the frame is longer than the rest of the file"
        case .checksum: "the frame's checksum does not match"
        case .content: "the frame's checksum holds but its records do not fit its header"
        case .unknownFlags: "the frame has flags that this version does not know"
        case .unknownRecord(let type): "the frame has a record of type \(type), which this version does not know"
        }
    }
}
