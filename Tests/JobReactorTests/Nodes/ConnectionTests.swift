import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("Distributors and nodes find each other", .serialized, .mayBlock)
struct NodeConnectionTests {
    private func configuration() -> Configuration {
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        return configuration
    }

    @Test("B5: a distributor dials the nodes it was given, and finds one again that was restarted")
    func dialled() async throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let handler = Handler("where") { args, context in args["node"] = .string(context.node) }
        let first = try Node("one", listen: "127.0.0.1:0", configuration: configuration(), on: reactor) { handler }
        first.start()
        let address = try #require(first.address)
        let jobs = try Distributor(
            listen: "127.0.0.1:0", nodes: ["\(address)"], configuration: configuration(), on: reactor)
        #expect(try await jobs.enqueue("where").value["node"] == "one")
        try await first.stop()
        let job = try jobs.enqueue("where")
        let second = try Node("two", listen: "\(address)", configuration: configuration(), on: reactor) { handler }
        second.start()
        #expect(try await job.value["node"] == "two")
        try await second.stop()
        jobs.stop()
    }

    @Test("B5: a pair in which both dial ends with one connection, and jobs run")
    func bothDial() async throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-pair-")
        defer { try? Files.removeTree(folder) }
        let node = try Node(
            "one", distributors: ["unix:\(folder)/socket"], listen: "127.0.0.1:0", configuration: configuration(),
            on: reactor
        ) {
            Handler("work") { (_: inout JobArguments) in }
        }
        node.start()
        let jobs = try Distributor(
            listen: "unix:\(folder)/socket", nodes: ["\(try #require(node.address))"], configuration: configuration(),
            on: reactor)
        for _ in 0..<100 { #expect(try await jobs.enqueue("work").result.ending == .complete) }
        #expect(try await jobs.ask("nodes").array?.count == 1)
        try await node.stop()
        jobs.stop()
    }

    @Test("B3: port 0 is any free port, which can be read back, and several distributors may live in one process")
    func ports() throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        let jobs = try (0..<3).map { _ in
            try Distributor(
                listen: "127.0.0.1:0", advertise: "example.org:7000", configuration: configuration(), on: reactor)
        }
        #expect(Set(jobs.map(\.address)).count == 3)
        #expect(jobs.allSatisfy { $0.address.port ?? 0 > 0 })
        #expect(jobs.first?.url == "jr://example.org:7000")
        let error = #expect(throws: JobReactorError.self) {
            _ = try Distributor(listen: "\(jobs[0].address)", configuration: configuration(), on: reactor)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.exitCode == 69)
    }

    @Test("B25: two equal nodes share 10,000 jobs within 10 %")
    func shares() throws {
        let harness = try Harness()
        let counts = Monitor<[String: Int]>([:])
        // Jobs that take no time at all would show which node's socket the reactor reads first.
        harness.registry.define(
            Handler("count") { _, context in
                let passed = Promise<Void>()
                context.reactor.execute { $0.schedule(after: .milliseconds(1)) { _ in passed.resolve(()) } }
                try await passed.get()
                counts.update { $0[context.node, default: 0] += 1 }
            })
        let nodes = [try harness.startNode("one"), try harness.startNode("two")]
        for _ in 0..<10_000 { try harness.distributor.enqueue("count") }
        let all = counts.wait(timeout: .seconds(Int64(60))) { $0.values.reduce(0, +) == 10_000 ? $0 : nil } ?? [:]
        #expect(all.values.allSatisfy { (4_500...5_500).contains($0) }, "\(all)")
        for node in nodes { node.drain() }
    }

    @Test("B26, B27: a preferred node is tried first, a required one waited for, an excluded one never used")
    func placement() async throws {
        let harness = try Harness()
        harness.registry.define(Handler("where") { args, context in args["node"] = .string(context.node) })
        let one = try harness.startNode("one")
        let jobs = harness.distributor
        #expect(try await jobs.enqueue("where", [:], JobOptions(node: "two")).value["node"] == "one")
        let waiting = try jobs.enqueue("where", [:], JobOptions(node: "two", strict: true))
        let excluded = try jobs.enqueue("where", [:], JobOptions(notNode: "one", "three"))
        let two = try harness.startNode("two")
        #expect(try await waiting.value["node"] == "two")
        #expect(try await excluded.value["node"] == "two")
        for _ in 0..<20 {
            #expect(try await jobs.enqueue("where", [:], JobOptions(node: "two")).value["node"] == "two")
            #expect(try await jobs.enqueue("where", [:], JobOptions(notNode: "two")).value["node"] == "one")
        }
        one.drain()
        two.drain()
    }

    @Test("B26: with alwaysUseSpecifiedNode a job that names a node waits for it")
    func always() async throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        var configuration = configuration()
        configuration.alwaysUseSpecifiedNode = true
        let jobs = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
        let handler = Handler("where") { args, context in args["node"] = .string(context.node) }
        let address = "\(jobs.address)"
        let one = try Node("one", distributors: [address], configuration: configuration, on: reactor) { handler }
        one.start()
        try await one.ready()
        let job = try jobs.enqueue("where", [:], JobOptions(node: "two"))
        #expect(try await jobs.enqueue("where").value["node"] == "one")
        let two = try Node("two", distributors: [address], configuration: configuration, on: reactor) { handler }
        two.start()
        #expect(try await job.value["node"] == "two")
        try await one.stop()
        try await two.stop()
        jobs.stop()
    }
}
