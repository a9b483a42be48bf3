import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("Jobs that wait in a distributor, and who comes for them", .serialized, .mayBlock)
struct WaitingTests {
    @Test("B28: without a node jobs wait in order, can be counted and listed, and say what for")
    func inSight() async throws {
        let harness = try Harness()
        let order = Monitor<[Int]>([])
        harness.define("work") { args in order.update { $0.append(args["n"]?.int ?? 0) } }
        let jobs = try harness.client()
        let handles = try (0..<5).map { try jobs.enqueue("work", ["n": .int(Int64($0))]) }
        let waiting = try await jobs.jobs()
        #expect(waiting.map(\.id) == handles.map(\.id))
        #expect(waiting.allSatisfy { $0.waitingFor == "no node is connected" && $0.node == nil })
        let statistics = try await jobs.ask("stats").map?["distributor"]?.map
        #expect(statistics?["waiting"] == 5)
        let node = try harness.startNode("worker_1") { $0.credit = 1 }
        _ = try await handles[4].result
        #expect(order.update { $0 } == [0, 1, 2, 3, 4])
        #expect(try await jobs.jobs().isEmpty)
        node.drain()
    }

    @Test("B28: past the limits of jobs or bytes an enqueue is refused as backlogFull, and what was accepted runs")
    func full() async throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        configuration.backlogJobs = 3
        configuration.backlogBytes = 1_000
        let jobs = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
        let large = JobArguments(["large": .bytes([UInt8](repeating: 0, count: 2_000))])
        let tooLarge = await #expect(throws: JobReactorError.self) {
            _ = try await jobs.enqueue("work", large).accepted
        }
        #expect(tooLarge?.code == .backlogFull)
        let accepted = try (0..<3).map { try jobs.enqueue("work", ["n": .int(Int64($0))]) }
        let refused = try jobs.enqueue("work")
        let error = await #expect(throws: JobReactorError.self) { _ = try await refused.accepted }
        #expect(error?.code == .backlogFull)
        let node = try Node("one", distributors: ["\(jobs.address)"], configuration: configuration, on: reactor) {
            Handler("work") { args in args["ran"] = true }
        }
        node.start()
        for (number, job) in accepted.enumerated() {
            #expect(try await job.value == ["n": .int(Int64(number)), "ran": true])
        }
        #expect(try await jobs.enqueue("work").value == ["ran": true])
        try await node.stop()
        jobs.stop()
    }

    @Test("B30: nodes and distributors come and go while jobs flow, and every job ends")
    func comingAndGoing() async throws {
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        configuration.heartbeat = .milliseconds(500)
        let work = Handler("work") { args, context in args["node"] = .string(context.node) }
        func distributor(_ listen: String) throws -> Distributor {
            try Distributor(listen: listen, configuration: configuration, on: reactor)
        }
        func node(_ name: String, _ distributors: [Distributor]) throws -> Node {
            let node = try Node(
                name, distributors: distributors.map { "\($0.address)" }, configuration: configuration, on: reactor
            ) { work }
            node.start()
            return node
        }
        func run(_ count: Int, at queue: any JobQueue) async throws -> Set<String> {
            let jobs = try (0..<count).map { _ in try queue.enqueue("work") }
            var names: Set<String> = []
            for job in jobs { names.insert(try await job.value["node"]?.string ?? "") }
            return names
        }

        // Not a port: while nobody listens there, somebody else could take it.
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-waiting-")
        defer { try? Files.removeTree(folder) }
        let (left, right) = (try distributor("unix:\(folder)/left"), try distributor("127.0.0.1:0"))
        let one = try node("one", [left, right])
        #expect(try await run(10, at: left) == ["one"])
        #expect(try await run(10, at: right) == ["one"])
        let application = try JobClient("\(left.address)", on: reactor)
        #expect(try await run(10, at: application) == ["one"])

        // A second node joins; the first one leaves with jobs on their way.
        let two = try node("two", [left, right])
        try await two.ready()
        let meanwhile = try (0..<200).map { _ in try application.enqueue("work") }
        try await one.stop()
        for job in meanwhile { _ = try await job.value }
        #expect(try await run(10, at: application) == ["two"])

        // A distributor goes, with jobs that are enqueued while it is away, and comes back at its address.
        left.stop()
        let away = try (0..<10).map { _ in try application.enqueue("work") }
        #expect(try await run(10, at: right) == ["two"])
        let again = try distributor("\(left.address)")
        for job in away { #expect(try await job.value["node"] == "two") }
        #expect(try await run(10, at: again) == ["two"])
        try await two.stop()
        application.stop()
        again.stop()
        right.stop()
    }

    @Test("B41, B43: names are whole: a node whose name is part of another's shares no job with it, nor its end")
    func names() async throws {
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-names-")
        defer { try? Files.removeTree(folder) }
        let harness = try Harness()
        harness.registry.define(Handler("where") { args, context in args["node"] = .string(context.node) })
        let names = ["worker_1", "my_worker_1", "worker_1_b", "worker_10"]
        let nodes = try names.map { name in
            try harness.startNode(name, storage: .journal(directory: "\(folder)/\(name)", sync: .never))
        }
        let jobs = harness.distributor
        for (index, name) in names.enumerated() {
            for _ in 0...index {
                let later = JobOptions(after: .seconds(3_600), node: name, strict: true)
                #expect(try await jobs.enqueue("where", [:], later).accepted.node == name)
            }
        }
        for (index, name) in names.enumerated() {
            let own = try await jobs.jobs(node: name)
            #expect(own.count == index + 1)
            #expect(own.allSatisfy { $0.node == name })
        }
        #expect(try await jobs.destroyAll(node: "worker_1") == 1)
        #expect(try await jobs.jobs(node: "worker_1").isEmpty)
        #expect(try await jobs.jobs().count == 2 + 3 + 4)
        for _ in 0..<8 {
            let others = JobOptions(notNode: "worker_1", "worker_1_b", "worker_10")
            #expect(try await jobs.enqueue("where", [:], others).value["node"] == "my_worker_1")
        }
        for node in nodes { node.drain() }
    }
}
