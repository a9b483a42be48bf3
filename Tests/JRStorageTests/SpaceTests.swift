import Glibc
import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

@Suite("Space on the disk", .mayBlock)
struct SpaceTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }

    init() throws { directory = try TemporaryDirectory() }

    /// Three times what is live and 128 MiB is promised with segments of 32 MiB; here everything is a 64th of that.
    static let sizes = SegmentSizes(first: 64 << 10, longest: 512 << 10)
    static let policy = CompactionPolicy(slack: 512 << 10)
    static let allowed = 2 << 20

    private func open() throws -> JournalStore {
        try openStore(path, sync: .never, sizes: Self.sizes, policy: Self.policy).store
    }

    private func expectBound(_ store: JournalStore, _ what: String) throws {
        // The file of marks has its one length.
        let use = try diskUse(path) - RunningMarks.bytes
        #expect(use <= 3 * store.writer.space.live + Self.allowed, "\(what): \(use), live \(store.writer.space.live)")
    }

    @Test("delayed jobs released and put off again for ever stay within three times what is live and a constant")
    func putOffForEver() throws {
        let store = try open()
        for number in 0..<1_000 { try store.commit([.put(job(number, bytes: 100))]) }
        for round in 0..<8_000 {
            try store.commit([.put(job(round * 7 % 1_000, "r\(round)", bytes: 100))])
            _ = store.compact()
            if round % 500 == 0 { try expectBound(store, "round \(round)") }
        }
        store.close()
        #expect(try openStore(path).contents.jobs.map(\.record.id) == (0..<1_000).map(id))
    }

    @Test("one job that waits for a year, and one that failed, do not keep what heavy traffic leaves behind")
    func pinned() throws {
        let store = try open()
        try store.commit([.put(job(100_000))])
        for number in 0..<6_000 {
            try store.commit([.put(job(number, bytes: 300))])
            if number == 500 { try store.commit([.put(job(100_001))]) }
            if number >= 10 { try store.commit([.remove(id(number - 10))]) }
            _ = store.compact()
            if number % 500 == 0 { try expectBound(store, "job \(number)") }
        }
        store.close()
        let found = try contents(of: path)
        #expect(found == ["100000", "100001"] + (5_990..<6_000).map(String.init))
    }

    @Test("a store that was large and is drained is small as soon as there is nothing else to do")
    func drained() throws {
        let store = try open()
        for number in 0..<200 { try store.commit([.put(job(number, bytes: 50_000))]) }
        for number in 0..<200 where number != 50 { try store.commit([.remove(id(number))]) }
        while store.compact() {}
        #expect(try diskUse(path) - RunningMarks.bytes <= Self.allowed)
        store.close()
        #expect(try contents(of: path) == ["50"])
    }

    @Test("the storage cleans by itself, between commits and when there are none")
    func byItself() async throws {
        let path = path
        let driver = try await StorageDriver {
            JournalStorage(StoreDirectory(path), sync: .never, sizes: Self.sizes, policy: Self.policy)
        }
        defer { driver.stop() }
        _ = try await driver.open().get()
        for number in 0..<100 { try await driver.commit([.put(job(number, bytes: 50_000))]) }
        try await driver.commit((0..<100).filter { $0 != 50 }.map { .remove(id($0)) })
        let deadline = SystemClock.instant() + .seconds(Int64(20))
        while try diskUse(path) - RunningMarks.bytes > Self.allowed, SystemClock.instant() < deadline { sched_yield() }
        #expect(try diskUse(path) - RunningMarks.bytes <= Self.allowed)
        await driver.close()
        #expect(try contents(of: path) == ["50"])
    }

    @Test("a damaged old segment is kept, and said to be damaged, while the store goes on")
    func damaged() throws {
        let store = try open()
        try store.commit([.put(job(100_000))])
        let oldest = path + "/" + JournalFormat.segmentName(1)
        let file = try Files.open(oldest, .readWrite)
        try Files.writeAll(file.raw, [0xEE][...], at: 120)
        for number in 0..<3_000 {
            try store.commit([.put(job(number, bytes: 500))])
            if number >= 2 { try store.commit([.remove(id(number - 2))]) }
            _ = store.compact()
        }
        let trouble = try #require(store.compactionTrouble)
        #expect(trouble.code == .corrupt)
        #expect(trouble.what.contains(JournalFormat.segmentName(1)))
        #expect(Files.exists(oldest))
    }

    @Test("whoever owns a storage is told once of an old segment that is damaged, and how to mend it")
    func told() async throws {
        let path = path
        let driver = try await StorageDriver {
            JournalStorage(StoreDirectory(path), sync: .never, sizes: Self.sizes, policy: Self.policy)
        }
        defer { driver.stop() }
        _ = try await driver.open().get()
        let heard = Monitor<[StorageEvent]>([])
        await driver.marks { $0.observe { _, event in heard.update { $0.append(event) } } }
        try await driver.commit([.put(job(100_000))])
        let file = try Files.open(path + "/" + JournalFormat.segmentName(1), .readWrite)
        try Files.writeAll(file.raw, [0xEE][...], at: 120)
        var number = 0
        while heard.withLock({ $0.isEmpty }), number < 20_000 {
            try await driver.commit([.put(job(number, bytes: 500))])
            if number >= 2 { try await driver.commit([.remove(id(number - 2))]) }
            number += 1
        }
        for number in number..<number + 500 { try await driver.commit([.put(job(number, bytes: 500))]) }
        await driver.close()
        let events = heard.withLock { $0 }
        guard case .trouble(let error)? = events.first else {
            Issue.record("heard \(events)")
            return
        }
        #expect(events.count == 1)
        let wanted = """
            the journal '\(path)/00000000000000000001.seg' is damaged at byte 64, after sequence 0: the frame's checksum \
            does not match. Jobs are stored and run as before, but this file and all after it stay, and the next start \
            will refuse them. Let the jobs end before you stop the node; 'jr journal verify \(path)' says what is \
            damaged, and 'jr journal salvage' saves the rest. [storage_corrupt]
            """
        #expect("\(error)" == wanted)
    }

    // MARK: A full disk

    @Test("without room for the reserve a store opens, and takes ends but no new jobs")
    func noReserve() throws {
        do {
            let store = try openStore(path).store
            for number in 0..<10 { try store.commit([.put(job(number))]) }
            store.close()
        }
        let store = try openStore(path) { operation, name in
            operation == .allocate && name.hasPrefix("reserve") ? ENOSPC : nil
        }.store
        let error = try #require(throws: StorageError.self) { try store.commit([.put(job(11))]) }
        #expect(error.code == .full)
        try store.commit([.remove(id(3))])
        try store.commit([.put(job(4, "changed"))])
        store.close()
        #expect(try contents(of: path) == ["0", "1", "2", "4changed", "5", "6", "7", "8", "9"])
    }

    @Test(
        "on a small full disk every job can end, nothing is lost, and new ones are taken again: twenty times over",
        .enabled(if: SystemProgram.userID == 0, "mounting a small file system needs root"), arguments: [false, true])
    func fillAndDrain(withPinnedJobs: Bool) throws {
        let mountPoint = directory.path + "/full"
        try Files.makeDirectory(mountPoint)
        guard mount("tmpfs", mountPoint, "tmpfs", 0, "size=2m,mode=700") == 0 else {
            try Test.cancel("this root may not mount a small file system")
        }
        defer { umount2(mountPoint, Int32(MNT_DETACH)) }
        let path = mountPoint + "/store"
        var store = try openStore(path).store
        var live: [Int] = []
        var next = 0
        var pinned: [Int] = []
        for cycle in 0..<20 {
            let before = live.count
            while true {
                do {
                    try store.commit([.put(job(next, bytes: 1_500 + next % 1_000))])
                } catch {
                    #expect(error.code == .full)
                    break
                }
                live.append(next)
                if withPinnedJobs, next % 60 == 0, pinned.count < 20 { pinned.append(next) }
                next += 1
                _ = store.compact()
            }
            #expect(live.count - before > 200, "in cycle \(cycle) only \(live.count - before) jobs found room")
            // All end, one by one, in an order that is not the one they came in.
            for number in live.shuffled(by: cycle) where !pinned.contains(number) {
                try store.commit([.remove(id(number))])
                _ = store.compact()
            }
            live.removeAll { !pinned.contains($0) }
            while store.compact() {}
            if cycle % 7 == 6 {
                store.close()
                store = try openStore(path).store
            }
        }
        store.close()
        #expect(try contents(of: path) == live.map(String.init))
    }
}

extension Array {
    fileprivate func shuffled(by seed: Int) -> [Element] {
        var random = SeededRandom(seed: UInt64(seed))
        var result = self
        for place in stride(from: count - 1, to: 0, by: -1) { result.swapAt(place, random.below(place + 1)) }
        return result
    }
}
