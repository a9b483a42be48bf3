import JRBase
import JRWire
import Testing

@testable import JRCore

/// What people do to jobs that are with the distributor or with its nodes.
@Suite struct DistributorControlTests {
    private func ask(_ verb: String, _ number: Int, _ bench: inout DistributorBench, from app: LinkID = LinkID(1)) {
        bench.receive(.request(number: 9, verb: verb, parameters: ["id": .bytes(jobID(number).bytes)]), from: app)
    }

    private func reply(_ actions: [LinkAction], to app: LinkID = LinkID(1)) -> Value? {
        for case .reply(9, let result) in actions.sent(to: app) { return result }
        return nil
    }

    private func refusal(_ actions: [LinkAction], to app: LinkID = LinkID(1)) -> (RefusalCode, String)? {
        for case .replyFailure(9, let code, let text) in actions.sent(to: app) { return (code, text) }
        return nil
    }

    /// The number under which a node was asked.
    private func question(_ actions: [LinkAction], to node: LinkID) throws -> UInt32 {
        var found: UInt32?
        for case .request(let number, _, _) in actions.sent(to: node) where number != 0 { found = number }
        return try #require(found)
    }

    private func left(_ bench: DistributorBench) -> [Int] {
        [
            bench.engine.jobs.count, bench.engine.handles.count, bench.engine.heldBytes, bench.engine.onTheWire,
            bench.engine.outcomeSources.count, bench.engine.router.routes.reduce(0) { $0 + $1.held },
        ]
    }

    @Test("B28: a job that waits for a node is counted, listed and cancelled, and its application is told")
    func cancelWaiting() throws {
        var bench = DistributorBench()
        let app = bench.client(1)
        for number in 1...3 { bench.enqueue(request(number, feedback: .both), from: app) }
        _ = bench.actions()
        ask("list", 0, &bench)
        #expect(reply(bench.actions())?.array?.count == 3)
        ask("cancel", 2, &bench)
        var actions = bench.actions()
        #expect(reply(actions) == ["state": "cancelled"])
        let outcome = try #require(actions.outcomes(to: app).first)
        #expect(outcome.ending == .cancelled && outcome.isFinal && outcome.run == 1)
        #expect(outcome.attempt == 0 && outcome.node.isEmpty && outcome.id == jobID(2))
        ask("list", 0, &bench)
        #expect(reply(bench.actions())?.array?.count == 2)
        ask("stats", 0, &bench)
        #expect(reply(bench.actions())?.map?["distributor"]?.map?["cancelled"] == 1)
        let node = bench.node(2, "n1")
        #expect(bench.actions().jobs(to: node) == [1, 3])
        // Its acknowledgement is for nobody.
        bench.receive(.outcomesReceived([outcome.key]), from: app)
        #expect(bench.actions().isEmpty)
        bench.receive(.stored([jobID(1), jobID(3)]), from: node)
        actions = bench.actions()
        #expect(left(bench) == [0, 0, 0, 0, 0, 0])
    }

    @Test("B34: asked again, or enqueued again, a job that was cancelled where it waited stays so")
    func repeated() throws {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.enqueue(request(1), from: app)
        ask("cancel", 1, &bench)
        // Also an application that wants no outcome hears of it: or it would enqueue the job again.
        #expect(bench.actions().outcomes(to: app).count == 1)
        ask("cancel", 1, &bench)
        #expect(reply(bench.actions()) == ["state": "cancelled"])
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        let actions = bench.actions()
        #expect(actions.jobs(to: node).isEmpty)
        #expect(actions.outcomes(to: app).map(\.ending) == [.cancelled])
    }

    @Test("B34: an application whose job is cancelled before it is stored lets go of it")
    func applicationLetsGo() {
        for feedback in [[], .both] as [Feedback] {
            var bench = DistributorBench()
            let app = bench.client(1)
            var client = ClientEngine(name: "app", session: application)
            client.linkOpened(LinkID(9), bench.engine.hello)
            client.enqueue(request(1, feedback: feedback))
            for message in client.takeActions().sent(to: LinkID(9)) { bench.receive(message, from: app) }
            ask("cancel", 1, &bench)
            for message in bench.actions().sent(to: app) { client.received(message, from: LinkID(9)) }
            #expect(client.pendingCount == 0)
            client.linkClosed(LinkID(9))
            client.linkOpened(LinkID(10), bench.engine.hello)
            #expect(
                !client.takeActions().sent(to: LinkID(10)).contains { if case .enqueue = $0 { true } else { false } })
        }
    }

    @Test("B28: among a million waiting jobs one is cancelled without a search, and what is cancelled takes no place")
    func manyWaiting() {
        var bench = DistributorBench(backlogJobs: 2_000_000, backlogBytes: 1 << 30)
        let app = bench.client(1)
        for number in 1...10_000 { bench.enqueue(request(number), from: app) }
        for number in 1...9_990 { ask("cancel", number, &bench) }
        _ = bench.actions()
        #expect(bench.engine.router.routes[0].waiting.count < 200)
        let node = bench.node(2, "n1", credit: 100)
        #expect(bench.actions().jobs(to: node) == Array(9_991...10_000))
    }

    @Test("B34: a job on its way is asked of the nodes, and what the one that has it says is the answer")
    func onTheWay() throws {
        for (state, word) in [("cancelled", "cancelled"), ("cancelling", "cancelling"), ("ended", "ended")] {
            var bench = DistributorBench()
            let app = bench.client(1)
            let nodes = [bench.node(2, "n1"), bench.node(3, "n2")]
            bench.enqueue(request(1), from: app)
            ask("cancel", 1, &bench)
            let actions = bench.actions()
            #expect(reply(actions) == nil)
            let number = try question(actions, to: nodes[0])
            bench.receive(.reply(number: number, result: ["state": .string(state)]), from: nodes[0])
            #expect(reply(bench.actions()) == nil)
            bench.receive(.reply(number: number, result: .null), from: nodes[1])
            #expect(reply(bench.actions())?.map?["state"]?.string == word)
        }
    }

    @Test("B34: of a job that two nodes have, the one where it still runs decides")
    func twoNodes() throws {
        var bench = DistributorBench()
        bench.client(1)
        let nodes = [bench.node(2, "n1"), bench.node(3, "n2")]
        ask("cancel", 1, &bench)
        let number = try question(bench.actions(), to: nodes[0])
        bench.receive(.reply(number: number, result: ["state": "ended", "status": "complete"]), from: nodes[0])
        bench.receive(.reply(number: number, result: ["state": "cancelling"]), from: nodes[1])
        #expect(reply(bench.actions()) == ["state": "cancelling"])
    }

    @Test("B34: a job whose node goes, or refuses it, before the answer is cancelled where it is then")
    func nodeGoes() throws {
        var gone = DistributorBench()
        let app = gone.client(1)
        let node = gone.node(2, "n1")
        gone.enqueue(request(1), from: app)
        ask("cancel", 1, &gone)
        _ = gone.actions()
        gone.close(node)
        #expect(reply(gone.actions()) == ["state": "cancelled"])
        #expect(left(gone) == [0, 0, 0, 0, 0, 0])

        var refused = DistributorBench()
        refused.client(1)
        let nodes = [refused.node(2, "n1"), refused.node(3, "n2")]
        refused.enqueue(request(1), from: app)
        ask("cancel", 1, &refused)
        var actions = refused.actions()
        #expect(actions.jobs(to: nodes[0]) == [1])
        let first = try question(actions, to: nodes[0])
        refused.receive(.refusal(id: jobID(1), code: .draining, text: ""), from: nodes[0])
        for node in nodes { refused.receive(.reply(number: first, result: .null), from: node) }
        actions = refused.actions()
        #expect(actions.jobs(to: nodes[1]) == [1] && reply(actions) == nil)
        let second = try question(actions, to: nodes[1])
        refused.receive(.stored([jobID(1)]), from: nodes[1])
        refused.receive(.reply(number: second, result: .null), from: nodes[0])
        refused.receive(.reply(number: second, result: ["state": "cancelled"]), from: nodes[1])
        #expect(reply(refused.actions()) == ["state": "cancelled"])
    }

    @Test("what no one has is not found, and a node that is away or cannot answer is named as the reason")
    func notFound() throws {
        var bench = DistributorBench()
        let app = bench.client(1)
        for verb in ["cancel", "retry", "destroy"] {
            ask(verb, 7, &bench)
            let refused = refusal(bench.actions())
            #expect(refused?.0 == .notFound && refused?.1.contains("no connected node has the job") == true)
        }
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        bench.receive(.stored([jobID(1)]), from: node)
        ask("cancel", 1, &bench)
        let number = try question(bench.actions(), to: node)
        bench.receive(.replyFailure(number: number, code: .unavailable, text: "still reading"), from: node)
        #expect(refusal(bench.actions())?.1 == "still reading")
        bench.close(node)
        ask("cancel", 1, &bench)
        let refused = refusal(bench.actions())
        #expect(refused?.0 == .unavailable && refused?.1.contains("'n1'") == true)
        bench.receive(.request(number: 9, verb: "cancel", parameters: ["id": "x"]), from: app)
        #expect(refusal(bench.actions())?.0 == .invalidRequest)
    }

    @Test("a job that waits with the distributor is not retried but destroyed on request")
    func retryAndDestroyWaiting() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.enqueue(request(1), from: app)
        ask("retry", 1, &bench)
        #expect(refusal(bench.actions())?.1.contains("no node is connected") == true)
        ask("destroy", 1, &bench)
        #expect(reply(bench.actions()) == ["state": "destroyed"])
        #expect(left(bench) == [0, 0, 0, 0, 0, 0])
    }

    @Test("all jobs of a node are destroyed by its name; a name that is not connected is not found")
    func destroyNode() throws {
        var bench = DistributorBench()
        let app = bench.client(1)
        let nodes = [bench.node(2, "n1"), bench.node(3, "n2")]
        bench.receive(.request(number: 9, verb: "destroy", parameters: ["node": "n2"]), from: app)
        let number = try question(bench.actions(), to: nodes[1])
        bench.receive(.reply(number: number, result: .null), from: nodes[0])
        bench.receive(.reply(number: number, result: ["destroyed": 4]), from: nodes[1])
        #expect(reply(bench.actions()) == ["destroyed": 4])
        bench.receive(.request(number: 9, verb: "destroy", parameters: ["node": "n3"]), from: app)
        let refused = refusal(bench.actions())
        #expect(refused?.0 == .notFound && refused?.1.contains("n1, n2") == true)
    }
}
