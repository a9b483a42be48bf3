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

/// Settings of a node that dies, and of one that looks for the dead.
extension RedisStorage.Settings {
    /// Its hold ends when ``RedisServer/endHold(of:)`` says so, and not while the machine is busy.
    static var dying: Self {
        var settings = Self()
        settings.isRenewed = false
        return settings
    }

    /// It keeps its own hold whatever the machine is busy with, and looks often.
    static var looking: Self {
        var settings = Self()
        settings.renewal = .milliseconds(30)
        settings.grace = .zero
        settings.client.firstRetry = .milliseconds(1)
        return settings
    }
}

extension RedisServer {
    /// The hold of a node that no longer renews it ends in a moment, on the server's clock.
    func endHold(of node: String) throws {
        try command("PEXPIRE", "jr:{\(node)}:lease", "20")
        try command(
            "EVAL",
            "local time = redis.call('TIME')"
                + " redis.call('ZADD', KEYS[1], time[1] * 1000 + math.floor(time[2] / 1000) + 20, ARGV[1])",
            "1", RedisKeys.registry, node)
    }
}

/// A node that takes over what `choose` says: everything, unless it says otherwise.
struct Taker: Sendable {
    let node: RedisDriver
    let name: String

    init(
        _ url: String, _ name: String = "taker", _ settings: RedisStorage.Settings = .looking,
        choosing choose: @escaping @Sendable ([JobRecord]) -> [TakeOverChoice]? = { $0.map { _ in .take } }
    ) async throws {
        node = try await RedisDriver(url, node: name, settings)
        self.name = name
        await node.driver.marks { storage in storage.takeOver { _, records in choose(records) } }
        _ = try await node.open().get()
    }

    /// The jobs that it was given, of all nodes.
    var jobs: [RecoveredJob] {
        node.events.update { events in
            events.flatMap { if case .tookOver(let jobs, _) = $0 { jobs } else { [RecoveredJob]() } }
        }
    }

    func waitForJobs(_ count: Int) -> Bool {
        node.events.wait(timeout: .seconds(Int64(60))) { events in
            let found = events.reduce(0) { if case .tookOver(let jobs, _) = $1 { $0 + jobs.count } else { $0 } }
            return found >= count ? true : nil
        } ?? false
    }

    func report(_ wanted: (TakeOverReport) -> Bool = { _ in true }) -> TakeOverReport? {
        node.events.wait(timeout: .seconds(Int64(60))) { events in
            events.lazy.compactMap { if case .takeOverEnded(let report) = $0 { report } else { nil } }
                .first(where: wanted)
        }
    }
}

/// What of a node's jobs is on the server.
private func stored(_ server: RedisServer, _ node: String) throws -> Int {
    Int(try server.command("HLEN", "jr:{\(node)}:jobs")) ?? -1
}

private func number(_ server: RedisServer, _ field: String, of node: String) throws -> Int {
    Int(try server.command("HGET", "jr:{\(node)}:meta", field)) ?? 0
}

@Suite("Jobs of a dead node on a Redis server", .serialized, .mayBlock)
struct RedisTakeOverTests {
    /// A node that stores jobs, begins some of them and dies.
    private func die(
        _ server: RedisServer, _ name: String = "dead", jobs: Int, from first: Int = 0, running: Int = 0,
        _ settings: RedisStorage.Settings = .dying
    ) async throws {
        let node = try await RedisDriver(server.url, node: name, settings)
        _ = try await node.open().get()
        try await node.commit((first..<first + jobs).map { .put(job($0, name)) })
        await node.driver.marks { storage in for number in 0..<running { storage.markRunning(id(number)) } }
        try await node.commit([])
        node.die()
        if settings.takesOver { try server.endHold(of: name) }
    }

    @Test("B29: when the hold of a dead node ends, another one has its jobs, in order and with their marks, and once")
    func takenOver() async throws {
        let server = try RedisServer()
        let taker = try await Taker(server.url)
        var settings = RedisStorage.Settings.dying
        settings.lease = .seconds(Int64(2))
        settings.isRenewed = true
        // Nothing but its own lease ends its hold here.
        let node = try await RedisDriver(server.url, node: "dead", settings)
        _ = try await node.open().get()
        try await node.commit((0..<1_234).map { .put(job($0)) })
        await node.driver.marks { storage in for number in 0..<3 { storage.markRunning(id(number)) } }
        try await node.commit([])
        node.die()
        #expect(taker.waitForJobs(1_234))
        let report = try #require(taker.report())
        #expect(report.taken == 1_234)
        #expect(report.wereRunning == 3)
        #expect(report.left == 0 && report.stopped == nil)
        #expect(taker.jobs.map(\.record.id) == (0..<1_234).map(id))
        #expect(taker.jobs.map(\.wasRunning) == (0..<1_234).map { $0 < 3 })
        // Not before its time.
        #expect(try number(server, "takenAt", of: "dead") >= number(server, "heldUntil", of: "dead"))
        #expect(try server.command("HGET", "jr:{dead}:meta", "takenBy").hasSuffix("|taker"))
        #expect(try stored(server, "dead") == 0)
        #expect(try server.command("EXISTS", "jr:{dead}:lease", "jr:{dead}:order", "jr:{dead}:running") == "0")
        #expect(try server.command("ZSCORE", "jr:nodes", "dead").isEmpty)
        // A death before anything followed from it: the marks are still there for the next start.
        #expect(try server.command("SCARD", "jr:{taker}:running") == "3")
        try await taker.node.commit((0..<3).map { .put(job($0, "again")) } + [.remove(id(7))])
        #expect(try server.command("SCARD", "jr:{taker}:running") == "0")
        await taker.node.close()
        #expect(try stored(server, "taker") == 1_233)
        // Whoever has the name next finds nothing twice.
        let next = try await RedisDriver(server.url, node: "dead")
        #expect(try await next.open().get().jobs.isEmpty)
        await next.close()
    }

    @Test("B29: what a node does not want stays for another one, copies of what it has go, and no job has two owners")
    func choices() async throws {
        let server = try RedisServer()
        let few = try await Taker(server.url, "few") { records in
            records.map { record in
                switch Int(record.id.low - 1) % 3 {
                case 0: .take
                case 1: .drop
                default: .leave
                }
            }
        }
        try await die(server, jobs: 900, running: 900)
        let report = try #require(few.report())
        #expect((report.taken, report.dropped, report.left) == (300, 300, 300))
        #expect("\(report)".contains("300 jobs left there, which are not for this node"))
        #expect(try stored(server, "dead") == 300)
        #expect(try server.command("SCARD", "jr:{dead}:running") == "300")
        let rest = try await Taker(server.url, "rest")
        #expect(rest.waitForJobs(300))
        #expect(rest.jobs.map { Int($0.record.id.low - 1) } == (0..<900).filter { $0 % 3 == 2 })
        #expect(Set(few.jobs.map(\.record.id)).isDisjoint(with: rest.jobs.map(\.record.id)))
        #expect(try stored(server, "dead") == 0)
        await few.node.close()
        await rest.node.close()
    }

    @Test("a node without room takes what it has room for, and the rest when it has room again")
    func room() async throws {
        let server = try RedisServer()
        let places = Mutex(120)
        let taker = try await Taker(server.url) { records in
            places.withLock { places in
                guard places > 0 else { return nil }
                return records.map { _ in
                    guard places > 0 else { return .later }
                    places -= 1
                    return .take
                }
            }
        }
        try await die(server, jobs: 200)
        let report = try #require(taker.report { $0.stopped != nil })
        #expect(report.taken == 120)
        #expect("\(report)".contains("no room for more"))
        places.withLock { $0 = 500 }
        #expect(taker.waitForJobs(200))
        #expect(Set(taker.jobs.map(\.record.id)).count == 200)
        await taker.node.close()
        #expect(try stored(server, "taker") == 200)
    }

    @Test("a node that ended in good order is not dead: its jobs wait for it, unless somebody says that it is")
    func goodOrder() async throws {
        let server = try RedisServer()
        let taker = try await Taker(server.url)
        let node = try await RedisDriver(server.url, node: "stopped", .dying)
        _ = try await node.open().get()
        try await node.commit([.put(job(1)), .put(job(2))])
        await node.close()
        #expect(try server.command("ZSCORE", "jr:nodes", "stopped").isEmpty)
        // One that dies later is taken over, and this one is left alone.
        try await die(server, jobs: 1)
        #expect(taker.waitForJobs(1))
        #expect(try stored(server, "stopped") == 2)
        try server.command("ZADD", "jr:nodes", "0", "stopped")
        #expect(taker.waitForJobs(3))
        #expect(try stored(server, "stopped") == 0)
        await taker.node.close()
    }

    @Test("a node that takes no part takes nothing over, and nobody takes over its jobs")
    func noPart() async throws {
        let server = try RedisServer()
        let taker = try await Taker(server.url)
        var alone = RedisStorage.Settings.dying
        alone.takesOver = false
        try await die(server, "alone", jobs: 3, alone)
        var loner = RedisStorage.Settings.looking
        loner.takesOver = false
        let other = try await Taker(server.url, "loner", loner)
        try await die(server, jobs: 2)
        #expect(taker.waitForJobs(2))
        #expect(other.jobs.isEmpty)
        #expect(try stored(server, "alone") == 3)
        #expect(try server.command("ZSCORE", "jr:nodes", "loner").isEmpty)
        await other.node.close()
        await taker.node.close()
    }

    @Test("F24: after a time without its server a node leaves the others, whose holds ended as well, time to come back")
    func grace() async throws {
        let server = try RedisServer()
        let nodes = [try await Taker(server.url, "one", .init()), try await Taker(server.url, "two", .init())]
        for node in nodes { try await node.node.commit([.put(job(1))]) }
        try server.command(
            "EVAL",
            "redis.call('DEL', 'jr:{one}:lease', 'jr:{two}:lease') redis.call('ZADD', KEYS[1], 1, 'one', 1, 'two')",
            "1", "jr:nodes")
        try server.command("CLIENT", "KILL", "TYPE", "normal")
        for node in nodes { #expect(node.node.isBack) }
        for node in nodes {
            try await node.node.commit([.put(job(2))])
            #expect(node.jobs.isEmpty)
            await node.node.close()
        }
        #expect(try server.command("HEXISTS", "jr:{one}:meta", "takenBy") == "0")
        #expect(try server.command("HEXISTS", "jr:{two}:meta", "takenBy") == "0")
    }

    @Test(
        "late results of a node that was frozen are refused, counted and shown, and its next start finds nothing twice")
    func lateResults() async throws {
        let server = try RedisServer()
        let frozen = try await RedisDriver(server.url, node: "frozen", .dying)
        _ = try await frozen.open().get()
        try await frozen.commit((0..<5).map { .put(job($0)) })
        await frozen.driver.marks { storage in for number in 0..<4 { storage.markRunning(id(number)) } }
        try await frozen.commit([])
        let taker = try await Taker(server.url)
        try server.endHold(of: "frozen")
        #expect(taker.waitForJobs(5))
        #expect(taker.jobs.filter(\.wasRunning).count == 4)
        await frozen.driver.marks { storage in for number in 0..<3 { storage.unmarkRunning(id(number)) } }
        do throws(StorageError) {
            try await frozen.commit([.remove(id(0)), .put(job(1, "late")), .remove(id(2))])
            Issue.record("it was stored")
        } catch {
            #expect(error.code == .fenced)
            #expect(error.exitCode == 75)
            #expect(error.why.contains("node 'taker'"), "\(error)")
            #expect(error.why.contains("the results of 4 attempts"), "\(error)")
        }
        frozen.die()
        #expect(try number(server, "late", of: "frozen") == 4)
        let next = try await RedisDriver(server.url, node: "frozen")
        let found = try await next.open().get()
        #expect(found.jobs.isEmpty)
        #expect(found.report.lateResults == 4)
        await next.close()
        await taker.node.close()
        #expect(try stored(server, "taker") == 5)
    }

    @Test("a process whose hold may have ended begins no attempt, and is told when the jobs are its own again")
    func mayRun() async throws {
        let server = try RedisServer()
        var settings = RedisStorage.Settings.dying
        settings.lease = .milliseconds(150)
        settings.client.firstRetry = .milliseconds(1)
        let node = try await RedisDriver(server.url, node: "slow", settings)
        _ = try await node.open().get()
        let lease = settings.lease
        let end: Bool = await node.driver.onLoop { storage, loop, answer in
            let now = loop.refreshNow().instant
            answer(!storage.mayRun(at: now + lease))
        }
        #expect(end)
        try server.command("CLIENT", "KILL", "TYPE", "normal")
        #expect(node.isBack)
        await node.close()
    }

    // MARK: Faults

    /// The commands of a take-over, by words that no other has, and how often each passes before.
    static let steps: [(name: String, word: String, passes: Int)] = [
        ("registry", "'WITHSCORES'", 0), ("seize", "'takenAt'", 0), ("marks", "SMEMBERS", 0),
        ("load", "ZRANGE', KEYS[3]", 0), ("second load", "ZRANGE', KEYS[3]", 1), ("move", "KEYS[10]", 0),
        ("second move", "KEYS[10]", 1), ("last move", "KEYS[10]", 2), ("leave", "HLEN', KEYS[2]) == 0", 0),
    ]

    @Test(
        "a connection that is cut, or spoilt, at any step of a take-over loses no job and gives none twice",
        arguments: steps.indices, CuttingProxy.Harm.allCases)
    func cuts(step: Int, harm: CuttingProxy.Harm) async throws {
        let server = try RedisServer()
        let directory = try TemporaryDirectory()
        let proxy = try CuttingProxy(directory.path + "/proxy.sock", to: server.socket)
        let taker = try await Taker("redis+unix:\(directory.path)/proxy.sock")
        try await taker.node.commit([.put(job(5_000))])
        let (_, word, passes) = Self.steps[step]
        proxy.plan(harm, at: word, after: passes)
        try await die(server, jobs: 1_200, running: 700)
        #expect(proxy.isDone.wait(timeout: .seconds(Int64(60))) { $0 ? true : nil } == true)
        #expect(taker.waitForJobs(1_200))
        #expect(taker.node.isBack)
        #expect(taker.jobs.map(\.record.id) == (0..<1_200).map(id), "each once, in order")
        #expect(taker.jobs.filter(\.wasRunning).count == 700)
        try await taker.node.commit([.put(job(0, "b")), .remove(id(1))])
        await taker.node.close()
        proxy.stop()
        #expect(try stored(server, "dead") == 0)
        #expect(try stored(server, "taker") == 1_200)
        #expect(try server.command("SCARD", "jr:{taker}:running") == "0")
    }

    @Test(
        "a connection that is cut at a commit: what was answered is there, and what was not is not, once the next is",
        arguments: CuttingProxy.Harm.allCases)
    func commitCuts(harm: CuttingProxy.Harm) async throws {
        let server = try RedisServer()
        let directory = try TemporaryDirectory()
        let proxy = try CuttingProxy(directory.path + "/proxy.sock", to: server.socket)
        let node = try await RedisDriver("redis+unix:\(directory.path)/proxy.sock", node: "node", .looking)
        _ = try await node.open().get()
        for round in 0..<4 {
            try await node.commit([.put(job(2 * round))])
            node.events.update { $0 = [] }
            proxy.plan(harm, at: "probe")
            do throws(StorageError) {
                try await node.commit([.put(job(2 * round + 1)), .put(job(2 * round, "b"))])
                Issue.record("it was answered")
            } catch {
                #expect(error.code == .unavailable)
            }
            #expect(node.isBack)
            try await node.commit([.put(job(2 * round, "c"))])
        }
        await node.close()
        proxy.stop()
        let next = try await RedisDriver(server.url, node: "node")
        #expect(try await next.open().get().summary == (0..<4).map { "\(2 * $0)c" })
        await next.close()
    }

    @Test(
        "a script that fails at any step of a take-over leaves all where it was, and the next try goes on",
        arguments: ["zscore", "hexists", "pexpire", "hsetnx", "sismember", "smembers", "srem"])
    func scriptErrors(command: String) async throws {
        let server = try RedisServer()
        let taker = try await Taker(server.url)
        try await taker.node.commit([])
        try server.command("ACL", "SETUSER", "default", "-\(command)")
        // Not used by a take-over: it goes on without.
        let isHarmless = command == "hexists"
        let node = try await RedisDriver(server.url, node: "dead", .dying)
        // An opening uses some of them too.
        try server.command("ACL", "SETUSER", "default", "+\(command)")
        _ = try await node.open().get()
        try await node.commit((0..<700).map { .put(job($0)) })
        try server.command("ACL", "SETUSER", "default", "-\(command)")
        node.die()
        try server.endHold(of: "dead")
        if !isHarmless {
            let report = try #require(taker.report { $0.stopped != nil })
            #expect(report.taken == 0)
            #expect(taker.jobs.isEmpty)
            try server.command("ACL", "SETUSER", "default", "+\(command)")
        }
        #expect(taker.waitForJobs(700))
        #expect(taker.jobs.map(\.record.id) == (0..<700).map(id))
        try await taker.node.commit([.put(job(0, "b"))])
        await taker.node.close()
        #expect(try stored(server, "taker") == 700)
        #expect(try stored(server, "dead") == 0)
    }

    @Test("F24: the server may die and come back in the middle of a take-over")
    func restart() async throws {
        let server = try RedisServer(["--appendonly", "yes", "--appendfsync", "always"])
        let pieces = Mutex(0)
        let taker = try await Taker(server.url) { records in
            let piece = pieces.withLock { pieces in
                if !records.isEmpty { pieces += 1 }
                return pieces
            }
            if piece == 2, !records.isEmpty {
                server.kill()
                try? server.start()
            }
            return records.map { _ in .take }
        }
        try await die(server, jobs: 1_200, running: 800)
        #expect(taker.waitForJobs(1_200))
        #expect(taker.node.isBack)
        #expect(taker.jobs.map(\.record.id) == (0..<1_200).map(id))
        try await taker.node.commit([.put(job(0, "b"))])
        await taker.node.close()
        #expect(try stored(server, "taker") == 1_200)
        #expect(try stored(server, "dead") == 0)
    }

    @Test(
        "F26: a server that refuses stops a take-over and loses nothing; when it takes writes again, it goes on",
        arguments: ["READONLY", "OOM", "MISCONF"])
    func refusing(state: String) async throws {
        let server = try RedisServer(state == "MISCONF" ? ["--save", "3600 1"] : [])
        let isHealed = Mutex(false)
        let taker = try await Taker(server.url) { records in
            // The server changes when its hold has been taken and nothing has been moved.
            if !records.isEmpty, !isHealed.withLock({ $0 }) { Self.spoil(server, state) }
            return records.map { _ in .take }
        }
        try await die(server, jobs: 700)
        let report = try #require(taker.report { $0.stopped?.contains(state) == true })
        #expect(report.taken == 0)
        #expect(try stored(server, "dead") == 700)
        isHealed.withLock { $0 = true }
        switch state {
        case "READONLY": try server.command("REPLICAOF", "NO", "ONE")
        case "OOM": try server.command("CONFIG", "SET", "maxmemory", "0")
        default: try server.command("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        }
        #expect(taker.waitForJobs(700))
        #expect(taker.jobs.map(\.record.id) == (0..<700).map(id))
        await taker.node.close()
        #expect(try stored(server, "taker") == 700)
    }

    private static func spoil(_ server: RedisServer, _ state: String) {
        switch state {
        case "READONLY": _ = try? server.command("REPLICAOF", "127.0.0.1", "1")
        case "OOM": _ = try? server.command("CONFIG", "SET", "maxmemory", "1")
        default:
            // Its snapshot cannot take its place.
            try? Files.makeDirectory(server.directory + "/dump.rdb")
            try? Files.write(server.directory + "/dump.rdb/full", [])
            _ = try? server.command("BGSAVE")
            while (try? server.all("INFO", "persistence").contains("rdb_last_bgsave_status:err")) == false {}
        }
    }

    @Test("jobs of a newer layout, and records that cannot be read, are left alone and said to be so")
    func unreadable() async throws {
        let server = try RedisServer()
        try await die(server, "newer", jobs: 1)
        try server.command("HSET", "jr:{newer}:meta", "format", "2")
        try await die(server, "broken", jobs: 2)
        try server.command("HSET", "jr:{broken}:jobs", "\(id(1))", "garbage")
        let taker = try await Taker(server.url)
        #expect(taker.report { $0.node == "newer" }?.stopped?.contains("'2'") == true)
        #expect(taker.report { $0.node == "broken" }?.stopped?.contains("\(id(1))") == true)
        #expect(taker.jobs.isEmpty)
        #expect(try stored(server, "newer") == 1)
        #expect(try stored(server, "broken") == 2)
        await taker.node.close()
    }

    // MARK: Cluster

    /// One server that has all slots.
    private func cluster() throws -> RedisServer {
        let server = try RedisServer(["--cluster-enabled", "yes", "--port", "\(try freePort())"])
        try server.command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        while try !server.all("CLUSTER", "INFO").contains("cluster_state:ok") {}
        return server
    }

    @Test("B29: on a Redis Cluster jobs are copied and then removed, and a cut between the two gives no job twice here")
    func onCluster() async throws {
        let server = try cluster()
        let directory = try TemporaryDirectory()
        let proxy = try CuttingProxy(directory.path + "/proxy.sock", to: server.socket)
        // What the engine does: a copy of a job that it has goes.
        let known = Monitor<Set<JobID>>([])
        let taker = try await Taker("redis+unix:\(directory.path)/proxy.sock") { records in
            known.update { known in records.map { known.contains($0.id) ? .drop : .take } }
        }
        await taker.node.driver.marks { storage in
            let events = taker.node.events
            storage.observe { _, event in
                if case .tookOver(let jobs, _) = event { known.update { $0.formUnion(jobs.map(\.record.id)) } }
                events.update { $0.append(event) }
            }
        }
        let words = ["i = 2, #ARGV, 3", "i = 3, #ARGV do"]
        var round = 0
        for word in words {
            for harm in CuttingProxy.Harm.allCases {
                taker.node.events.update { $0 = [] }
                proxy.isDone.update { $0 = false }
                proxy.plan(harm, at: word, after: 1)
                let name = "dead_\(round)"
                let numbers = (round * 1_200)..<((round + 1) * 1_200)
                let node = try await RedisDriver(server.url, node: name, .dying)
                _ = try await node.open().get()
                try await node.commit(numbers.map { .put(job($0)) })
                node.die()
                try server.endHold(of: name)
                #expect(proxy.isDone.wait(timeout: .seconds(Int64(60))) { $0 ? true : nil } == true)
                #expect(taker.node.isBack)
                #expect(taker.waitForJobs(1_200))
                #expect(Set(taker.jobs.map(\.record.id)) == Set(numbers.map(id)), "\(word) \(harm)")
                #expect(taker.report { $0.stopped == nil }?.left == 0)
                #expect(try stored(server, name) == 0)
                try await taker.node.commit(numbers.map { .put(job($0)) })
                round += 1
            }
        }
        await taker.node.close()
        proxy.stop()
        #expect(try stored(server, "taker") == round * 1_200)
    }

    @Test("jobs are stored on a Redis Cluster, and are there for the next start")
    func clusterSmoke() async throws {
        let server = try cluster()
        let node = try await RedisDriver(server.url, node: "node")
        _ = try await node.open().get()
        try await node.commit((0..<10).map { .put(job($0)) })
        try await node.commit([.remove(id(3))])
        await node.close()
        let next = try await RedisDriver(server.url, node: "node")
        #expect(try await next.open().get().jobs.count == 9)
        await next.close()
    }
}

@Suite("When a node looks at which other one's hold")
struct RedisTakeOverPlanTests {
    typealias Row = RedisTakeOverPlan.Row

    private func instant(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    private func reading(_ rows: [(String, Int64)], server: Int64 = 1_000_000, at: Int64 = 0)
        -> RedisTakeOverPlan.Reading
    {
        .init(rows: rows.map { Row(node: $0.0, end: $0.1) }, server: server, instant: instant(at))
    }

    @Test(
        "a hold that ends after the next reading is not waited for, one that ends before is, and an ended one is taken")
    func steps() {
        var plan = RedisTakeOverPlan(node: "me")
        let next = instant(10_000)
        #expect(plan.step(reading([("me", 0), ("a", 1_020_000)]), at: .zero, next: next) == .nothing)
        #expect(plan.step(reading([("a", 1_004_000)]), at: .zero, next: next) == .wait(until: instant(4_001)))
        #expect(
            plan.step(reading([("a", 1_004_000)]), at: instant(4_001), next: next)
                == .take(Row(node: "a", end: 1_004_000)))
        #expect(
            plan.step(reading([("a", 0), ("me", 0), ("b", 5)]), at: instant(1), next: next)
                == .take(Row(node: "a", end: 0)))
        #expect(plan.step(reading([]), at: .zero, next: next) == .nothing)
    }

    @Test("nothing is taken in the time after a connection is made")
    func grace() {
        var plan = RedisTakeOverPlan(node: "me")
        plan.notBefore = instant(6_000)
        #expect(plan.step(reading([("a", 0)]), at: .zero, next: instant(10_000)) == .wait(until: instant(6_000)))
        #expect(plan.step(reading([("a", 0)]), at: .zero, next: instant(5_000)) == .nothing)
        #expect(
            plan.step(reading([("a", 0)]), at: instant(6_000), next: instant(9_000)) == .take(Row(node: "a", end: 0)))
    }

    @Test("what was put off is left alone until then, or until its row changes")
    func memos() {
        var plan = RedisTakeOverPlan(node: "me")
        let next = instant(10_000)
        let row = Row(node: "a", end: 1_000_000)
        plan.put(off: row, until: 1_003_000)
        #expect(plan.step(reading([("a", 1_000_000)]), at: .zero, next: next) == .wait(until: instant(3_001)))
        plan.put(off: row, until: nil)
        #expect(plan.step(reading([("a", 1_000_000)]), at: instant(9_000), next: next) == .nothing)
        #expect(
            plan.step(reading([("a", 1_000_000), ("b", 1_000_001)]), at: instant(9), next: next)
                == .take(Row(node: "b", end: 1_000_001)))
        #expect(plan.step(reading([("a", 7)]), at: .zero, next: next) == .take(Row(node: "a", end: 7)))
        // Gone and back: it is another row.
        plan.put(off: row, until: nil)
        _ = plan.step(reading([]), at: .zero, next: next)
        #expect(plan.step(reading([("a", 1_000_000)]), at: instant(1), next: next) == .take(row))
    }

    @Test("an answer that is none, or has names that no node has and numbers that no clock has, does no harm")
    func answers() {
        let read = { (parts: [RESPValue]) in RedisTakeOverPlan.Reading(.array(parts), at: .zero) }
        #expect(read([.bulk(Array("fenced".utf8)), .integer(1)]) == nil)
        #expect(read([.bulk(Array("done".utf8)), .integer(-1)]) == nil)
        #expect(read([.bulk(Array("done".utf8))]) == nil)
        let done: [RESPValue] = [.bulk(Array("done".utf8)), .integer(5)]
        #expect(read(done)?.rows == [])
        #expect(read(done + [.simple("a"), .simple("1.7e12")])?.rows == [Row(node: "a", end: 1_700_000_000_000)])
        #expect(
            read(done + [.simple("a b"), .simple("1"), .simple("a"), .double(-.infinity)])?.rows == [
                Row(node: "a", end: 0)
            ])
        #expect(read(done + [.simple("a"), .simple("inf")])?.rows == [Row(node: "a", end: 1 << 53)])
        #expect(read(done + [.simple("a"), .simple("what")]) == nil)
    }
}
