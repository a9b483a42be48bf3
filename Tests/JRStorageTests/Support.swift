import Glibc
import JRBase
import JRCore
import JRJournal
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

/// A directory that is gone when its last user is.
final class TemporaryDirectory: Sendable {
    let path: String

    /// - Parameter inMemory: where the system has such a place; for tests that do not need a disk to sync anything to.
    init(inMemory: Bool = false) throws {
        let memory = "/dev/shm"
        if inMemory, Files.exists(memory) {
            path = memory + "/jr-storage.\(SystemRandom.seed())"
            try Files.makeDirectory(path)
        } else {
            path = try Files.makeTemporaryDirectory(prefix: "jr-storage")
        }
    }

    deinit { try? Files.removeTree(path) }

    var store: String { path + "/store" }
}

func id(_ number: Int) -> JobID { JobID(high: 0x0190_0000_0000_0000, low: UInt64(number + 1)) }

/// A job whose arguments are so many bytes.
func job(_ number: Int, _ text: String = "", bytes: Int = 0) -> JobRecord {
    let arguments = Array("\(text)|".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: bytes)
    return JobRecord(
        request: JobRequest(
            id: id(number), name: "test", arguments: arguments, created: WallTime(milliseconds: 1_700_000_000_000)))
}

extension StorageContents {
    /// Numbers and texts of the jobs, in order.
    var summary: [String] {
        jobs.map { found in
            let text = String(
                decoding: found.record.request.arguments.prefix { $0 != UInt8(ascii: "|") }, as: UTF8.self)
            return "\(found.record.id.low - 1)\(text)"
        }
    }
}

/// Repeats an opening while this very process has the directory.
///
/// Another test that starts a process holds all descriptors of this one for a moment, between fork and exec, and with
/// them a lock that was let go of. And a writer thread ends in its own time.
func whenUnlocked<Answer>(_ body: () throws(StorageError) -> Answer) throws(StorageError) -> Answer {
    let deadline = SystemClock.instant() + .seconds(Int64(20))
    while true {
        do {
            return try body()
        } catch {
            guard error.pid == SystemProgram.pid, SystemClock.instant() < deadline else { throw error }
            sched_yield()
        }
    }
}

/// The store in a directory, opened on this thread.
func openStore(
    _ path: String, sync: StorageSync = .always, sizes: SegmentSizes = .usual, policy: CompactionPolicy = .usual,
    fault: StoreFault? = nil
) throws(StorageError) -> StoreOpening.Opened {
    try whenUnlocked { () throws(StorageError) in
        var opening = StoreOpening(directory: StoreDirectory(path, fault: fault), sync: sync, sizes: sizes)
        opening.policy = policy
        return try opening.open()
    }
}

/// Opens a copy of what a store that is still open has left so far, as if its process had just been killed.
func openStore(_ path: String, afterDeathOf store: JournalStore) throws -> StoreOpening.Opened {
    let copy = path + ".copy"
    try Files.makeDirectory(copy)
    for name in try Files.list(path) where name != JournalFormat.lockName {
        try Files.write(copy + "/" + name, try Files.read(path + "/" + name, limit: .max))
    }
    withExtendedLifetime(store) {}
    return try openStore(copy)
}

/// Opens, looks and goes as if killed.
func contents(of path: String, sizes: SegmentSizes = .usual) throws(StorageError) -> [String] {
    try openStore(path, sizes: sizes).contents.summary
}

/// A storage on a loop of its own, called from a test's task.
struct StorageDriver: Sendable {
    let reactor: Reactor
    private let storage: LoopBound<any JobStorage>

    init(_ make: @escaping @Sendable () -> any JobStorage) async throws {
        let reactor = try Reactor(name: "storage-test")
        self.reactor = reactor
        storage = try await withCheckedThrowingContinuation { continuation in
            do {
                try reactor.start { continuation.resume(returning: LoopBound(make(), $0)) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    func stop() {
        reactor.stop()
        reactor.waitUntilStopped()
    }

    func onLoop<Answer: Sendable>(
        _ body: @escaping @Sendable (any JobStorage, Loop, @escaping (Answer) -> Void) -> Void
    ) async -> Answer {
        await withCheckedContinuation { continuation in
            reactor.execute { loop in body(storage.open(loop), loop) { continuation.resume(returning: $0) } }
        }
    }

    func open() async -> Result<StorageContents, StorageError> {
        while true {
            let result: Result<StorageContents, StorageError> = await onLoop { storage, loop, answer in
                storage.open(on: loop) { answer($1) }
            }
            guard case .failure(let error) = result, error.pid == SystemProgram.pid else { return result }
            await Task.yield()
        }
    }

    func commit(_ changes: [StorageChange]) async throws(StorageError) {
        let result: Result<Void, StorageError> = await onLoop { storage, loop, answer in
            storage.commit(StorageChanges(changes), on: loop) { answer($1) }
        }
        try result.get()
    }

    func close() async {
        let _: Bool = await onLoop { storage, loop, answer in storage.close(on: loop) { _ in answer(true) } }
    }

    func marks(_ body: @escaping @Sendable (any JobStorage) -> Void) async {
        let _: Bool = await onLoop { storage, _, answer in
            body(storage)
            answer(true)
        }
    }
}

extension StoreOperation {
    /// Those that make what must last; the others can be left out without a trace.
    static let lasting: Set<StoreOperation> = [.create, .allocate, .write, .sync, .syncDirectory, .rename]
}

/// How much is tried: a dozen rounds in every run, hundreds where `JR_TEST_FULL=1` asks for them.
enum TestSize {
    static let isFull = SystemProgram.environment["JR_TEST_FULL"] == "1"

    static func rounds(_ usual: Int, full: Int) -> Int { isFull ? full : usual }
}

/// The length of all files of a store, quarantine left out.
func diskUse(_ path: String) throws -> Int {
    try Files.list(path).reduce(0) { total, name in
        // A file may go while the others are being looked at.
        guard let status = try? Files.status(path + "/" + name), status.kind == .file else { return total }
        return total + Int(status.size)
    }
}

extension JournalStore {
    func commit(_ changes: [StorageChange]) throws(StorageError) { try commit(StorageChanges(changes)) }
}

extension JobStorage {
    func commit(
        _ changes: [StorageChange], on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void
    ) {
        commit(StorageChanges(changes), on: loop, done)
    }
}
