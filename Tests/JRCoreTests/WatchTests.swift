import JRBase
import JRWire
import Testing

@testable import JRCore

/// The questions `watch`, `view` and `changes`.
@Suite struct WatchTests {
    private let app = LinkID(1)
    private let link = LinkID(1)

    /// A distributor with node engines behind it, all messages delivered at once.
    private struct Cluster {
        var bench = DistributorBench()
        var nodes: [LinkID: NodeBench] = [:]
        /// Messages between distributor and nodes, both ways.
        var traffic = 0

        mutating func node(_ number: Int, _ name: String) {
            let link = bench.node(number, name, credit: 2)
            var node = NodeBench(nil) { settings in
                settings.name = name
                settings.credit = 2
            }
            node.engine.recovered([], at: node.now)
            node.commit()
            node.distributor(number)
            nodes[link] = node
            settle()
        }

        /// Carries everything until nobody says anything more; what the application hears.
        @discardableResult
        mutating func settle() -> [Message] {
            var heard: [Message] = []
            while true {
                let actions = bench.actions()
                for case .send(LinkID(1), let message) in actions { heard.append(message) }
                var answers: [(LinkID, Message)] = []
                for (link, var node) in nodes {
                    for message in actions.sent(to: link) { node.receive(message, from: link) }
                    traffic += actions.sent(to: link).count
                    node.commit()
                    answers += node.actions().sent(to: link).map { (link, $0) }
                    nodes[link] = node
                }
                if actions.isEmpty, answers.isEmpty { return heard }
                traffic += answers.count
                for (link, message) in answers { bench.receive(message, from: link) }
            }
        }

        /// The answer to the question, if it has come.
        mutating func watch(_ number: UInt32 = 5, mark: Value? = nil) -> Value? {
            let parameters = mark.map { ["mark": $0] } ?? [:]
            bench.receive(.request(number: number, verb: "watch", parameters: parameters), from: LinkID(1))
            return answer(settle(), number)
        }

        func answer(_ heard: [Message], _ number: UInt32 = 5) -> Value? {
            heard.lazy.compactMap { if case .reply(number, let value) = $0 { value } else { nil } }.first
        }
    }

    /// As `#require`, of what a call that changes something answers.
    private func required<Answer>(_ answer: Answer?) throws -> Answer { try #require(answer) }

    private func cluster() -> Cluster {
        var cluster = Cluster()
        cluster.bench.client(1)
        cluster.node(11, "n1")
        cluster.node(12, "n2")
        return cluster
    }

    private func views(_ answer: Value?) -> [String: [String: Value]] {
        let rows = (answer?.map?["nodes"]?.array ?? []).compactMap(\.map)
        return Dictionary(uniqueKeysWithValues: rows.map { ($0["name"]?.string ?? "", $0["view"]?.map ?? [:]) })
    }

    @Test("B41: without a mark watch is answered at once, with what every node says of itself")
    func atOnce() throws {
        var cluster = cluster()
        let answer = try required(cluster.watch())
        #expect(Set(views(answer).keys) == ["n1", "n2"])
        #expect(views(answer)["n2"]?["state"] == "ready")
        #expect(answer.map?["nodes"]?.array?.first?.map?["since"] == .date(moment(0).wall))
        #expect(answer.map?["distributor"]?.map?["nodes"] == 2)
        var alone = Cluster()
        alone.bench.client(1)
        #expect(alone.watch()?.map?["nodes"] == .array([]))
    }

    @Test("B41: with what was seen it waits, and nothing is said by anybody until something changes")
    func waits() throws {
        var cluster = cluster()
        let mark = try required(cluster.watch()?.map?["mark"])
        #expect(cluster.watch(6, mark: mark) == nil)
        let before = cluster.traffic
        for _ in 0..<10 { #expect(cluster.settle().isEmpty) }
        #expect(cluster.traffic == before)

        cluster.bench.enqueue(request(1), from: app)
        let answer = try required(cluster.answer(cluster.settle(), 6))
        #expect(answer.map?["distributor"]?.map?["enqueued"] == 1)
        // Its way to a node and its receipt change the picture further, to be seen with the next questions.
        var seen: Value? = answer
        var last = answer
        while let next = seen?.map?["mark"], let answer = cluster.watch(7, mark: next) {
            (seen, last) = (answer, answer)
        }
        #expect(views(last).values.compactMap { $0["ready"]?.int }.reduce(0, +) == 1)
        #expect(last.map?["distributor"]?.map?["onTheWire"] == 0)
    }

    @Test("what happens on a node alone is told too: an attempt, its failure, its end")
    func nodeChanges() throws {
        var cluster = cluster()
        cluster.bench.enqueue(request(1), from: app)
        cluster.settle()
        var mark = try required(cluster.watch()?.map?["mark"])
        #expect(cluster.watch(6, mark: mark) == nil)
        let link = try #require(cluster.nodes.first { $0.value.engine.jobs.count == 1 }?.key)
        let run = try required(cluster.nodes[link]?.runs().first)
        let running = try required(cluster.answer(cluster.settle(), 6))
        #expect(views(running).values.contains { $0["running"] == 1 })
        mark = try #require(running.map?["mark"])
        #expect(cluster.watch(7, mark: mark) == nil)
        cluster.nodes[link]?.fail(run, "a\u{1B}[2Jb")
        let failed = try required(cluster.answer(cluster.settle(), 7))
        let view = try #require(views(failed).values.first { $0["retried"] == 1 })
        #expect(view["scheduled"] == 1 && view["running"] == 0 && view["failed"] == 0)
        let failure = view["failures"]?.array?.first?.map
        #expect(failure?["error"] == "a\u{1B}[2Jb" && failure?["attempt"] == 1 && failure?["final"] == false)
    }

    @Test("two that watch hear of one change each, whatever the other has seen meanwhile")
    func twoWatchers() throws {
        var cluster = cluster()
        let mark = try required(cluster.watch()?.map?["mark"])
        cluster.nodes[LinkID(11)]?.engine.drain(finishingReady: false)
        // The other one looks, and so does somebody who only wants counts.
        let other = try required(cluster.watch(6))
        cluster.bench.receive(.request(number: 9, verb: "stats", parameters: [:]), from: app)
        cluster.settle()
        let seen = try #require(other.map?["mark"])
        #expect(cluster.watch(7, mark: seen) == nil)
        let late = try required(cluster.watch(8, mark: mark))
        #expect(views(late)["n1"]?["state"] == "draining")
    }

    @Test("a node that goes, comes or starts anew is told, and so is another distributor after the same mark")
    func links() throws {
        var cluster = cluster()
        var mark = try required(cluster.watch()?.map?["mark"])
        #expect(cluster.watch(6, mark: mark) == nil)
        cluster.bench.close(LinkID(11))
        cluster.nodes[LinkID(11)] = nil
        var answer = try required(cluster.answer(cluster.settle(), 6))
        #expect(Set(views(answer).keys) == ["n2"])
        mark = try #require(answer.map?["mark"])
        #expect(cluster.watch(7, mark: mark) == nil)
        cluster.node(21, "n1")
        answer = try required(cluster.watch(8, mark: mark))
        #expect(answer.map?["nodes"]?.array?.count == 2)
        if views(answer)["n1"]?.isEmpty != false {
            mark = try #require(answer.map?["mark"])
            answer = try required(cluster.watch(10, mark: mark))
        }
        #expect(views(answer)["n1"]?["state"] == "ready", "it says what it is like although nothing happens there")

        var restarted = Cluster()
        restarted.bench.engine = DistributorEngine(name: "main", session: JobID(high: 5, low: 5))
        restarted.bench.client(1)
        #expect(restarted.watch(9, mark: mark) != nil)
    }

    @Test("a mark that means nothing is answered at once, and an application that goes takes its questions along")
    func limits() {
        var cluster = cluster()
        #expect(cluster.watch(5, mark: ["distributor": 3]) != nil)
        let mark = cluster.watch(6)?.map?["mark"] ?? .null
        for number in 10..<75 as Range<UInt32> { _ = cluster.watch(number, mark: mark) }
        #expect(cluster.bench.engine.watching.waits.count == 64)
        cluster.bench.close(app)
        #expect(cluster.bench.engine.watching.waits.isEmpty)
    }

    @Test("the job that waits longest is named, at the distributor and on a node, without those that were cancelled")
    func oldest() throws {
        var cluster = cluster()
        for number in 1...7 {
            var job = request(number)
            job.created = moment(Int64(number)).wall
            cluster.bench.enqueue(job, from: app)
        }
        cluster.settle()
        // Two places on each of two nodes: of the three that wait the first is taken back.
        let cancel = ["id": Value.bytes(jobID(5).bytes)]
        cluster.bench.receive(.request(number: 3, verb: "cancel", parameters: cancel), from: app)
        let answer = try required(cluster.watch())
        let waiting = answer.map?["distributor"]?.map?["oldest"]?.map
        #expect(waiting?["since"] == .date(moment(6).wall) && waiting?["name"] == "work")
        let oldest = views(answer).values.compactMap { $0["oldest"]?.map?["since"] }
        #expect(oldest.contains(.date(moment(1).wall)) && oldest.count == 2)
    }

    @Test("what has ended and is kept is counted apart from what is ready, runs or waits for its time")
    func kept() throws {
        var node = NodeBench { $0.removeDoneJobs = false }
        node.distributor(1)
        for number in 1...3 { node.job(request(number), from: link) }
        node.job(request(4) { $0.due = moment(500).wall }, from: link)
        node.commit()
        let runs = node.runs()
        node.end(runs[0], .success(arguments: [0x80]))
        node.fail(runs[1], isFinal: true)
        node.receive(.request(number: 5, verb: "view", parameters: [:]), from: link)
        let replies = node.actions().sent(to: link).compactMap {
            if case .reply(5, let view) = $0 { view.map } else { nil }
        }
        let view = try #require(replies.first)
        #expect(view["kept"] == 2 && view["running"] == 1 && view["scheduled"] == 1 && view["ready"] == 0)
    }

    @Test("of many failures the last few are kept, and of a long text its beginning")
    func failures() throws {
        var failures = LatestFailures()
        for number in 1...20 {
            failures.add(
                JobRecord(request: request(number)), String(repeating: "é", count: 5_000), isFinal: true,
                at: moment(Int64(number)).wall)
        }
        #expect(failures.rows.compactMap { $0.map?["at"] } == (13...20).map { .date(moment($0).wall) })
        #expect(failures.rows.allSatisfy { ($0.map?["error"]?.string?.utf8.count ?? 0) < 300 })
    }
}
