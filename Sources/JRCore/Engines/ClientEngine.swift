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
        /// To be sent again over another connection; nil where it was handed over in this process.
        var request: JobRequest?
        var feedback: Feedback
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
    /// The distributor is in this process, and needs no acknowledgement of what it hands over.
    private var isLocal = false
    private var pending = SlotMap<Pending>()
    private var handles = JobTable<Handle>()
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
    public mutating func enqueue(_ request: consuming JobRequest, listener: Handle? = nil) -> Handle? {
        let order = nextOrder
        nextOrder += 1
        let (id, feedback) = (request.id, request.feedback)
        if let known = handles[id] { return enqueueAgain(known, request, order, listener) }
        unstoredCount += 1
        let kept = request
        let job = Pending(request: kept, feedback: feedback, order: order, listener: listener)
        handles.insert(pending.insert(job), for: id)
        if let link { actions.append(.send(link, .enqueue(request))) }
        return nil
    }

    /// Notes a job that its caller hands to the distributor at once, in this process: that link does not break.
    ///
    /// - Parameters:
    ///   - request: the job.
    ///   - listener: told with all its events.
    /// - Returns: false, and nothing has happened, where the job has to go the usual way: it is known already, there is
    ///   no distributor, or something is to be said before it.
    public mutating func keepHandedOver(_ request: JobRequest, listener: Handle?) -> Bool {
        guard isLocal, link != nil, actions.isEmpty else { return false }
        let handle = pending.insert(
            Pending(request: nil, feedback: request.feedback, order: nextOrder, listener: listener))
        guard handles.insert(handle, for: request.id) == nil else {
            pending.discard(handle)
            return false
        }
        nextOrder += 1
        unstoredCount += 1
        return true
    }

    /// Gives a job another listener.
    ///
    /// - Parameters:
    ///   - listener: told with its events from now on.
    ///   - id: of the job.
    public mutating func listen(_ listener: Handle, to id: JobID) {
        if let handle = handles[id] { pending.with(handle) { $0.listener = listener } }
    }

    /// An id that is enqueued again while it is under way is the same job: what was reported of it stays reported.
    private mutating func enqueueAgain(
        _ handle: Handle, _ given: JobRequest, _ order: UInt64, _ listener: Handle?
    ) -> Handle? {
        var request = given
        let known = pending.with(handle) { job in
            request.feedback.formUnion(job.feedback)
            let (wasStored, before) = (job.isStored, job.listener)
            job.request = request
            job.feedback = request.feedback
            job.order = order
            job.isStored = false
            job.listener = before ?? listener
            return (wasStored: wasStored, listener: before)
        }
        guard let known else { return nil }
        if known.wasStored { unstoredCount += 1 }
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

    /// A distributor has said hello.
    ///
    /// - Parameters:
    ///   - link: the new one.
    ///   - hello: what it said.
    ///   - isLocal: it is in this process, and was told that this application is.
    public mutating func linkOpened(_ link: LinkID, _ hello: Hello, isLocal: Bool = false) {
        guard hello.role == .distributor else {
            let text = "an application connects to a distributor, and this is the node '\(hello.name)'"
            actions.append(.refuse(link, code: .protocolError, text: text))
            return
        }
        self.link = link
        self.isLocal = isLocal
        var unstored: [(order: UInt64, request: JobRequest)] = []
        pending.forEach { _, job in
            if !job.isStored, let request = job.request { unstored.append((job.order, request)) }
        }
        for job in unstored.sorted(by: { $0.order < $1.order }) { actions.append(.send(link, .enqueue(job.request))) }
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
            guard let job = handles.remove(id).flatMap({ pending.remove($0) }) else { break }
            if !job.isStored { unstoredCount -= 1 }
            tell(.refused(id, code: code, text: text), job.listener)
        case .ended(let outcome):
            if !isLocal { received.append(outcome.key) }
            ended(consume outcome)
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
        guard let handle = handles[id] else { return }
        let known = pending.with(handle) { job in
            defer { if level == .stored { job.isStored = true } }
            return (isNews: !job.isStored, isOver: job.feedback.isEmpty, listener: job.listener)
        }
        guard let known, known.isNews else { return }
        switch level {
        case .accepted: tell(.accepted(id, reason: text), known.listener)
        case .stored:
            unstoredCount -= 1
            tell(.stored(id, node: node), known.listener)
            if known.isOver { forget(id, handle) }
        }
    }

    private mutating func ended(_ outcome: consuming JobOutcome) {
        let (id, run, isFinal) = (outcome.id, outcome.run, outcome.isFinal)
        guard let handle = handles[id] else { return }
        let known = pending.with(handle) { job in
            let (isNews, wasStored) = (job.isNews(run), job.isStored)
            if isNews, !isFinal {
                job.isStored = true
                job.noteReported(run)
            }
            return (isNews: isNews, wasStored: wasStored, listener: job.listener)
        }
        guard let known, known.isNews else { return }
        // Its receipt was lost with a connection.
        if !known.wasStored {
            unstoredCount -= 1
            tell(.stored(id, node: outcome.node), known.listener)
        }
        tell(.ended(consume outcome), known.listener)
        if isFinal { forget(id, handle) }
    }

    private mutating func forget(_ id: JobID, _ handle: Handle) {
        handles.remove(id)
        pending.discard(handle)
    }
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
