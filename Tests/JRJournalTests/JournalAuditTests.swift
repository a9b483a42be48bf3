import JRBase
import JRJournal
import Testing

@Suite("What is whole in a journal, and what is not")
struct JournalAuditTests {
    static func audit(_ files: [String: [UInt8]], upTo end: Int? = nil) -> JournalAudit {
        var headers: [UInt64: [UInt8]] = [:]
        for (name, bytes) in files {
            if let first = JournalFormat.firstSequence(ofSegment: name) { headers[first] = Array(bytes.prefix(64)) }
        }
        var audit = JournalAudit(
            meta: files[JournalFormat.metaName], witness: files[JournalFormat.witnessName], headers: headers)
        for (place, segment) in audit.segments.enumerated() {
            let bytes = files[JournalFormat.segmentName(segment)] ?? []
            audit.read(place == audit.segments.count - 1 ? bytes.prefix(end ?? bytes.count) : bytes[...])
        }
        audit.finish()
        return audit
    }

    static func contents(_ audit: JournalAudit, _ files: [String: [UInt8]]) -> [String] {
        audit.live.map { record in
            let file = files[JournalFormat.segmentName(audit.segments[record.segment])] ?? []
            return "\(record.key.low)=\(String(decoding: file[record.place], as: UTF8.self))"
        }
    }

    @Test("a sound journal has no problem, and the same jobs in the same order as recovery finds")
    func sound() throws {
        var store = try MemoryStore()
        for number in 0..<400 {
            try store.commit { writer in
                try writer.put(key(UInt64(number % 50)), String(repeating: "v", count: number))
                if number % 3 == 0 { try writer.remove(key(UInt64(number / 3 % 50))) }
            }
        }
        store.seal(isClose: true)
        let recovered = try MemoryStore.recover(store.files)
        let audit = Self.audit(store.files)
        #expect(audit.problems == [])
        #expect(Self.contents(audit, store.files) == recovered.contents)
        #expect(audit.lastSequence == recovered.lastSequence)
        #expect(audit.audited.count > 1)
        #expect(audit.audited.map(\.ending).dropLast().allSatisfy { $0 == .sealed })
        #expect(audit.audited.last?.ending == .closed)
        #expect(audit.audited.reduce(0) { $0 + $1.records } == recovered.recordsRead)
    }

    /// Every bit of a journal of 40 frames: what recovery accepts has no problem, and in what it refuses all other
    /// frames are found and the damage has its place.
    @Test("of a journal with one flipped bit everything is found but the frame that it is in")
    func flippedBits() throws {
        let (store, contents, ends) = try JournalDamageTests.journal()
        let name = store.openName
        let written = try #require(ends.last)
        var files = store.files
        for bit in stride(from: 0, to: written * 8, by: 3) {
            files[name]?[bit / 8] ^= 1 << (bit % 8)
            defer { files[name]?[bit / 8] ^= 1 << (bit % 8) }
            let audit = Self.audit(files)
            let problem = try #require(audit.problems.first, "bit \(bit)")
            guard bit / 8 >= JournalFormat.segmentHeaderBytes else {
                // With the salt goes everything that it is part of.
                let isSalt = (40..<48).contains(bit / 8)
                #expect(audit.live.isEmpty == isSalt, "bit \(bit)")
                continue
            }
            let frame = ends.firstIndex { $0 > bit / 8 } ?? 0
            let start = frame == 0 ? JournalFormat.segmentHeaderBytes : ends[frame - 1]
            #expect(problem.offset == start && problem.file == name, "bit \(bit)")
            #expect(problem.missing != nil, "bit \(bit): \(problem)")
            #expect(audit.problems.count == 1, "bit \(bit): \(audit.problems)")
            #expect(audit.live.count >= contents.count - 1, "bit \(bit)")
            #expect(audit.audited[0].frames == ends.count - 1)
            // Whatever is newer than the damage is known to be as it was.
            let newer = audit.live.filter { $0.sequence > audit.certainFrom }
            let found = Self.contents(audit, files)
            for (record, text) in zip(audit.live, found) where newer.contains(record) {
                #expect(contents.contains(text))
            }
        }
    }

    @Test("what recovery accepts has no problem up to the end that it cuts")
    func accepted() throws {
        let (store, contents, ends) = try JournalDamageTests.journal()
        let name = store.openName
        let written = try #require(ends.last)
        for end in written..<written + 40 {
            var files = store.files
            files[name]?[end] = 0x4A
            let recovered = try MemoryStore.recover(files)
            let audit = Self.audit(files, upTo: recovered.tail?.offset)
            #expect(audit.problems == [])
            #expect(Self.contents(audit, files) == contents)
        }
    }

    @Test("a missing segment, a cut one and one of another store are named, and the others are read")
    func missing() throws {
        var store = try MemoryStore()
        for number in 0..<600 {
            try store.commit { try $0.put(key(UInt64(number)), String(repeating: "x", count: 100)) }
        }
        let names = store.files.keys.filter { $0.hasSuffix(".seg") }.sorted()
        try #require(names.count > 3)
        let second = try #require(JournalFormat.firstSequence(ofSegment: names[1]))
        let third = try #require(JournalFormat.firstSequence(ofSegment: names[2]))
        var files = store.files
        files[names[1]] = nil
        // The last header asks for one more than there are.
        let audit = Self.audit(files)
        #expect(audit.problems.contains { $0.missing == second...third - 1 && $0.file == names[2] })
        #expect(audit.certainFrom == third - 1)
        #expect(audit.live.count < 600 && audit.live.count > 300)

        files = store.files
        files[names[1]] = Array(try #require(files[names[1]]).prefix(1_000))
        let cut = Self.audit(files)
        #expect(cut.problems.first?.file == names[1])
        #expect(cut.problems.contains { $0.missing?.upperBound == third - 1 })

        files = store.files
        files[JournalFormat.metaName]?[20] ^= 1
        let other = Self.audit(files)
        #expect(other.problems.map(\.file) == [JournalFormat.metaName])
        #expect(other.live.count == 600)
    }

    @Test("the witness says what is missing at the end")
    func lostEnd() throws {
        var store = try MemoryStore()
        try store.commit { try $0.put(key(1), "a") }
        let end = store.writer.end
        try store.commit { writer in
            try writer.put(key(2), "b")
            try writer.put(key(3), "c")
        }
        let name = store.openName
        for index in end..<store.writer.end { store.files[name]?[index] = 0 }
        let audit = Self.audit(store.files)
        #expect(audit.problems.map(\.missing) == [2...3])
        #expect(audit.problems.first?.offset == end)
        #expect(Self.contents(audit, store.files) == ["1=a"])
    }

    @Test("a frame that lies where an older one belongs does not undo what is newer")
    func misplaced() throws {
        var store = try MemoryStore()
        try store.commit { try $0.put(key(1), "old") }
        let first = JournalFormat.segmentHeaderBytes..<store.writer.end
        try store.commit { try $0.put(key(1), "new") }
        try store.commit { try $0.remove(key(1)) }
        let name = store.openName
        let copy = Array(try #require(store.files[name])[first])
        for (index, byte) in copy.enumerated() { store.files[name]?[store.writer.end + index] = byte }
        let audit = Self.audit(store.files)
        #expect(audit.live.isEmpty)
        #expect(audit.problems.map(\.why) == ["sequence 1 is there where 4 should follow"])
    }

    @Test("random bytes never trap", arguments: 0..<20 as Range<UInt64>)
    func random(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var (store, _, _) = try JournalDamageTests.journal()
        for _ in 0..<30 {
            let name = try #require(store.files.keys.sorted().randomElement(using: &random))
            let count = store.files[name]?.count ?? 0
            guard count > 0 else { continue }
            store.files[name]?[Int(random.next() % UInt64(count))] = UInt8(truncatingIfNeeded: random.next())
            let audit = Self.audit(store.files)
            #expect(audit.live.count <= 40)
        }
    }
}
