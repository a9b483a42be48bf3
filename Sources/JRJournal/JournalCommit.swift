import JRBase

/// The frames of one commit being encoded: one frame, or several that only count together.
struct JournalCommit: Sendable {
    private(set) var buffer = ByteWriter()
    private var frames: [Frame] = []
    /// Whether it puts keys that were not there: such a commit may not use a segment's reserve.
    var addsRecords = false

    private struct Frame: Sendable {
        var offset: Int
        var firstSequence: UInt64
        var count: UInt32
    }

    var isEmpty: Bool { frames.isEmpty }
    var byteCount: Int { buffer.count }
    private(set) var recordCount: UInt64 = 0

    mutating func removeAll() {
        // What an unusually large commit needed is given back.
        buffer.removeAll(keepingCapacity: buffer.count <= 2 * JournalFormat.frameBodyBytes)
        frames.removeAll(keepingCapacity: true)
        recordCount = 0
        addsRecords = false
    }

    /// Gives the record's length.
    mutating func put(
        _ key: JournalKey, age: UInt64, sequence: UInt64, _ value: Span<UInt8>
    ) throws(JournalLimit) -> Int {
        let length = 1 + JournalKey.byteCount + ByteWriter.varintBytes(age) + value.count
        try beginRecord(length, sequence)
        buffer.gather(length) { out in
            out.append(JournalRecord.Kind.put)
            out.append(bigEndian: key.high, key.low)
            out.appendVarint(age)
            out.append(copying: value)
        }
        return length
    }

    mutating func remove(_ key: JournalKey, sequence: UInt64) throws(JournalLimit) {
        let length = 1 + JournalKey.byteCount
        try beginRecord(length, sequence)
        buffer.gather(length) { out in
            out.append(JournalRecord.Kind.remove)
            out.append(bigEndian: key.high, key.low)
        }
    }

    mutating func end(_ kind: UInt8, _ summary: SegmentSummary, sequence: UInt64) {
        precondition(isEmpty, "JournalCommit: a seal or close frame holds nothing else")
        beginFrame(sequence)
        buffer.append([9, kind])
        buffer.appendLittleEndian(summary.frames)
        buffer.appendLittleEndian(summary.checksum)
        frames[0].count = 1
    }

    /// Room for a record of this length, in the frame that is open or a new one, and the length itself.
    private mutating func beginRecord(_ length: Int, _ sequence: UInt64) throws(JournalLimit) {
        guard length <= JournalFormat.recordBytes else { throw .recordTooLong(bytes: length) }
        guard buffer.count + length <= JournalFormat.commitBytes else { throw .commitTooLong }
        if let last = frames.last {
            let body = buffer.count - last.offset - JournalFormat.frameHeaderBytes
            if last.count >= JournalFormat.recordsPerFrame || body + length + 4 > JournalFormat.frameBodyBytes {
                beginFrame(sequence)
            }
        } else {
            beginFrame(sequence)
        }
        buffer.appendVarint(UInt64(length))
        frames[frames.count - 1].count += 1
        recordCount += 1
    }

    private mutating func beginFrame(_ sequence: UInt64) {
        frames.append(Frame(offset: buffer.count, firstSequence: sequence, count: 0))
        buffer.append(repeatElement(0, count: JournalFormat.frameHeaderBytes))
    }

    /// Fills in the frames' headers, for a segment with this salt; gives the frames' checksums in order.
    mutating func finish(salt: UInt64, durableSequence: UInt64) -> [UInt32] {
        var checksums: [UInt32] = []
        for (index, frame) in frames.enumerated() {
            let isLast = index == frames.count - 1
            let end = isLast ? buffer.count : frames[index + 1].offset
            checksums.append(
                FrameHeaderPatch(
                    firstSequence: frame.firstSequence, count: frame.count, continues: !isLast,
                    durableSequence: durableSequence
                ).apply(to: &buffer, from: frame.offset, to: end, salt: salt))
        }
        return checksums
    }
}

/// A frame's header, written over the space that was left for it.
struct FrameHeaderPatch {
    var firstSequence: UInt64
    var count: UInt32
    var continues: Bool
    var durableSequence: UInt64

    /// Gives the frame's checksum.
    func apply(to buffer: inout ByteWriter, from start: Int, to end: Int, salt: UInt64) -> UInt32 {
        buffer.patchLittleEndian(JournalFrame.magic, at: start)
        buffer.patchLittleEndian(UInt32(end - start - JournalFormat.frameHeaderBytes), at: start + 4)
        buffer.patchLittleEndian(UInt32(truncatingIfNeeded: firstSequence), at: start + 8)
        buffer.patchLittleEndian(UInt32(truncatingIfNeeded: firstSequence >> 32), at: start + 12)
        buffer.patchLittleEndian(count, at: start + 16)
        buffer.patchLittleEndian(continues ? JournalFrame.continuesFlag : 0, at: start + 20)
        buffer.patchLittleEndian(UInt32(truncatingIfNeeded: durableSequence), at: start + 24)
        buffer.patchLittleEndian(UInt32(truncatingIfNeeded: durableSequence >> 32), at: start + 28)
        let checksum = JournalFrame.checksum(
            header: buffer.bytes[start..<start + JournalFrame.checksumOffset],
            body: buffer.bytes[start + JournalFormat.frameHeaderBytes..<end], salt: salt)
        buffer.patchLittleEndian(checksum, at: start + JournalFrame.checksumOffset)
        return checksum
    }
}

/// A change that no journal takes.
public enum JournalLimit: Error, Sendable, Equatable {
    /// Longer than ``JournalFormat/recordBytes``.
    case recordTooLong(bytes: Int)
    /// All changes of one commit together are longer than ``JournalFormat/commitBytes``.
    case commitTooLong
}

extension JournalKey {
    static let byteCount = 16
}
