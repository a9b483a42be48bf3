import JRBase
import JRWire
import Testing

@testable import JRCore

/// The packed jobs far back in a distributor's lines: beside the same jobs in a dictionary, and as a distributor uses
/// them.
@Suite("Jobs far back in line are packed")
struct BacklogTests {
    private func job(_ number: Int, bytes: Int, change: (inout JobOptions) -> Void = { _ in }) -> JobRequest {
        var job = request(number, "job \(number % 3)", feedback: number % 2 == 0 ? .both : [], change)
        job.arguments = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 + number) }
        return job
    }

    @Test("whatever is put in, looked at and taken out, from the head or the middle of a line, is as it was put in")
    func model() {
        var random = SeededRandom(seed: 11)
        var backlog = Backlog()
        var model: [JobID: JobRequest] = [:]
        var lines: [Int: [JobID]] = [:]
        for step in 0..<20_000 {
            let route = Int(random.next() % 5)
            if random.next() % 100 < (step < 12_000 ? 65 : 10) {
                // One is longer than a chunk.
                let bytes = step % 5_000 == 4_999 ? 100_000 : Int(random.next() % 1_500)
                let job = job(step, bytes: bytes) { options in
                    if step % 7 == 0 { options.due = WallTime(milliseconds: Int64(step) - 500) }
                    if step % 14 == 0 { options.delay = .milliseconds(Int64(step)) }
                    if step % 11 == 0 { options.maxAttempts = step % 3 + 1 }
                }
                let isIn = backlog.append(job, order: UInt64(step), route: route)
                #expect(isIn)
                model[job.id] = job
                lines[route, default: []].append(job.id)
            } else if step % 2 == 0 {
                let popped = backlog.popFirst(of: route)
                let first = lines[route]?.first
                #expect(popped?.request == first.flatMap { model[$0] })
                #expect(popped.map { $0.route == route && JobID(high: 0, low: $0.order) == first } ?? (first == nil))
                if let first { model[first] = nil }
                if lines[route]?.isEmpty == false { lines[route]?.removeFirst() }
            } else if let id = lines[route]?.randomElement(using: &random) {
                #expect(backlog[id]?.request == model[id])
                let client = JobID(high: 8, low: random.next() % 3)
                backlog.setClient(client, of: id)
                model[id]?.client = client
                let (first, second) = (backlog.take(id), backlog.take(id))
                #expect(first?.request == model[id] && second == nil && !backlog.contains(id))
                model[id] = nil
                lines[route]?.removeAll { $0 == id }
            }
            #expect(backlog.count == model.count)
        }
        let left = lines.values.flatMap { $0 }.sorted { $0.low < $1.low }
        #expect(backlog.first?.request.id == left.first)
        #expect(backlog.oldest(10).map(\.request.id) == Array(left.prefix(10)))
        for (route, line) in lines {
            for id in line { #expect(backlog.popFirst(of: route)?.request == model[id]) }
            #expect(!backlog.hasLine(of: route))
        }
        #expect(backlog.isEmpty && backlog.first == nil)
    }

    /// A distributor of which a line holds two jobs before the others go into the backlog.
    private func bench(_ jobs: Range<Int>) -> (DistributorBench, LinkID) {
        var bench = DistributorBench()
        bench.engine.heldInLine = 2
        let app = bench.client(1)
        for number in jobs { bench.enqueue(request(number), from: app) }
        return (bench, app)
    }

    @Test("a node gets all of a long line in its order, whatever left it in between")
    func order() {
        var (bench, app) = bench(1..<101)
        #expect(bench.actions().receipts(to: app, .accepted) == Array(1..<101))
        #expect(bench.engine.backlog.count == 98 && bench.engine.heldJobs == 100)
        for number in [1, 2, 3, 50, 100] {
            bench.receive(.request(number: UInt32(number), verb: "cancel", parameters: id(number)), from: app)
        }
        #expect(bench.actions().outcomes(to: app).map(\.id) == [1, 2, 3, 50, 100].map(jobID))
        #expect(bench.engine.heldJobs == 95)
        let node = bench.node(2, "n1", credit: 200)
        #expect(bench.actions().jobs(to: node) == (4..<100).filter { $0 != 50 })
        #expect(bench.engine.backlog.isEmpty && bench.engine.onTheWire == 95)
        bench.receive(.stored((1..<101).map(jobID)), from: node)
        #expect(bench.engine.heldJobs == 0 && bench.engine.heldBytes == 0)
        #expect(bench.engine.router.routes.allSatisfy { $0.held == 0 })
    }

    @Test("what comes while others wait in the backlog goes behind them, and lines do not hold each other up")
    func behind() {
        var (bench, app) = bench(1..<11)
        for number in 11..<14 { bench.enqueue(request(number, "other"), from: app) }
        let node = bench.node(2, "n1", credit: 3)
        #expect(bench.actions().jobs(to: node) == [1, 2, 3])
        bench.enqueue(request(14), from: app)
        bench.receive(.grant(total: 100), from: node)
        #expect(bench.actions().jobs(to: node) == [4, 5, 6, 7, 8, 9, 10, 14])
        let other = bench.node(3, "n2", jobs: ["other"])
        #expect(bench.actions().jobs(to: other) == [11, 12, 13])
    }

    @Test("a job of the backlog that is enqueued again is the same job, for the application that said so last")
    func again() {
        var (bench, app) = bench(1..<6)
        _ = bench.actions()
        let later = bench.client(9, session: JobID(high: 5, low: 5))
        bench.enqueue(request(5), from: later)
        #expect(bench.actions().receipts(to: later, .accepted) == [5])
        #expect(bench.engine.heldJobs == 5)
        let node = bench.node(2, "n1", credit: 9)
        let sent = bench.actions().sent(to: node)
        #expect(sent.contains(.job(request(5, client: JobID(high: 5, low: 5)))))
        #expect(sent.contains(.job(request(4))))
        bench.receive(.stored([4, 5].map(jobID)), from: node)
        let actions = bench.actions()
        #expect(actions.receipts(to: later, .stored) == [5] && actions.receipts(to: app, .stored) == [4])
    }

    @Test("jobs of the backlog are counted, listed in their order, shown, and idle waits for them")
    func shown() throws {
        var (bench, app) = bench(1..<8)
        _ = bench.actions()
        func ask(_ verb: String, _ parameters: [String: Value]) throws -> Value {
            bench.receive(.request(number: 1, verb: verb, parameters: parameters), from: app)
            let answers = bench.actions().sent(to: app)
            return try #require(
                answers.compactMap { if case .reply(1, let result) = $0 { result } else { nil } }.first)
        }
        let ids = (1..<8).map { Value.string(jobID($0).description) }
        #expect(try ask("list", [:]).array?.map { $0.map?["id"] } == ids)
        #expect(try ask("list", ["limit": 4]).array?.map { $0.map?["id"] } == Array(ids.prefix(4)))
        #expect(try ask("show", id(6)).map?["id"] == ids[5])
        #expect(try ask("stats", [:]).map?["distributor"]?.map?["waiting"] == 7)
        #expect(bench.engine.waitingJobs.map(\.request.id) == (1..<8).map(jobID))
        #expect(bench.engine.oldestWaiting?.id == jobID(1))
        bench.receive(.request(number: 2, verb: "idle", parameters: [:]), from: app)
        #expect(bench.actions().sent(to: app).isEmpty)
        for number in 1..<8 {
            bench.receive(.request(number: 3, verb: "destroy", parameters: id(number)), from: app)
        }
        #expect(bench.engine.heldJobs == 0)
        #expect(bench.actions().sent(to: app).contains { if case .reply(2, _) = $0 { true } else { false } })
    }

    @Test("jobs of the backlog count for the limit")
    func limit() {
        var bench = DistributorBench(backlogJobs: 5)
        bench.engine.heldInLine = 2
        let app = bench.client(1)
        for number in 1..<8 { bench.enqueue(request(number), from: app) }
        let refused = bench.actions().sent(to: app).compactMap { message -> JobID? in
            if case .refusal(let id, .backlogFull, _) = message { id } else { nil }
        }
        #expect(refused == [6, 7].map(jobID))
    }

    private func id(_ number: Int) -> [String: Value] { ["id": .bytes(jobID(number).bytes)] }
}
