import JRBase

/// Walks all that is whole in one segment, past whatever damage there is.
///
/// ``JournalRecovery`` says whether a store may be opened, and stops at the first thing that is wrong. This goes on,
/// for people who want to know all of it or to save the rest.
public struct SegmentAudit: Sendable {
    public enum Step: Sendable, Equatable {
        case frame(JournalFrame)
        /// Bytes without a frame, up to the next one or up to the last byte that is not zero.
        case damage(Range<Int>, FrameDamage)
        /// Nothing follows.
        case end(offset: Int)
    }

    private let bytes: ArraySlice<UInt8>
    private let salt: UInt64
    /// Since the first damage: from then on no byte is summed twice.
    private(set) var search: FrameSearch?
    private var offset = JournalFormat.segmentHeaderBytes

    /// - Parameters:
    ///   - bytes: the segment from its first byte on.
    ///   - salt: as its header has it.
    public init(_ bytes: ArraySlice<UInt8>, salt: UInt64) {
        self.bytes = bytes
        self.salt = salt
    }

    /// The next step; after the end it says the same again.
    public mutating func next() -> Step {
        switch search?.parse(at: offset) ?? JournalFrame.parse(bytes, at: offset, salt: salt) {
        case .frame(let frame):
            offset = frame.end
            return .frame(frame)
        case .nothing: return skip(because: .magic)
        case .damaged(let damage): return skip(because: damage)
        }
    }

    private mutating func skip(because damage: FrameDamage) -> Step {
        let start = offset
        var search = search.take() ?? FrameSearch(bytes, salt: salt, fileBytes: bytes.count)
        let next = search.first(from: start)
        self.search = search
        if let next {
            offset = next.offset
            return .damage(start..<next.offset, damage)
        }
        let rest = bytes.dropFirst(start)
        guard JournalFrame.firstNonZero(rest) != nil, let last = rest.lastIndex(where: { $0 != 0 }) else {
            return .end(offset: start)
        }
        offset = last + 1 - bytes.startIndex
        return .damage(start..<offset, damage)
    }

    public func records(of frame: JournalFrame) -> JournalRecords {
        let start = bytes.startIndex + frame.bodyOffset
        return JournalRecords(body: bytes[start..<start + frame.bodyBytes], count: frame.count)
    }
}

/// One record as it lies in a segment.
public struct AuditedRecord: Sendable {
    /// Where its frame begins in the file, in bytes.
    public var offset: Int
    public var sequence: UInt64
    public var record: JournalRecord
}

/// What one segment's file holds.
public struct AuditedSegment: Sendable, Equatable {
    /// How its frames end.
    public enum Ending: String, Sendable, Equatable {
        case open
        case sealed
        case closed
    }

    public var file: String
    /// The file's length, and up to where it is written.
    public var fileBytes: Int
    public var usedBytes = JournalFormat.segmentHeaderBytes
    public var frames = 0
    public var records = 0
    public var firstSequence: UInt64
    /// Of the last record in it; one less than ``firstSequence`` if it has none.
    public var lastSequence: UInt64
    public var ending = Ending.open

    init(_ name: UInt64, fileBytes: Int) {
        file = JournalFormat.segmentName(name)
        self.fileBytes = fileBytes
        firstSequence = name
        lastSequence = name &- 1
    }
}

/// One thing that is wrong in a store.
public struct JournalProblem: Sendable, Equatable {
    /// The file's name in the store's directory.
    public var file: String
    /// Where it begins in the file, and how long it is; no length where it is no range of bytes.
    public var offset = 0
    public var bytes = 0
    /// The records that are not there because of it, as far as that can be known.
    public var missing: ClosedRange<UInt64>?
    public var why: String

    public init(
        file: String, offset: Int = 0, bytes: Int = 0, missing: ClosedRange<UInt64>? = nil, why: String
    ) {
        self.file = file
        self.offset = offset
        self.bytes = bytes
        self.missing = missing
        self.why = why
    }
}
