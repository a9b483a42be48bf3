import JRBase
import JRCore
import JRSystem
import TestSupport
import Testing

@testable import JobReactor

@Suite("Looking at the jobs of a node, and destroying them", .mayBlock)
struct LookingTests {
    private struct Broken: Error {}

    enum Kind: CaseIterable, Sendable { case memory, journal, redis }

    @Test(
        "B41: jobs of a node are listed, shown, destroyed one by one and all at once, whatever its storage",
        arguments: Kind.allCases)
    func everyStorage(kind: Kind) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-looking-")
        defer { try? Files.removeTree(directory) }
        let server = kind == .redis ? try RedisServer() : nil
        let storage: StorageChoice =
            switch kind {
            case .memory: .memory
            case .journal: .journal(directory: directory + "/store")
            case .redis: .redis(url: server?.url)
            }
        let harness = try Harness()
        harness.define("later") { _ in }
        harness.define("fragile") { _ in throw Broken() }
        let node = try harness.startNode("worker_1", storage: storage) { $0.maxAttempts = 1 }
        let jobs = try harness.client()
        let failed = try jobs.enqueue("fragile", ["n": 0])
        #expect(try await failed.result.ending == .failed)
        var ids = [failed.id]
        for number in 1...3 {
            let job = try jobs.enqueue("later", ["n": .int(Int64(number))], JobOptions(after: .seconds(3_600)))
            _ = try await job.accepted
            ids.append(job.id)
        }
        #expect(Set(try await jobs.jobs(node: "worker_1").map(\.id)) == Set(ids))
        #expect(try await jobs.jobs(node: "worker_2").isEmpty)
        let shown = try #require(try await jobs.job(ids[1]))
        #expect(shown.name == "later" && shown.status == .new && shown.node == "worker_1" && shown.due != nil)
        #expect(shown.arguments?["n"] == 1)
        try await jobs.destroy(ids[1])
        #expect(try await jobs.job(ids[1]) == nil)
        node.drain()

        // What is destroyed is gone from the storage, and nothing else.
        let next = try harness.startNode("worker_1", storage: storage) { $0.maxAttempts = 1 }
        let left = kind == .memory ? [] : [ids[0], ids[2], ids[3]]
        #expect(Set(try await jobs.jobs(node: "worker_1").map(\.id)) == Set(left))
        #expect(try await jobs.destroyAll(node: "worker_1") == left.count)
        #expect(try await jobs.jobs(node: "worker_1").isEmpty)
        next.drain()
        let last = try harness.startNode("worker_1", storage: storage)
        #expect(try await jobs.jobs().isEmpty)
        last.drain()
    }

    @Test("B41: a cluster is looked at at once, and then told as soon as it looks otherwise")
    func cluster() async throws {
        let harness = try Harness()
        harness.define("fragile") { _ in throw Broken() }
        let jobs = try harness.client()
        let alone = try await jobs.cluster()
        #expect(alone.nodes.isEmpty && alone.distributor == "distributor")
        let later = Task { try await jobs.cluster(after: alone) }
        let node = try harness.startNode("worker_1") { $0.maxAttempts = 1 }
        var seen = try await later.value
        while seen.nodes.isEmpty { seen = try await jobs.cluster(after: seen) }
        let shown = try #require(seen.nodes.first)
        #expect(shown.name == "worker_1" && shown.promise == "memory" && shown.jobNames == ["fragile"])
        #expect(shown.since != nil)

        let job = try jobs.enqueue("fragile")
        while seen.nodes.first?.failed != 1 { seen = try await jobs.cluster(after: seen) }
        let failed = try #require(seen.nodes.first)
        #expect(failed.kept == 1 && failed.ready == 0 && failed.running == 0)
        #expect(failed.failures.map(\.id) == [job.id])
        #expect(failed.failures.first?.error == "Broken()" && failed.failures.first?.isFinal == true)
        try jobs.enqueue("nobody")
        while seen.waiting != 1 { seen = try await jobs.cluster(after: seen) }
        #expect(seen.oldest?.name == "nobody")
        node.drain()
    }

    @Test("an application in the distributor's own process is told as well")
    func embedded() async throws {
        let harness = try Harness()
        let seen = try await harness.distributor.cluster()
        let later = Task { try await harness.distributor.cluster(after: seen) }
        try harness.client().enqueue("nobody")
        #expect(try await later.value.mark != seen.mark)
    }
}
