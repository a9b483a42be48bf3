import JRBase
import JRReactor
import JRWire
import TestSupport
import Testing

@testable import JobReactor

/// The question `idle` over real sockets.
@Suite(.mayBlock) struct IdleAnswerTests {
    @Test("a job that enqueues another and ends leaves nothing idle before the other one has ended")
    func child() throws {
        let harness = try Harness()
        let order = Monitor<[String]>([])
        let gate = Monitor(false)
        harness.registry.define(
            Handler("parent") { _, context in
                order.update { $0.append("parent") }
                try context.enqueue("child")
            })
        harness.define("child") { _ in order.update { $0.append("child") } }
        let node = try harness.startNode("n1")
        let client = try harness.client()
        try client.enqueue("parent")
        client.ask("idle", ["nodes": ["n1"]]) { result in
            order.update { $0.append((try? result.get()).map { _ in "idle" } ?? "failure") }
            gate.update { $0 = true }
        }
        #expect(gate.wait(timeout: .seconds(20 as Int64)) { $0 ? true : nil } == true)
        #expect(order.update({ $0 }) == ["parent", "child", "idle"])
        _ = node
    }
}
