import Glibc
import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JRStorage

/// A storage on a loop of its own, and what it says unasked.
struct RedisDriver: Sendable {
    let driver: StorageDriver
    let events = Monitor<[StorageEvent]>([])

    init(_ url: String, node: String = "worker_1", _ settings: RedisStorage.Settings = .init()) async throws {
        driver = try await StorageDriver { RedisStorage(url: url, node: node, settings: settings) }
        let events = events
        await driver.marks { storage in storage.observe { _, event in events.update { $0.append(event) } } }
    }

    /// Without the patience of ``StorageDriver/open()``.
    func open() async -> Result<StorageContents, StorageError> {
        await driver.onLoop { storage, loop, answer in storage.open(on: loop) { answer($1) } }
    }

    func commit(_ changes: [StorageChange]) async throws(StorageError) { try await driver.commit(changes) }

    func close() async {
        await driver.close()
        driver.stop()
    }

    /// Ends as a killed process does: without a word.
    func die() { driver.stop() }

    func wait(for wanted: (StorageEvent) -> Bool) -> Bool {
        events.wait(timeout: .seconds(Int64(30))) { $0.contains(where: wanted) ? true : nil } ?? false
    }

    var isBack: Bool { wait { $0 == .back } }
}

/// What a new process finds.
private func contents(_ server: RedisServer, node: String = "worker_1") async throws -> [String] {
    let driver = try await RedisDriver(server.url, node: node)
    let found = try await driver.open().get().summary
    await driver.close()
    return found
}

private func code(_ body: () async throws(StorageError) -> Void) async -> StorageError.Code? {
    do throws(StorageError) {
        try await body()
        return nil
    } catch {
        return error.code
    }
}

@Suite("Jobs on a Redis server", .serialized, .mayBlock)
struct RedisStorageTests {
    @Test(
        "what the server's settings promise is read when the storage connects, and what is weak is warned about",
        arguments: [
            (["--appendonly", "yes", "--appendfsync", "always"], "redis_always", 0),
            (["--appendonly", "yes"], "redis_everysec", 0),
            (["--appendonly", "yes", "--appendfsync", "no"], "redis_never", 1),
            (["--save", "60", "1"], "redis_snapshot", 1),
            (["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"], "redis_memory", 2),
            (["--rename-command", "CONFIG", ""], "redis_unknown", 1),
            (["--rename-command", "CONFIG", "", "--appendonly", "yes"], "redis_never", 1),
        ])
    func promises(settings: [String], word: String, warnings: Int) async throws {
        let server = try RedisServer(settings)
        let driver = try await RedisDriver(server.url)
        let report = try await driver.open().get().report
        #expect(report.warnings.count == warnings, "\(report.warnings)")
        let found: String = await driver.driver.onLoop { storage, _, answer in answer(storage.promise.word) }
        #expect(found == word)
        await driver.close()
    }

    @Test("a server that knows only version 2 of the protocol serves as well")
    func version2() async throws {
        let port = try freePort()
        let server = try RedisServer(
            ["--rename-command", "HELLO", "", "--requirepass", "secret", "--port", "\(port)"])
        let stranger = try await RedisDriver(server.url)
        let error = try #require(await stranger.open().error)
        #expect(error.code == .permission, "\(error)")
        stranger.die()
        let url = "redis://:secret@localhost:\(port)/1"
        let driver = try await RedisDriver(url)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1))])
        driver.die()
        let next = try await RedisDriver(url)
        #expect(try await next.open().get().summary == ["1"])
        await next.close()
    }

    @Test("user, password and database of a TCP address are used; a wrong password is said to be one")
    func password() async throws {
        let port = try freePort()
        let server = try RedisServer(["--port", "\(port)", "--requirepass", "s@cret"])
        for (version, url) in ["redis://:s%40cret@127.0.0.1:\(port)/3", "redis://:x@127.0.0.1:\(port)"].enumerated() {
            let driver = try await RedisDriver(url)
            let result = await driver.open()
            if version == 0 {
                _ = try result.get()
                try await driver.commit([.put(job(1))])
                await driver.close()
            } else {
                let error = try #require(result.error)
                #expect(error.code == .permission)
                #expect(error.why.contains("WRONGPASS"))
                #expect(error.mend.contains("JR_REDIS_URL"))
                #expect(!"\(error)".contains("s@cret"))
                driver.die()
            }
        }
        withExtendedLifetime(server) {}
    }

    @Test("B43: nodes whose names begin or end alike share nothing, and the server is never searched")
    func names() async throws {
        let server = try RedisServer()
        let names = ["worker_1", "my_worker_1", "worker_1.2", "worker", "worker_1:jobs"]
        for (number, name) in names.enumerated() {
            let driver = try await RedisDriver(server.url, node: name)
            #expect(try await driver.open().get().jobs.isEmpty)
            try await driver.commit((0...number).map { .put(job($0, name)) })
            await driver.driver.marks { $0.markRunning(id(0)) }
            await driver.close()
        }
        for (number, name) in names.enumerated() {
            #expect(try await contents(server, node: name) == (0...number).map { "\($0)\(name)" })
        }
        let statistics = try server.all("INFO", "commandstats")
        #expect(statistics.contains("cmdstat_eval"))
        for word in ["cmdstat_keys", "cmdstat_scan", "cmdstat_flush", "cmdstat_randomkey"] {
            #expect(!statistics.contains(word))
        }
        let keys = try server.all("KEYS", "*").split(separator: "\n")
        #expect(keys.allSatisfy { key in names.contains { key.hasPrefix("jr:{\($0)}:") } }, "\(keys)")
    }

    @Test("B42: F24: while the server is dead nothing is said to be stored; when it is back, all goes on by itself")
    func restart() async throws {
        let server = try RedisServer(["--appendonly", "yes", "--appendfsync", "always"])
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1)), .put(job(2))])
        server.kill()
        #expect(driver.wait { if case .away(let error) = $0 { error.isRetryable } else { false } })
        #expect(await code { () throws(StorageError) in try await driver.commit([.put(job(3))]) } == .unavailable)
        try server.start()
        #expect(driver.isBack)
        try await driver.commit([.put(job(1, "b")), .remove(id(2)), .put(job(4))])
        #expect(!driver.events.update { events in events.contains { if case .lost = $0 { true } else { false } } })
        await driver.close()
        #expect(try await contents(server) == ["1b", "4"])
    }

    @Test(
        "F25: a server that was emptied, or came back with less, is noticed, and the next commit puts all in its place")
    func emptied() async throws {
        let server = try RedisServer()
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1)), .put(job(2))])
        try server.command("FLUSHALL")
        #expect(await code { () throws(StorageError) in try await driver.commit([.put(job(3))]) } == .lost)
        #expect(driver.isBack)
        #expect(driver.wait { if case .lost = $0 { true } else { false } })
        try await driver.commit([.put(job(1)), .put(job(2))])
        // Back, but without the last commit: what is put then is all there is.
        try server.command("HINCRBY", "jr:{worker_1}:meta", "commits", "-1")
        driver.events.update { $0 = [] }
        try server.command("CLIENT", "KILL", "TYPE", "normal")
        #expect(driver.isBack)
        #expect(driver.wait { if case .lost = $0 { true } else { false } })
        try await driver.commit([.put(job(2)), .put(job(4))])
        await driver.close()
        #expect(try await contents(server) == ["2", "4"])
    }

    @Test("F26: a server that only reads is told apart from one that is gone, and heals by itself")
    func readOnly() async throws {
        let server = try RedisServer()
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try server.command("REPLICAOF", "127.0.0.1", "1")
        do throws(StorageError) {
            try await driver.commit([.put(job(1))])
            Issue.record("it was stored")
        } catch {
            #expect(error.code == .unavailable)
            #expect(error.why.contains("READONLY"))
            #expect(error.mend.contains("replica"))
        }
        try server.command("REPLICAOF", "NO", "ONE")
        try await driver.commit([.put(job(1))])
        await driver.close()
        #expect(try await contents(server) == ["1"])
    }

    @Test("F26: without room no new job is stored, but jobs that are there change and end, and all heals by itself")
    func full() async throws {
        let server = try RedisServer(["--maxmemory-policy", "noeviction"])
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1)), .put(job(2))])
        try server.command("CONFIG", "SET", "maxmemory", "1")
        #expect(await code { () throws(StorageError) in try await driver.commit([.put(job(3))]) } == .full)
        #expect(
            await code { () throws(StorageError) in try await driver.commit([.remove(id(1)), .put(job(3))]) } == .full)
        try await driver.commit([.put(job(2, "b"))])
        try await driver.commit([.remove(id(1))])
        #expect(await code { () throws(StorageError) in try await driver.commit([.put(job(3))]) } == .full)
        // A start needs no room.
        await driver.close()
        #expect(try await contents(server) == ["2b"])
        let next = try await RedisDriver(server.url)
        _ = try await next.open().get()
        try server.command("CONFIG", "SET", "maxmemory", "0")
        try await next.commit([.put(job(3))])
        await next.close()
        #expect(try await contents(server) == ["2b", "3"])
    }

    @Test("a name that another process holds is refused with its pid; once that one is dead it is free at once")
    func held() async throws {
        let server = try RedisServer()
        let first = try await RedisDriver(server.url)
        _ = try await first.open().get()
        var settings = RedisStorage.Settings()
        settings.patience = .zero
        let second = try await RedisDriver(server.url, settings)
        let error = try #require(await second.open().error)
        #expect(error.code == .locked)
        #expect(error.pid == SystemProgram.pid)
        #expect(error.exitCode == 75)
        try await first.commit([.put(job(1))])
        first.die()
        second.die()
        // Its hold has half a minute left.
        #expect(try await contents(server) == ["1"])
    }

    @Test("a process that was frozen for longer than its lease finds its jobs taken over, and can do no harm")
    func fenced() async throws {
        let server = try RedisServer()
        var settings = RedisStorage.Settings()
        settings.lease = .milliseconds(100)
        settings.isRenewed = false
        settings.patience = .seconds(Int64(20))
        let frozen = try await RedisDriver(server.url, settings)
        _ = try await frozen.open().get()
        try await frozen.commit([.put(job(1))])
        let other = try await RedisDriver(server.url, settings)
        #expect(try await other.open().get().summary == ["1"])
        try await other.commit([.put(job(1, "other"))])
        await frozen.driver.marks { $0.markRunning(id(1)) }
        #expect(
            await code { () throws(StorageError) in
                try await frozen.commit([.put(job(1, "late")), .put(job(9)), .remove(id(1))])
            } == .fenced)
        #expect(frozen.wait { if case .failed(let error) = $0 { error.code == .fenced } else { false } })
        #expect(await code { () throws(StorageError) in try await frozen.commit([.put(job(8))]) } == .fenced)
        frozen.die()
        await other.close()
        #expect(try await contents(server) == ["1other"])
        #expect(try server.command("SCARD", "jr:{worker_1}:running") == "0")
    }

    @Test("a hold is renewed as long as its process lives")
    func renewed() async throws {
        let server = try RedisServer()
        var settings = RedisStorage.Settings()
        settings.lease = .milliseconds(150)
        let first = try await RedisDriver(server.url, settings)
        _ = try await first.open().get()
        settings.patience = .milliseconds(600)
        let second = try await RedisDriver(server.url, settings)
        #expect(await second.open().error?.code == .locked)
        try await first.commit([.put(job(1))])
        second.die()
        await first.close()
    }

    @Test("new jobs of a commit that was not answered are gone once the next one is stored, even if it was made")
    func uncertain() async throws {
        let server = try RedisServer()
        var settings = RedisStorage.Settings()
        settings.client.answer = .milliseconds(200)
        let driver = try await RedisDriver(server.url, settings)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1))])
        server.signal(SIGSTOP)
        #expect(
            await code { () throws(StorageError) in
                try await driver.commit([.put(job(2)), .put(job(3)), .put(job(1, "b"))])
            } == .unavailable)
        server.signal(SIGCONT)
        #expect(driver.isBack)
        try await driver.commit([.put(job(1, "b")), .put(job(3, "again"))])
        await driver.close()
        #expect(try await contents(server) == ["1b", "3again"])
    }

    @Test("jobs that ran when the process died are marked, until the marks are cleared")
    func marks() async throws {
        let server = try RedisServer()
        let first = try await RedisDriver(server.url)
        _ = try await first.open().get()
        try await first.commit((0..<6).map { .put(job($0)) })
        await first.driver.marks { storage in
            for number in [1, 2, 3, 4] { storage.markRunning(id(number)) }
            storage.unmarkRunning(id(2))
            storage.markRunning(id(77))
        }
        try await first.commit([.remove(id(4))])
        first.die()
        // Seen twice, because nobody has cleared them.
        for _ in 0..<2 { #expect(try await running(server) { _ in } == [1, 3]) }
        // One of them runs again before the others are cleared.
        let found = try await running(server) { storage in
            storage.markRunning(id(3))
            storage.clearInheritedMarks()
        }
        #expect(found == [1, 3])
        #expect(try await running(server) { _ in } == [3])
    }

    /// What is marked; then `body` and a death.
    private func running(
        _ server: RedisServer, _ body: @escaping @Sendable (any JobStorage) -> Void
    ) async throws -> [Int] {
        let driver = try await RedisDriver(server.url)
        let found = try await driver.open().get().jobs.filter(\.wasRunning).map { Int($0.record.id.low) - 1 }
        await driver.driver.marks(body)
        try await driver.commit([])
        driver.die()
        return found
    }

    @Test("a record that cannot be read, one that is missing, and a newer layout are refused, and nothing is changed")
    func unreadable() async throws {
        let server = try RedisServer()
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1)), .put(job(2))])
        await driver.close()
        let (meta, jobs) = ("jr:{worker_1}:meta", "jr:{worker_1}:jobs")
        try server.command("HSET", meta, "format", "2")
        #expect(try await refusal(server).why.contains("'2'"))
        try server.command("HSET", meta, "format", "1")
        try server.command("HSET", jobs, "\(id(2))", "garbage")
        #expect(try await refusal(server).what.contains("\(id(2))"))
        try server.command("HDEL", jobs, "\(id(2))")
        #expect(try await refusal(server).code == .corrupt)
        #expect(try server.command("HLEN", jobs) == "1")
    }

    private func refusal(_ server: RedisServer) async throws -> StorageError {
        let driver = try await RedisDriver(server.url)
        defer { driver.die() }
        let error = try #require(await driver.open().error)
        #expect(error.code == .corrupt)
        #expect(error.mend.contains("Nothing was changed"))
        return error
    }

    @Test("a commit of more than the connection's buffer goes out in pieces")
    func large() async throws {
        let server = try RedisServer()
        let driver = try await RedisDriver(server.url)
        _ = try await driver.open().get()
        try await driver.commit((0..<20).map { .put(job($0, bytes: 5 << 20)) })
        await driver.close()
        #expect(try await contents(server).count == 20)
    }

    @Test(
        "a server that is none, or not there, is said to be so, and can be tried again",
        arguments: [
            "-LOADING Redis is loading the dataset in memory\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n",
            "$99999999999\r\n", "*3\r\n:1\r\n", "+OK\r\n+OK\r\n+OK\r\n", "",
        ])
    func garbage(answer: String) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/fake.sock"
        var settings = RedisStorage.Settings()
        settings.client.answer = .milliseconds(300)
        let driver = try await RedisDriver("redis+unix:\(path)", settings)
        #expect(await driver.open().error?.why.contains("connect") == true)
        let fake = try FakeServer(path, answer: Array(answer.utf8))
        let error = try #require(await driver.open().error)
        #expect(error.code == .unavailable, "\(error)")
        #expect(error.isRetryable)
        driver.die()
        fake.stop()
    }

    @Test("the answers of a server that turns to garbage in the middle are an error of that commit and no more")
    func turning() async throws {
        let server = try RedisServer()
        let directory = try TemporaryDirectory()
        let proxy = try GarbageProxy(directory.path + "/proxy.sock", to: server.socket)
        let driver = try await RedisDriver("redis+unix:\(directory.path)/proxy.sock")
        _ = try await driver.open().get()
        try await driver.commit([.put(job(1))])
        proxy.spoil()
        #expect(await code { () throws(StorageError) in try await driver.commit([.put(job(2))]) } == .unavailable)
        #expect(driver.isBack)
        try await driver.commit([.put(job(3))])
        await driver.close()
        proxy.stop()
        #expect(try await contents(server) == ["1", "3"])
    }
}

extension Result {
    var error: Failure? { if case .failure(let error) = self { error } else { nil } }
}

/// A port that was free a moment ago.
func freePort() throws -> UInt16 {
    let socket = try Sockets.listen(on: SocketAddress(parsing: "127.0.0.1:0"))
    return try Sockets.localAddress(socket.raw).port ?? 0
}

/// Answers whatever comes with the same bytes, and then no more.
final class FakeServer: Sendable {
    private let reactor: Reactor

    init(_ path: String, answer: [UInt8]) throws {
        reactor = try Reactor(name: "fake")
        let listening = Monitor(false)
        try reactor.start { loop in
            _ = try? loop.listen(on: .unix(path: path)) { _, connection in
                connection.handler = Speaker(answer)
            }
            listening.update { $0 = true }
        }
        _ = listening.wait(timeout: .seconds(Int64(20))) { $0 ? true : nil }
    }

    func stop() {
        reactor.stop()
        reactor.waitUntilStopped()
    }

    private final class Speaker: ConnectionHandler {
        var answer: [UInt8]

        init(_ answer: [UInt8]) { self.answer = answer }

        func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
            if !answer.isEmpty { connection.write(answer) }
            answer = []
        }

        func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {}
    }
}

/// Stands between a client and a server, and spoils one answer.
final class GarbageProxy: Sendable {
    private let reactor: Reactor
    private let spoiling = Mutex(false)

    init(_ path: String, to server: String) throws {
        reactor = try Reactor(name: "proxy")
        let listening = Monitor(false)
        try reactor.start { [self] loop in
            _ = try? loop.listen(on: .unix(path: path)) { [self] loop, near in
                near.pauseReading()
                loop.connect(to: .unix(path: server), timeout: .seconds(Int64(5))) { [self] _, result in
                    guard case .success(let far) = result else { return near.close() }
                    near.handler = Half(far) { $0 }
                    far.handler = Half(near) { [self] bytes in
                        spoiling.withLock { spoils in
                            defer { spoils = false }
                            return spoils ? Array("?what\r\n".utf8) : bytes
                        }
                    }
                    near.resumeReading()
                }
            }
            listening.update { $0 = true }
        }
        _ = listening.wait(timeout: .seconds(Int64(20))) { $0 ? true : nil }
    }

    func spoil() { spoiling.withLock { $0 = true } }

    func stop() {
        reactor.stop()
        reactor.waitUntilStopped()
    }

    private final class Half: ConnectionHandler {
        private let other: Connection
        private let change: ([UInt8]) -> [UInt8]

        init(_ other: Connection, _ change: @escaping ([UInt8]) -> [UInt8]) {
            self.other = other
            self.change = change
        }

        func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
            other.write(change(bytes.withUnsafeBytes { Array($0) }))
        }

        func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) { other.closeAfterFlush() }
    }
}
