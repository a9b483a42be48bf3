import JRBase
import JRJournal
import Testing

/// A store of 16 KiB in many segments, and its recovery up to each of them, so that damage in one file costs no more
/// than reading that file up to the damage.
private struct DamagedStore: Sendable {
    let files: [String: [UInt8]]
    /// First sequence numbers of its segments.
    let segments: [UInt64]
    let contents: [String]
    /// The recovery before it has read the segment of the same position.
    private let before: [JournalRecovery]
    /// Where what was written ends in the open segment; nil if the store was closed.
    let openEnd: Int?

    /// - Parameter commits: how many commits a segment has; with few, damage of one is found soon.
    init(isClosed: Bool, commits: Int = 14) throws {
        var store = try MemoryStore(sizes: SegmentSizes(first: 4_096, longest: 4_096))
        for number in 0..<150 {
            try store.commit { writer in
                // The first one stays, and with it every segment.
                if number == 0 { try writer.put(key(1_000), "first") }
                try writer.put(key(UInt64(number % 30)), "v\(number)" + String(repeating: "x", count: number % 60))
                if number % 7 == 6 { try writer.remove(key(UInt64((number - 6) % 30))) }
            }
            if number % commits == commits - 1 { store.rotate(holding: 0) }
        }
        openEnd = isClosed ? nil : store.writer.end
        if isClosed { store.seal(isClose: true) }
        files = store.files
        let names = store.files.keys.compactMap { JournalFormat.firstSequence(ofSegment: $0) }.sorted()
        let last = names.last.map { JournalFormat.segmentName($0) } ?? ""
        var recovery = try JournalRecovery(
            meta: store.files[JournalFormat.metaName] ?? [], witness: store.files[JournalFormat.witnessName],
            names: Array(store.files.keys), lastHeader: (store.files[last] ?? [])[...])
        segments = recovery.neededSegments
        var before: [JournalRecovery] = []
        for segment in segments {
            before.append(recovery)
            try recovery.read(store.files[JournalFormat.segmentName(segment)] ?? [])
        }
        self.before = before
        contents = try recovery.finish().contents
    }

    var bytes: Int { files.values.reduce(0) { $0 + $1.count } }

    /// Opens the store with other bytes in the segment of this position, whose header is as it was.
    func recover(_ bytes: [UInt8], at position: Int) throws(JournalRefusal) -> RecoveredJournal {
        var recovery = before[position]
        try recovery.read(bytes)
        for segment in segments.dropFirst(position + 1) {
            try recovery.read(files[JournalFormat.segmentName(segment)] ?? [])
        }
        return try recovery.finish()
    }

    /// Whether a file with these bytes is refused. If it is, the refusal must name the file and a place not after the
    /// damage; if it is not, every job must be there.
    func isRefused(_ name: String, _ bytes: [UInt8], damagedAt place: Int) -> Bool {
        do throws(JournalRefusal) {
            let recovered: RecoveredJournal
            let position = JournalFormat.firstSequence(ofSegment: name).flatMap { segments.firstIndex(of: $0) }
            if let position, place >= JournalFormat.segmentHeaderBytes || position < segments.count - 1 {
                recovered = try recover(bytes, at: position)
            } else {
                var files = files
                files[name] = bytes
                recovered = try MemoryStore.recover(files)
            }
            if recovered.contents != contents { Issue.record("damage at \(place) of \(name) went unnoticed") }
            return false
        } catch {
            if error.file != name || error.offset > place {
                Issue.record("damage at \(place) of \(name) is said to be elsewhere: \(error)")
            }
            return true
        }
    }

    /// Bytes of a file whose damage must be refused: all but the free part of the open segment, and the witness, of
    /// which one slot is enough.
    func mustBeSound(_ name: String) -> Int {
        if name == JournalFormat.witnessName { return 0 }
        let isOpen = segments.last.map { JournalFormat.segmentName($0) } == name
        return (isOpen ? openEnd : nil) ?? files[name]?.count ?? 0
    }

    /// A piece of a file.
    struct Block: Hashable {
        var name: String
        var range: Range<Int>
    }

    var blocks: [Block] {
        files.keys.sorted().flatMap { name in
            let count = files[name]?.count ?? 0
            return stride(from: 0, to: count, by: 512).map { Block(name: name, range: $0..<min($0 + 512, count)) }
        }
    }

    /// Opens it with these bytes in the place of those of blocks.
    func expectAllOrRefusal(_ changes: [(Block, ArraySlice<UInt8>)], _ what: String) -> Bool {
        var files = files
        for (block, bytes) in changes { files[block.name]?.replaceSubrange(block.range, with: bytes) }
        do {
            let recovered = try MemoryStore.recover(files)
            if recovered.contents != contents { Issue.record("\(what) went unnoticed") }
            return false
        } catch {
            let isNamed = changes.contains { $0.0.name == error.file }
            if !isNamed { Issue.record("\(what) is said to be elsewhere: \(error)") }
            return true
        }
    }
}

@Suite("All damage of a store of 16 KiB")
struct ExhaustiveDamageTests {
    static let workers = 4

    @Test("every flipped bit of every file is refused by file and place, or harmless", arguments: 0..<workers)
    func bits(worker: Int) throws {
        let store = try DamagedStore(isClosed: false, commits: 4)
        #expect(store.bytes > 16 << 10)
        for (number, name) in store.files.keys.sorted().enumerated() where number % Self.workers == worker {
            var bytes = try #require(store.files[name])
            var refused = 0
            let sound = store.mustBeSound(name)
            for bit in 0..<bytes.count * 8 {
                // Every bit that must be refused; of the others, whose check reads all of the store, one of each byte.
                if bit / 8 >= sound, bit % 8 != bit / 8 % 8 { continue }
                bytes[bit / 8] ^= 1 << (bit % 8)
                if store.isRefused(name, bytes, damagedAt: bit / 8) { refused += 1 }
                bytes[bit / 8] ^= 1 << (bit % 8)
            }
            #expect(refused == 8 * sound, "\(name)")
        }
    }

    @Test("in a store that was closed every flipped bit of the last segment is refused")
    func bitsOfClosed() throws {
        let store = try DamagedStore(isClosed: true)
        let name = JournalFormat.segmentName(try #require(store.segments.last))
        var bytes = try #require(store.files[name])
        for bit in 0..<bytes.count * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8)
            #expect(store.isRefused(name, bytes, damagedAt: bit / 8))
            bytes[bit / 8] ^= 1 << (bit % 8)
        }
    }

    @Test("every shorter length of every file is refused by file, or harmless", arguments: [false, true])
    func truncations(isClosed: Bool) throws {
        let store = try DamagedStore(isClosed: isClosed)
        for name in store.files.keys.sorted() {
            let bytes = try #require(store.files[name])
            for length in bytes.indices {
                let isRefused = store.isRefused(name, Array(bytes[..<length]), damagedAt: length)
                #expect(isRefused || name == JournalFormat.witnessName, "\(name) at \(length)")
            }
        }
    }

    @Test("every file that is not there is refused")
    func missing() throws {
        let store = try DamagedStore(isClosed: false)
        for name in store.files.keys.sorted() {
            var files = store.files
            files[name] = nil
            #expect(throws: JournalRefusal.self, "\(name)") { try MemoryStore.recover(files) }
        }
    }

    @Test(
        "every block of zeros, and every block in another one's place, is refused by file or harmless",
        arguments: 0..<workers)
    func blocks(worker: Int) throws {
        let store = try DamagedStore(isClosed: worker % 2 == 1)
        let blocks = store.blocks
        var (refused, tried) = (0, 0)
        for (number, one) in blocks.enumerated() where number % 2 == worker / 2 {
            let mine = try #require(store.files[one.name])[one.range]
            let zeros = [UInt8](repeating: 0, count: mine.count)
            tried += 1
            if store.expectAllOrRefusal([(one, zeros[...])], "zeros in \(one)") { refused += 1 }
            for other in blocks where other != one {
                let theirs = try #require(store.files[other.name])[other.range]
                let count = min(mine.count, theirs.count)
                guard theirs.prefix(count) != mine.prefix(count) else { continue }
                let start = DamagedStore.Block(
                    name: one.name, range: one.range.lowerBound..<one.range.lowerBound + count)
                let otherStart = DamagedStore.Block(
                    name: other.name, range: other.range.lowerBound..<other.range.lowerBound + count)
                tried += 2
                if store.expectAllOrRefusal([(start, theirs.prefix(count))], "\(other) in the place of \(one)") {
                    refused += 1
                }
                let swapped = [(start, theirs.prefix(count)), (otherStart, mine.prefix(count))]
                if store.expectAllOrRefusal(swapped, "\(one) and \(other) exchanged") { refused += 1 }
            }
        }
        #expect(refused > tried / 2)
    }
}
