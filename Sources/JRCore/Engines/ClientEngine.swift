public import JRBase
public import JRWire

/// The application's side: sends jobs, keeps each until it is stored, and hears each outcome once.
///
///     enqueue --> sent --(receipt)--> accepted --(receipt)--> stored --(outcome, if wanted)--> over
///
/// When the connection breaks, everything not yet stored is sent again, in its old order and with its old id, so that
/// nothing is lost and nothing made twice. An outcome is acknowledged each time it comes and reported the first time.
public struct ClientEngine: Sendable {
    public enum Event: Sendable, Equatable {
        /// The distributor holds the job in memory; `reason` says what it waits for.
        case accepted(JobID, reason: String)
        case stored(JobID, node: String)
        case refused(JobID, code: RefusalCode, text: String)
        case ended(JobOutcome)
        case answered(UInt32, Value)
        case notAnswered(UInt32, code: RefusalCode, text: String)
    }

    /// An event, and what was given with the job that it is of.
    public struct Told: Sendable {
        /// The event.
        public var event: Event
        /// Whoever waits for the job, by whatever number the one who enqueued it gave.
        public var listener: Handle?
    }

    private struct Pending: Sendable {
        var request: JobRequest
        var order: UInt64
        var listener: Handle?
        var isStored = false
        /// The runs that were reported, the last few of a periodic job: an older one may come after a newer one.
        var reported: [Int] = []

        /// A node keeps fewer than ``runsRemembered`` unacknowledged, so what is older than all of them was reported.
        func isNews(_ run: Int) -> Bool {
            if reported.isEmpty { return true }
            if reported.contains(run) { return false }
            return reported.count < ClientEngine.runsRemembered || run >= reported.min() ?? 0
        }

        mutating func noteReported(_ run: Int) {
            if reported.count >= ClientEngine.runsRemembered { reported.removeFirst() }
            reported.append(run)
        }
    }

    private struct Question: Sendable {
        var verb: String
        var parameters: [String: Value]
    }

    static let runsRemembered = 64

    public let session: JobID
    public let name: String
    private var link: LinkID?
    private var pending: [JobID: Pending] = [:]
    private var questions: [UInt32: Question] = [:]
    private var nextOrder: UInt64 = 0
    private var nextQuestion: UInt32 = 1
    private var actions: [LinkAction] = []
    private var events: [Told] = []
    private var received: [OutcomeKey] = []

    public init(name: String, session: JobID) {
        self.name = name
        self.session = session
    }

    public var hello: Hello { Hello(role: .client, name: name, session: session) }

    /// Jobs that are not yet stored, or whose outcome is waited for.
    public var pendingCount: Int { pending.count }

    /// Jobs that no node is known to have stored.
    public private(set) var unstoredCount = 0

    public var isConnected: Bool { link != nil }

    /// Sends a job, and keeps it until it is stored or its outcome is here.
    ///
    /// - Parameters:
    ///   - request: the job.
    ///   - listener: told with all its events. An id that is enqueued twice is one job with one listener, the first.
    /// - Returns: the listener that the job had before.
    @discardableResult
    public mutating func enqueue(_ request: JobRequest, listener: Handle? = nil) -> Handle? {
        unstoredCount += 1
        let job = Pending(request: request, order: nextOrder, listener: listener)
        nextOrder += 1
        let known = pending.updateValue(job, forKey: request.id)
        if let known { return enqueueAgain(request, known, listener) }
        if let link { actions.append(.send(link, .enqueue(request))) }
        return nil
    }

    /// Gives a job another listener.
    ///
    /// - Parameters:
    ///   - listener: told with its events from now on.
    ///   - id: of the job.
    public mutating func listen(_ listener: Handle, to id: JobID) { pending[id]?.listener = listener }

    /// An id that is enqueued again while it is under way is the same job: what was reported of it stays reported.
    private mutating func enqueueAgain(_ request: JobRequest, _ known: Pending, _ listener: Handle?) -> Handle? {
        var request = request
        request.feedback.formUnion(known.request.feedback)
        if !known.isStored { unstoredCount -= 1 }
        pending[request.id]?.request = request
        pending[request.id]?.reported = known.reported
        pending[request.id]?.listener = known.listener ?? listener
        if let link { actions.append(.send(link, .enqueue(request))) }
        return known.listener
    }

    /// Asks the distributor; the answer is an event with the number that is returned.
    public mutating func ask(_ verb: String, _ parameters: [String: Value] = [:]) -> UInt32 {
        let number = nextQuestion
        nextQuestion = nextQuestion == .max ? 1 : nextQuestion + 1
        questions[number] = Question(verb: verb, parameters: parameters)
        if let link { actions.append(.send(link, .request(number: number, verb: verb, parameters: parameters))) }
        return number
    }

    public mutating func linkOpened(_ link: LinkID, _ hello: Hello) {
        guard hello.role == .distributor else {
            let text = "an application connects to a distributor, and this is the node '\(hello.name)'"
            actions.append(.refuse(link, code: .protocolError, text: text))
            return
        }
        self.link = link
        for job in pending.values.filter({ !$0.isStored }).sorted(by: { $0.order < $1.order }) {
            actions.append(.send(link, .enqueue(job.request)))
        }
        for (number, question) in questions.sorted(by: { $0.key < $1.key }) {
            actions.append(.send(link, .request(number: number, verb: question.verb, parameters: question.parameters)))
        }
    }

    public mutating func linkClosed(_ link: LinkID) {
        if self.link == link { self.link = nil }
    }

    /// - Parameter message: given away, so that an outcome is not copied on its way to whoever waits for it.
    public mutating func received(_ message: consuming Message, from link: LinkID) {
        switch consume message {
        case .receipt(let ids, let level, let node, let text):
            for id in ids { receipt(id, level, node, text) }
        case .refusal(let id, let code, let text):
            guard let job = pending.removeValue(forKey: id) else { break }
            if !job.isStored { unstoredCount -= 1 }
            tell(.refused(id, code: code, text: text), job.listener)
        case .ended(let outcome):
            received.append(outcome.key)
            ended(outcome)
        case .reply(let number, let result):
            if questions.removeValue(forKey: number) != nil { tell(.answered(number, result)) }
        case .replyFailure(let number, let code, let text):
            guard questions.removeValue(forKey: number) != nil else { break }
            tell(.notAnswered(number, code: code, text: text))
        case .heartbeat, .draining, .failure: break
        case let other:
            let word = String(describing: other).prefix { $0 != "(" }
            let text = "the message '\(word)' has no place in an application: see docs/protocol.md"
            actions.append(.refuse(link, code: .protocolError, text: text))
        }
    }

    public mutating func takeActions() -> [LinkAction] {
        var taken: [LinkAction] = []
        takeActions(into: &taken)
        return taken
    }

    /// Everything to do since the last call, in order. Called at the end of a turn.
    ///
    /// - Parameter actions: an empty array, whose memory the engine fills next.
    public mutating func takeActions(into actions: inout [LinkAction]) {
        if let link, !received.isEmpty {
            let keys = received
            self.actions.append(.send(link, .outcomesReceived(keys)))
            received = []
            received.reserveCapacity(keys.count)
        }
        swap(&actions, &self.actions)
    }

    public mutating func takeEvents() -> [Event] {
        var taken: [Told] = []
        takeEvents(into: &taken)
        return taken.map(\.event)
    }

    /// What is to be told since the last call, in order.
    ///
    /// - Parameter events: an empty array, whose memory the engine fills next.
    public mutating func takeEvents(into events: inout [Told]) { swap(&events, &self.events) }

    private mutating func tell(_ event: consuming Event, _ listener: Handle? = nil) {
        events.append(Told(event: event, listener: listener))
    }

    private mutating func receipt(_ id: JobID, _ level: ReceiptLevel, _ node: String, _ text: String) {
        guard let place = pending.index(forKey: id) else { return }
        let (isNews, isOver, listener) = Self.look(&pending.values[place]) { job in
            defer { if level == .stored { job.isStored = true } }
            return (!job.isStored, job.request.feedback.isEmpty, job.listener)
        }
        guard isNews else { return }
        switch level {
        case .accepted: tell(.accepted(id, reason: text), listener)
        case .stored:
            unstoredCount -= 1
            tell(.stored(id, node: node), listener)
            if isOver { pending.remove(at: place) }
        }
    }

    private mutating func ended(_ outcome: consuming JobOutcome) {
        guard let place = pending.index(forKey: outcome.id) else { return }
        let (run, isFinal) = (outcome.run, outcome.isFinal)
        let (isNews, wasStored, listener) = Self.look(&pending.values[place]) { job in
            let (isNews, wasStored) = (job.isNews(run), job.isStored)
            if isNews, !isFinal {
                job.isStored = true
                job.noteReported(run)
            }
            return (isNews, wasStored, job.listener)
        }
        guard isNews else { return }
        // Its receipt was lost with a connection.
        if !wasStored {
            unstoredCount -= 1
            tell(.stored(outcome.id, node: outcome.node), listener)
        }
        tell(.ended(consume outcome), listener)
        if isFinal { pending.remove(at: place) }
    }

    /// A look at a job in its place, or a change, without a copy of it.
    private static func look<Result>(_ job: inout Pending, _ body: (inout Pending) -> Result) -> Result { body(&job) }
}

extension [ClientEngine.Told] {
    /// Takes out all, in order, moved and not copied; the array is empty then, and keeps its memory.
    ///
    /// - Parameter body: does one.
    public mutating func takeEach(_ body: (consuming ClientEngine.Event, Handle?) -> Void) {
        for index in indices {
            let listener = self[index].listener
            var event = ClientEngine.Event.answered(0, .null)
            swap(&event, &self[index].event)
            body(event, listener)
        }
        removeAll(keepingCapacity: true)
    }
}
