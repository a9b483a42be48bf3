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

    public private(set) var bytes: ArraySlice<UInt8>
    /// How long the file is: what it has beyond ``bytes`` is zeros.
    public let fileBytes: Int
    public let header: SegmentHeader
    /// The sequence number that the next frame must begin with.
    public private(set) var nextSequence: UInt64
    public private(set) var offset = JournalFormat.segmentHeaderBytes

    /// A scan of the segment `bytes`, which begins with `header`.
    ///
    /// - Parameters:
    ///   - bytes: the whole file, or all of it but zeros at its end.
    ///   - header: how it begins.
    ///   - fileBytes: the length of the file; nil where `bytes` are all of it.
    public init(_ bytes: ArraySlice<UInt8>, header: SegmentHeader, fileBytes: Int? = nil) {
        self.fileBytes = max(fileBytes ?? 0, bytes.count)
        self.header = header
        self.bytes = bytes
        nextSequence = header.firstSequence
    }

    /// The next step. After anything but a frame it says the same again.
    public mutating func next() -> Step {
        var parsed = JournalFrame.parse(bytes, at: offset, salt: header.salt)
        if parsed == .damaged(.cutOff), bytes.count < fileBytes {
            // Some file systems make a hole of zeros that were written, and a frame may end with some.
            bytes += repeatElement(0, count: fileBytes - bytes.count)
            parsed = JournalFrame.parse(bytes, at: offset, salt: header.salt)
        }
        switch parsed {
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
        var search = FrameSearch(bytes, salt: header.salt, fileBytes: fileBytes)
        return search.first(from: offset) { $0.lastSequence > sequence && $0.durableSequence > sequence }
    }

    /// How many bytes from `offset` on up to the last one that is not zero.
    public func writtenBytes(after offset: Int) -> Int {
        let start = bytes.startIndex + offset
        guard start < bytes.endIndex, let last = JournalFrame.lastNonZero(bytes[start...]) else { return 0 }
        return last + 1 - start
    }
}
