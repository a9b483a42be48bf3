import JRBase
import JRJournal
import Testing

@Suite("What is not needed is given back")
struct JournalCompactionTests {
    static let policy = CompactionPolicy(slack: 8 << 10)

    /// Whether the store is within its bound: one and three quarters of what is live, the slack, two segments.
    static func isBounded(_ store: MemoryStore) -> Bool {
        store.writer.space.files <= store.writer.space.live / 4 * 7 + policy.slack + 2 * 16_384
    }

    /// Files there are, as the writer counts them.
    static func fileBytes(_ store: MemoryStore) -> Int {
        store.files.filter { $0.key.hasSuffix(".seg") }.reduce(0) { $0 + $1.value.count }
    }

    @Test("one job that waits for a year does not keep all that came after it")
    func pinned() throws {
        var store = try MemoryStore()
        try store.commit { try $0.put(key(1), "the pinned one") }
        for number in 2..<800 {
            try store.commit { writer in
                try writer.put(key(UInt64(number)), String(repeating: "x", count: 100))
                if number > 2 { try writer.remove(key(UInt64(number - 1))) }
            }
            try store.compact(Self.policy)
            #expect(Self.isBounded(store), "after \(number)")
            #expect(Self.fileBytes(store) == store.writer.space.files)
        }
        let recovered = try MemoryStore.recover(store.files)
        #expect(recovered.contents.first == "1=the pinned one")
        #expect(recovered.records.count == 2)
        #expect(recovered.records.first?.order == 1)
    }

    @Test("jobs put off again and again take no more space than they need")
    func putOffForEver() throws {
        var store = try MemoryStore()
        for number in 0..<200 { try store.commit { try $0.put(key(UInt64(number)), "new, some text to fill it") } }
        var copied = 0
        for round in 0..<1_200 {
            // By a step that meets every job in turn, some much later than others.
            try store.commit { try $0.put(key(UInt64(round * 7 % 150)), "put off \(round), some text to fill it") }
            copied += try store.compact(Self.policy)
            #expect(Self.isBounded(store), "round \(round)")
        }
        let recovered = try MemoryStore.recover(store.files)
        #expect(recovered.records.map(\.key.low) == Array(0..<200))
        // Each byte written costs at most two more.
        #expect(copied < 2 * 1_200 * 110)
    }

    @Test("a store that was large and is drained becomes small, without anything else being written")
    func drained() throws {
        var store = try MemoryStore()
        for number in 0..<1_000 {
            try store.commit { try $0.put(key(UInt64(number)), String(repeating: "x", count: 90)) }
        }
        #expect(Self.fileBytes(store) > 100_000)
        for number in 0..<1_000 where number % 100 != 3 { try store.commit { try $0.remove(key(UInt64(number))) } }
        try store.compact(Self.policy)
        #expect(Self.isBounded(store))
        #expect(try MemoryStore.recover(store.files).records.map(\.key.low) == (0..<10).map { UInt64($0 * 100 + 3) })
    }

    @Test("after each step of the work, and with each step torn, the store reads the same")
    func everyStep() throws {
        var store = try MemoryStore()
        for number in 0..<250 {
            try store.commit { writer in
                try writer.put(key(UInt64(number)), String(repeating: "x", count: 60))
                if number >= 9, number % 5 != 0 { try writer.remove(key(UInt64(number - 8))) }
            }
        }
        let expected = try MemoryStore.recover(store.files)
        var steps = 0
        var before = store.files
        try store.compact(Self.policy) { files in
            let recovered = try MemoryStore.recover(files)
            #expect(recovered.values == expected.values, "after step \(steps)")
            #expect(recovered.records.map(\.order) == expected.records.map(\.order))
            // The write of this step, cut at some places: what is not whole does not count.
            for (name, bytes) in files where bytes != before[name] && name.hasSuffix(".seg") && before[name] != nil {
                guard let old = before[name], old.count == bytes.count else { continue }
                for cut in stride(from: 64, to: bytes.count, by: 1_201) {
                    var torn = files
                    torn[name] = Array(bytes[..<cut] + old[cut...])
                    let recovered = try MemoryStore.recover(torn)
                    #expect(recovered.values == expected.values, "cut at \(cut)")
                }
            }
            before = files
            steps += 1
            if steps % 8 == 0 {
                // A process that starts here goes on.
                var next = try MemoryStore(opening: files)
                try next.compact(Self.policy)
                #expect(try MemoryStore.recover(next.files).values == expected.values)
            }
        }
        #expect(steps > 15)
    }

    @Test("random lives with work in between keep every record, in order", arguments: 0..<10)
    func randomLives(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var store = try MemoryStore()
        var model: [(UInt64, String)] = []
        for round in 0..<250 {
            var changes: [(UInt64, String?)] = []
            for _ in 0..<1 + random.below(4) {
                let number = UInt64(random.below(60))
                let isRemove = random.chance(1, in: 3)
                changes.append((number, isRemove ? nil : "r\(round)" + String(repeating: "y", count: random.below(80))))
            }
            for (number, text) in changes {
                let place = model.firstIndex { $0.0 == number }
                switch (place, text) {
                case (let place?, let text?): model[place].1 = text
                case (nil, let text?): model.append((number, text))
                case (let place?, nil): model.remove(at: place)
                case (nil, nil): break
                }
            }
            try store.commit { writer in
                for (number, text) in changes {
                    if let text { try writer.put(key(number), text) } else { try writer.remove(key(number)) }
                }
            }
            if random.chance(1, in: 3) { try store.compact(Self.policy, slices: 1 + random.below(4)) }
            if random.chance(1, in: 60) { store = try MemoryStore(opening: store.files) }
        }
        #expect(try MemoryStore.recover(store.files).contents == model.map { "\($0.0)=\($0.1)" })
        try store.compact(Self.policy)
        #expect(try MemoryStore.recover(store.files).contents == model.map { "\($0.0)=\($0.1)" })
    }

    @Test("a damaged old segment is not cleaned away")
    func damaged() throws {
        var store = try MemoryStore()
        for number in 0..<250 {
            try store.commit { writer in
                try writer.put(key(UInt64(number)), String(repeating: "x", count: 60))
                if number >= 9, number % 5 != 0 { try writer.remove(key(UInt64(number - 8))) }
            }
        }
        let oldest = try #require(store.files.keys.filter { $0.hasSuffix(".seg") }.min())
        store.files[oldest]?[200] ^= 1
        #expect(throws: JournalRefusal.self) { try store.compact(Self.policy) }
        #expect(store.files[oldest] != nil)
    }

    @Test("a segment made for one huge commit is given up once that is over")
    func hugeCommit() throws {
        var store = try MemoryStore()
        try store.commit { try $0.put(key(1), String(repeating: "x", count: 200_000)) }
        try store.commit { try $0.remove(key(1)) }
        #expect(Self.fileBytes(store) > 200_000)
        try store.compact(Self.policy)
        #expect(Self.fileBytes(store) <= 16_384 + 200)
    }
}

extension MemoryStore {
    /// Works until nothing is left to do, or for so many slices; gives how many bytes were copied.
    /// `step` is called after each change of the files.
    @discardableResult
    mutating func compact(
        _ policy: CompactionPolicy, slices: Int = .max, step: ([String: [UInt8]]) throws -> Void = { _ in }
    ) throws -> Int {
        var cleaner: SegmentCleaner?
        var copied = 0
        var left = slices
        while left > 0, let next = writer.compactionStep(policy) {
            left -= 1
            switch next {
            case .drop:
                rotate(holding: 0)
            case .clean(let segment, _):
                let file = files[JournalFormat.segmentName(segment)] ?? []
                var current =
                    cleaner?.segment == segment
                    ? cleaner ?? SegmentCleaner(segment: segment, fileBytes: file.count)
                    : SegmentCleaner(segment: segment, fileBytes: file.count)
                let range = current.range(budget: 500)
                try current.take(Array(file[range.offset..<range.offset + range.count]))
                var puts: [SegmentCleaner.Put] = []
                while let put = try current.next() { puts.append(put) }
                let before = writer.end
                try commit(witnessed: false) { writer in for put in puts { try writer.carry(put) } }
                copied += max(0, writer.end - before)
                cleaner = current
            }
            try step(files)
        }
        return copied
    }
}
