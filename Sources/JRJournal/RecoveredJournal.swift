import JRBase

/// The state of reading one segment: its scan, the frames of the commit that is not whole yet, and what a seal must
/// agree with.
struct SegmentWalk: Sendable {
    var scan: SegmentScan
    private(set) var commit: [JournalFrame] = []
    /// Of all frames of whole commits.
    private(set) var chain = FrameChain()
    /// Set once the segment's seal or close frame was read.
    var summary: SegmentSummary?
    private(set) var goodEnd = JournalFormat.segmentHeaderBytes

    init(scan: SegmentScan) {
        self.scan = scan
    }

    var counted: SegmentSummary { chain.summary }

    mutating func take(_ frame: JournalFrame) { commit.append(frame) }

    mutating func count(_ frame: JournalFrame) {
        chain.append(frame.checksum)
        goodEnd = frame.end
    }

    mutating func endCommit() { commit.removeAll(keepingCapacity: true) }
}

/// Counts a segment's frames and sums up their checksums, for its seal.
struct FrameChain: Sendable {
    private var frames: UInt32 = 0
    private var crc = CRC32C()

    var summary: SegmentSummary { SegmentSummary(frames: frames, checksum: crc.value) }

    mutating func append(_ checksum: UInt32) {
        frames += 1
        crc.update((0..<4).map { UInt8(truncatingIfNeeded: checksum >> (8 * $0)) })
    }
}

/// The end of the last segment, as found.
public struct RecoveredTail: Sendable {
    /// Where the last whole commit ends: what follows is cut.
    public let offset: Int
    /// Bytes after it up to the last one that is not zero: the torn end of a write that was never answered.
    public let tornBytes: Int
    /// The segment ends with a seal or close frame.
    public let isFinished: Bool
    let scan: SegmentScan
    let chain: FrameChain

    init(_ walk: SegmentWalk, offset: Int, tornBytes: Int) {
        self.offset = offset
        self.tornBytes = tornBytes
        isFinished = walk.summary != nil
        scan = walk.scan
        chain = walk.chain
    }

    /// What the segment is named by.
    public var firstSequence: UInt64 { scan.header.firstSequence }

    /// What a file with the torn bytes is called: the segment's name and the offset where they began.
    public var name: String {
        "\(JournalFormat.segmentName(scan.header.firstSequence).dropLast(4))-\(offset).torn"
    }

    /// What may be in the page cache only: all whole commits after the last place that was known to be on the disk.
    ///
    /// - Parameter witness: the newest one of the store.
    /// - Returns: the bytes, and where in the segment they are.
    public func uncertain(_ witness: Witness) -> (bytes: ArraySlice<UInt8>, offset: Int) {
        let isHere = witness.segment == scan.header.firstSequence
        let known = isHere ? Int(clamping: witness.offset) : 0
        let start = min(max(known, JournalFormat.segmentHeaderBytes), offset)
        return (scan.bytes.dropFirst(start).prefix(offset - start), start)
    }

    /// The torn bytes themselves, for the quarantine.
    public var torn: ArraySlice<UInt8> { scan.bytes.dropFirst(offset).prefix(tornBytes) }
}

/// What a store holds.
public struct RecoveredJournal: Sendable {
    public let identity: StoreIdentity
    public let witness: Witness?
    /// The segments that were read, by first sequence number.
    public let segments: [UInt64]
    /// The lengths of their files.
    public let segmentBytes: [Int]
    public let leftovers: [UInt64]
    /// Every live record, in the order of first puts.
    public let records: [RecoveredRecord]
    public let lastSequence: UInt64
    /// How many records of all kinds were read.
    public let recordsRead: Int
    /// The end of the last segment; nil for a store without segments.
    public let tail: RecoveredTail?
    /// The segments that were read, whole; empty if they were not to be kept.
    let bytes: [[UInt8]]

    /// A live record's bytes, where they lie. Only of a recovery that was to keep them.
    public func value(of record: RecoveredRecord) -> ArraySlice<UInt8> { bytes[record.segment][record.place] }

    /// Whether the last segment needs no rewriting: its end was seen on the disk by the process that wrote it.
    ///
    /// Otherwise the page cache may show what never reached the disk, and nothing in that segment is durable until it
    /// has been written again.
    public var lastSegmentIsDurable: Bool {
        guard let tail else { return true }
        return tail.isFinished && witness?.sequence == lastSequence
    }

    /// Whether the last segment is to be written again and gone on with, instead of a new one being begun: also one
    /// that ended well and is less than half full, so that starting often does not leave many small segments.
    public var lastSegmentGoesOn: Bool {
        guard let tail else { return false }
        return !lastSegmentIsDurable || tail.offset < Int(tail.scan.header.preallocatedBytes) / 2
    }

    /// Whether the witness tells of a record in the last segment.
    public var lastSegmentIsWitnessed: Bool {
        guard let tail, let witness else { return false }
        return witness.segment == tail.firstSequence && witness.sequence >= tail.firstSequence
    }

    /// Whether the last segment is gone on with as it lies there, after what may not be on the disk was written once
    /// more: see ``RecoveredTail/uncertain(_:)``. One that ended with a seal or close frame is not, as that frame has
    /// to become another one.
    public var lastSegmentGoesOnInPlace: Bool {
        guard let tail, witness != nil else { return false }
        return !tail.isFinished
    }
}
