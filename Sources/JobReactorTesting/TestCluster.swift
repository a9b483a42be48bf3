import JRCore
import JobReactor

/// The real engines of an application, a distributor and nodes, in one process and in virtual time: messages are
/// handed over in memory, and what is to be stored counts as stored at once.
struct TestCluster: Sendable {
    struct Node: Sendable {
        let name: String
        let link: LinkID
        var engine: NodeEngine
    }

    /// One attempt to make, and where.
    struct Order: Sendable {
        var node: Int
        var run: RunOrder
        /// The job as it is at the start of the attempt.
        var record: JobRecord
        /// Its place in ``attempts``.
        var attempt: Int
    }

    struct Observer: Sendable {
        var feedback: Feedback
        var tell: JobObserver
    }

    private static let clientLink = LinkID(0)
    /// How a client or node names its only link, the one to the distributor.
    private static let distributorLink = LinkID(0)

    private let start: WallTime
    private(set) var now: Now
    private var client: ClientEngine
    private var distributor: DistributorEngine
    private(set) var nodes: [Node]
    /// The node that is asked first for the next attempt.
    private var turn = 0

    private var observers: [JobID: [Observer]] = [:]
    private var answers: [UInt32: Result<Value, JobReactorError>] = [:]
    /// What observers are to be told, in order.
    private var news: [@Sendable () -> Void] = []
    /// Jobs whose end, or refusal, came since they were last taken.
    private var over: [JobID] = []

    private(set) var requests: [JobRequest] = []
    private var positions: [JobID: Int] = [:]
    private var results: [JobID: JobResult] = [:]
    private var refused: Set<JobID> = []
    private(set) var endings: [JobResult] = []
    private(set) var attempts: [TestAttempt] = []
    private(set) var summary = RunSummary()

    init(nodes names: [String], jobs: [String], _ configuration: Configuration, startingAt start: WallTime) {
        self.start = start
        now = Now(instant: .zero, wall: start)
        client = ClientEngine(name: "test", session: JobID(high: 0, low: 1))
        distributor = DistributorEngine(name: "test", session: JobID(high: 0, low: 2))
        distributor.alwaysUsesSpecifiedNode = configuration.alwaysUseSpecifiedNode
        let lanes = Dictionary(jobs.map { ($0, Lane.loop) }) { first, _ in first }
        nodes = names.enumerated().map { index, name in
            let engine = NodeEngine(
                settings: configuration.nodeSettings(name: name), session: JobID(high: 1, low: UInt64(index)),
                incarnation: 0, promise: "memory", lanes: lanes)
            return Node(name: name, link: LinkID(index + 1), engine: engine)
        }
        for index in nodes.indices {
            nodes[index].engine.recovered([], at: now)
            commit(index)
            nodes[index].engine.linkOpened(Self.distributorLink, distributor.hello, at: now)
            distributor.linkOpened(nodes[index].link, nodes[index].engine.hello, at: now)
        }
        distributor.linkOpened(Self.clientLink, client.hello, at: now)
        client.linkOpened(Self.distributorLink, distributor.hello)
        settle()
    }

    // MARK: In

    mutating func enqueue(_ request: JobRequest, _ observer: JobObserver?) {
        if let observer {
            observers[request.id, default: []].append(Observer(feedback: request.feedback, tell: observer))
        }
        if positions[request.id] == nil {
            positions[request.id] = requests.count
            requests.append(request)
        }
        var request = request
        // How it ended is shown whether or not the application wants to be told.
        request.feedback = .both
        client.enqueue(request)
        settle()
    }

    /// The answer; nil when the engines gave none, which they always do.
    mutating func ask(_ verb: String, _ parameters: [String: Value]) -> Result<Value, JobReactorError>? {
        let number = client.ask(verb, parameters)
        settle()
        return answers.removeValue(forKey: number)
    }

    /// The next attempt that is due; nodes take turns.
    mutating func nextOrder() -> Order? {
        for step in nodes.indices {
            let index = (turn + step) % nodes.count
            guard let run = nodes[index].engine.nextRun(at: now),
                let (record, _) = nodes[index].engine.job(of: run.attempt)
            else { continue }
            turn = (index + 1) % nodes.count
            attempts.append(
                TestAttempt(
                    job: run.id, name: run.name, node: nodes[index].name,
                    number: run.number, time: now.wall))
            summary.attempts += 1
            return Order(node: index, run: run, record: record, attempt: attempts.count - 1)
        }
        return nil
    }

    mutating func ended(_ order: Order, _ result: AttemptResult) {
        if case .failure(let error, _, _, _) = result { attempts[order.attempt].error = error }
        nodes[order.node].engine.attemptEnded(order.run.attempt, result, at: now)
        settle()
    }

    /// When something is next due.
    var nextDeadline: Instant? { nodes.compactMap(\.engine.nextDeadline).min() }

    /// Moves the clock, to the next whole millisecond, and makes ready what is due then.
    mutating func move(to instant: Instant) {
        let milliseconds = max(instant, now.instant).sinceStart.millisecondsRoundedUp
        now = Now(instant: .zero + .milliseconds(milliseconds), wall: start + .milliseconds(milliseconds))
        for index in nodes.indices { nodes[index].engine.timersFired(at: now) }
        settle()
    }

    mutating func takeNews() -> [@Sendable () -> Void] {
        defer { news = [] }
        return news
    }

    mutating func takeOver() -> [JobID] {
        defer { over.removeAll(keepingCapacity: true) }
        return over
    }

    /// The attempts that are to be told to end, and their nodes.
    mutating func takeCancellations() -> [(node: Int, Cancellation)] {
        nodes.indices.flatMap { index in nodes[index].engine.takeCancellations().map { (index, $0) } }
    }

    /// Whether the job's end, or the first one of a periodic job, is still to come.
    func isUnderWay(_ id: JobID) -> Bool { positions[id] != nil && results[id] == nil && !refused.contains(id) }

    // MARK: Messages

    private mutating func commit(_ index: Int) {
        while let batch = nodes[index].engine.takeBatch(at: now) {
            nodes[index].engine.committed(batch.number, at: now)
        }
    }

    /// Hands over messages until nobody has anything more to say.
    private mutating func settle() {
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            for case .send(_, let message) in client.takeActions() {
                isQuiet = false
                distributor.received(message, from: Self.clientLink, at: now)
            }
            for case .send(let link, let message) in distributor.takeActions() {
                isQuiet = false
                if link == Self.clientLink {
                    client.received(message, from: Self.distributorLink)
                } else {
                    nodes[link.number - 1].engine.received(message, from: Self.distributorLink, at: now)
                }
            }
            for index in nodes.indices {
                commit(index)
                for case .send(_, let message) in nodes[index].engine.takeActions() {
                    isQuiet = false
                    distributor.received(message, from: nodes[index].link, at: now)
                }
            }
            for event in client.takeEvents() { heard(event) }
        }
    }

    private mutating func heard(_ event: ClientEngine.Event) {
        switch event {
        case .reached(.accepted, let jobs, let reason):
            for job in jobs { tell(job.id, .accepted(reason: reason)) { _ in true } }
        case .reached(.stored, let jobs, let node):
            for job in jobs {
                tell(job.id, .stored(node: node)) { _ in true }
                observers[job.id]?.removeAll { $0.feedback.isEmpty }
            }
        case .refused(let job, let code, let text):
            let id = job.id
            let error = JobReactorError(.init(code), what: "job \(id) was refused", why: text)
            tell(id, .refused(error)) { _ in true }
            observers[id] = nil
            refused.insert(id)
            over.append(id)
        case .ended(let outcome, _):
            let result = JobResult(outcome)
            count(result)
            tell(outcome.id, .ended(result)) { $0.isFinal(outcome) || $0.feedback.contains(.success) }
            if outcome.isFinal { observers[outcome.id] = nil }
        case .answered(let number, let value): answers[number] = .success(value)
        case .notAnswered(let number, let code, let text):
            answers[number] = .failure(
                JobReactorError(.init(code), what: "the test queue did not answer", why: text))
        }
    }

    private mutating func tell(_ id: JobID, _ event: JobEvent, _ wanted: (Observer) -> Bool) {
        for observer in observers[id] ?? [] where wanted(observer) { news.append { observer.tell(event) } }
    }

    private mutating func count(_ result: JobResult) {
        results[result.id] = result
        endings.append(result)
        over.append(result.id)
        switch result.ending {
        case .complete: summary.completed += 1
        case .failed: summary.failed += 1
        case .cancelled: summary.cancelled += 1
        }
    }

    // MARK: Looking

    /// All jobs, in the order in which they were enqueued, as they are now.
    var jobs: [EnqueuedJob] {
        var jobs = requests.map(EnqueuedJob.init)
        for (request, reason) in distributor.waitingJobs {
            change(request.id, in: &jobs) { job in
                job.status = .new
                job.waitingFor = reason
                job.due = request.options.due
            }
        }
        for node in nodes {
            for record in node.engine.records { change(record.id, in: &jobs) { $0.take(record, on: node.name) } }
        }
        for (id, result) in results { change(id, in: &jobs) { $0.take(result) } }
        for index in jobs.indices {
            if let due = jobs[index].due, due <= now.wall { jobs[index].due = nil }
        }
        return jobs
    }

    /// A job with the result of one of its runs.
    func job(of result: JobResult) -> EnqueuedJob? {
        guard let position = positions[result.id] else { return nil }
        var job = EnqueuedJob(requests[position])
        job.status = result.isFinal ? nil : .queued
        job.take(result)
        return job
    }

    private func change(_ id: JobID, in jobs: inout [EnqueuedJob], _ body: (inout EnqueuedJob) -> Void) {
        if let position = positions[id] { body(&jobs[position]) }
    }
}

extension TestCluster.Observer {
    /// The last outcome goes to whoever wants any.
    func isFinal(_ outcome: JobOutcome) -> Bool { outcome.isFinal && !feedback.isEmpty }
}

extension Instant {
    var sinceStart: Interval { self - .zero }
}

extension EnqueuedJob {
    mutating func take(_ record: JobRecord, on name: String) {
        status = record.status
        attempt = record.attempt
        node = name
        due = record.status.isEnded || record.status == .inProgress ? nil : record.due
        lastError = record.lastError
    }

    /// A job that has ended is known by its result alone: its node may have forgotten it.
    mutating func take(_ result: JobResult) {
        self.result = result
        lastError = result.error ?? lastError
        guard result.isFinal, status == nil || status?.isEnded == true else { return }
        attempt = result.attempt
        node = result.node.isEmpty ? nil : result.node
        status =
            switch result.ending {
            case .complete: .complete
            case .failed: .failed
            case .cancelled: .cancelled
            }
    }
}
