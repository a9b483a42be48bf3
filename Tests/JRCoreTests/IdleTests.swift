import JRBase
import JRWire
import Testing

@testable import JRCore

/// The question `idle`, on both engines.
@Suite struct IdleTests {
    private let app = LinkID(1)
    private let link = LinkID(1)

    private func idle(_ number: UInt32 = 5, nodes: [String] = []) -> Message {
        .request(number: number, verb: "idle", parameters: ["nodes": .array(nodes.map(Value.string))])
    }

    private func replies(_ actions: [LinkAction], to link: LinkID) -> [Value] {
        actions.sent(to: link).compactMap {
            if case .reply(let number, let result) = $0, number != 0 { result } else { nil }
        }
    }

    private func questions(_ actions: [LinkAction], to link: LinkID) -> [UInt32] {
        actions.sent(to: link).compactMap {
            if case .request(let number, "idle", _) = $0 { number } else { nil }
        }
    }

    private func node(_ change: (inout NodeSettings) -> Void = { _ in }) -> NodeBench {
        var node = NodeBench(nil, change)
        node.engine.recovered([], at: node.now)
        node.commit()
        node.distributor(1)
        _ = node.actions()
        return node
    }

    // MARK: A node

    @Test("a node answers at once when it has nothing to do, and after the last commit when it has")
    func nodeWaits() throws {
        var node = node()
        node.receive(idle(), from: link)
        #expect(replies(node.actions(), to: link).count == 1)

        node.job(request(1), from: link)
        node.receive(idle(6), from: link)
        #expect(replies(node.actions(), to: link) == [], "being stored")
        node.commit()
        #expect(replies(node.actions(), to: link) == [], "ready")
        let run = try #require(node.runs().first)
        #expect(replies(node.actions(), to: link) == [], "running")
        node.end(run, .success(arguments: [0x80]))
        #expect(replies(node.actions(), to: link) == [], "its end is not stored")
        node.commit()
        let answer = try #require(replies(node.actions(), to: link).first)
        #expect(answer.map?["stored"]?.int == 1)
        #expect(answer.map?["started"]?.int == 1)
        #expect(answer.map?["failed"]?.int == 0)
    }

    @Test("a scheduled job, one that waits for its next attempt and one whose commit failed keep a node busy")
    func nodeIsBusy() throws {
        var node = node()
        node.job(request(1) { $0.due = moment(500).wall }, from: link)
        node.commit()
        node.receive(idle(), from: link)
        #expect(replies(node.actions(), to: link) == [])
        node.wait(until: 500)
        let run = try #require(node.runs().first)
        node.fail(run)
        node.commit()
        #expect(replies(node.actions(), to: link) == [], "its retry is scheduled")
        node.wait(until: 3_600_000)
        node.succeedAll()
        node.failCommit()
        #expect(replies(node.actions(), to: link) == [], "its end is not stored")
        node.wait(until: 3_700_000)
        node.commit()
        #expect(replies(node.actions(), to: link).count == 1)
    }

    @Test("failed jobs are counted, kept or not; what a body enqueued elsewhere keeps its node busy until it is stored")
    func failedAndElsewhere() throws {
        for removes in [true, false] {
            var node = node { $0.removeFailedJobs = removes }
            node.job(request(1), from: link)
            node.commit()
            node.fail(try #require(node.runs().first), isFinal: true)
            node.engine.unstoredElsewhere(1)
            node.commit()
            node.receive(idle(), from: link)
            #expect(replies(node.actions(), to: link) == [])
            node.engine.unstoredElsewhere(0)
            let answer = try #require(replies(node.actions(), to: link).first)
            #expect(answer.map?["failed"]?.int == 1)
        }
    }

    @Test("a link that goes takes its questions along, and one that asks without end loses its oldest")
    func nodeLimits() {
        var node = node()
        node.engine.unstoredElsewhere(1)
        for number in 1...65 { node.receive(idle(UInt32(number)), from: link) }
        let failures = node.actions().sent(to: link).compactMap {
            if case .replyFailure(let number, _, _) = $0 { number } else { nil }
        }
        #expect(failures == [1])
        node.engine.linkClosed(link, at: node.now)
        node.engine.unstoredElsewhere(0)
        #expect(replies(node.actions(), to: link) == [])
    }

    // MARK: A distributor

    @Test("a distributor asks its nodes when it has no job, and answers when all are idle")
    func distributorAsks() throws {
        var bench = DistributorBench()
        bench.client(1)
        let first = bench.node(11, "n1")
        let second = bench.node(12, "n2")
        _ = bench.actions()
        bench.receive(idle(), from: app)
        let actions = bench.actions()
        let numbers = try [first, second].map { try #require(questions(actions, to: $0).first) }
        bench.receive(.reply(number: numbers[0], result: ["name": "n1"]), from: first)
        #expect(replies(bench.actions(), to: app) == [])
        bench.receive(.reply(number: numbers[1], result: ["name": "n2"]), from: second)
        let answer = try #require(replies(bench.actions(), to: app).first)
        #expect(answer.map?["nodes"]?.array?.count == 2)
        #expect(answer.map?["enqueued"]?.int == 0)
    }

    @Test("a job on the wire is not overlooked: neither before the nodes are asked nor while they answer")
    func onTheWire() throws {
        var bench = DistributorBench()
        bench.client(1)
        let node = bench.node(11, "n1")
        bench.enqueue(request(1), from: app)
        #expect(bench.actions().jobs(to: node) == [1])
        // The node is slow, and has not even read the job.
        bench.receive(idle(), from: app)
        #expect(questions(bench.actions(), to: node) == [])
        bench.receive(.stored([jobID(1)]), from: node)
        let early = try #require(questions(bench.actions(), to: node).first)
        // One more comes while the node says that it is idle.
        bench.enqueue(request(2), from: app)
        bench.receive(.reply(number: early, result: ["name": "n1"]), from: node)
        #expect(replies(bench.actions(), to: app) == [])
        bench.receive(.stored([jobID(2)]), from: node)
        let late = try #require(questions(bench.actions(), to: node).first)
        #expect(late != early)
        bench.receive(.reply(number: late, result: ["name": "n1"]), from: node)
        #expect(replies(bench.actions(), to: app).first?.map?["enqueued"]?.int == 2)
    }

    @Test("a job that waits for a node, and a node that is wanted and not there, keep a distributor busy")
    func wantedNodes() throws {
        var bench = DistributorBench()
        bench.client(1)
        bench.receive(idle(nodes: ["n1"]), from: app)
        #expect(replies(bench.actions(), to: app) == [])
        bench.enqueue(request(1), from: app)
        _ = bench.actions()
        let node = bench.node(11, "n1")
        #expect(bench.actions().jobs(to: node) == [1])
        bench.receive(.stored([jobID(1)]), from: node)
        let number = try #require(questions(bench.actions(), to: node).first)
        // It goes before it has answered: its jobs are unknown until it is back.
        bench.close(node)
        #expect(replies(bench.actions(), to: app) == [])
        let back = bench.node(12, "n1", session: 12)
        bench.receive(.reply(number: number, result: ["name": "n1"]), from: back)
        let again = try #require(questions(bench.actions(), to: back).first)
        bench.receive(.reply(number: again, result: ["name": "n1"]), from: back)
        #expect(replies(bench.actions(), to: app).count == 1)
    }

    @Test("a node of an older version that does not know the question is a failure, not a wait for ever")
    func olderNode() throws {
        var bench = DistributorBench()
        bench.client(1)
        let node = bench.node(11, "n1")
        bench.receive(idle(), from: app)
        let number = try #require(questions(bench.actions(), to: node).first)
        bench.receive(.replyFailure(number: number, code: .invalidRequest, text: "unknown"), from: node)
        let failures = bench.actions().sent(to: app).compactMap {
            if case .replyFailure(let number, _, _) = $0 { number } else { nil }
        }
        #expect(failures == [5])
        // An application that goes is not answered.
        bench.enqueue(request(1), from: app)
        bench.receive(idle(6), from: app)
        _ = bench.actions()
        bench.close(app)
        bench.receive(.stored([jobID(1)]), from: node)
        #expect(questions(bench.actions(), to: node) == [])
    }
}
