import JRBase
import JRCore
import JRSystem
import TestSupport
import Testing

@testable import JRStorage

@Suite("A Redis user that may do what it must and nothing else", .serialized, .mayBlock)
struct RedisPermissionTests {
    /// The commands as docs/redis-layout.md gives them to somebody who makes such a user.
    static let documented: [String] = {
        let root = (0..<3).reduce(#filePath) { path, _ in Files.parent(of: path) }
        let page = (try? Files.read(root + "/docs/redis-layout.md", limit: 1 << 20)) ?? []
        let text = String(decoding: page, as: UTF8.self)
        guard let start = text.firstRange(of: "ACL SETUSER jr on >PASSWORD ~jr:* "),
            let end = text[start.upperBound...].firstRange(of: "```")
        else { return [] }
        return text[start.upperBound..<end.lowerBound].split { $0 == " " || $0.isNewline }.map {
            String($0.dropFirst())
        }
    }()

    /// Commands without which a node can store its jobs, and misses something that it says.
    static let optional: Set<String> = ["client|list", "config|get", "info", "select"]
    /// Those that only a take-over needs.
    static let ofTakeOver: Set<String> = ["hsetnx", "sismember", "zscore"]

    /// A server with a user `jr` who may do that much, on the node's own keys and the registry.
    private struct Stage {
        let server: RedisServer
        let address: String

        init(_ commands: [String], keys: String = "~jr:*", program: String = "redis-server") throws {
            let port = try freePort()
            server = try RedisServer(["--port", "\(port)"], program: program)
            address = "redis://jr:secret@127.0.0.1:\(port)"
            let words = ["ACL", "SETUSER", "jr", "on", ">secret", keys] + commands.map { "+\($0)" }
            #expect(try server.command(words: words) == "OK")
        }

        /// Of a node that stores jobs, begins one and dies; its hold stays for as long as a lease lasts.
        func die(_ name: String, database: String = "") async throws {
            let node = try await RedisDriver(address + database, node: name, .dying)
            _ = try await node.open().get()
            try await node.commit([.put(job(1)), .put(job(2)), .put(job(3))])
            await node.driver.marks { storage in storage.markRunning(id(1)) }
            try await node.commit([.remove(id(3))])
            node.die()
        }

        func start(_ name: String, database: String = "") async throws -> Result<StorageContents, StorageError> {
            var settings = RedisStorage.Settings.dying
            settings.patience = .zero
            let node = try await RedisDriver(address + database, node: name, settings)
            let result = await node.open()
            if case .success = result { await node.close() } else { node.die() }
            return result
        }
    }

    private func everything(_ stage: Stage) async throws {
        let taker = try await Taker(stage.address)
        try await stage.die("dead")
        try stage.server.endHold(of: "dead")
        #expect(taker.waitForJobs(2))
        let report = try #require(taker.report())
        #expect(report.stopped == nil && report.taken == 2 && report.wereRunning == 1)
        await taker.node.close()
        // A process that died is seen to be dead although its lease has not ended.
        try await stage.die("again", database: "/3")
        let contents = try await stage.start("again", database: "/3").get()
        #expect(contents.jobs.map(\.record.id) == [id(1), id(2)])
        #expect(contents.jobs.map(\.wasRunning) == [true, false])
        #expect(contents.report.warnings.allSatisfy { !$0.contains("permissions") }, "\(contents.report.warnings)")
    }

    @Test(
        "B40: a user with the commands that the page lists stores, runs, ends and takes over, and is never turned away",
        arguments: ["redis-server", "valkey-server"])
    func enough(program: String) async throws {
        if RedisServer.path(of: program) == nil, program != "redis-server" {
            try Test.cancel("\(program) is not installed")
        }
        #expect(Self.documented.count > 20)
        let stage = try Stage(Self.documented, program: program)
        try await everything(stage)
        #expect(try stage.server.all("ACL", "LOG").filter { !$0.isWhitespace } == "", "what was denied")
    }

    @Test("B40: a user who lacks one of them is told which", arguments: documented)
    func lacking(command: String) async throws {
        let stage = try Stage(Self.documented.filter { $0 != command })
        if Self.ofTakeOver.contains(command) {
            let taker = try await Taker(stage.address)
            try await stage.die("dead")
            try stage.server.endHold(of: "dead")
            let report = try #require(taker.report { $0.stopped != nil })
            #expect(report.stopped?.contains("no permissions to run") == true, "\(report.stopped ?? "")")
            #expect(report.stopped?.contains("'\(command)'") == true, "\(report.stopped ?? "")")
            await taker.node.close()
            return
        }
        if command == "client|list" {
            try await stage.die("dead")
            let error = try #require(try await stage.start("dead").error)
            #expect(error.code == .locked && error.why.contains("no permissions to run 'client|list'"), "\(error)")
            return
        }
        let result = try await stage.start("node", database: command == "select" ? "/1" : "")
        if Self.optional.contains(command), command != "select" {
            let warnings = try result.get().report.warnings
            #expect(warnings.contains { $0.contains("no permissions to run '\(command)'") }, "\(warnings)")
            return
        }
        let error = try #require(result.error)
        #expect(error.code == .permission, "\(error)")
        #expect(error.why.contains("no permissions") && error.why.contains(command), "\(error)")
        #expect(error.mend.contains("docs/redis-layout.md"))
    }

    @Test("B40: a user who lacks several is told all of them at once; one without the keys, which keys")
    func several() async throws {
        let some = try Stage(Self.documented.filter { !["hset", "sadd", "pttl"].contains($0) })
        let error = try #require(try await some.start("node").error)
        #expect(error.why == "this user has no permissions for hset, pttl, sadd on the keys jr:{node}:*")
        #expect(error.mend.hasPrefix("ACL SETUSER NAME ~jr:* +hset +pttl +sadd;"))
        let keys = try Stage(Self.documented, keys: "~other:*")
        let other = try #require(try await keys.start("node").error)
        #expect(other.code == .permission && other.why.contains("jr:{node}:*"), "\(other)")
    }

    @Test(
        "B40: a permission that is taken away while a node works is named, and nothing is changed by half",
        arguments: ["zadd", "zrem", "srem", "hset", "hdel", "hincrby", "hget"])
    func revoked(command: String) async throws {
        let stage = try Stage(Self.documented)
        let node = try await RedisDriver(stage.address, node: "node", .dying)
        _ = try await node.open().get()
        try await node.commit([.put(job(1)), .put(job(2))])
        try stage.server.command("ACL", "SETUSER", "jr", "-\(command)")
        let changes: [StorageChange] = [.put(job(3)), .put(job(1, "again")), .remove(id(2))]
        let error = await #expect(throws: StorageError.self) { try await node.commit(changes) }
        #expect(error?.code == .unavailable)
        #expect(error?.why.contains("no permissions to run '\(command)'") == true, "\(error?.why ?? "")")
        #expect(try stage.server.command("HLEN", "jr:{node}:jobs") == "2")
        #expect(try stage.server.command("ZCARD", "jr:{node}:order") == "2")
        try stage.server.command("ACL", "SETUSER", "jr", "+\(command)")
        try await node.commit(changes)
        await node.close()
        #expect(try await stage.start("node").get().summary == ["1again", "3"])
    }

    @Test("what a server says of a script is explained by the script's line; other errors stay as they are")
    func words() {
        let first =
            "ERR The user executing the script can't run this command or subcommand script: 0a, on @user_script:1."
        let explained = RedisPermission.explained(first, of: .take)
        #expect(explained.hasPrefix("NOPERM this user has no permissions to run 'hget' in a script (ERR The user"))
        for text in [
            "OOM command not allowed", "ERR The user executing the script can't run this command: @user_script:999999.",
        ] { #expect(RedisPermission.explained(text, of: .take) == text) }
        #expect(
            RedisPermission.explained("ERR can't access at least one of the keys", of: .take).hasPrefix(
                "NOPERM this user has no permissions for the keys"))
    }
}
