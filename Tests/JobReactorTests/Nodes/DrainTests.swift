import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("A node is stopped in good order", .serialized, .mayBlock)
struct DrainTests {
    @Test("B6, B36: an attempt that a stopping node cuts off is made again, and is no death that makes a job poison")
    func cutOff() throws {
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-drain-")
        defer { try? Files.removeTree(folder) }
        let harness = try Harness()
        let (started, isFree) = (Monitor(0), Monitor(false))
        harness.registry.define(
            Handler("long") { args, context in
                args["attempt"] = Value(context.attempt)
                started.update { $0 += 1 }
                if isFree.update({ $0 }) { return }
                try await Promise<Void>().get()
            })
        let outcomes = Outcomes()
        try harness.client().enqueue("long", feedback: .both) { outcomes.observe($0) }
        // One more than the deaths that make a job poison.
        for round in 1...4 {
            let node = try harness.startNode("worker_1", storage: .journal(directory: "\(folder)/store"))
            #expect(started.wait(timeout: .seconds(Int64(30))) { $0 >= round ? true : nil } == true)
            node.node.drain(limit: .zero)
            node.wait { if case .drained = $0 { true } else { false } }
        }
        isFree.update { $0 = true }
        let last = try harness.startNode("worker_1", storage: .journal(directory: "\(folder)/store"))
        let result = try #require(outcomes.wait(1).first)
        #expect(result.ending == .complete)
        #expect(result.arguments == ["attempt": 1])
        last.drain()
    }

    @Test("a node that pauses lets its jobs end, leaves what comes to others, and takes jobs again when it resumes")
    func pause() async throws {
        let harness = try Harness()
        let (started, isFree) = (Monitor(0), Promise<Void>())
        harness.registry.define(
            Handler("long") { _, _ in
                started.update { $0 += 1 }
                try await isFree.get()
            })
        harness.define("who") { _ in }
        let first = try harness.startNode("first")
        let client = try harness.client()
        let (long, outcomes) = (Outcomes(), Outcomes())
        try client.enqueue("long", feedback: .both) { long.observe($0) }
        #expect(started.wait(timeout: .seconds(Int64(30))) { $0 == 1 ? true : nil } == true)
        first.node.pause()
        let second = try harness.startNode("second")
        try client.enqueue("who", feedback: .both) { outcomes.observe($0) }
        #expect(outcomes.wait(1).first?.node == "second")
        #expect(!first.events.update { $0 }.contains { if case .paused = $0 { true } else { false } })
        isFree.resolve(())
        first.wait { if case .paused(let held) = $0 { held.waiting == 0 && held.scheduled == 0 } else { false } }
        second.drain()
        try client.enqueue("who", feedback: .both) { outcomes.observe($0) }
        first.node.resume()
        #expect(outcomes.wait(2).last?.node == "first")
        first.drain()
    }

    @Test("B5: a node that is ready is known to its distributor")
    func ready() async throws {
        let harness = try Harness()
        harness.define("work") { _ in }
        for number in 0..<20 {
            let node = try harness.startNode("node\(number)")
            let rows = try await harness.distributor.ask("nodes").array ?? []
            #expect(rows.contains { $0.map?["name"] == .string("node\(number)") })
            node.drain()
        }
    }
}
