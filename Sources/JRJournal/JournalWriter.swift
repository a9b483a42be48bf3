public import JRBase

/// Decides what is written where: encodes commits, counts sequence numbers, knows when a segment is full and which are
/// needed no more. It writes nothing itself.
///
///     put/remove ... -> finishCommit() -> (write, sync) -> commitWritten(), synced()
///                                      -> commitFailed()
///     no room: commitFailed(), nextSegmentHeader(), sealFrame(), (write all) -> segmentSealed(), beginSegment()
public struct JournalWriter: Sendable {
    public let identity: StoreIdentity
    /// The sequence number of the next record.
    public private(set) var nextSequence: UInt64
    /// The highest sequence number known to be on the disk.
    public private(set) var durableSequence: UInt64
    /// Where in the open segment the next frame goes, in bytes.
    public private(set) var end = 0
    /// The open segment's header; nil before the first one is begun and after the last one was closed.
    public private(set) var segment: SegmentHeader?

    let sizes: SegmentSizes
    var index: JournalIndex
    private var chain = FrameChain()
    private var commit = JournalCommit()
    private var undo: [(key: JournalKey, before: JournalIndex.Place?)] = []
    private var checksums: [UInt32] = []
    private var witnessGeneration: UInt64

    /// The writer that goes on after `recovered`. No segment is open yet.
    public init(after recovered: RecoveredJournal, sizes: SegmentSizes = .usual) {
        self.sizes = sizes
        identity = recovered.identity
        nextSequence = recovered.lastSequence + 1
        durableSequence = recovered.lastSegmentIsDurable ? recovered.lastSequence : recovered.witness?.sequence ?? 0
        index = JournalIndex(
            segments: recovered.segments, fileBytes: recovered.segmentBytes, records: recovered.records)
        witnessGeneration = recovered.witness?.generation ?? 0
    }

    public var liveRecords: Int { index.count }

    // MARK: A commit

    /// Adds a put to the commit.
    ///
    /// - Parameters:
    ///   - key: of the record.
    ///   - value: its bytes.
    public mutating func put(_ key: JournalKey, _ value: Span<UInt8>) throws(JournalLimit) {
        let sequence = nextSequence + commit.recordCount
        let before = index[key]
        let order = before?.order ?? sequence
        let bytes = try commit.put(key, age: sequence - order, sequence: sequence, value)
        if before == nil { commit.addsRecords = true }
        change(
            key,
            JournalIndex.Place(
                order: order, sequence: sequence, segment: index.lastNumber, bytes: UInt32(clamping: bytes)))
    }

    /// Adds a remove to the commit; nothing if there is no such record.
    public mutating func remove(_ key: JournalKey) throws(JournalLimit) {
        guard index[key] != nil else { return }
        try commit.remove(key, sequence: nextSequence + commit.recordCount)
        change(key, nil)
    }

    private mutating func change(_ key: JournalKey, _ place: JournalIndex.Place?) {
        undo.append((key, index.set(key, place)))
    }

    /// Ends the commit: its bytes are for the open segment, at ``end``. False if there is nothing to write.
    public mutating func finishCommit() -> Bool {
        guard let segment, !commit.isEmpty else { return false }
        checksums = commit.finish(salt: segment.salt, durableSequence: durableSequence)
        return true
    }

    /// The bytes of the finished commit.
    public var commitBytes: [UInt8] { commit.buffer.bytes }

    /// Whether the finished commit has room in the open segment.
    ///
    /// An eighth of each segment is a reserve: for commits that add no record but end or change those there are, for
    /// the time when a full disk allows no further segment.
    public func commitFits(usingReserve: Bool) -> Bool {
        guard let segment else { return false }
        let length = Int(segment.preallocatedBytes)
        let kept = JournalFormat.sealBytes + (usingReserve ? 0 : length / 8)
        return end + commit.byteCount <= length - kept
    }

    public var commitAddsRecords: Bool { commit.addsRecords }

    /// The commit's bytes are in the file.
    public mutating func commitWritten() {
        nextSequence += commit.recordCount
        end += commit.byteCount
        for checksum in checksums { chain.append(checksum) }
        forgetCommit()
    }

    /// The commit was not written, or not wholly: it never was.
    public mutating func commitFailed() {
        for (key, before) in undo.reversed() { index.set(key, before) }
        forgetCommit()
    }

    private mutating func forgetCommit() {
        commit.removeAll()
        undo.removeAll(keepingCapacity: undo.count <= 4 * JournalFormat.recordsPerFrame)
        checksums.removeAll(keepingCapacity: true)
    }

    /// All that was written is on the disk: gives what is to be written into WITNESS.
    public mutating func synced() -> Witness {
        durableSequence = nextSequence - 1
        witnessGeneration += 1
        return Witness(
            identity: identity, sequence: durableSequence, segment: index.lastFirstSequence ?? 1, offset: UInt64(end),
            generation: witnessGeneration)
    }

    // MARK: Segments

    /// The header of the segment that comes after the open one is sealed (or first, if none is open).
    ///
    /// - Parameters:
    ///   - commitBytes: a commit that must have room in it.
    ///   - emptiesOldest: before it has its name, it gets all live records of the oldest segment: see ``dropDead()``.
    public func nextSegmentHeader(
        salt: UInt64, created: WallTime, commitBytes: Int, emptiesOldest: Bool = false
    ) -> SegmentHeader {
        let usual = segment.map { min(2 * Int($0.preallocatedBytes), sizes.longest) }
        let length = max(usual ?? sizes.first, Int(shortestSegment(commitBytes: commitBytes)))
        return SegmentHeader(
            preallocatedBytes: UInt32(clamping: length), identity: identity,
            firstSequence: nextSequence + (segment == nil ? 0 : 1), salt: salt, created: created,
            olderSegments: UInt32(index.neededSegments(sparingLast: false, emptyingOldest: emptiesOldest)))
    }

    /// The length of the shortest segment that has room for such a commit, for a disk that is nearly full.
    public func shortestSegment(commitBytes: Int) -> UInt32 {
        // One more eighth is the reserve.
        let needed = (commitBytes + 2 * JournalFormat.sealBytes) / 7 * 8 + 4_096
        return UInt32(clamping: max(needed, min(sizes.first, 64 * 1024)))
    }

    /// The last frame of the open segment, for ``end``. Nothing may be written there after it.
    public mutating func sealFrame(isClose: Bool) -> [UInt8] {
        precondition(commit.isEmpty, "JournalWriter: sealed in the middle of a commit")
        guard let segment else { return [] }
        let kind = isClose ? JournalRecord.Kind.close : JournalRecord.Kind.seal
        commit.end(kind, chain.summary, sequence: nextSequence)
        _ = commit.finish(salt: segment.salt, durableSequence: durableSequence)
        defer { commit.removeAll() }
        return commit.buffer.bytes
    }

    /// The seal frame is on the disk, and so is all before it: the segment's length is ``end``.
    public mutating func segmentSealed() -> Witness {
        nextSequence += 1
        end += JournalFormat.frameHeaderBytes + 10
        index.resizeLast(to: end)
        segment = nil
        return synced()
    }

    /// A new segment with this header is in its place: gives the older segments that may be deleted.
    public mutating func beginSegment(_ header: SegmentHeader) -> [UInt64] {
        let dead = index.deadSegments(sparingLast: false)
        index.appendSegment(header.firstSequence, bytes: Int(header.preallocatedBytes))
        segment = header
        end = JournalFormat.segmentHeaderBytes
        chain = FrameChain()
        return index.dropSegments(dead)
    }

    /// The new segment holds what the oldest one held: gives the older segments that may be deleted now.
    public mutating func dropDead() -> [UInt64] {
        index.dropSegments(index.deadSegments(sparingLast: true))
    }

    /// The header under which the recovered last segment is written again.
    public func rewrittenHeader(of tail: RecoveredTail, salt: UInt64, created: WallTime) -> SegmentHeader {
        var header = tail.scan.header
        header.salt = salt
        header.created = created
        header.olderSegments = UInt32(index.neededSegments(sparingLast: true) - 1)
        return header
    }

    /// The recovered last segment was written again and is open: gives the older segments that may be deleted.
    public mutating func resumeSegment(_ rewritten: RewrittenSegment) -> [UInt64] {
        resume(rewritten.header, end: rewritten.bytes.count, chain: rewritten.chain)
        return index.dropSegments(index.deadSegments(sparingLast: true))
    }

    private mutating func resume(_ header: SegmentHeader, end: Int, chain: FrameChain) {
        segment = header
        index.resizeLast(to: Int(header.preallocatedBytes))
        self.end = end
        self.chain = chain
    }
}

extension JournalWriter {
    /// The recovered last segment is gone on with where its whole commits end. Its header stays, and with it all older
    /// segments that the header asks for.
    public mutating func goOn(after tail: RecoveredTail) {
        resume(tail.scan.header, end: tail.offset, chain: tail.chain)
    }
}

/// How long segments are made.
public struct SegmentSizes: Sendable {
    public var first: Int
    /// Each segment is twice as long as the one before it, up to this.
    public var longest: Int

    public init(first: Int, longest: Int) {
        self.first = first
        self.longest = longest
    }

    public static let usual = SegmentSizes(
        first: JournalFormat.firstSegmentBytes, longest: JournalFormat.longestSegmentBytes)
}

/// A segment's whole commits under another salt, without the seal or close frame that ended it.
public struct RewrittenSegment: Sendable {
    public let header: SegmentHeader
    public let bytes: [UInt8]
    let chain: FrameChain

    public init(_ tail: RecoveredTail, header: SegmentHeader) {
        var writer = ByteWriter(reserving: tail.offset)
        writer.append(header.encoded())
        var chain = FrameChain()
        var scan = SegmentScan(tail.scan.bytes, header: tail.scan.header)
        while scan.offset < tail.offset, case .frame(let frame) = scan.next() {
            let start = writer.count
            writer.append(repeatElement(0, count: JournalFormat.frameHeaderBytes))
            writer.append(scan.body(of: frame))
            if tail.isFinished, frame.end == tail.offset {
                // The seal or close frame keeps its sequence number and loses its meaning.
                writer.bytes[start + JournalFormat.frameHeaderBytes + 1] = JournalRecord.Kind.filler
            }
            let patch = FrameHeaderPatch(
                firstSequence: frame.firstSequence, count: frame.count, continues: frame.continues,
                durableSequence: frame.durableSequence)
            chain.append(patch.apply(to: &writer, from: start, to: writer.count, salt: header.salt))
        }
        self.header = header
        bytes = writer.bytes
        self.chain = chain
    }
}
