import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct QuestionsTests {
    private func reply(_ actions: [LinkAction], to link: LinkID) -> Value? {
        for case .reply(_, let result) in actions.sent(to: link) { return result }
        return nil
    }

    /// Passes a question on to the nodes' engines and their answers back.
    private func answer(
        _ verb: String, _ parameters: [String: Value] = [:], _ bench: inout DistributorBench,
        _ nodes: inout [LinkID: NodeBench]
    ) -> Value? {
        let app = LinkID(1)
        bench.receive(.request(number: 5, verb: verb, parameters: parameters), from: app)
        var actions = bench.actions()
        if let result = reply(actions, to: app) { return result }
        for link in nodes.keys.sorted() {
            for message in actions.sent(to: link) { nodes[link]?.receive(message, from: LinkID(1)) }
            for message in nodes[link]?.actions().sent(to: LinkID(1)) ?? [] { bench.receive(message, from: link) }
        }
        actions = bench.actions()
        return reply(actions, to: app)
    }

    private func node() -> NodeBench {
        var node = NodeBench()
        node.distributor(1)
        _ = node.actions()
        return node
    }

    @Test("B41: list has the jobs of all nodes and those that wait; show finds one wherever it is")
    func listAndShow() {
        var bench = DistributorBench()
        bench.client(1)
        var nodes = [bench.node(2, "n1"): node()]
        nodes[LinkID(2)]?.job(request(1) { $0.due = moment(9_000).wall }, from: LinkID(1))
        nodes[LinkID(2)]?.commit()
        _ = nodes[LinkID(2)]?.actions()
        bench.enqueue(request(2, "unknown"), from: LinkID(1))
        _ = bench.actions()

        let rows = answer("list", [:], &bench, &nodes)?.array ?? []
        #expect(rows.compactMap { $0.map?["id"]?.string } == [jobID(1).description, jobID(2).description])
        #expect(rows.first?.map?["node"] == "n1")
        #expect(rows.last?.map?["waiting"]?.string?.contains("no connected node knows the job 'unknown'") == true)
        #expect(answer("list", ["status": "failed"], &bench, &nodes)?.array == [])
        #expect(answer("list", ["node": "n1"], &bench, &nodes)?.array?.count == 1)
        #expect(answer("show", ["id": .bytes(jobID(1).bytes)], &bench, &nodes)?.map?["status"] == "new")
        #expect(answer("show", ["id": .bytes(jobID(2).bytes)], &bench, &nodes)?.map?["name"] == "unknown")
        #expect(answer("show", ["id": .bytes(jobID(3).bytes)], &bench, &nodes) == .null)
    }

    @Test("B41: a list may leave out what ended well and is still kept; what failed is always in it")
    func endedAreHidden() {
        var bench = DistributorBench()
        bench.client(1)
        var node = NodeBench { $0.removeDoneJobs = false }
        let link = node.distributor(1)
        for number in 1...2 {
            node.job(request(number) { $0.maxAttempts = 1 }, from: link)
            node.commit()
            for order in node.runs() {
                if number == 1 { node.end(order, .success(arguments: [0x80])) } else { node.fail(order) }
            }
            node.commit()
        }
        _ = node.actions()
        var nodes = [bench.node(2, "n1"): node]
        func listed(_ parameters: [String: Value]) -> [String] {
            (answer("list", parameters, &bench, &nodes)?.array ?? []).compactMap { $0.map?["status"]?.string }
        }
        #expect(listed([:]) == ["complete", "failed"])
        #expect(listed(["ended": false]) == ["failed"])
        #expect(listed(["ended": false, "status": "complete"]) == ["complete"])
    }

    @Test("nodes and stats give a row a node; without nodes there is an answer all the same")
    func statistics() {
        var bench = DistributorBench()
        bench.client(1)
        var none: [LinkID: NodeBench] = [:]
        #expect(answer("nodes", [:], &bench, &none)?.array == [])
        #expect(answer("stats", [:], &bench, &none)?.map?["nodes"]?.array == [])
        #expect(answer("list", [:], &bench, &none)?.array == [])
        var nodes = [bench.node(2, "n1"): node()]
        #expect(answer("nodes", [:], &bench, &nodes)?.array?.first?.map?["state"] == "ready")
        let statistics = answer("stats", [:], &bench, &nodes)?.map
        #expect(statistics?["nodes"]?.array?.first?.map?["name"] == "n1")
        #expect(statistics?["distributor"]?.map?["nodes"] == 1)
    }

    @Test("a question that is not known is answered with those that are")
    func unknown() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.receive(.request(number: 5, verb: "shrug", parameters: [:]), from: app)
        guard case .replyFailure(5, .invalidRequest, let text)? = bench.actions().sent(to: app).first else {
            Issue.record("no answer")
            return
        }
        #expect(text.contains("cancel, destroy, idle, list, nodes, retry, show, stats, watch"))
    }

    @Test("a node that goes before it answers does not keep the question open")
    func nodeGoes() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.receive(.request(number: 5, verb: "list", parameters: [:]), from: app)
        #expect(reply(bench.actions(), to: app) == nil)
        bench.close(node)
        #expect(reply(bench.actions(), to: app) == .array([]))
    }

    @Test("a limit below zero is none, and traps nothing")
    func negativeLimit() {
        var bench = DistributorBench()
        bench.client(1)
        bench.enqueue(request(1), from: LinkID(1))
        _ = bench.actions()
        var none: [LinkID: NodeBench] = [:]
        for limit in [-1, Int.min, 0] {
            #expect(answer("list", ["limit": .int(Int64(limit))], &bench, &none)?.array == [])
        }
        #expect(answer("list", ["limit": .int(.max)], &bench, &none)?.array?.count == 1)
        var node = node()
        node.receive(.request(number: 1, verb: "list", parameters: ["limit": -1]), from: LinkID(1))
        #expect(reply(node.actions(), to: LinkID(1)) == .array([]))
    }

    @Test("the oldest waiting jobs are listed first, however many wait")
    func oldestFirst() {
        var bench = DistributorBench(backlogJobs: 5_000)
        bench.client(1)
        for number in 1...3_000 { bench.enqueue(request(number), from: LinkID(1)) }
        _ = bench.actions()
        var none: [LinkID: NodeBench] = [:]
        let rows = answer("list", ["limit": 3], &bench, &none)?.array ?? []
        #expect(rows.compactMap { $0.map?["id"]?.string } == [1, 2, 3].map { jobID($0).description })
    }

    @Test("an answer fits a frame whatever the jobs carry: long arguments are left to show, many rows are cut")
    func fitsAFrame() {
        var node = NodeBench { $0.scheduledBytes = 1 << 30 }
        let link = node.distributor(1)
        for number in 1...5_000 {
            var large = request(number) { $0.due = moment(9_000).wall }
            large.arguments = [UInt8](repeating: 0, count: number == 1 ? 1 << 22 : 1_000)
            node.job(large, from: link)
        }
        node.commit()
        _ = node.actions()
        node.receive(.request(number: 1, verb: "list", parameters: ["limit": 5_000]), from: link)
        let rows = reply(node.actions(), to: link)?.array ?? []
        #expect(rows.count > 1_000 && rows.count < 5_000)
        #expect(rows.first?.map?["arguments"] == nil)
        #expect(rows.last?.map?["arguments"]?.bytes?.count == 1_000)
        var writer = ByteWriter()
        writer.write(.reply(number: 1, result: .array(rows)))
        #expect(writer.count < Limits.frameBytes / 2)
    }
}
