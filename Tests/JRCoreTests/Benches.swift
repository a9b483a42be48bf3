import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

/// A moment so many milliseconds after the start of a test.
func moment(_ milliseconds: Int64) -> Now {
    Now(instant: .zero + .milliseconds(milliseconds), wall: WallTime(milliseconds: 1_700_000_000_000 + milliseconds))
}

func jobID(_ number: Int) -> JobID { JobID(high: 0, low: UInt64(number)) }

let application = JobID(high: 7, low: 7)

func request(
    _ number: Int, _ name: String = "work", feedback: Feedback = [], client: JobID = application,
    _ change: (inout JobOptions) -> Void = { _ in }
) -> JobRequest {
    var options = JobOptions()
    change(&options)
    return JobRequest(
        id: jobID(number), name: name, arguments: [0x80], created: moment(0).wall, feedback: feedback, client: client,
        options: options)
}

extension [LinkAction] {
    func sent(to link: LinkID) -> [Message] {
        compactMap { if case .send(link, let message) = $0 { message } else { nil } }
    }

    /// The numbers of the jobs that were sent to a link, in order.
    func jobs(to link: LinkID) -> [Int] {
        sent(to: link).compactMap { if case .job(let request) = $0 { Int(request.id.low) } else { nil } }
    }

    func stored(to link: LinkID) -> [Int] {
        sent(to: link).flatMap { if case .stored(let ids) = $0 { ids.map { Int($0.low) } } else { [Int]() } }
    }

    func outcomes(to link: LinkID) -> [JobOutcome] {
        sent(to: link).compactMap { if case .ended(let outcome) = $0 { outcome } else { nil } }
    }

    func receipts(to link: LinkID, _ level: ReceiptLevel) -> [Int] {
        sent(to: link).flatMap {
            if case .receipt(let ids, level, _, _) = $0 { ids.map { Int($0.low) } } else { [Int]() }
        }
    }

    func refusals(to link: LinkID) -> [RefusalCode] {
        sent(to: link).compactMap { if case .refusal(_, let code, _) = $0 { code } else { nil } }
    }

    var refusedLinks: [LinkID: RefusalCode] {
        reduce(into: [:]) { if case .refuse(let link, let code, _) = $1 { $0[link] = code } }
    }
}

/// A distributor engine with the calls that its shell makes.
struct DistributorBench {
    var engine: DistributorEngine
    var now = moment(0)

    init(backlogJobs: Int = 1_000, backlogBytes: Int = 1 << 20) {
        engine = DistributorEngine(
            name: "main", session: JobID(high: 1, low: 1), backlogJobs: backlogJobs, backlogBytes: backlogBytes)
    }

    @discardableResult
    mutating func client(_ link: Int, session: JobID = application) -> LinkID {
        engine.linkOpened(LinkID(link), Hello(role: .client, name: "app", session: session), at: now)
        for node in engine.router.nodes.keys { answerForOutcomes(node) }
        return LinkID(link)
    }

    /// Connects a node, with as much granted as it has credit.
    @discardableResult
    mutating func node(
        _ link: Int, _ name: String, jobs: [String] = ["work"], credit: Int = 10, incarnation: Int = 1,
        session: Int = 0
    ) -> LinkID {
        engine.linkOpened(
            LinkID(link),
            Hello(
                role: .node, name: name, session: JobID(high: 9, low: UInt64(session == 0 ? link : session)),
                incarnation: incarnation, jobs: jobs, credit: credit, promise: "memory"), at: now)
        answerForOutcomes(LinkID(link))
        if credit > 0 { receive(.grant(total: UInt64(credit)), from: LinkID(link)) }
        return LinkID(link)
    }

    /// Says what a node says to the question for outcomes.
    mutating func answerForOutcomes(_ node: LinkID) {
        for client in engine.router.nodes[node]?.asked.keys ?? [:].keys {
            receive(.reply(number: 0, result: .bytes(client.bytes)), from: node)
        }
    }

    mutating func receive(_ message: Message, from link: LinkID) { engine.received(message, from: link, at: now) }
    mutating func enqueue(_ request: JobRequest, from link: LinkID) { receive(.enqueue(request), from: link) }
    mutating func close(_ link: LinkID) { engine.linkClosed(link, at: now) }
    mutating func actions() -> [LinkAction] { engine.takeActions() }
}

/// A node engine with the calls that its shell makes, and a storage that obeys.
struct NodeBench {
    var engine: NodeEngine
    var now = moment(0)

    init(
        _ found: [RecoveredJob]? = [], lanes: [String: Lane] = ["work": .loop],
        _ change: (inout NodeSettings) -> Void = { _ in }
    ) {
        var settings = NodeSettings(name: "n1")
        change(&settings)
        engine = NodeEngine(
            settings: settings, session: JobID(high: 2, low: 2), incarnation: 1, promise: "memory", lanes: lanes)
        guard let found else { return }
        engine.recovered(found, at: now)
        commit()
    }

    @discardableResult
    mutating func distributor(_ link: Int) -> LinkID {
        engine.linkOpened(
            LinkID(link), Hello(role: .distributor, name: "main", session: JobID(high: 1, low: 1)), at: now)
        return LinkID(link)
    }

    mutating func receive(_ message: Message, from link: LinkID) { engine.received(message, from: link, at: now) }
    mutating func job(_ request: JobRequest, from link: LinkID) { receive(.job(request), from: link) }
    mutating func actions() -> [LinkAction] { engine.takeActions() }

    /// What is to be stored now, which has to be something.
    mutating func batch() throws -> StorageBatch {
        let batch = engine.takeBatch(at: now)
        return try #require(batch)
    }

    /// Commits all that is to be stored.
    @discardableResult
    mutating func commit() -> [StorageChange] {
        var changes: [StorageChange] = []
        while let batch = engine.takeBatch(at: now) {
            do {
                changes += try batch.changes.each()
            } catch {
                Issue.record("a record of a batch is no record: \(error)")
            }
            engine.committed(batch.number, at: now)
        }
        return changes
    }

    mutating func failCommit() {
        guard let batch = engine.takeBatch(at: now) else { return }
        engine.commitFailed(batch.number, at: now)
    }

    mutating func runs() -> [RunOrder] {
        var orders: [RunOrder] = []
        while let order = engine.nextRun(at: now) { orders.append(order) }
        return orders
    }

    /// What is to be stored is stored first, if storage allows it.
    mutating func wait(until milliseconds: Int64) {
        commit()
        now = moment(milliseconds)
        engine.timersFired(at: now)
    }

    mutating func end(_ order: RunOrder, _ result: AttemptResult) {
        engine.attemptEnded(order.attempt, result, at: now)
    }

    mutating func fail(_ order: RunOrder, _ error: String = "no", isFinal: Bool = false) {
        end(order, .failure(error: error, arguments: [0x80], feedback: [0x80], isFinal: isFinal))
    }

    /// Starts what is ready and ends each with success; how many there were.
    @discardableResult
    mutating func succeedAll() -> Int {
        let orders = runs()
        for order in orders { end(order, .success(arguments: [0x80])) }
        return orders.count
    }

    func record(_ number: Int) -> JobRecord? { engine.handles[jobID(number)].flatMap { engine.jobs[$0]?.record } }
}
