import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct DistributorJobsTests {
    @Test("a job goes to a free node at once, its receipt comes only when the node has stored it, then it is forgotten")
    func oneJob() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        _ = bench.actions()
        bench.enqueue(request(1), from: app)
        var actions = bench.actions()
        #expect(actions.jobs(to: node) == [1])
        #expect(actions.sent(to: app).isEmpty)
        #expect(bench.engine.jobs.count == 1)

        bench.receive(.stored([jobID(1)]), from: node)
        actions = bench.actions()
        #expect(
            actions.sent(to: app) == [.receipt(ids: [jobID(1)], level: .stored, node: "n1", text: "")])
        #expect(bench.engine.jobs.isEmpty)
        #expect(bench.engine.heldBytes == 0)
        #expect(bench.engine.onTheWire == 0)
    }

    @Test("the job that is sent names the application, whatever its enqueue said")
    func clientIsFilledIn() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.enqueue(request(1, client: JobID(high: 66, low: 66)), from: app)
        #expect(bench.actions().sent(to: node).contains(.job(request(1, client: application))))
    }

    @Test("B29: when a node goes, what it had not stored goes to another, in its old order; what it stored does not")
    func resent() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let first = bench.node(2, "n1")
        for number in 1...5 { bench.enqueue(request(number), from: app) }
        bench.receive(.stored([jobID(2), jobID(4)]), from: first)
        _ = bench.actions()
        let second = bench.node(3, "n2")
        bench.close(first)
        #expect(bench.actions().jobs(to: second) == [1, 3, 5])
        #expect(bench.engine.counters.resent == 3)
        bench.receive(.stored([1, 3, 5].map(jobID)), from: second)
        #expect(bench.actions().receipts(to: app, .stored) == [1, 3, 5])
        // The first node may have stored them as well, without having said so.
        #expect(bench.engine.counters.maybeDuplicate == 3)
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("B29: with no other node they wait, and go before what came later")
    func putBack() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let first = bench.node(2, "n1", credit: 3)
        for number in 1...5 { bench.enqueue(request(number), from: app) }
        #expect(bench.actions().jobs(to: first) == [1, 2, 3])
        bench.close(first)
        bench.enqueue(request(6), from: app)
        let second = bench.node(3, "n1")
        #expect(bench.actions().jobs(to: second) == [1, 2, 3, 4, 5, 6])
        bench.receive(.stored((1...6).map(jobID)), from: second)
        #expect(bench.engine.counters.maybeDuplicate == 0)
    }

    @Test("a job that a node stores after the distributor sent it elsewhere is forgotten once, and counted")
    func storedElsewhere() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let first = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        bench.receive(.refusal(id: jobID(1), code: .storageFull, text: ""), from: first)
        let second = bench.node(3, "n2")
        _ = bench.actions()
        bench.receive(.stored([jobID(1)]), from: first)
        bench.receive(.stored([jobID(1)]), from: second)
        #expect(bench.actions().receipts(to: app, .stored) == [1])
        #expect(bench.engine.counters.maybeDuplicate == 1)
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("a repeated enqueue of a waiting, a sent and a stored job makes no second job and repeats the receipt")
    func duplicates() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.enqueue(request(1), from: app)
        bench.enqueue(request(1), from: app)
        #expect(bench.actions().receipts(to: app, .accepted) == [1, 1])
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        var actions = bench.actions()
        #expect(actions.jobs(to: node) == [1])
        #expect(actions.sent(to: app).isEmpty)
        bench.receive(.stored([jobID(1)]), from: node)
        bench.enqueue(request(1), from: app)
        actions = bench.actions()
        #expect(actions.receipts(to: app, .stored) == [1, 1])
        #expect(actions.jobs(to: node).isEmpty)
        #expect(bench.engine.counters.enqueued == 1)
    }

    @Test("receipts of one turn to one application are one message")
    func receiptsTogether() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        for number in 1...3 { bench.enqueue(request(number), from: app) }
        _ = bench.actions()
        for number in 1...3 { bench.receive(.stored([jobID(number)]), from: node) }
        #expect(bench.actions().sent(to: app).count == 1)
    }

    @Test("B28: past its limits of jobs or bytes the backlog refuses, and loses nothing it accepted")
    func backlogFull() {
        var bench = DistributorBench(backlogJobs: 2)
        let app = bench.client(1)
        for number in 1...3 { bench.enqueue(request(number), from: app) }
        var actions = bench.actions()
        #expect(actions.refusals(to: app) == [.backlogFull])
        #expect(actions.receipts(to: app, .accepted) == [1, 2])
        let node = bench.node(2, "n1")
        #expect(bench.actions().jobs(to: node) == [1, 2])
        bench.receive(.stored([jobID(1)]), from: node)
        bench.enqueue(request(3), from: app)
        actions = bench.actions()
        #expect(actions.jobs(to: node) == [3])
        #expect(bench.engine.counters.refused == 1)

        var small = DistributorBench(backlogBytes: 1)
        small.client(1)
        for number in 1...2 { small.enqueue(request(number), from: LinkID(1)) }
        #expect(small.actions().refusals(to: LinkID(1)) == [.backlogFull])
    }

    @Test("an enqueue that breaks the rules is refused by name, and is not kept")
    func invalid() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.enqueue(request(1, "no spaces"), from: app)
        #expect(bench.actions().refusals(to: app) == [.invalidJob])
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("an application that comes back on a new link gets the receipts; the old link's end takes nothing from it")
    func reconnected() {
        var bench = DistributorBench()
        let old = bench.client(1)
        bench.enqueue(request(1), from: old)
        _ = bench.actions()
        let new = bench.client(2)
        bench.close(old)
        let node = bench.node(3, "n1")
        bench.receive(.stored([jobID(1)]), from: node)
        #expect(bench.actions().receipts(to: new, .stored) == [1])
    }

    @Test("who speaks out of place is refused: a distributor, an application's message from a node, a node's hello")
    func outOfPlace() {
        var bench = DistributorBench()
        bench.engine.linkOpened(
            LinkID(1), Hello(role: .distributor, name: "d2", session: JobID(high: 5, low: 5)), at: bench.now)
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: node)
        let app = bench.client(3)
        bench.receive(.job(request(1)), from: app)
        #expect(
            bench.actions().refusedLinks
                == [LinkID(1): .protocolError, node: .protocolError, app: .protocolError])
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("what only a node may say has no effect from an application")
    func fencedRoles() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.enqueue(request(1), from: app)
        let outcome = JobOutcome(
            id: jobID(1), run: 1, ending: .complete, arguments: [], error: nil, attempt: 1, node: "x",
            client: application, isFinal: true)
        for message: Message in [.stored([jobID(1)]), .grant(total: 9), .ended(outcome), .draining] {
            bench.receive(message, from: app)
        }
        #expect(bench.actions().outcomes(to: app).isEmpty)
        #expect(bench.engine.jobs.count == 1)
        #expect(bench.engine.outcomeSources.isEmpty)
    }
}
