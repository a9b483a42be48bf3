/// Walks the frames of one segment from its first to the first place that is none.
///
/// It knows nothing of other segments or of the witness; what a bad place means is for ``JournalRecovery`` to say.
public struct SegmentScan: Sendable {
    public enum Step: Sendable, Equatable {
        case frame(JournalFrame)
        /// Where frames end: zero bytes or the end of the file at this offset.
        case end(offset: Int)
        case damaged(offset: Int, FrameDamage)
        /// An intact frame with another sequence number than the one that comes next.
        case gap(JournalFrame)
    }

    public let bytes: ArraySlice<UInt8>
    public let header: SegmentHeader
    /// The sequence number that the next frame must begin with.
    public private(set) var nextSequence: UInt64
    public private(set) var offset = JournalFormat.segmentHeaderBytes

    /// A scan of the whole segment `bytes`, which begins with `header`.
    public init(_ bytes: ArraySlice<UInt8>, header: SegmentHeader) {
        self.header = header
        self.bytes = bytes
        nextSequence = header.firstSequence
    }

    /// The next step. After anything but a frame it says the same again.
    public mutating func next() -> Step {
        switch JournalFrame.parse(bytes, at: offset, salt: header.salt) {
        case .frame(let frame):
            guard frame.firstSequence == nextSequence else { return .gap(frame) }
            offset = frame.end
            nextSequence = frame.lastSequence + 1
            return .frame(frame)
        case .nothing:
            return .end(offset: offset)
        case .damaged(let damage):
            return .damaged(offset: offset, damage)
        }
    }

    public func records(of frame: JournalFrame) -> JournalRecords {
        JournalRecords(body: body(of: frame), count: frame.count)
    }

    public func body(of frame: JournalFrame) -> ArraySlice<UInt8> {
        let start = bytes.startIndex + frame.bodyOffset
        return bytes[start..<start + frame.bodyBytes]
    }

    /// The first intact frame at or after `offset` that was written when more than `sequence` was durable: proof that
    /// what is missing before it was once promised. Looks at every byte.
    public func laterFrame(after offset: Int, durableBeyond sequence: UInt64) -> JournalFrame? {
        var next = offset
        while let place = JournalFrame.firstMagic(in: bytes, from: next) {
            next = place + 1
            guard case .frame(let frame) = JournalFrame.parse(bytes, at: place, salt: header.salt) else { continue }
            if frame.lastSequence > sequence, frame.durableSequence > sequence { return frame }
        }
        return nil
    }

    /// How many bytes from `offset` on up to the last one that is not zero.
    public func writtenBytes(after offset: Int) -> Int {
        let start = bytes.startIndex + offset
        guard start < bytes.endIndex, let last = JournalFrame.lastNonZero(bytes[start...]) else { return 0 }
        return last + 1 - start
    }
}
