public import JRBase

/// Reads all that is whole in a store, in order, and notes all that is not.
///
///     init(meta, witness, headers)  ->  read(each of segments, in order)  ->  problems, live records
///
/// It decides nothing about opening: that is ``JournalRecovery``'s.
public struct JournalAudit: Sendable {
    /// First sequence numbers of the segments to read, in this order: all but the leftovers of an interrupted deletion,
    /// which the newest readable header tells.
    public let segments: [UInt64]
    public let leftovers: [UInt64]
    public private(set) var audited: [AuditedSegment] = []
    public private(set) var problems: [JournalProblem] = []
    public let identity: StoreIdentity?
    public let created: WallTime?
    private let witness: Witness?

    private var index = AuditIndex()
    private var expected: UInt64?
    private var recordsRead = 0
    /// A record whose sequence number is below this may have been changed or removed by one that is missing.
    public private(set) var certainFrom: UInt64 = 0

    /// - Parameters:
    ///   - meta: the file `META`, nil if there is none.
    ///   - witness: the file `WITNESS`, nil if there is none.
    ///   - headers: the first 64 bytes, or fewer, of each segment by the number in its name.
    public init(meta: [UInt8]?, witness: [UInt8]?, headers: [UInt64: [UInt8]]) {
        let names = headers.keys.sorted()
        let readable = names.compactMap { name in
            (try? SegmentHeader(decoding: (headers[name] ?? [])[...])).flatMap { $0.firstSequence == name ? $0 : nil }
        }
        var problems: [JournalProblem] = []
        let found = Self.meta(meta, &problems)
        identity = found?.identity ?? readable.last?.identity
        created = found?.created
        self.witness = Self.witness(witness, identity: identity, &problems)
        let own = identity
        let newest = readable.last { $0.identity == own }
        let place = newest.flatMap { names.firstIndex(of: $0.firstSequence) } ?? 0
        let older = Int(newest?.olderSegments ?? 0)
        if older > place {
            problems.append(
                JournalProblem(
                    file: JournalFormat.segmentName(newest?.firstSequence ?? 0),
                    why: "it needs \(older) segments before it and there are \(place)"))
        }
        let first = newest == nil ? 0 : max(0, place - older)
        segments = Array(names[first...])
        leftovers = Array(names[..<first])
        self.problems = problems
    }

    private static func meta(_ bytes: [UInt8]?, _ problems: inout [JournalProblem]) -> StoreMeta? {
        var why = "it is missing"
        if let bytes {
            do {
                return try StoreMeta(decoding: bytes[...])
            } catch {
                switch error {
                case .damaged: why = "it is damaged"
                case .newerVersion(let major, let minor): why = "format \(major).\(minor) wrote it"
                }
            }
        }
        problems.append(JournalProblem(file: JournalFormat.metaName, why: why))
        return nil
    }

    private static func witness(
        _ bytes: [UInt8]?, identity: StoreIdentity?, _ problems: inout [JournalProblem]
    ) -> Witness? {
        if let bytes, bytes.isEmpty { return nil }
        let found = bytes.flatMap { Witness.newest(in: $0[...]) }
        if let found, identity == nil || found.identity == identity { return found }
        let why =
            bytes == nil
            ? "it is missing" : found == nil ? "both its slots are damaged" : "it belongs to another store"
        problems.append(JournalProblem(file: JournalFormat.witnessName, why: why))
        return nil
    }

    // MARK: Segments

    /// Takes the next of ``segments``.
    ///
    /// - Parameters:
    ///   - bytes: the whole file, or as much of it as counts.
    ///   - fileBytes: the file's length.
    ///   - visit: is given each record that is whole.
    public mutating func read(
        _ bytes: ArraySlice<UInt8>, fileBytes: Int? = nil, visit: (AuditedRecord) -> Void = { _ in }
    ) {
        guard audited.count < segments.count else { return }
        let name = segments[audited.count]
        var segment = AuditedSegment(name, fileBytes: fileBytes ?? bytes.count)
        if let expected, name > expected, !explain(expected...name - 1, from: audited.last?.file) {
            miss(
                expected...name - 1, in: segment.file,
                "the segment that follows sequence \(expected - 1) is missing: this one begins at \(name)")
        }
        if let salt = salt(of: bytes, name, in: segment.file) {
            if expected ?? 0 <= name { expected = name }
            walk(SegmentAudit(bytes, salt: salt), &segment, visit)
        }
        audited.append(segment)
    }

    /// Nil for a file whose frames cannot be told from others'. Where a header is damaged, its salt may not be: then
    /// the frames say so.
    private mutating func salt(of bytes: ArraySlice<UInt8>, _ name: UInt64, in file: String) -> UInt64? {
        do {
            let header = try SegmentHeader(decoding: bytes)
            if let identity, header.identity != identity {
                problems.append(JournalProblem(file: file, bytes: bytes.count, why: "it belongs to another store"))
                return nil
            }
            if header.firstSequence != name {
                problems.append(
                    JournalProblem(file: file, why: "its header says that it begins at \(header.firstSequence)"))
            }
            return header.salt
        } catch {
            switch error {
            case .damaged:
                let length = min(bytes.count, JournalFormat.segmentHeaderBytes)
                problems.append(JournalProblem(file: file, bytes: length, why: "its header is damaged"))
                guard bytes.count >= JournalFormat.segmentHeaderBytes else { return nil }
                return Load.u64(bytes, at: bytes.startIndex + 40)
            case .newerVersion(let major, let minor):
                problems.append(
                    JournalProblem(file: file, bytes: bytes.count, why: "format \(major).\(minor) wrote it"))
                return nil
            }
        }
    }

    private mutating func walk(
        _ start: SegmentAudit, _ segment: inout AuditedSegment, _ visit: (AuditedRecord) -> Void
    ) {
        var audit = start
        var chain = FrameChain()
        var isWhole = true
        while true {
            switch audit.next() {
            case .frame(let frame):
                if segment.ending != .open {
                    isWhole = false
                    note(segment, frame.offset, "a frame follows the segment's seal or close frame")
                }
                if !follows(frame, segment) { isWhole = false }
                read(audit.records(of: frame), of: frame, &segment, chain: isWhole ? chain.summary : nil, visit)
                chain.append(frame.checksum)
                segment.frames += 1
                segment.usedBytes = frame.end
                segment.lastSequence = max(segment.lastSequence, frame.lastSequence)
                expected = max(expected ?? 0, frame.lastSequence + 1)
            case .damage(let range, let damage):
                isWhole = false
                problems.append(
                    JournalProblem(
                        file: segment.file, offset: range.lowerBound, bytes: range.count, why: damage.words))
                certainFrom = max(certainFrom, expected ?? 0)
                segment.usedBytes = range.upperBound
            case .end(let offset):
                if isWhole { endSegment(segment, at: offset) }
                return
            }
        }
    }

    /// Whether the frame is the one that comes next; notes what is missing before it.
    private mutating func follows(_ frame: JournalFrame, _ segment: AuditedSegment) -> Bool {
        guard let expected, frame.firstSequence != expected else { return true }
        guard frame.firstSequence > expected else {
            note(segment, frame.offset, "sequence \(frame.firstSequence) is there where \(expected) should follow")
            return false
        }
        let missing = expected...frame.firstSequence - 1
        if !explain(missing, from: segment.file, upTo: frame.offset) {
            miss(missing, in: segment.file, at: frame.offset, "frames are missing before this one")
        }
        return false
    }

    /// Whether the damage that was noted last, at the end of what was read so far, is why these records are missing.
    private mutating func explain(_ missing: ClosedRange<UInt64>, from file: String?, upTo end: Int? = nil) -> Bool {
        guard let last = problems.last, last.file == file, last.missing == nil, last.bytes > 0,
            end == nil || last.offset + last.bytes == end
        else { return false }
        problems[problems.count - 1].missing = missing
        certainFrom = max(certainFrom, missing.upperBound)
        return true
    }

    private mutating func read(
        _ start: JournalRecords, of frame: JournalFrame, _ segment: inout AuditedSegment, chain: SegmentSummary?,
        _ visit: (AuditedRecord) -> Void
    ) {
        var records = start
        var sequence = frame.firstSequence
        do {
            while let record = try records.next() {
                try take(record, sequence, segment: audited.count)
                if case .seal(let summary) = record { end(&segment, .sealed, chain == summary || chain == nil, frame) }
                if case .close(let summary) = record { end(&segment, .closed, chain == summary || chain == nil, frame) }
                visit(AuditedRecord(offset: frame.offset, sequence: sequence, record: record))
                sequence += 1
                segment.records += 1
            }
        } catch {
            let missing = sequence <= frame.lastSequence ? sequence...frame.lastSequence : nil
            problems.append(
                JournalProblem(
                    file: segment.file, offset: frame.offset, bytes: frame.end - frame.offset, missing: missing,
                    why: error.words))
            certainFrom = max(certainFrom, sequence)
        }
    }

    private mutating func take(_ record: JournalRecord, _ sequence: UInt64, segment: Int) throws(FrameDamage) {
        switch record {
        case .put(let key, let age, let value):
            guard age < sequence else { throw .content }
            let record = RecoveredRecord(
                key: key, order: sequence - age, sequence: sequence, segment: segment,
                place: value.startIndex..<value.endIndex)
            index.put(record)
        case .remove(let key): index.remove(key, sequence: sequence)
        case .seal, .close, .skipped: break
        }
    }

    private mutating func end(
        _ segment: inout AuditedSegment, _ ending: AuditedSegment.Ending, _ agrees: Bool, _ frame: JournalFrame
    ) {
        segment.ending = ending
        if !agrees { note(segment, frame.offset, "the segment's seal counts other frames than are there") }
    }

    /// Of a segment in which nothing else was wrong.
    private mutating func endSegment(_ segment: AuditedSegment, at offset: Int) {
        guard segment.ending == .open, audited.count < segments.count - 1 else { return }
        note(segment, offset, "the segment ends without its seal")
    }

    private mutating func note(_ segment: AuditedSegment, _ offset: Int, _ why: String) {
        problems.append(JournalProblem(file: segment.file, offset: offset, why: why))
    }

    private mutating func miss(_ range: ClosedRange<UInt64>, in file: String, at offset: Int = 0, _ why: String) {
        problems.append(JournalProblem(file: file, offset: offset, missing: range, why: why))
        certainFrom = max(certainFrom, range.upperBound)
    }

    // MARK: What it all came to

    /// After the last segment: whether its end is all there.
    public mutating func finish() {
        guard let witness, witness.sequence >= expected ?? 1 else { return }
        let last = audited.last
        let missing = (expected ?? 1)...witness.sequence
        if explain(missing, from: last?.file) { return }
        miss(
            missing, in: last?.file ?? JournalFormat.segmentName(witness.segment),
            at: last?.usedBytes ?? 0,
            "WITNESS says that sequence \(witness.sequence) was durable, and the journal ends before it")
    }

    /// What the whole records leave, in the order of first puts.
    public var live: [RecoveredRecord] { index.live }
    public var lastSequence: UInt64 { (expected ?? 1) - 1 }
}

/// The newest of what is known of each key, in whatever order it is found: beside damage, frames may lie where they do
/// not belong.
struct AuditIndex: Sendable {
    private enum Found: Sendable {
        case put(RecoveredRecord)
        case removed(UInt64)

        var sequence: UInt64 {
            switch self {
            case .put(let record): record.sequence
            case .removed(let sequence): sequence
            }
        }
    }

    private var found: [JournalKey: Found] = [:]

    mutating func put(_ record: RecoveredRecord) {
        if let known = found[record.key], known.sequence > record.sequence { return }
        found[record.key] = .put(record)
    }

    mutating func remove(_ key: JournalKey, sequence: UInt64) {
        if let known = found[key], known.sequence > sequence { return }
        found[key] = .removed(sequence)
    }

    var live: [RecoveredRecord] {
        found.values.compactMap { if case .put(let record) = $0 { record } else { nil } }
            .sorted { ($0.order, $0.sequence) < ($1.order, $1.sequence) }
    }
}
