import Glibc
import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JRStorage

@Suite("Space on the disk", .mayBlock)
struct SpaceTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }

    init() throws { directory = try TemporaryDirectory() }

    /// Three times what is live and 128 MiB is promised with segments of 32 MiB. Where not everything is tried,
    /// everything is a 64th of that.
    static let sizes = TestSize.isFull ? SegmentSizes.usual : smallSizes
    static let policy = TestSize.isFull ? CompactionPolicy.usual : smallPolicy
    /// For tests in which a few MiB must be enough for space to be given back.
    static let smallSizes = SegmentSizes(first: 64 << 10, longest: 512 << 10)
    static let smallPolicy = CompactionPolicy(slack: 512 << 10)
    static let allowed = TestSize.isFull ? 128 << 20 : 2 << 20

    private func open() throws -> JournalStore {
        try openStore(path, sync: .never, sizes: Self.sizes, policy: Self.policy).store
    }

    private func expectBound(_ store: JournalStore, _ what: String) throws {
        // The file of marks has its one length.
        let use = try diskUse(path) - RunningMarks.bytes
        #expect(
            use <= 3 * store.writer.space.live + Self.allowed, "\(what): \(use), live \(store.writer.space.live)")
    }

    /// The longest slice of work between two commits.
    private func compact(_ store: JournalStore, _ longest: inout Interval) {
        let begun = SystemClock.instant()
        _ = store.compact()
        longest = max(longest, SystemClock.instant() - begun)
    }

    @Test("delayed jobs released and put off again for ever stay within three times what is live and a constant")
    func putOffForEver() throws {
        let (jobs, rounds, batch) = TestSize.isFull ? (100_000, 60_000, 20) : (1_000, 8_000, 1)
        let store = try open()
        var (longest, most) = (Interval.zero, 0)
        for number in 0..<jobs { try store.commit([.put(job(number, bytes: 100))]) }
        for round in 0..<rounds {
            // By a step that meets every job in turn, some much later than others.
            let numbers = (0..<batch).map { (round * batch + $0) * 7 % jobs }
            try store.commit(numbers.map { .put(job($0, "r\(round)", bytes: 100)) })
            compact(store, &longest)
            if round % 500 == 0 {
                try expectBound(store, "round \(round)")
                most = max(most, try diskUse(path))
            }
        }
        say("put off for ever: \(rounds * batch) changes of \(jobs) jobs", most, store, longest)
        store.close()
        #expect(try openStore(path).contents.jobs.map(\.record.id) == (0..<jobs).map(id))
    }

    @Test("one job that waits for a year, and one that failed, do not keep what heavy traffic leaves behind")
    func pinned() throws {
        let (jobs, batch) = TestSize.isFull ? (1_000_000, 50) : (6_000, 1)
        let (waiting, failed) = (5_000_000, 5_000_001)
        let store = try open()
        var (longest, most) = (Interval.zero, 0)
        try store.commit([.put(job(waiting))])
        for first in stride(from: 0, to: jobs, by: batch) {
            var changes = (first..<first + batch).map { StorageChange.put(job($0, bytes: 300)) }
            if first == 500 { changes.append(.put(job(failed))) }
            changes += (first - 10 * batch..<first - 9 * batch).filter { $0 >= 0 }.map { .remove(id($0)) }
            try store.commit(changes)
            compact(store, &longest)
            if first % (500 * batch) == 0 {
                try expectBound(store, "job \(first)")
                most = max(most, try diskUse(path))
            }
        }
        say("two pinned under \(jobs) jobs", most, store, longest)
        store.close()
        let found = try contents(of: path)
        let last = (jobs - 10 * batch + batch - 1) / batch * batch
        #expect(found == ["\(waiting)", "\(failed)"] + (last..<jobs).map(String.init))
    }

    @Test("jobs that wait for a year stay, and heavy traffic beside them stays within the bound")
    func waiting() throws {
        let (jobs, batch) = TestSize.isFull ? (1_000_000, 50) : (6_000, 1)
        let store = try open()
        var (longest, most, kept) = (Interval.zero, 0, [String]())
        for first in stride(from: 0, to: jobs, by: batch) {
            var changes = (first..<first + batch).map { StorageChange.put(job($0, bytes: 300)) }
            // One in 64 waits, all the others end.
            changes += (first - batch..<first).filter { $0 >= 0 && $0 % 64 != 0 }.map { .remove(id($0)) }
            try store.commit(changes)
            compact(store, &longest)
            if first % (500 * batch) == 0 {
                try expectBound(store, "job \(first)")
                most = max(most, try diskUse(path))
            }
        }
        kept = (0..<jobs).filter { $0 % 64 == 0 || $0 >= jobs - batch }.map(String.init)
        say("one of 64 jobs waits, of \(jobs)", most, store, longest)
        store.close()
        #expect(try contents(of: path) == kept)
    }

    private func say(_ what: String, _ most: Int, _ store: JournalStore, _ longest: Interval) {
        guard TestSize.isFull else { return }
        let live = store.writer.space.live >> 20
        print("\(what): \(most >> 20) MiB at most, live \(live) MiB, longest slice \(longest)")
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
        let store = try openStore(path, sync: .never, sizes: Self.smallSizes, policy: Self.smallPolicy).store
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
            JournalStorage(StoreDirectory(path), sync: .never, sizes: Self.smallSizes, policy: Self.smallPolicy)
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
        // Where there is hardly any time between commits, it comes when there are none.
        _ = heard.wait(timeout: .seconds(Int64(60))) { $0.isEmpty ? nil : true }
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

    @Test("what was kept for more jobs than there are now is given back when there is no room for what is needed")
    func reserveIsTrimmed() throws {
        try Files.makeDirectory(path)
        let isFull = Atomic(false)
        let directory = StoreDirectory(path) { operation, name in
            // The second file finds no room until the first has become shorter.
            guard isFull.load(ordering: .relaxed), operation == .allocate, name == StoreReserve.names[1] else {
                return nil
            }
            let kept = try? Files.status(path + "/" + StoreReserve.names[0]).size
            return kept ?? 0 > 100_000 ? ENOSPC : nil
        }
        let reserve = StoreReserve(directory)
        try reserve.ensure(JournalReserve(ends: 900_000, drop: 60_000))
        isFull.store(true, ordering: .relaxed)
        #expect(throws: SystemError.self) { try reserve.ensure(JournalReserve(ends: 900_000, drop: 120_000)) }
        #expect(!reserve.isComplete)
        try reserve.ensure(JournalReserve(ends: 100_000, drop: 120_000))
        #expect(reserve.isComplete)
        #expect(try Files.status(path + "/" + StoreReserve.names[0]).size == 100_000)
    }

    @Test(
        "on a small full disk every job can end, nothing is lost, and new ones are taken again: twenty times over",
        .enabled(if: SystemProgram.userID == 0, "mounting a small file system needs root"), arguments: [false, true])
    func fillAndDrain(withPinnedJobs: Bool) throws {
        try onSmallDisk { path in
            let disk = FullDisk(path: path, pinsJobs: withPinnedJobs)
            try disk.fillAndDrain(cycles: 20)
        }
    }

    @Test(
        "room that comes late, since another process has deleted files open, leaves no store full for good",
        .enabled(if: SystemProgram.userID == 0, "mounting a small file system needs root"), arguments: 0..<2)
    func roomComesLate(seed: Int) throws {
        try onSmallDisk { path in
            let others = OtherProcess(path: path, seed: seed)
            let disk = FullDisk(path: path, pinsJobs: seed % 2 == 0, fault: { others.look($0, $1) })
            try disk.fillAndDrain(cycles: 9) { others.letGo() }
        }
    }

    /// To write into a mapped file that has no block there would end the process.
    @Test(
        "on a full disk a store whose file of marks has holes is not opened, and says that there is no room",
        .enabled(if: SystemProgram.userID == 0, "mounting a small file system needs root"))
    func marksWithHoles() throws {
        try onSmallDisk { path in
            // Gone as if killed: nothing else of it needs room when it is opened again.
            try openStore(path, sizes: Self.smallSizes).store.commit([.put(job(1))])
            let marks = try Files.open(path + "/RUNNING", [.write, .truncate])
            try Files.truncate(marks.raw, to: Int64(RunningMarks.bytes))
            let filler = try Files.open(Files.parent(of: path) + "/filler", [.write, .create])
            #expect(throws: SystemError.self) {
                while true { try Files.writeAll(filler.raw, [UInt8](repeating: 1, count: 4_096)) }
            }
            let error = try #require(throws: StorageError.self) { try openStore(path, sizes: Self.smallSizes) }
            #expect(error.code == .full && error.why.contains("RUNNING") && error.why.contains("ENOSPC"), "\(error)")
            try Files.remove(Files.parent(of: path) + "/filler")
            try Files.truncate(filler.raw, to: 0)
            let opened = try openStore(path, sizes: Self.smallSizes)
            opened.marks.mark(id(1))
            #expect(opened.contents.summary == ["1"])
        }
    }

    private func onSmallDisk(_ body: (_ store: String) throws -> Void) throws {
        let mountPoint = directory.path + "/full"
        try Files.makeDirectory(mountPoint)
        guard mount("tmpfs", mountPoint, "tmpfs", 0, "size=2m,mode=700") == 0 else {
            try Test.cancel("this root may not mount a small file system")
        }
        defer { umount2(mountPoint, Int32(MNT_DETACH)) }
        try body(mountPoint + "/store")
    }
}

/// Another process that has files of the store open for a moment, as a child between fork and exec has: what is
/// deleted meanwhile takes its room until it lets go.
private final class OtherProcess: Sendable {
    private struct State {
        var random: SeededRandom
        var held: [(file: Int32, operations: Int)] = []
    }

    private let path: String
    private let state: Mutex<State>

    init(path: String, seed: Int) {
        self.path = path
        state = Mutex(State(random: SeededRandom(seed: UInt64(seed))))
    }

    /// Before an operation of the store; makes none fail.
    func look(_ operation: StoreOperation, _ name: String) -> Int32? {
        state.withLock { state in
            for place in state.held.indices { state.held[place].operations -= 1 }
            Self.close(&state.held) { $0 <= 0 }
            guard operation == .remove, state.random.below(2) == 0 else { return }
            let file = open(path + "/" + name, O_RDONLY | O_CLOEXEC)
            if file >= 0 { state.held.append((file, 1 + state.random.below(4_000))) }
        }
        return nil
    }

    func letGo() { state.withLock { Self.close(&$0.held) { _ in true } } }

    private static func close(_ held: inout [(file: Int32, operations: Int)], where isDone: (Int) -> Bool) {
        for (file, operations) in held where isDone(operations) { Glibc.close(file) }
        held.removeAll { isDone($0.operations) }
    }

    deinit { letGo() }
}

/// A store on a disk of 2 MiB, which is filled with jobs and emptied again and again.
private struct FullDisk {
    let path: String
    let pinsJobs: Bool
    var fault: StoreFault?

    /// Children of other tests have descriptors of this store from their fork to their exec, and with them the room of
    /// what is deleted meanwhile.
    private func waitUntilNobodyElseHasRoom() throws {
        var (used, inFiles) = (1, 0)
        while used > inFiles {
            var disk = statvfs()
            try #require(statvfs(path, &disk) == 0)
            used = Int(disk.f_blocks - disk.f_bfree) * Int(disk.f_frsize)
            inFiles = try Files.list(path).reduce(0) { total, name in
                var file = stat()
                try #require(stat(path + "/" + name, &file) == 0)
                return total + Int(file.st_blocks) * 512
            }
            sched_yield()
        }
    }

    func fillAndDrain(cycles: Int, beforeFilling: () -> Void = {}) throws {
        var store = try openStore(path, fault: fault).store
        var live: [Int] = []
        var next = 0
        var pinned: [Int] = []
        for cycle in 0..<cycles {
            beforeFilling()
            try waitUntilNobodyElseHasRoom()
            let before = live.count
            while true {
                do {
                    try store.commit([.put(job(next, bytes: 1_500 + next % 1_000))])
                } catch {
                    #expect(error.code == .full)
                    break
                }
                live.append(next)
                if pinsJobs, next % 60 == 0, pinned.count < 20 { pinned.append(next) }
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
                store = try openStore(path, fault: fault).store
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
