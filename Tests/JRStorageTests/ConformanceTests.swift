import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

/// The storages there are, each made in a directory.
enum StorageKind: String, CaseIterable, Sendable {
    case memory
    case always
    case interval
    case never
    case redis
    case valkey

    var survivesRestart: Bool { self != .memory }
    /// Several nodes keep their jobs in one place.
    var isShared: Bool { self == .redis || self == .valkey }
    /// What the storage is on.
    var program: String { self == .valkey ? "valkey-server" : "redis-server" }

    func make(_ path: String, _ server: RedisServer?) -> any JobStorage {
        switch self {
        case .redis, .valkey: RedisStorage(url: server?.url ?? "", node: "worker_1")
        case .memory: MemoryStorage()
        case .always: JournalStorage(directory: path)
        case .interval: JournalStorage(directory: path, sync: .interval(.milliseconds(20)))
        case .never: JournalStorage(directory: path, sync: .never)
        }
    }
}

@Suite("Every storage keeps to the same rules", .mayBlock)
struct ConformanceTests {
    let directory: TemporaryDirectory
    /// Made when first needed, and kept for the test.
    let servers = Monitor<RedisServer?>(nil)

    init() throws { directory = try TemporaryDirectory() }

    private func driver(_ kind: StorageKind) async throws -> StorageDriver {
        let path = directory.store
        var server: RedisServer?
        if kind.isShared {
            let made = try servers.update { server in server } ?? Self.server(kind)
            servers.update { $0 = made }
            server = made
        }
        let found = server
        return try await StorageDriver { kind.make(path, found) }
    }

    /// Redis is asked for by all tests; Valkey, which is younger, where it is installed.
    private static func server(_ kind: StorageKind) throws -> RedisServer {
        if kind == .valkey, RedisServer.path(of: kind.program) == nil {
            try Test.cancel("valkey-server is not installed")
        }
        return try RedisServer(program: kind.program)
    }

    /// What a new process finds.
    private func reopened(_ kind: StorageKind) async throws -> StorageContents {
        let driver = try await driver(kind)
        defer { driver.stop() }
        let contents = try await driver.open().get()
        await driver.close()
        return contents
    }

    @Test("B40: a new storage is empty, and its promise has a word", arguments: StorageKind.allCases)
    func new(kind: StorageKind) async throws {
        let driver = try await driver(kind)
        defer { driver.stop() }
        #expect(try await driver.open().get().jobs.isEmpty)
        let word: String = await driver.onLoop { storage, _, answer in answer(storage.promise.word) }
        let words: [StorageKind: String] = [.memory: "memory", .redis: "redis_memory", .valkey: "redis_memory"]
        #expect(word == words[kind] ?? "journal_\(kind.rawValue)")
        await driver.close()
    }

    @Test(
        "B40: what was put is there after a good end, in order, and what was removed is not",
        arguments: StorageKind.allCases
    )
    func putAndRemove(kind: StorageKind) async throws {
        let driver = try await driver(kind)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1)), .put(job(2)), .put(job(3))])
        try await driver.commit([.put(job(1, "again")), .remove(id(2)), .put(job(4))])
        try await driver.commit([.put(job(2, "back")), .remove(id(99))])
        try await driver.commit([])
        await driver.close()
        driver.stop()
        let expected = kind.survivesRestart ? ["1again", "3", "4", "2back"] : []
        #expect(try await reopened(kind).summary == expected)
        #expect(try await reopened(kind).summary == expected)
    }

    @Test("B40: what was answered is there after the process died without an end", arguments: StorageKind.allCases)
    func death(kind: StorageKind) async throws {
        do {
            let driver = try await driver(kind)
            _ = try await driver.open().get()
            for number in 0..<20 { try await driver.commit([.put(job(number))]) }
            // The reactor ends and with it the storage, without a word to it.
            driver.stop()
        }
        let expected = kind.survivesRestart ? (0..<20).map(String.init) : []
        #expect(try await reopened(kind).summary == expected)
    }

    @Test("B40: large batches and large jobs are stored whole", arguments: StorageKind.allCases)
    func largeBatches(kind: StorageKind) async throws {
        let driver = try await driver(kind)
        _ = try await driver.open().get()
        try await driver.commit((0..<5_000).map { .put(job($0)) })
        try await driver.commit([.put(job(6_000, bytes: 8 << 20)), .put(job(6_001, bytes: 40))])
        try await driver.commit((0..<4_990).map { .remove(id($0)) })
        await driver.close()
        driver.stop()
        guard kind.survivesRestart else { return }
        let jobs = try await reopened(kind).jobs
        #expect(jobs.map(\.record.id) == (4_990..<5_000).map(id) + [id(6_000), id(6_001)])
        #expect(jobs.map(\.record.request.arguments.count) == Array(repeating: 1, count: 10) + [8 << 20 | 1, 41])
    }

    @Test(
        "B29: of two nodes that look at once for a dead one's jobs one gets them all",
        arguments: StorageKind.allCases.filter(\.isShared))
    func twoNodes(kind: StorageKind) async throws {
        let server = try Self.server(kind)
        let takers = [try await Taker(server.url, "one"), try await Taker(server.url, "two")]
        let count: () -> Int = { takers.reduce(0) { $0 + $1.jobs.count } }
        for round in 0..<5 {
            let before = takers.map(\.jobs.count)
            let dead = try await RedisDriver(server.url, node: "dead_\(round)", .dying)
            _ = try await dead.open().get()
            try await dead.commit((0..<700).map { .put(job(700 * round + $0)) })
            dead.die()
            try server.endHold(of: "dead_\(round)")
            // Bounded, and each turn waits for an answer of the server.
            for _ in 0..<10_000 where count() < 700 * (round + 1) { try server.command("PING") }
            #expect(zip(before, takers.map(\.jobs.count)).map { $1 - $0 }.sorted() == [0, 700])
        }
        for taker in takers { await taker.node.close() }
        let found = takers.flatMap { $0.jobs.map(\.record.id) }
        #expect(Set(found) == Set((0..<3_500).map(id)))
    }

    @Test("B40: an answer comes on the loop, and never inside the call", arguments: StorageKind.allCases)
    func answersLater(kind: StorageKind) async throws {
        let driver = try await driver(kind)
        defer { driver.stop() }
        _ = try await driver.open().get()
        let order: [String] = await driver.onLoop { storage, loop, answer in
            var order: [String] = []
            let reactor = loop.reactor
            storage.commit([.put(job(1))], on: loop) { _, _ in
                order.append(reactor.isOnLoop ? "answered on the loop" : "answered elsewhere")
                answer(order)
            }
            order.append("called")
        }
        #expect(order == ["called", "answered on the loop"])
        await driver.close()
    }

    @Test("B40: a close waits for the commit that is under way", arguments: StorageKind.allCases)
    func closeAfterCommit(kind: StorageKind) async throws {
        let driver = try await driver(kind)
        _ = try await driver.open().get()
        let order: [String] = await driver.onLoop { storage, loop, answer in
            var order: [String] = []
            storage.commit((0..<1_000).map { .put(job($0)) }, on: loop) { _, _ in order.append("committed") }
            storage.close(on: loop) { _ in
                order.append("closed")
                answer(order)
            }
        }
        #expect(order == ["committed", "closed"])
        driver.stop()
        guard kind.survivesRestart else { return }
        #expect(try await reopened(kind).jobs.count == 1_000)
    }

    @Test("a close during the opening is answered, whether the opening succeeds or not", arguments: [true, false])
    func closeWhileOpening(succeeds: Bool) async throws {
        if !succeeds {
            try openStore(directory.store).store.close()
            try Files.remove(directory.store + "/META")
        }
        let driver = try await driver(.always)
        defer { driver.stop() }
        let order: [String] = await driver.onLoop { storage, loop, answer in
            var order: [String] = []
            storage.open(on: loop) { _, result in
                if case .success = result { order.append("opened") } else { order.append("refused") }
            }
            storage.close(on: loop) { loop in
                order.append("closed")
                storage.close(on: loop) { _ in answer(order) }
            }
        }
        #expect(order == [succeeds ? "opened" : "refused", "closed"])
        #expect(Files.exists(directory.store + "/WITNESS"))
        if succeeds { #expect(try contents(of: directory.store).isEmpty) }
    }

    @Test(
        "B36, B40: jobs that ran when the process died are marked, until the marks are cleared",
        arguments: StorageKind.allCases)
    func runningMarks(kind: StorageKind) async throws {
        // Redis says so on a connection that the process's death breaks: RedisStorageTests shows it.
        guard kind.survivesRestart, !kind.isShared else { return }
        do {
            let driver = try await driver(kind)
            _ = try await driver.open().get()
            try await driver.commit((0..<6).map { .put(job($0)) })
            await driver.marks { storage in
                for number in [1, 2, 3, 4] { storage.markRunning(id(number)) }
                storage.unmarkRunning(id(2))
                storage.markRunning(id(77))
            }
            try await driver.commit([.remove(id(4))])
            driver.stop()
        }

        let path = directory.store
        let running = { (opened: StoreOpening.Opened) in
            opened.contents.jobs.filter(\.wasRunning).map { Int($0.record.id.low) - 1 }
        }
        let found = try whenUnlocked { () throws(StorageError) in
            // Seen twice, because nobody has cleared them.
            _ = try openStore(path)
            let opened = try openStore(path)
            // One of them runs again before the others are cleared.
            opened.marks.mark(id(3))
            opened.marks.clearInherited()
            return running(opened) + [-1] + running(try openStore(path, whileOpen: opened))
        }
        #expect(found == [1, 3, -1, 3])
    }
}

/// Lets go of `before` and opens the store anew.
func openStore(_ path: String, whileOpen before: consuming StoreOpening.Opened) throws(StorageError)
    -> StoreOpening.Opened
{
    before.store.close()
    return try openStore(path)
}
