import JRBase

/// Reads a store's files in order and says what counts, what may be cut and what must be refused.
///
///     init(meta, witness, names, header of the last)  ->  read(each of neededSegments, in order)  ->  finish()
///
/// Let X be the first place that holds no frame, and L the last sequence number before it.
///
/// - In any segment but the last one, X must lie right after a seal or close frame and only zeros may follow:
///   everything else is damage, because a segment is durable before the next one is begun.
/// - In the last segment, a tail after X is cut as the torn end of a write that was never answered, unless one of these
///   says that more than L was durable: the witness; an intact frame after X that was written when more than L was
///   durable; a file shorter than it was made; bytes after a seal or close frame; an intact frame with a gap before it.
public struct JournalRecovery: Sendable {
    private let meta: StoreMeta
    private let witness: Witness?
    /// First sequence numbers of the segments to read, in this order.
    public let neededSegments: [UInt64]
    /// Older segments whose deletion was interrupted; they may be deleted.
    public let leftoverSegments: [UInt64]

    private var live = LiveRecords()
    private var position = 0
    private let keepsBytes: Bool
    private var segmentBytes: [Int] = []
    private var kept: [[UInt8]] = []
    private var lastSequence: UInt64 = 0
    private var recordsRead = 0
    private var tail: RecoveredTail?

    /// - Parameters:
    ///   - meta: the file `META`.
    ///   - witness: the file `WITNESS`, nil if there is none. An empty file makes no claim: it is how a person says
    ///     that records at the journal's end may be missing.
    ///   - names: the names of the directory's files, in any order; what is no segment is ignored.
    ///   - lastHeader: at least the first 64 bytes of the segment with the highest name; empty if there is none.
    ///   - keepsBytes: whether the segments stay in memory, for ``RecoveredJournal/value(of:)``. Otherwise the places
    ///     of the records are all that is known in the end.
    public init(
        meta: [UInt8], witness: [UInt8]?, names: [String], lastHeader: ArraySlice<UInt8>, keepsBytes: Bool = true
    ) throws(JournalRefusal) {
        self.keepsBytes = keepsBytes
        self.meta = try Self.meta(meta)
        self.witness = try Self.witness(witness, identity: self.meta.identity)
        let segments = names.compactMap { JournalFormat.firstSequence(ofSegment: $0) }.sorted()
        guard let last = segments.last else {
            guard self.witness?.sequence ?? 0 == 0 else {
                throw JournalRefusal(
                    .missing("all segments are missing, and WITNESS says that some were written"),
                    file: JournalFormat.segmentName(self.witness?.segment ?? 1))
            }
            neededSegments = []
            leftoverSegments = []
            return
        }
        let header = try Self.header(lastHeader, of: last, identity: self.meta.identity)
        let older = Int(header.olderSegments)
        guard older < segments.count else {
            throw JournalRefusal(
                .missing("it needs \(older) segments before it and there are \(segments.count - 1)"),
                file: JournalFormat.segmentName(last))
        }
        neededSegments = Array(segments.suffix(older + 1))
        leftoverSegments = Array(segments.dropLast(older + 1))
    }

    /// Takes the next of ``neededSegments``.
    ///
    /// - Parameters:
    ///   - bytes: the whole file, or all of it but zeros at its end.
    ///   - fileBytes: the length of the file; nil where `bytes` are all of it.
    public mutating func read(_ bytes: [UInt8], fileBytes: Int? = nil) throws(JournalRefusal) {
        guard position < neededSegments.count else { return }
        let name = neededSegments[position]
        let header = try Self.header(bytes[...], of: name, identity: meta.identity)
        guard position == 0 || name == lastSequence + 1 else {
            throw refusal(
                .missing("the segment that follows sequence \(lastSequence) is missing: this one begins at \(name)"),
                at: 0)
        }
        lastSequence = name - 1
        let scan = SegmentScan(bytes[...], header: header, fileBytes: fileBytes)
        segmentBytes.append(scan.fileBytes)
        let read = try readFrames(scan)
        if keepsBytes { kept.append(read.count == bytes.count ? bytes : Array(read)) }
        position += 1
    }

    /// What the store holds, after all segments were read.
    public consuming func finish() throws(JournalRefusal) -> RecoveredJournal {
        precondition(position == neededSegments.count, "JournalRecovery: finished before all segments were read")
        if let witness, witness.sequence > lastSequence {
            throw JournalRefusal(
                .missing("WITNESS says that sequence \(witness.sequence) was durable, and the journal ends before it"),
                file: JournalFormat.segmentName(neededSegments.last ?? witness.segment),
                offset: tail?.offset ?? 0, sequence: lastSequence, recordsKnown: live.count)
        }
        return RecoveredJournal(
            identity: meta.identity, witness: witness, segments: neededSegments, segmentBytes: segmentBytes,
            leftovers: leftoverSegments, records: live.takeInOrder(), lastSequence: lastSequence,
            recordsRead: recordsRead, tail: tail, bytes: kept)
    }

    /// Gives the bytes that were looked at.
    private mutating func readFrames(_ start: SegmentScan) throws(JournalRefusal) -> ArraySlice<UInt8> {
        var walk = SegmentWalk(scan: start)
        while true {
            switch walk.scan.next() {
            case .frame(let frame):
                guard walk.summary == nil else {
                    throw refusal(.damaged("a frame follows the segment's seal or close frame"), at: frame.offset)
                }
                walk.take(frame)
                if frame.continues { continue }
                try apply(&walk)
            case .gap(let frame):
                throw refusal(
                    .damaged(
                        "frames are missing: sequence \(frame.firstSequence) follows \(walk.scan.nextSequence - 1)"),
                    at: frame.offset)
            case .end(let offset):
                try end(walk, at: offset, because: nil)
                return walk.scan.bytes
            case .damaged(let offset, let damage):
                try end(walk, at: offset, because: damage)
                return walk.scan.bytes
            }
        }
    }

    /// Applies a whole commit: all its frames are there.
    private mutating func apply(_ walk: inout SegmentWalk) throws(JournalRefusal) {
        for frame in walk.commit {
            var records = walk.scan.records(of: frame)
            var sequence = frame.firstSequence
            while let record = try next(&records, at: frame.offset) {
                try apply(record, sequence: sequence, of: frame, &walk)
                sequence += 1
                recordsRead += 1
            }
            walk.count(frame)
        }
        walk.endCommit()
        lastSequence = walk.scan.nextSequence - 1
    }

    private mutating func apply(
        _ record: JournalRecord, sequence: UInt64, of frame: JournalFrame, _ walk: inout SegmentWalk
    ) throws(JournalRefusal) {
        switch record {
        case .put(let key, let age, let value):
            guard age < sequence else {
                throw refusal(.damaged(FrameDamage.content.words), at: frame.offset)
            }
            live.put(
                RecoveredRecord(
                    key: key, order: sequence - age, sequence: sequence, segment: position,
                    place: value.startIndex..<value.endIndex))
        case .remove(let key):
            live.remove(key)
        case .seal(let summary), .close(let summary):
            guard summary == walk.counted else {
                throw refusal(
                    .damaged("the segment's seal counts other frames than are there"), at: frame.offset)
            }
            walk.summary = summary
        case .skipped:
            break
        }
    }

    private func next(_ records: inout JournalRecords, at offset: Int) throws(JournalRefusal) -> JournalRecord? {
        do {
            return try records.next()
        } catch {
            throw refusal(.damaged(error.words), at: offset)
        }
    }

    /// The walk has come to X.
    private mutating func end(
        _ walk: SegmentWalk, at place: Int, because damage: FrameDamage?
    ) throws(JournalRefusal) {
        // Frames of a commit whose end is missing do not count either.
        let offset = walk.commit.first?.offset ?? place
        let written = walk.scan.writtenBytes(after: offset)
        if let damage, damage.isIntact { throw refusal(.damaged(damage.words), at: place) }
        guard position == neededSegments.count - 1 else {
            if walk.summary == nil || written > 0 {
                throw refusal(.damaged(damage?.words ?? "the segment ends without its seal"), at: offset)
            }
            return
        }
        if walk.summary != nil {
            guard written == 0 else {
                throw refusal(.damaged("bytes follow the segment's seal or close frame"), at: offset)
            }
        } else if walk.scan.fileBytes < Int(walk.scan.header.preallocatedBytes) {
            let length = "\(walk.scan.fileBytes) of \(walk.scan.header.preallocatedBytes) bytes are there"
            throw refusal(.damaged("the file has been cut short: \(length)"), at: offset)
        }
        if let later = walk.scan.laterFrame(after: offset, durableBeyond: lastSequence) {
            let proof = "a later frame (byte \(later.offset)) shows that sequence \(later.durableSequence) was durable"
            throw refusal(.damaged("\(damage?.words ?? "nothing is there"), and \(proof)"), at: offset)
        }
        tail = RecoveredTail(walk, offset: offset, tornBytes: written)
    }

    private func refusal(_ reason: JournalRefusal.Reason, at offset: Int) -> JournalRefusal {
        JournalRefusal(
            reason, file: JournalFormat.segmentName(neededSegments[position]), offset: offset, sequence: lastSequence,
            recordsKnown: live.count)
    }

    private static func meta(_ bytes: [UInt8]) throws(JournalRefusal) -> StoreMeta {
        do {
            return try StoreMeta(decoding: bytes[...])
        } catch {
            switch error {
            case .damaged:
                throw JournalRefusal(.damaged("it is damaged"), file: JournalFormat.metaName)
            case .newerVersion(let major, let minor):
                throw JournalRefusal(.newerVersion(major: major, minor: minor), file: JournalFormat.metaName)
            }
        }
    }

    private static func witness(_ bytes: [UInt8]?, identity: StoreIdentity) throws(JournalRefusal) -> Witness? {
        let mend = "an empty WITNESS says that records at the journal's end may be missing"
        guard let bytes else {
            throw JournalRefusal(.missing("it is missing; \(mend)"), file: JournalFormat.witnessName)
        }
        if bytes.isEmpty { return nil }
        guard let newest = Witness.newest(in: bytes[...]) else {
            throw JournalRefusal(.damaged("both its slots are damaged; \(mend)"), file: JournalFormat.witnessName)
        }
        guard newest.identity == identity else { throw JournalRefusal(.foreign, file: JournalFormat.witnessName) }
        return newest
    }

    private static func header(
        _ bytes: ArraySlice<UInt8>, of name: UInt64, identity: StoreIdentity
    ) throws(JournalRefusal) -> SegmentHeader {
        let file = JournalFormat.segmentName(name)
        let header: SegmentHeader
        do {
            header = try SegmentHeader(decoding: bytes)
        } catch {
            switch error {
            case .damaged:
                throw JournalRefusal(.damaged("its header is damaged"), file: file)
            case .newerVersion(let major, let minor):
                throw JournalRefusal(.newerVersion(major: major, minor: minor), file: file)
            }
        }
        guard header.identity == identity else { throw JournalRefusal(.foreign, file: file) }
        guard header.firstSequence == name, name > 0 else {
            let words = "its header says that it begins at sequence \(header.firstSequence)"
            throw JournalRefusal(.damaged(words), file: file)
        }
        return header
    }
}
