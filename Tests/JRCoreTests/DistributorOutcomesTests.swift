import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct DistributorOutcomesTests {
    private func outcome(_ number: Int, run: Int = 1) -> JobOutcome {
        JobOutcome(
            id: jobID(number), run: run, ending: .complete, arguments: [0x80], error: nil, attempt: 1, node: "n1",
            client: application, isFinal: true)
    }

    private func asksForOutcomes(_ messages: [Message]) -> Int {
        messages.count { if case .request(0, "outcomes", _) = $0 { true } else { false } }
    }

    @Test("B38: an outcome goes to its application, and the acknowledgement back to the node it came from")
    func there() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let nodes = [bench.node(2, "n1"), bench.node(3, "n2")]
        _ = bench.actions()
        bench.receive(.ended(outcome(1)), from: nodes[0])
        bench.receive(.ended(outcome(2)), from: nodes[1])
        #expect(bench.actions().outcomes(to: app) == [outcome(1), outcome(2)])
        bench.receive(.outcomesReceived([outcome(1).key, outcome(2).key]), from: app)
        let actions = bench.actions()
        #expect(actions.sent(to: nodes[0]) == [.outcomesReceived([outcome(1).key])])
        #expect(actions.sent(to: nodes[1]) == [.outcomesReceived([outcome(2).key])])
        #expect(bench.engine.outcomeSources.isEmpty)
    }

    @Test("what an application in the same process hears is acknowledged for it, each time, behind the outcomes")
    func local() {
        var bench = DistributorBench()
        let app = LinkID(1)
        let hello = Hello(role: .client, name: "app", session: application)
        bench.engine.linkOpened(app, hello, isLocal: true, at: bench.now)
        let nodes = [bench.node(3, "n1"), bench.node(2, "n2")]
        _ = bench.actions()
        bench.receive(.ended(outcome(1)), from: nodes[0])
        bench.receive(.ended(outcome(2)), from: nodes[1])
        bench.receive(.ended(outcome(3)), from: nodes[0])
        let actions = bench.actions()
        let keys = (1...3).map { outcome($0).key }
        #expect(
            actions == [
                .send(app, .ended(outcome(1))), .send(app, .ended(outcome(2))), .send(app, .ended(outcome(3))),
                .send(nodes[1], .outcomesReceived([keys[1]])),
                .send(nodes[0], .outcomesReceived([keys[0], keys[2]])),
            ])
        bench.receive(.ended(outcome(1)), from: nodes[1])
        #expect(bench.actions().sent(to: nodes[1]) == [.outcomesReceived([keys[0]])])
        #expect(bench.engine.outcomeSources.isEmpty)
        // One from elsewhere takes its session over: that one has to say so itself.
        bench.client(9)
        _ = bench.actions()
        bench.receive(.ended(outcome(4)), from: nodes[0])
        #expect(bench.actions() == [.send(LinkID(9), .ended(outcome(4)))])
    }

    @Test("the receipt of a job goes before its outcome")
    func receiptFirst() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        _ = bench.actions()
        bench.receive(.stored([jobID(1)]), from: node)
        bench.receive(.ended(outcome(1)), from: node)
        let messages = bench.actions().sent(to: app)
        #expect(messages.count == 2)
        #expect(messages.last == .ended(outcome(1)))
    }

    @Test("B38: nodes are asked for outcomes when an application comes back, and when a node does")
    func asked() {
        var bench = DistributorBench()
        let node = bench.node(2, "n1")
        _ = bench.actions()
        bench.client(1)
        #expect(asksForOutcomes(bench.actions().sent(to: node)) == 1)
        let other = bench.node(3, "n2")
        #expect(asksForOutcomes(bench.actions().sent(to: other)) == 1)
    }

    @Test("between the question for outcomes and its answer none is passed on: their beginning may be missing")
    func inOrder() {
        var bench = DistributorBench()
        let node = bench.node(2, "n1")
        bench.receive(.ended(outcome(1, run: 1)), from: node)
        let app = LinkID(1)
        bench.engine.linkOpened(app, Hello(role: .client, name: "app", session: application), at: bench.now)
        bench.receive(.ended(outcome(1, run: 2)), from: node)
        #expect(bench.actions().outcomes(to: app).isEmpty)
        bench.answerForOutcomes(node)
        for run in 1...2 { bench.receive(.ended(outcome(1, run: run)), from: node) }
        #expect(bench.actions().outcomes(to: app).map(\.run) == [1, 2])
    }

    @Test("a report that two nodes have of one job is acknowledged to both, in whatever order they tell it")
    func twoSources() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let nodes = [bench.node(2, "n1"), bench.node(3, "n2")]
        for node in [nodes[0], nodes[1], nodes[0]] { bench.receive(.ended(outcome(1)), from: node) }
        _ = bench.actions()
        bench.receive(.outcomesReceived([outcome(1).key]), from: app)
        let actions = bench.actions()
        for node in nodes { #expect(actions.sent(to: node) == [.outcomesReceived([outcome(1).key])]) }
        for node in nodes { bench.receive(.ended(outcome(2)), from: node) }
        bench.close(nodes[0])
        _ = bench.actions()
        bench.receive(.outcomesReceived([outcome(2).key]), from: app)
        #expect(bench.actions().sent(to: nodes[1]) == [.outcomesReceived([outcome(2).key])])
    }

    @Test("an outcome whose application is away is dropped here: the node keeps it")
    func away() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.close(app)
        _ = bench.actions()
        bench.receive(.ended(outcome(1)), from: node)
        #expect(bench.actions().isEmpty)
        #expect(bench.engine.counters.outcomesWithoutClient == 1)
        #expect(bench.engine.outcomeSources.isEmpty)
    }

    @Test("B39: an application or node that goes without acknowledging leaves nothing behind")
    func gone() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        for number in 1...100 { bench.receive(.ended(outcome(number)), from: node) }
        bench.close(app)
        #expect(bench.engine.outcomeSources.isEmpty)
        bench.client(3)
        for number in 1...100 { bench.receive(.ended(outcome(number)), from: node) }
        bench.close(node)
        #expect(bench.engine.outcomeSources.isEmpty)
    }

    @Test("B39: an application that is back before its old connection was seen to break leaves nothing behind either")
    func replaced() {
        var bench = DistributorBench()
        bench.client(1)
        let node = bench.node(2, "n1")
        bench.receive(.ended(outcome(1)), from: node)
        bench.client(3)
        #expect(bench.engine.outcomeSources.isEmpty)
        bench.close(LinkID(1))
        bench.receive(.ended(outcome(2)), from: node)
        #expect(bench.actions().outcomes(to: LinkID(3)) == [outcome(2)])
    }

    @Test("an acknowledgement of what is not known is ignored")
    func unknown() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.receive(.outcomesReceived([outcome(1).key]), from: app)
        #expect(bench.actions().isEmpty)
    }
}
