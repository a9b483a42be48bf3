import JRBase
import JRJournal
import Testing

@Suite("What recovery keeps, cuts and refuses")
struct JournalRecoveryTests {
    @Test("live records come back in the order of their first put, with their last values")
    func order() throws {
        var store = try MemoryStore()
        try store.commit { writer in
            try writer.put(key(1), "a")
            try writer.put(key(2), "b")
            try writer.put(key(3), "c")
        }
        try store.commit { writer in
            try writer.put(key(1), "A")
            try writer.remove(key(2))
        }
        try store.commit { try $0.put(key(2), "again") }
        #expect(try MemoryStore.recover(store.files).contents == ["1=A", "3=c", "2=again"])
    }

    @Test("a key put, removed and put again in one commit is new at its last put")
    func withinOneCommit() throws {
        var store = try MemoryStore()
        try store.commit { writer in
            try writer.put(key(1), "a")
            try writer.put(key(2), "b")
            try writer.put(key(1), "aa")
            try writer.remove(key(2))
            try writer.remove(key(9))
            try writer.put(key(2), "bb")
        }
        let recovered = try MemoryStore.recover(store.files)
        #expect(recovered.contents == ["1=aa", "2=bb"])
        #expect(recovered.recordsRead == 5)
    }

    @Test("a store goes on after a crash, after a clean end, and after both again")
    func reopening() throws {
        var store = try MemoryStore()
        var expected: [String] = []
        for round in 0..<12 {
            for number in 0..<3 {
                try store.commit { try $0.put(key(UInt64(round * 3 + number)), "r\(round)") }
                expected.append("\(round * 3 + number)=r\(round)")
            }
            if round % 3 != 0 { store.seal(isClose: true) }
            store = try MemoryStore(opening: store.files)
            #expect(try MemoryStore.recover(store.files).contents == expected, "round \(round)")
        }
    }

    @Test("an end that nobody saw on the disk is written again before it is trusted")
    func unwitnessedEnd() throws {
        for isClose in [true, false] {
            var store = try MemoryStore()
            for number in 0..<80 { try store.commit { try $0.put(key(UInt64(number)), "some text to fill it") } }
            let name = store.openName
            let witness = store.files[JournalFormat.witnessName]
            store.seal(isClose: isClose)
            #expect(try MemoryStore.recover(store.files).lastSegmentIsDurable)
            // More than half full and done: the next one is begun.
            #expect(try MemoryStore(opening: store.files).openName != name)

            store.files[JournalFormat.witnessName] = witness
            #expect(try !MemoryStore.recover(store.files).lastSegmentIsDurable)
            var next = try MemoryStore(opening: store.files)
            #expect(next.openName == name)
            try next.commit { try $0.put(key(99), "after") }
            let contents = try MemoryStore.recover(next.files).contents
            #expect(contents.count == 81)
            #expect(contents.last == "99=after")
        }
    }

    @Test("many segments are read as one journal, and oldest ones without a live record are deleted")
    func rotation() throws {
        var store = try MemoryStore()
        let filler = String(repeating: "x", count: 500)
        for number in 0..<200 {
            try store.commit { writer in
                try writer.put(key(UInt64(number)), "\(number)" + filler)
                if number >= 10 { try writer.remove(key(UInt64(number - 10))) }
            }
        }
        let segments = store.files.keys.filter { $0.hasSuffix(".seg") }
        #expect(segments.count <= 3)
        #expect(!store.files.keys.contains(JournalFormat.segmentName(1)))
        let recovered = try MemoryStore.recover(store.files)
        #expect(recovered.records.map(\.key.low) == Array(190..<200))
    }

    @Test("the order of first puts survives the deletion of the segment that held them")
    func orderAcrossDeletion() throws {
        var store = try MemoryStore()
        let filler = String(repeating: "x", count: 1_000)
        try store.commit { try $0.put(key(1), "first") }
        try store.commit { try $0.put(key(2), "second") }
        for round in 0..<60 {
            try store.commit { try $0.put(key(3), filler + "\(round)") }
            // Turned around on purpose: the later put of 1 lies behind that of 2.
            try store.commit { writer in
                try writer.put(key(2), "second")
                try writer.put(key(1), "first")
            }
        }
        #expect(!store.files.keys.contains(JournalFormat.segmentName(1)))
        #expect(try MemoryStore.recover(store.files).records.map(\.key.low) == [1, 2, 3])
    }

    @Test("segments whose deletion was interrupted are left out, whichever of them are still there")
    func leftovers() throws {
        var store = try MemoryStore()
        let filler = String(repeating: "x", count: 900)
        var seen: [String: [UInt8]] = [:]
        for number in 0..<120 {
            try store.commit { writer in
                try writer.put(key(UInt64(number)), filler)
                if number >= 4 { try writer.remove(key(UInt64(number - 4))) }
            }
            for (name, bytes) in store.files where name.hasSuffix(".seg") { seen[name] = bytes }
        }
        let expected = try MemoryStore.recover(store.files).contents
        let deleted = seen.keys.filter { store.files[$0] == nil }.sorted()
        try #require(deleted.count >= 3)
        for name in deleted {
            var files = store.files
            files[name] = seen[name]
            let recovered = try MemoryStore.recover(files)
            #expect(recovered.contents == expected)
            #expect(recovered.leftovers.map { JournalFormat.segmentName($0) } == [name])
        }
    }

    @Test("frames of a commit count only all together")
    func commitsOfManyFrames() throws {
        var store = try MemoryStore(sizes: SegmentSizes(first: 1 << 20, longest: 1 << 20))
        try store.commit { try $0.put(key(0), "before") }
        let before = store.writer.end
        try store.commit(witnessed: false) { writer in
            for number in 1...2_500 { try writer.put(key(UInt64(number)), "v") }
        }
        let name = store.openName
        #expect(try MemoryStore.recover(store.files).records.count == 2_501)
        let bytes = try #require(store.files[name])
        // The last frame's end is lost: the first two are whole, and do not count.
        for lost in [1, 20, 5_000] {
            var torn = bytes
            for index in store.writer.end - lost..<store.writer.end { torn[index] = 0 }
            store.files[name] = torn
            let recovered = try MemoryStore.recover(store.files)
            #expect(recovered.contents == ["0=before"])
            #expect(recovered.tail?.offset == before)
        }
    }

    @Test("a missing segment is refused, wherever it was")
    func missingSegments() throws {
        var store = try MemoryStore()
        for number in 0..<60 {
            try store.commit { try $0.put(key(UInt64(number)), String(repeating: "x", count: 800)) }
        }
        let segments = store.files.keys.filter { $0.hasSuffix(".seg") }.sorted()
        try #require(segments.count >= 4)
        for name in segments {
            var files = store.files
            files[name] = nil
            #expect(throws: JournalRefusal.self, "without \(name)") { try MemoryStore.recover(files) }
        }
        for name in [JournalFormat.metaName, JournalFormat.witnessName] {
            var files = store.files
            files[name] = nil
            #expect(throws: JournalRefusal.self, "without \(name)") { try MemoryStore.recover(files) }
        }
    }

    @Test("a refusal names the file, the place, the sequence and how much is known, and says how to go on")
    func refusalText() throws {
        var store = try MemoryStore()
        for number in 0..<4 { try store.commit { try $0.put(key(UInt64(number)), "v") } }
        let place = JournalFormat.segmentHeaderBytes + 2 * 56
        store.files[store.openName]?[place + 40] ^= 1
        let refusal = try #require(throws: JournalRefusal.self) { try MemoryStore.recover(store.files) }
        #expect(
            refusal.description == """
                00000000000000000001.seg at byte 176, after sequence 2, with 2 live records before it: the frame's \
                checksum does not match, and a later frame (byte 232) shows that sequence 3 was durable.
                """)
        #expect(refusal.mend("store").contains("copy"))
    }

    @Test("segments of another store and of another version are refused by name")
    func foreign() throws {
        var store = try MemoryStore()
        try store.commit { try $0.put(key(1), "v") }
        var other = store.files
        other[JournalFormat.metaName] =
            StoreMeta(identity: StoreIdentity(high: 1, low: 2), created: MemoryStore.created).encoded()
        other[JournalFormat.witnessName] = []
        #expect(throws: JournalRefusal(.foreign, file: store.openName)) { try MemoryStore.recover(other) }

        var newer = try #require(store.files[store.openName])
        newer[6] = 2
        var patched = ByteWriter()
        patched.append(newer[..<60])
        patched.appendLittleEndian(CRC32C.checksum(newer[..<60]))
        newer.replaceSubrange(0..<64, with: patched.bytes)
        store.files[store.openName] = newer
        #expect(throws: JournalRefusal(.newerVersion(major: 2, minor: 0), file: store.openName)) {
            try MemoryStore.recover(store.files)
        }
    }

    @Test("a commit that failed leaves the writer as it was")
    func failedCommit() throws {
        var store = try MemoryStore()
        try store.commit { writer in
            try writer.put(key(1), "a")
            try writer.put(key(2), "b")
        }
        let before = store.writer
        try store.writer.put(key(1), "lost")
        try store.writer.put(key(3), "lost")
        try store.writer.remove(key(2))
        try store.writer.put(key(2), "lost")
        _ = store.writer.finishCommit()
        store.writer.commitFailed()
        #expect(store.writer.liveRecords == 2)
        #expect(store.writer.nextSequence == before.nextSequence)
        try store.commit { writer in
            try writer.put(key(2), "kept")
            try writer.remove(key(1))
        }
        #expect(try MemoryStore.recover(store.files).contents == ["2=kept"])
    }

    @Test("a record beyond the limit is refused before anything is written, and a long one lies in a frame of its own")
    func limits() throws {
        var store = try MemoryStore(sizes: .usual)
        let tooLong = [UInt8](repeating: 7, count: JournalFormat.recordBytes)
        #expect(throws: JournalLimit.recordTooLong(bytes: JournalFormat.recordBytes + 18)) {
            try store.writer.put(key(1), tooLong.span)
        }
        store.writer.commitFailed()
        let long = tooLong.prefix(JournalFormat.frameBodyBytes + 1)
        try store.commit { writer in
            try writer.put(key(0), "small")
            try writer.put(key(1), long.span)
            try writer.put(key(2), "small")
        }
        let recovered = try MemoryStore.recover(store.files)
        #expect(recovered.values.map(\.count) == [5, long.count, 5])
        #expect(store.writer.end == 64 + 3 * 36 + 2 * 24 + (3 + 18 + long.count))
    }

    @Test("ends still have room when nothing else has")
    func reserve() throws {
        var store = try MemoryStore()
        while true {
            try store.writer.put(key(store.writer.nextSequence), "v")
            _ = store.writer.finishCommit()
            guard store.writer.commitFits(usingReserve: false) else { break }
            store.writer.commitWritten()
        }
        #expect(store.writer.commitAddsRecords)
        store.writer.commitFailed()
        var ends = 0
        while true {
            try store.writer.remove(key(UInt64(ends + 1)))
            _ = store.writer.finishCommit()
            #expect(!store.writer.commitAddsRecords)
            guard store.writer.commitFits(usingReserve: true) else { break }
            store.writer.commitWritten()
            ends += 1
        }
        #expect(ends >= 15)
        store.writer.commitFailed()
        #expect(store.writer.end + store.writer.sealFrame(isClose: false).count <= 8_192)
    }
}
