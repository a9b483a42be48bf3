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

/// What a process that will be killed leaves for the test: how far its commits were answered, in memory shared with the
/// page cache, so that it is exact to the instruction.
struct Diary {
    /// Commits begun, and commits answered.
    static let begun = 0
    static let answered = 1

    static func open(_ path: String) throws -> SharedMapping {
        let file = try Files.open(path, [.readWrite, .create])
        try Files.writeAll(file.raw, [UInt8](repeating: 0, count: 16)[...], at: 0)
        return try SharedMapping(file, bytes: 16)
    }

    static func read(_ path: String) throws -> (begun: Int, answered: Int) {
        let bytes = try Files.read(path, limit: 16)
        let words = bytes.withUnsafeBytes { raw in
            (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        return (Int(words.0), Int(words.1))
    }
}

/// The life that is cut short: commit n puts job n, changes job n - 1, and removes job n - 4, over several segments. A
/// job that stays from the first commit on would keep them all, were they not cleaned.
enum DoomedLife {
    static let sizes = SegmentSizes(first: 8 << 10, longest: 8 << 10)
    static let policy = CompactionPolicy(slack: 4 << 10)
    static let pinned = 5_000

    static func changes(_ number: Int) -> [StorageChange] {
        var changes: [StorageChange] = number == 0 ? [.put(job(pinned))] : []
        changes.append(.put(job(number, bytes: 700)))
        if number >= 1 { changes.append(.put(job(number - 1, "b", bytes: 300))) }
        if number >= 4 { changes.append(.remove(id(number - 4))) }
        return changes
    }

    /// What is live after so many commits.
    static func contents(after commits: Int) -> [String] {
        guard commits > 0 else { return [] }
        return ["\(pinned)"] + (max(0, commits - 4)..<commits).map { $0 == commits - 1 ? "\($0)" : "\($0)b" }
    }

    static func live(_ path: String, commits: Int, fault: @escaping StoreFault) throws {
        let diary = try Diary.open(path + ".diary")
        let store = try openStore(path, sizes: sizes, policy: policy, fault: fault).store
        for number in 0..<commits {
            diary[word: Diary.begun] = UInt64(number + 1)
            try store.commit(changes(number))
            diary[word: Diary.answered] = UInt64(number + 1)
            while store.compact() {}
        }
        store.close()
    }
}

@Suite("Killed with -9", .mayBlock)
struct KillTests {
    /// Checks what a killed process left: all that was answered, and beyond it nothing but the commit under way, whole.
    static func check(_ path: String, _ when: String) throws {
        let (begun, answered) = try Diary.read(path + ".diary")
        let found = try contents(of: path, sizes: DoomedLife.sizes)
        let allowed = Set([begun, answered]).map { DoomedLife.contents(after: $0) }
        #expect(allowed.contains(found), "\(when): begun \(begun), answered \(answered), found \(found)")
        let store = try openStore(path, sizes: DoomedLife.sizes).store
        try store.commit([.put(job(900))])
        store.close()
        #expect(try contents(of: path, sizes: DoomedLife.sizes) == found + ["900"])
    }

    @Test("B40: before any one of its operations a process can be killed, and loses nothing that was answered")
    func beforeEveryOperation() async throws {
        let counted = Atomic<Int>(0)
        let rehearsal = try TemporaryDirectory()
        try DoomedLife.live(rehearsal.store, commits: 14) { operation, _ in
            guard StoreOperation.lasting.contains(operation) else { return nil }
            counted.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        let operations = counted.load(ordering: .relaxed)
        #expect(operations > 60)
        for nth in 1...operations {
            let directory = try TemporaryDirectory()
            let path = directory.store
            try await #require(processExitsWith: .signal(SIGKILL)) { [path = path as String, nth = nth as Int] in
                let left = Atomic<Int>(nth)
                try DoomedLife.live(path, commits: 14) { operation, _ in
                    guard StoreOperation.lasting.contains(operation) else { return nil }
                    if left.wrappingSubtract(1, ordering: .relaxed).newValue == 0 { kill(getpid(), SIGKILL) }
                    return nil
                }
            }
            try Self.check(path, "before operation \(nth)")
        }
    }

    @Test("at any moment a process can be killed, and loses nothing that was answered")
    func atAnyMoment() async throws {
        for round in 0..<TestSize.rounds(12, full: 200) {
            let directory = try TemporaryDirectory()
            let path = directory.store
            try await #require(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
                let operations = Atomic<Int>(0)
                // Another thread kills it while it is in the middle of something.
                try Threads.start(name: "killer") {
                    while operations.load(ordering: .relaxed) < 40 + round % 50 * 31 {}
                    kill(getpid(), SIGKILL)
                }
                try DoomedLife.live(path, commits: 100_000) { _, _ in
                    operations.wrappingAdd(1, ordering: .relaxed)
                    return nil
                }
            }
            try Self.check(path, "in round \(round)")
        }
    }
}
