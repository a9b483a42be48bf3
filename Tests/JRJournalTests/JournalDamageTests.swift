import JRBase
import JRJournal
import Testing

@Suite("Damage is refused or a legal cut, never silently less")
struct JournalDamageTests {
    /// A journal of 40 frames, all of them durable and witnessed; and where each ends.
    static func journal() throws -> (store: MemoryStore, contents: [String], ends: [Int]) {
        var store = try MemoryStore()
        var ends: [Int] = []
        for number in 0..<40 {
            try store.commit { writer in
                try writer.put(key(UInt64(number % 30)), "v\(number)")
                if number % 7 == 6 { try writer.remove(key(UInt64(number - 6))) }
            }
            ends.append(store.writer.end)
        }
        return (store, try MemoryStore.recover(store.files).contents, ends)
    }

    /// Whether opening `files` is refused; if it is not, everything must be there.
    static func isRefused(_ files: [String: [UInt8]], keeping contents: [String], _ what: String) -> Bool {
        do {
            let recovered = try MemoryStore.recover(files)
            #expect(recovered.contents == contents, "\(what) went unnoticed")
            return false
        } catch {
            return true
        }
    }

    @Test("every flipped bit of every file is refused or harmless")
    func flippedBits() throws {
        let (store, contents, ends) = try Self.journal()
        let written = try #require(ends.last)
        var refused = 0
        for name in store.files.keys.sorted() {
            var files = store.files
            let length = name == store.openName ? written : try #require(files[name]?.count)
            for bit in 0..<length * 8 {
                files[name]?[bit / 8] ^= 1 << (bit % 8)
                if Self.isRefused(files, keeping: contents, "bit \(bit) of \(name)") { refused += 1 }
                files[name]?[bit / 8] ^= 1 << (bit % 8)
            }
        }
        // All of META and of the written part of the segment; a flip in one slot of the witness leaves the other one.
        #expect(refused == 8 * (JournalFormat.metaBytes + written))
    }

    @Test("a bit flipped where nothing was written yet costs nothing")
    func flippedBitsInFreeSpace() throws {
        let (store, contents, ends) = try Self.journal()
        let written = try #require(ends.last)
        for index in stride(from: written, to: try #require(store.files[store.openName]?.count), by: 7) {
            var files = store.files
            files[store.openName]?[index] ^= 0x10
            #expect(!Self.isRefused(files, keeping: contents, "byte \(index)"))
        }
    }

    @Test("every truncation of the open segment is refused")
    func truncations() throws {
        let (store, contents, _) = try Self.journal()
        let length = try #require(store.files[store.openName]?.count)
        for end in 0..<length {
            var files = store.files
            files[store.openName]?.removeSubrange(end...)
            #expect(Self.isRefused(files, keeping: contents, "the end at \(end)"), "cut at \(end)")
        }
    }

    @Test("every end of the written part replaced by zeros is refused")
    func zeroedTails() throws {
        let (store, contents, ends) = try Self.journal()
        let written = try #require(ends.last)
        for start in 0..<written where store.files[store.openName]?[start] != 0 {
            var files = store.files
            for index in start..<written { files[store.openName]?[index] = 0 }
            #expect(Self.isRefused(files, keeping: contents, "zeros from \(start)"), "zeroed from \(start)")
        }
    }

    @Test("every truncation of a cleanly closed segment is refused")
    func truncationsOfClosed() throws {
        var (store, _, _) = try Self.journal()
        let name = store.openName
        store.seal(isClose: true)
        let contents = try MemoryStore.recover(store.files).contents
        for end in 0..<(try #require(store.files[name]?.count)) {
            var files = store.files
            files[name]?.removeSubrange(end...)
            #expect(Self.isRefused(files, keeping: contents, "the end at \(end)"), "cut at \(end)")
        }
        store.files[name]?.append(contentsOf: [0, 0, 0])
        #expect(!Self.isRefused(store.files, keeping: contents, "zeros after the close"))
        store.files[name]?.append(1)
        #expect(Self.isRefused(store.files, keeping: contents, "a byte after the close"))
    }

    @Test("flips and truncations of a sealed segment are refused")
    func sealedSegments() throws {
        var (store, _, _) = try Self.journal()
        let name = store.openName
        store.rotate(holding: 0)
        try store.commit { try $0.put(key(99), "later") }
        let contents = try MemoryStore.recover(store.files).contents
        let length = try #require(store.files[name]?.count)
        for index in 0..<length {
            var files = store.files
            files[name]?[index] ^= 1 << (index % 8)
            #expect(Self.isRefused(files, keeping: contents, "byte \(index)"), "flip at \(index)")
            files = store.files
            files[name]?.removeSubrange(index...)
            #expect(Self.isRefused(files, keeping: contents, "the end at \(index)"), "cut at \(index)")
        }
    }

    @Test("a frame of the segment's own salt that was exchanged for another one is noticed by the seal")
    func exchangedFrames() throws {
        var files: [[UInt8]] = []
        var store = try MemoryStore()
        for text in ["one", "two"] {
            store = try MemoryStore()
            try store.commit { try $0.put(key(1), text) }
            let name = store.openName
            store.rotate(holding: 0)
            files.append(try #require(store.files[name]))
        }
        #expect(try MemoryStore.recover(store.files).contents == ["1=two"])
        let seal = 64 + 36 + 22
        store.files[JournalFormat.segmentName(1)] = Array(files[0][..<seal]) + Array(files[1][seal...])
        let refusal = try #require(throws: JournalRefusal.self) { try MemoryStore.recover(store.files) }
        #expect(refusal.why.contains("seal"))
    }

    @Test("a torn last write, never answered, is cut: short, zero-filled, or with a late page first")
    func tornTails() throws {
        let (whole, contents, _) = try Self.journal()
        var store = whole
        let start = store.writer.end
        try store.commit(witnessed: false) { writer in
            for number in 50..<60 { try writer.put(key(UInt64(number)), String(repeating: "t", count: 50)) }
        }
        let end = store.writer.end
        let bytes = try #require(store.files[store.openName])
        #expect(try MemoryStore.recover(store.files).records.count == contents.count + 10)
        for cut in start..<end {
            var short = store.files
            for index in cut..<end { short[store.openName]?[index] = 0 }
            try Self.expectCut(short, at: start, contents, bytes: bytes[start..<cut], reopening: cut % 16 == 0)
            // The first page of the write is the one that did not reach the disk.
            var late = store.files
            for index in start..<cut { late[store.openName]?[index] = 0 }
            if cut > start { try Self.expectCut(late, at: start, contents, bytes: nil, reopening: cut % 16 == 0) }
        }
    }

    static func expectCut(
        _ files: [String: [UInt8]], at offset: Int, _ contents: [String], bytes: ArraySlice<UInt8>?,
        reopening: Bool
    ) throws {
        let recovered = try MemoryStore.recover(files)
        #expect(recovered.contents == contents)
        #expect(recovered.tail?.offset == offset)
        if let bytes {
            let torn = (bytes.lastIndex { $0 != 0 } ?? bytes.startIndex - 1) + 1 - bytes.startIndex
            #expect(recovered.tail?.tornBytes == torn)
        }
        guard reopening else { return }
        // What was cut does not come back, and the store goes on.
        var next = try MemoryStore(opening: files)
        try next.commit { try $0.put(key(77), "after") }
        #expect(try MemoryStore.recover(next.files).contents == contents + ["77=after"])
    }

    @Test("with a witness some frames old, only the frames after it are exposed")
    func oldWitness() throws {
        var (store, contents, _) = try Self.journal()
        let name = store.openName
        let witnessed = store.writer.end
        for number in 60..<63 { try store.commit(witnessed: false) { try $0.put(key(UInt64(number)), "w") } }
        contents = try MemoryStore.recover(store.files).contents
        let witnessedContents = Array(contents.dropLast(3))
        for index in JournalFormat.segmentHeaderBytes..<store.writer.end {
            var files = store.files
            files[name]?[index] ^= 0x04
            let recovered = try? MemoryStore.recover(files)
            if index < witnessed {
                #expect(recovered == nil, "flip at \(index)")
            } else if let recovered {
                #expect(recovered.contents.starts(with: witnessedContents), "flip at \(index)")
                #expect(recovered.tail?.tornBytes ?? 0 > 0, "flip at \(index) was cut without a word")
            }
        }
    }

    @Test("an empty witness makes no claim, and one with both slots damaged is refused")
    func witnessDamage() throws {
        let (store, contents, _) = try Self.journal()
        var files = store.files
        files[JournalFormat.witnessName] = []
        #expect(!Self.isRefused(files, keeping: contents, "an empty witness"))
        files[JournalFormat.witnessName] = [UInt8](repeating: 0, count: 128)
        #expect(Self.isRefused(files, keeping: contents, "a witness of zeros"))
        for slot in [0, 64] {
            files = store.files
            for index in slot..<slot + 64 { files[JournalFormat.witnessName]?[index] = 0xFF }
            #expect(!Self.isRefused(files, keeping: contents, "a torn slot"))
        }
    }

    @Test("random bytes and random damage never trap", arguments: 0..<40)
    func randomBytes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let (store, _, _) = try Self.journal()
        for _ in 0..<50 {
            var files = store.files
            let name = files.keys.sorted()[random.below(files.count)]
            switch random.below(3) {
            case 0:
                files[name] = (0..<random.below(400)).map { _ in UInt8(random.below(256)) }
            case 1:
                for _ in 0..<1 + random.below(8) {
                    let place = random.below(2_400) % (files[name]?.count ?? 1)
                    files[name]?[place] = UInt8(random.below(256))
                }
            default:
                // Content that no writer makes, under a checksum that holds.
                files[name] = Self.forged(&random, salt: 0xA1A2_A3A4_A5A6_A7A8)
            }
            _ = try? MemoryStore.recover(files)
        }
    }

    /// A valid header followed by frames whose checksums hold over random fields and random bodies.
    static func forged(_ random: inout SeededRandom, salt: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(
            SegmentHeader(
                preallocatedBytes: 0, identity: MemoryStore.identity, firstSequence: 1, salt: salt,
                created: MemoryStore.created, olderSegments: 0
            ).encoded())
        var sequence: UInt64 = 1
        for _ in 0..<1 + random.below(4) {
            let body = (0..<random.below(60)).map { _ in
                random.chance(1, in: 2) ? UInt8(random.below(20)) : UInt8(random.below(256))
            }
            var header = ByteWriter()
            header.append("JRFR".utf8)
            header.appendLittleEndian(UInt32(body.count))
            header.appendLittleEndian(random.chance(1, in: 10) ? random.next() : sequence)
            let count = random.chance(1, in: 10) ? UInt32(truncatingIfNeeded: random.next()) : UInt32(random.below(4))
            header.appendLittleEndian(count)
            header.appendLittleEndian(UInt32(random.below(3)))
            header.appendLittleEndian(random.chance(1, in: 4) ? random.next() : 0)
            var crc = CRC32C()
            crc.updateLittleEndian(salt)
            crc.update(header.bytes)
            crc.update(body)
            writer.append(header.bytes)
            writer.appendLittleEndian(crc.value)
            writer.append(body)
            sequence += UInt64(count)
        }
        return writer.bytes
    }
}
