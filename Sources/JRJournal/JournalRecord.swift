/// One record of a frame.
public enum JournalRecord: Sendable, Equatable {
    /// `age`: how many sequence numbers ago the key was first put; 0 for a key that was not there. It keeps the order
    /// of first puts when older segments are gone.
    case put(JournalKey, age: UInt64, value: ArraySlice<UInt8>)
    case remove(JournalKey)
    /// The last record of a full segment.
    case seal(SegmentSummary)
    /// The last record of a segment whose writer ended in good order.
    case close(SegmentSummary)
    /// A record that this version need not know (its type has the high bit), or one that was taken out of the count.
    case skipped(type: UInt8)

    /// What a put has beside its value: type, key, and an age of two bytes, as a guess.
    static let putBytes = 19

    enum Kind {
        static let put: UInt8 = 0x01
        static let remove: UInt8 = 0x02
        static let seal: UInt8 = 0x03
        static let close: UInt8 = 0x04
        /// Stands for a seal or close record where a segment was rewritten and goes on: sequence numbers have no gaps.
        static let filler: UInt8 = 0x80
        static let mayBeSkipped: UInt8 = 0x80
    }
}

/// What a seal or close record says of the frames before it in its segment.
public struct SegmentSummary: Sendable, Equatable {
    public var frames: UInt32
    /// CRC32C over the checksums of those frames, in order.
    public var checksum: UInt32

    public init(frames: UInt32, checksum: UInt32) {
        self.frames = frames
        self.checksum = checksum
    }
}

/// The records of one frame's body, one after the other. Never traps, whatever the bytes are.
public struct JournalRecords: Sendable {
    private let body: ArraySlice<UInt8>
    private var position: Int
    private var left: UInt32

    public init(body: ArraySlice<UInt8>, count: UInt32) {
        self.body = body
        position = body.startIndex
        left = count
    }

    /// The next record; nil after the last one, if the body ends there too.
    public mutating func next() throws(FrameDamage) -> JournalRecord? {
        guard left > 0 else {
            guard position == body.endIndex else { throw .content }
            return nil
        }
        left -= 1
        guard let length = varint(), length >= 1, length <= UInt64(body.endIndex - position) else {
            throw .content
        }
        let end = position + Int(length)
        defer { position = end }
        let type = body[position]
        position += 1
        guard let record = record(type, end: end) else {
            throw isKnown(type) ? .content : .unknownRecord(type: type)
        }
        return record
    }

    private mutating func record(_ type: UInt8, end: Int) -> JournalRecord? {
        switch type {
        case JournalRecord.Kind.put:
            guard end - position >= 17, let key = JournalKey(body[position..<end]) else { return nil }
            position += 16
            guard let age = varint(), position <= end else { return nil }
            return .put(key, age: age, value: body[position..<end])
        case JournalRecord.Kind.remove:
            guard end - position == 16, let key = JournalKey(body[position..<end]) else { return nil }
            return .remove(key)
        case JournalRecord.Kind.seal:
            return summary(end: end).map { .seal($0) }
        case JournalRecord.Kind.close:
            return summary(end: end).map { .close($0) }
        default:
            return type & JournalRecord.Kind.mayBeSkipped != 0 ? .skipped(type: type) : nil
        }
    }

    private func isKnown(_ type: UInt8) -> Bool {
        type >= JournalRecord.Kind.put && type <= JournalRecord.Kind.close
    }

    private func summary(end: Int) -> SegmentSummary? {
        guard end - position == 8 else { return nil }
        return SegmentSummary(frames: Load.u32(body, at: position), checksum: Load.u32(body, at: position + 4))
    }

    /// Unsigned LEB128 in its shortest form; nil if it is not that or does not end.
    private mutating func varint() -> UInt64? {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while position < body.endIndex {
            let byte = body[position]
            position += 1
            if shift == 63, byte > 1 { return nil }
            number |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return byte == 0 && shift > 0 ? nil : number }
            shift += 7
            if shift > 63 { return nil }
        }
        return nil
    }
}
