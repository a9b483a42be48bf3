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

/// Makes the n-th operation of the asked kinds fail, once or from then on.
final class FaultPlan: Sendable {
    private let left: Atomic<Int>
    private let hits = Atomic<Int>(0)
    private let isLifted = Atomic<Bool>(false)
    let kinds: Set<StoreOperation>
    let code: Int32
    let isLasting: Bool

    init(_ nth: Int, of kinds: Set<StoreOperation>, code: Int32, lasting: Bool = false) {
        left = Atomic(nth)
        self.kinds = kinds
        self.code = code
        isLasting = lasting
    }

    /// Whether it came to the n-th operation.
    var hasStruck: Bool { hits.load(ordering: .relaxed) > 0 }

    /// No fault from here on.
    func lift() { isLifted.store(true, ordering: .relaxed) }

    var fault: StoreFault {
        { operation, _ in
            guard self.kinds.contains(operation), !self.isLifted.load(ordering: .relaxed) else { return nil }
            let left = self.left.wrappingSubtract(1, ordering: .relaxed).newValue
            guard left == 0 || self.isLasting && left < 0 else { return nil }
            self.hits.wrappingAdd(1, ordering: .relaxed)
            return self.code
        }
    }
}

@Suite("When the disk fails", .mayBlock)
struct StorageFaultTests {
    let directory: TemporaryDirectory
    var path: String { directory.store }
    static let sizes = SegmentSizes(first: 8 << 10, longest: 8 << 10)

    init() throws { directory = try TemporaryDirectory() }

    /// How a life went: what was answered as stored (and what may have been), and the error that ended it.
    private struct Outcome {
        var known: [[String]] = [[]]
        var error: StorageError?
        /// Commits that were refused for now.
        var refusals = 0
    }

    /// A life of a store: jobs come and go over several segments, and it ends well. A commit that is refused for now is
    /// tried again, and a third time when the trouble is over.
    private func life(_ path: String, _ plan: FaultPlan) -> Outcome {
        var (live, outcome) = ([Int](), Outcome())
        do {
            let store = try openStore(path, sizes: Self.sizes, policy: DoomedLife.policy, fault: plan.fault).store
            for number in 0..<15 {
                var changes: [StorageChange] = [.put(job(number, bytes: 1_000))]
                var next = live + [number]
                // The first one stays, and would keep every segment.
                if number % 3 == 2 || number > 8 {
                    changes.append(.remove(id(next[1])))
                    next.remove(at: 1)
                }
                // What is under way may be found or not, when the error came after it was written.
                outcome.known.append(next.map(String.init))
                for attempt in 0... {
                    do {
                        try store.commit(changes)
                        break
                    } catch {
                        guard error.isRetryable, attempt < 2 else { throw error }
                        outcome.refusals += 1
                        if attempt == 1 { plan.lift() }
                    }
                }
                live = next
                outcome.known = [live.map(String.init)]
                while store.compact() {}
            }
            store.close()
        } catch let error as StorageError {
            outcome.error = error
        } catch {
            Issue.record(error)
        }
        return outcome
    }

    /// A kind of fault, and whether it may end a store that is open.
    struct Kind: Sendable, CustomTestStringConvertible {
        var operations: Set<StoreOperation>
        var code: Int32
        var isLasting: Bool
        var isFatal: Bool

        var testDescription: String {
            "\(SystemError(call: "", code: code).name), \(isLasting ? "lasting" : "once"), \(operations.count) kinds"
        }
    }

    static let kinds: [Kind] = [false, true].flatMap { isLasting in
        let all = Set(StoreOperation.allCases)
        return [
            Kind(operations: all, code: EIO, isLasting: isLasting, isFatal: true),
            Kind(operations: all, code: ENOSPC, isLasting: isLasting, isFatal: true),
            Kind(operations: [.create, .allocate], code: ENOSPC, isLasting: isLasting, isFatal: false),
            // What opens a file. That names are made durable must not need one.
            Kind(
                operations: [.create, .open, .read], code: EMFILE, isLasting: isLasting, isFatal: false),
        ]
    }

    @Test("whichever operation fails, what was answered is there and nothing else", arguments: kinds)
    func everyOperation(kind: Kind) throws {
        var (nth, refusals) = (1, 0)
        while true {
            let fresh = try TemporaryDirectory(inMemory: true)
            let plan = FaultPlan(nth, of: kind.operations, code: kind.code, lasting: kind.isLasting)
            let outcome = life(fresh.store, plan)
            refusals += outcome.refusals
            guard plan.hasStruck else {
                #expect(outcome.error == nil)
                break
            }
            let found = try contents(of: fresh.store, sizes: Self.sizes)
            #expect(outcome.known.contains(found), "operation \(nth): found \(found)")
            if !kind.isFatal, let error = outcome.error, outcome.known.count > 1 || outcome.known != [[]] {
                Issue.record("operation \(nth) ended a store that was open: \(error)")
            }
            // And the store lives on.
            let again = try openStore(fresh.store, sizes: Self.sizes).store
            try again.commit([.put(job(500))])
            again.close()
            #expect(try contents(of: fresh.store) == found + ["500"])
            nth += 1
        }
        #expect(nth > 12)
        #expect(refusals > 0 || kind.isFatal || !kind.isLasting)
        if TestSize.isFull { print("faults \(kind.testDescription): \(nth - 1) operations, \(refusals) refusals") }
    }

    @Test("B42: without a free descriptor a new segment is refused for now, jobs still end, and then it goes on")
    func noDescriptors() throws {
        let isOut = Atomic<Bool>(false)
        let store = try openStore(path, sizes: SegmentSizes(first: 64 << 10, longest: 64 << 10)) { operation, _ in
            (operation == .create || operation == .open) && isOut.load(ordering: .relaxed) ? EMFILE : nil
        }.store
        isOut.store(true, ordering: .relaxed)
        var stored = 0
        let error = try #require(throws: StorageError.self) {
            while true {
                try store.commit([.put(job(stored, bytes: 500))])
                stored += 1
            }
        }
        #expect(error.code == .full)
        #expect(error.isRetryable)
        #expect(
            "\(error)".hasPrefix(
                "the storage in '\(path)' cannot begin a new file: create \(path)/next.tmp: Too many open files (EMFILE)."
                    + " Raise the limit of open files (ulimit -n)"))
        for number in 0..<stored - 1 { try store.commit([.remove(id(number))]) }
        isOut.store(false, ordering: .relaxed)
        try store.commit([.put(job(999))])
        store.close()
        #expect(try contents(of: path) == ["\(stored - 1)", "999"])
    }

    @Test("B42: after a failed sync nothing is ever stored again by that process, and it is said so")
    func failedSync() throws {
        let plan = FaultPlan(6, of: [.sync], code: EIO)
        let store = try openStore(path, fault: plan.fault).store
        var stored = 0
        let error = try #require(throws: StorageError.self) {
            while true {
                try store.commit([.put(job(stored))])
                stored += 1
            }
        }
        #expect(error.code == .failed)
        #expect(error.exitCode == 74)
        #expect(!error.isRetryable)
        #expect(error.why.contains("EIO"))
        let again = try #require(throws: StorageError.self) { try store.commit([.put(job(100))]) }
        #expect(again == error)
        store.close()
        #expect(throws: StorageError.self) { try store.commit([.put(job(101))]) }
    }

    @Test(
        "a commit that found no room leaves the store as it was, and the next one succeeds",
        arguments: [ENOSPC, EDQUOT, EFBIG])
    func fullWrite(code: Int32) throws {
        let armed = Atomic<Bool>(false)
        let store = try openStore(path) { operation, _ in
            operation == .write && armed.load(ordering: .relaxed) ? code : nil
        }.store
        try store.commit([.put(job(1))])
        armed.store(true, ordering: .relaxed)
        for _ in 0..<3 {
            let error = try #require(throws: StorageError.self) {
                try store.commit([.put(job(2, bytes: 5_000)), .remove(id(1)), .put(job(3))])
            }
            #expect(error.code == .full)
            #expect(error.isRetryable)
        }
        armed.store(false, ordering: .relaxed)
        try store.commit([.put(job(4))])
        // Nothing of the commits that failed lies behind it.
        let opened = try openStore(path, afterDeathOf: store)
        #expect(opened.contents.summary == ["1", "4"])
        #expect(opened.contents.report.tornBytes == 0)
    }

    @Test("when no further segment can be made, new jobs are refused and ends still stored, until there is room")
    func reserve() throws {
        let isFull = Atomic<Bool>(false)
        let store = try openStore(path, sizes: SegmentSizes(first: 64 << 10, longest: 64 << 10)) { operation, _ in
            operation == .allocate && isFull.load(ordering: .relaxed) ? ENOSPC : nil
        }.store
        isFull.store(true, ordering: .relaxed)
        var stored = 0
        while true {
            do {
                try store.commit([.put(job(stored, bytes: 500))])
                stored += 1
            } catch {
                #expect(error.code == .full)
                break
            }
        }
        #expect(stored > 50)
        // Ends and changes of jobs that are there fit; what mixes them with a new one does not.
        for number in 0..<20 { try store.commit([.remove(id(number))]) }
        for number in 20..<24 { try store.commit([.put(job(number, "changed", bytes: 500))]) }
        #expect(throws: StorageError.self) { try store.commit([.remove(id(30)), .put(job(999))]) }
        isFull.store(false, ordering: .relaxed)
        try store.commit([.remove(id(30)), .put(job(999))])
        store.close()
        let expected = (20..<24).map { "\($0)changed" } + (24..<stored).filter { $0 != 30 }.map(String.init) + ["999"]
        #expect(try contents(of: path) == expected)
    }

    @Test(
        "B42: a file system that fills up refuses, and goes on when there is room again",
        .enabled(if: SystemProgram.userID == 0, "mounting a small file system needs root"))
    func fullFileSystem() throws {
        let mountPoint = directory.path + "/full"
        try Files.makeDirectory(mountPoint)
        guard mount("tmpfs", mountPoint, "tmpfs", 0, "size=12m,mode=700") == 0 else {
            try Test.cancel("this root may not mount a small file system")
        }
        defer { umount2(mountPoint, Int32(MNT_DETACH)) }
        let store = try openStore(mountPoint + "/store").store
        var stored = 0
        let error = try #require(throws: StorageError.self) {
            while true {
                try store.commit([.put(job(stored, bytes: 100_000))])
                stored += 1
            }
        }
        #expect(error.code == .full)
        #expect(error.why.contains("ENOSPC"))
        #expect(stored > 50)
        try store.commit((0..<stored - 1).map { .remove(id($0)) })
        // More room than there was, as when somebody deletes something.
        #expect(mount("tmpfs", mountPoint, "tmpfs", UInt(MS_REMOUNT), "size=64m,mode=700") == 0)
        try store.commit([.put(job(1_000, bytes: 4_000_000))])
        store.close()
        #expect(try contents(of: mountPoint + "/store") == ["\(stored - 1)", "1000"])
    }

    @Test("a job too large to be stored is refused by its id, and nothing of its commit is stored")
    func tooLarge() throws {
        let store = try openStore(path).store
        let error = try #require(throws: StorageError.self) {
            try store.commit([.put(job(1)), .put(job(2, bytes: JournalFormat.recordBytes))])
        }
        #expect(error.code == .tooLarge)
        #expect(error.what.contains("\(id(2))"))
        try store.commit([.put(job(3))])
        store.close()
        #expect(try contents(of: path) == ["3"])
    }

    @Test("with an interval, what was written is synced when its time has come")
    func interval() throws {
        let syncs = Atomic<Int>(0)
        let store = try openStore(path, sync: .interval(.milliseconds(30))) { operation, name in
            if operation == .sync, name.hasSuffix(".seg") { syncs.wrappingAdd(1, ordering: .relaxed) }
            return nil
        }.store
        #expect(store.syncDue == nil)
        for number in 0..<10 { try store.commit([.put(job(number))]) }
        #expect(syncs.load(ordering: .relaxed) <= 1)
        let due = try #require(store.syncDue)
        while SystemClock.instant() < due { store.syncIfDue() }
        store.syncIfDue()
        #expect(syncs.load(ordering: .relaxed) >= 1)
        #expect(store.syncDue == nil)
    }

    /// Notes every operation, in order.
    private final class Trace: Sendable {
        private let lines = Mutex<[String]>([])

        var fault: StoreFault {
            { operation, name in
                guard StoreOperation.lasting.contains(operation) else { return nil }
                let file = JournalFormat.firstSequence(ofSegment: name) == nil ? name : "segment"
                self.lines.withLock { $0.append(file.isEmpty ? "\(operation)" : "\(operation) \(file)") }
                return nil
            }
        }

        func take() -> [String] {
            lines.withLock { lines in
                defer { lines = [] }; return lines
            }
        }
    }

    @Test(
        "B40: a commit is answered after one write and one sync; a new store, a segment and a good end in their orders")
    func order() throws {
        let trace = Trace()
        let store = try openStore(path, sizes: Self.sizes, fault: trace.fault).store
        #expect(
            trace.take() == [
                "syncDirectory \(Files.parent(of: path))", "write LOCK",
                "create WITNESS.tmp", "write WITNESS.tmp", "sync WITNESS.tmp", "rename WITNESS", "syncDirectory",
                "create META.tmp", "write META.tmp", "sync META.tmp", "rename META", "syncDirectory",
                "create RUNNING", "allocate RUNNING",
                "create next.tmp", "allocate next.tmp", "write next.tmp", "sync next.tmp", "rename segment",
                "syncDirectory", "write WITNESS", "sync WITNESS",
                "create reserve-1.tmp", "allocate reserve-1.tmp", "create reserve-2.tmp", "allocate reserve-2.tmp",
            ])
        putOffWitness(of: store)
        try store.commit([.put(job(1, bytes: 3_000)), .put(job(2, bytes: 3_000))])
        #expect(trace.take() == ["write segment", "sync segment", "write WITNESS"])
        try store.commit([.put(job(3, bytes: 3_000))])
        #expect(
            trace.take() == [
                "create next.tmp", "allocate next.tmp", "write next.tmp", "sync next.tmp",
                "write segment", "sync segment", "write WITNESS",
                "rename segment", "syncDirectory", "sync WITNESS", "allocate reserve-1.tmp",
                "write segment", "sync segment", "write WITNESS",
            ])
        putOffWitness(of: store)
        store.close()
        #expect(trace.take() == ["write segment", "sync segment", "write WITNESS", "sync WITNESS"])
    }

    /// It is synced once a second: what the journal does in a test is not to depend on how long that takes.
    private func putOffWitness(of store: JournalStore) {
        store.witnessSynced = SystemClock.instant() + .seconds(Int64(86_400))
    }

    @Test("without syncs, only a new segment and the end are made durable")
    func orderWithoutSync() throws {
        let trace = Trace()
        let store = try openStore(path, sync: .never, sizes: Self.sizes, fault: trace.fault).store
        _ = trace.take()
        putOffWitness(of: store)
        for number in 0..<4 { try store.commit([.put(job(number))]) }
        #expect(trace.take() == Array(repeating: "write segment", count: 4))
        store.close()
        #expect(trace.take() == ["write segment", "sync segment", "write WITNESS", "sync WITNESS"])
    }
}
