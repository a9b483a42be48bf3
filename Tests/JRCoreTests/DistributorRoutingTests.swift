import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct DistributorRoutingTests {
    @Test("B25: a node is never sent more than it has granted")
    func credit() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1", credit: 2)
        for number in 1...4 { bench.enqueue(request(number), from: app) }
        #expect(bench.actions().jobs(to: node) == [1, 2])
        bench.receive(.stored([jobID(1), jobID(2)]), from: node)
        #expect(bench.actions().jobs(to: node).isEmpty)
        bench.receive(.grant(total: 3), from: node)
        #expect(bench.actions().jobs(to: node) == [3])
        // A late grant of a smaller total takes nothing back and gives nothing.
        bench.receive(.grant(total: 2), from: node)
        #expect(bench.actions().jobs(to: node).isEmpty)
    }

    @Test("B25: a job for a later time uses no credit")
    func scheduled() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1", credit: 0)
        bench.enqueue(request(1), from: app)
        bench.enqueue(request(2) { $0.due = moment(9_000).wall }, from: app)
        #expect(bench.actions().jobs(to: node) == [2])
    }

    @Test("B25: two equal nodes share 10,000 jobs within 10 %")
    func fair() {
        var bench = DistributorBench(backlogJobs: 20_000)
        let app = bench.client(1)
        let nodes = [bench.node(2, "n1", credit: 64), bench.node(3, "n2", credit: 64)]
        var counts: [LinkID: Int] = [:]
        var granted: [LinkID: UInt64] = [nodes[0]: 64, nodes[1]: 64]
        func serve(_ bench: inout DistributorBench) {
            let actions = bench.actions()
            for node in nodes {
                let jobs = actions.jobs(to: node)
                counts[node, default: 0] += jobs.count
                bench.receive(.stored(jobs.map(jobID)), from: node)
                granted[node, default: 0] += UInt64(jobs.count)
                bench.receive(.grant(total: granted[node, default: 0]), from: node)
            }
        }
        for number in 1...10_000 {
            bench.enqueue(request(number), from: app)
            if number % 100 == 0 { serve(&bench) }
        }
        while !bench.engine.jobs.isEmpty { serve(&bench) }
        let share = counts[nodes[0], default: 0]
        #expect(share + counts[nodes[1], default: 0] == 10_000)
        #expect(abs(share - 5_000) <= 500)
    }

    @Test("B25: the least loaded node wins")
    func leastLoaded() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let small = bench.node(2, "n1", credit: 4)
        let large = bench.node(3, "n2", credit: 4)
        bench.enqueue(request(1) { $0.placement.preferred = ["n1"] }, from: app)
        bench.enqueue(request(2) { $0.placement.preferred = ["n1"] }, from: app)
        for number in 3...4 { bench.enqueue(request(number), from: app) }
        let actions = bench.actions()
        #expect(actions.jobs(to: small) == [1, 2])
        #expect(actions.jobs(to: large) == [3, 4])
    }

    @Test("B26: a preferred node gets the job while it is free, another when it is busy or gone")
    func preferred() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let wanted = bench.node(2, "n1", credit: 1)
        let other = bench.node(3, "n2", credit: 9)
        for number in 1...2 { bench.enqueue(request(number) { $0.placement.preferred = ["n1"] }, from: app) }
        var actions = bench.actions()
        #expect(actions.jobs(to: wanted) == [1])
        #expect(actions.jobs(to: other) == [2])
        bench.close(wanted)
        actions = bench.actions()
        #expect(actions.jobs(to: other) == [1])
    }

    @Test("B26: a strict job waits for its node; strict without a node is no restriction")
    func strict() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let other = bench.node(2, "n2")
        bench.enqueue(request(1) { $0.placement = Placement(preferred: ["n1"], isStrict: true) }, from: app)
        bench.enqueue(request(2) { $0.placement.isStrict = true }, from: app)
        #expect(bench.actions().jobs(to: other) == [2])
        let wanted = bench.node(3, "n1")
        #expect(bench.actions().jobs(to: wanted) == [1])
    }

    @Test("B27: an excluded node never gets the job, even when it is the only one")
    func excluded() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let wrong = bench.node(2, "n1")
        bench.enqueue(request(1) { $0.placement.excluded = ["n1", "n3"] }, from: app)
        var actions = bench.actions()
        #expect(actions.jobs(to: wrong).isEmpty)
        #expect(actions.receipts(to: app, .accepted) == [1])
        let right = bench.node(3, "n2")
        actions = bench.actions()
        #expect(actions.jobs(to: right) == [1])
    }

    @Test("B22: a job that no connected node knows waits, says why, and is sent when such a node comes")
    func unknownName() {
        var bench = DistributorBench()
        let app = bench.client(1)
        bench.node(2, "n1", jobs: ["other"])
        bench.enqueue(request(1), from: app)
        guard case .receipt(_, .accepted, _, let text)? = bench.actions().sent(to: app).first else {
            Issue.record("no receipt")
            return
        }
        #expect(text == "no connected node knows the job 'work' (n1 knows other)")
        let node = bench.node(3, "n2")
        #expect(bench.actions().jobs(to: node) == [1])
    }

    @Test("B28: jobs of different kinds leave in the order in which they came")
    func order() {
        var bench = DistributorBench()
        let app = bench.client(1)
        for number in 1...6 { bench.enqueue(request(number, number % 2 == 0 ? "even" : "odd"), from: app) }
        let node = bench.node(2, "n1", jobs: ["even", "odd"])
        #expect(bench.actions().jobs(to: node) == [1, 2, 3, 4, 5, 6])
    }

    @Test("B42: a node whose storage is full is left alone until its next grant; its job goes elsewhere")
    func storageFull() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let full = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        _ = bench.actions()
        bench.receive(.refusal(id: jobID(1), code: .storageFull, text: ""), from: full)
        #expect(bench.actions().jobs(to: full).isEmpty)
        let other = bench.node(3, "n2")
        #expect(bench.actions().jobs(to: other) == [1])
        bench.enqueue(request(2) { $0.placement = Placement(preferred: ["n1"], isStrict: true) }, from: app)
        #expect(bench.actions().jobs(to: full).isEmpty)
        bench.receive(.grant(total: 10), from: full)
        #expect(bench.actions().jobs(to: full) == [2])
    }

    @Test("a node with no place for scheduled jobs still gets those that run now")
    func scheduleFull() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.enqueue(request(1) { $0.due = moment(9_000).wall }, from: app)
        bench.receive(.refusal(id: jobID(1), code: .scheduleFull, text: ""), from: node)
        _ = bench.actions()
        bench.enqueue(request(2), from: app)
        #expect(bench.actions().jobs(to: node) == [2])
        bench.receive(.grant(total: 10), from: node)
        #expect(bench.actions().jobs(to: node) == [1])
    }

    @Test("B6: a draining node gets nothing more, and what it refuses goes elsewhere")
    func draining() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let leaving = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        bench.receive(.draining, from: leaving)
        bench.receive(.refusal(id: jobID(1), code: .draining, text: ""), from: leaving)
        bench.enqueue(request(2), from: app)
        #expect(bench.actions().jobs(to: leaving) == [1])
        let other = bench.node(3, "n2")
        #expect(bench.actions().jobs(to: other) == [1, 2])
    }

    @Test("the grant of a node that drained says that it takes jobs again")
    func resumed() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.receive(.draining, from: node)
        bench.enqueue(request(1), from: app)
        #expect(bench.actions().jobs(to: node) == [])
        bench.receive(.grant(total: 10), from: node)
        #expect(bench.actions().jobs(to: node) == [1])
    }

    @Test("a node that does not know a job after all is not sent that job again")
    func unknownJob() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1", jobs: ["work", "other"])
        bench.enqueue(request(1), from: app)
        bench.receive(.refusal(id: jobID(1), code: .unknownJob, text: ""), from: node)
        bench.enqueue(request(2, "other"), from: app)
        #expect(bench.actions().jobs(to: node) == [1, 2])
    }

    @Test("what no node would take is refused to the application and forgotten")
    func invalid() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1")
        bench.enqueue(request(1), from: app)
        bench.receive(.refusal(id: jobID(1), code: .tooLarge, text: "too large"), from: node)
        #expect(bench.actions().refusals(to: app) == [.tooLarge])
        #expect(bench.engine.jobs.isEmpty)
        #expect(bench.engine.onTheWire == 0)
    }

    @Test("of two nodes with one name the newer connection stays, unless its incarnation is older")
    func duplicateName() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let first = bench.node(2, "n1", incarnation: 1)
        bench.enqueue(request(1), from: app)
        let second = bench.node(3, "n1", incarnation: 2)
        var actions = bench.actions()
        #expect(actions.refusedLinks == [first: .duplicateName])
        #expect(actions.jobs(to: second) == [1])
        let late = bench.node(4, "n1", incarnation: 1)
        actions = bench.actions()
        #expect(actions.refusedLinks == [late: .duplicateName])
        // The end of the links that were turned away changes nothing.
        bench.close(first)
        bench.close(late)
        bench.receive(.stored([jobID(1)]), from: first)
        bench.receive(.stored([jobID(1)]), from: second)
        #expect(bench.actions().receipts(to: app, .stored) == [1])
    }

    @Test("a backlog is sent in windows of bytes, not poured into one connection")
    func windowOfBytes() {
        var bench = DistributorBench(backlogBytes: 1 << 30)
        let app = bench.client(1)
        for number in 1...12 {
            var large = request(number) { $0.due = moment(9_000).wall }
            large.arguments = [UInt8](repeating: 0, count: 1 << 20)
            bench.enqueue(large, from: app)
        }
        let node = bench.node(2, "n1")
        var jobs = bench.actions().jobs(to: node)
        #expect(jobs == [1, 2, 3, 4])
        var all = jobs
        while !jobs.isEmpty {
            bench.receive(.stored(jobs.map(jobID)), from: node)
            jobs = bench.actions().jobs(to: node)
            all += jobs
        }
        #expect(all == Array(1...12))
        #expect(bench.engine.router.nodes[node]?.unstoredBytes == 0)
    }

    @Test("names that are used once leave no line behind for ever")
    func madeUpNames() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1", credit: 100_000)
        for number in 1...10_000 {
            bench.enqueue(request(number) { $0.placement.preferred = ["node.\(number)"] }, from: app)
            bench.receive(.stored([jobID(number)]), from: node)
        }
        _ = bench.actions()
        #expect(bench.engine.router.routes.count <= 1_024)
        bench.enqueue(request(10_001), from: app)
        #expect(bench.actions().jobs(to: node) == [10_001])
    }

    @Test("a node that refuses for hours leaves nothing behind in the distributor")
    func refusalsLeaveNothing() {
        var bench = DistributorBench()
        let app = bench.client(1)
        let node = bench.node(2, "n1", credit: 1)
        bench.enqueue(request(1), from: app)
        for total in 2...1_000 {
            bench.receive(.refusal(id: jobID(1), code: .storageFull, text: ""), from: node)
            bench.receive(.grant(total: UInt64(total)), from: node)
        }
        #expect(bench.engine.router.nodes[node]?.unstored.count ?? 0 <= 1)
    }
}
