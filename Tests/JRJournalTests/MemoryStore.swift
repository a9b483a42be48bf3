import JRBase
import JRJournal
import Testing

/// A store's directory in memory, written by the real writer and read by the real recovery: what the shell does,
/// without a disk.
struct MemoryStore {
    static let identity = StoreIdentity(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    static let created = WallTime(milliseconds: 1_700_000_000_000)

    var files: [String: [UInt8]] = [:]
    var writer: JournalWriter
    private var salt: UInt64 = 0xA0A1_A2A3_A4A5_A6A7

    /// A new store with an empty segment.
    init(sizes: SegmentSizes = SegmentSizes(first: 8_192, longest: 16_384)) throws {
        files[JournalFormat.metaName] = StoreMeta(identity: Self.identity, created: Self.created).encoded()
        files[JournalFormat.witnessName] = []
        writer = JournalWriter(after: try Self.recover(files), sizes: sizes)
        beginSegment(holding: 0)
        note(writer.synced())
    }

    /// Opens what is in `files`, as a process does that starts after another one has died.
    init(opening files: [String: [UInt8]], sizes: SegmentSizes = SegmentSizes(first: 8_192, longest: 16_384)) throws {
        self.files = files
        let recovered = try Self.recover(files)
        salt = UInt64(recovered.lastSequence) << 32 | 0xBEEF
        writer = JournalWriter(after: recovered, sizes: sizes)
        if let tail = recovered.tail, recovered.lastSegmentGoesOn {
            let header = writer.rewrittenHeader(of: tail, salt: salt, created: Self.created)
            let rewritten = RewrittenSegment(tail, header: header)
            self.files[JournalFormat.segmentName(header.firstSequence)] = Self.padded(
                rewritten.bytes, to: Int(header.preallocatedBytes))
            delete(writer.resumeSegment(rewritten))
        } else {
            beginSegment(holding: 0)
        }
        delete(recovered.leftovers)
        note(writer.synced())
    }

    /// Of whole files, and once more of files without the zeros at their ends, which comes to the same.
    static func recover(_ files: [String: [UInt8]]) throws(JournalRefusal) -> RecoveredJournal {
        let short = Result { () throws(JournalRefusal) in try recover(files, withoutZeros: true) }
        let whole: RecoveredJournal
        do { whole = try recover(files, withoutZeros: false) } catch {
            if case .failure(let other) = short {
                #expect(other == error)
            } else {
                Issue.record("zeros make a refusal")
            }
            throw error
        }
        let other = try short.get()
        #expect(other.records == whole.records && other.recordsRead == whole.recordsRead)
        #expect(other.records.map { other.value(of: $0) } == whole.records.map { whole.value(of: $0) })
        #expect(other.segmentBytes == whole.segmentBytes && other.lastSequence == whole.lastSequence)
        #expect(other.tail?.offset == whole.tail?.offset && other.tail?.torn == whole.tail?.torn)
        return whole
    }

    private static func recover(
        _ files: [String: [UInt8]], withoutZeros: Bool
    ) throws(JournalRefusal) -> RecoveredJournal {
        let segments = files.keys.filter { JournalFormat.firstSequence(ofSegment: $0) != nil }.sorted()
        var recovery = try JournalRecovery(
            meta: files[JournalFormat.metaName] ?? [], witness: files[JournalFormat.witnessName],
            names: Array(files.keys), lastHeader: (files[segments.last ?? ""] ?? [])[...])
        for segment in recovery.neededSegments {
            let bytes = files[JournalFormat.segmentName(segment)] ?? []
            let data = withoutZeros ? (bytes.lastIndex { $0 != 0 } ?? -1) + 1 : bytes.count
            try recovery.read(Array(bytes.prefix(max(data, JournalFormat.segmentHeaderBytes))), fileBytes: bytes.count)
        }
        return try recovery.finish()
    }

    /// Writes one commit; the witness tells of it unless `witnessed` is false.
    mutating func commit(witnessed: Bool = true, _ fill: (inout JournalWriter) throws -> Void) throws {
        try fill(&writer)
        guard writer.finishCommit() else { return }
        if !writer.commitFits(usingReserve: false) {
            let bytes = writer.commitBytes.count
            writer.commitFailed()
            rotate(holding: bytes)
            try fill(&writer)
            _ = writer.finishCommit()
        }
        overwrite(openName, writer.commitBytes, at: writer.end)
        writer.commitWritten()
        if witnessed { note(writer.synced()) }
    }

    mutating func rotate(holding bytes: Int) {
        let next = writer.nextSegmentHeader(salt: nextSalt(), created: Self.created, commitBytes: bytes)
        seal(isClose: false)
        begin(next)
    }

    mutating func seal(isClose: Bool) {
        let name = openName
        let seal = writer.sealFrame(isClose: isClose)
        overwrite(name, seal, at: writer.end)
        note(writer.segmentSealed())
        files[name]?.removeSubrange(writer.end...)
    }

    var openName: String { JournalFormat.segmentName(writer.segment?.firstSequence ?? 0) }

    mutating func note(_ witness: Witness) {
        overwrite(JournalFormat.witnessName, witness.encoded(), at: witness.slotOffset)
    }

    private mutating func beginSegment(holding bytes: Int) {
        begin(writer.nextSegmentHeader(salt: nextSalt(), created: Self.created, commitBytes: bytes))
    }

    private mutating func begin(_ header: SegmentHeader) {
        files[JournalFormat.segmentName(header.firstSequence)] = Self.padded(
            header.encoded(), to: Int(header.preallocatedBytes))
        delete(writer.beginSegment(header))
    }

    private mutating func delete(_ segments: [UInt64]) {
        for segment in segments { files[JournalFormat.segmentName(segment)] = nil }
    }

    private mutating func nextSalt() -> UInt64 {
        salt &+= 0x0101_0101_0101_0101
        return salt
    }

    private mutating func overwrite(_ name: String, _ bytes: [UInt8], at offset: Int) {
        var file = files[name] ?? []
        if file.count < offset + bytes.count {
            file.append(contentsOf: repeatElement(0, count: offset + bytes.count - file.count))
        }
        file.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        files[name] = file
    }

    private static func padded(_ bytes: [UInt8], to length: Int) -> [UInt8] {
        bytes + repeatElement(0, count: max(0, length - bytes.count))
    }
}

func key(_ number: UInt64) -> JournalKey { JournalKey(high: 0xC0DE, low: number) }

extension JournalWriter {
    mutating func put(_ key: JournalKey, _ text: String) throws(JournalLimit) {
        try put(key, Array(text.utf8).span)
    }
}

extension RecoveredJournal {
    /// Keys' numbers and values, in order.
    var contents: [String] { records.map { "\($0.key.low)=\(String(decoding: value(of: $0), as: UTF8.self))" } }

    var values: [[UInt8]] { records.map { Array(value(of: $0)) } }
}
