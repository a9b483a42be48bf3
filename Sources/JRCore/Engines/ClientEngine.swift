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
        /// Jobs that came so far together: `text` is what they wait for in the distributor's memory, or the name of the
        /// node that has stored them.
        case reached(ReceiptLevel, [Heard], text: String)
        case refused(Heard, code: RefusalCode, text: String)
        case ended(JobOutcome, listener: Handle?)
        case answered(UInt32, Value)
        case notAnswered(UInt32, code: RefusalCode, text: String)
    }

    /// A job of which there is news.
    public struct Heard: Sendable, Equatable, BitwiseCopyable {
        /// The job.
        public var id: JobID
        /// Whoever waits for it, by whatever number the one who enqueued it gave.
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

        /// Becomes another one, in its place, which ``empty()`` has left; without a request.
        mutating func renew(feedback: Feedback, order: UInt64, listener: Handle?) {
            self.feedback = feedback
            self.order = order
            self.listener = listener
            isStored = false
        }

        /// Lets go of the memory that it has beside its place: mostly none, and to set an optional request costs.
        mutating func empty() {
            if case .some = request { request = nil }
            if !reported.isEmpty { reported = [] }
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
    private var events: [Event] = []
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
        let handle = keep(feedback, order, listener)
        handles.insert(handle, for: id)
        let kept = request
        pending.with(handle) { $0.request = kept }
        if let link { actions.append(.send(link, .enqueue(request))) }
        return nil
    }

    /// Keeps a job, without its request, in the place of one that is over.
    private mutating func keep(_ feedback: Feedback, _ order: UInt64, _ listener: Handle?) -> Handle {
        pending.reuse { $0.renew(feedback: feedback, order: order, listener: listener) }
            ?? pending.insert(Pending(request: nil, feedback: feedback, order: order, listener: listener))
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
        let handle = keep(request.feedback, nextOrder, listener)
        guard handles.insert(handle, for: request.id) == nil else {
            pending.leave(handle)
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
            receipt(ids, level, text: level == .stored ? node : text)
        case .refusal(let id, let code, let text):
            guard let job = handles.remove(id).flatMap({ pending.remove($0) }) else { break }
            if !job.isStored { unstoredCount -= 1 }
            events.append(.refused(Heard(id: id, listener: job.listener), code: code, text: text))
        case .ended(let outcome):
            if !isLocal { received.append(outcome.key) }
            ended(consume outcome)
        case .reply(let number, let result):
            if questions.removeValue(forKey: number) != nil { events.append(.answered(number, result)) }
        case .replyFailure(let number, let code, let text):
            guard questions.removeValue(forKey: number) != nil else { break }
            events.append(.notAnswered(number, code: code, text: text))
        case .heartbeat, .draining, .failure: break
        // One by one: a name for all of them would be a copy of each of those above.
        case .hello: unexpected("hello", link)
        case .enqueue: unexpected("enqueue", link)
        case .job: unexpected("job", link)
        case .stored: unexpected("stored", link)
        case .grant: unexpected("grant", link)
        case .outcomesReceived: unexpected("outcomesReceived", link)
        case .request: unexpected("request", link)
        }
    }

    private mutating func unexpected(_ word: String, _ link: LinkID) {
        let text = "the message '\(word)' has no place in an application: see docs/protocol.md"
        actions.append(.refuse(link, code: .protocolError, text: text))
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
        var taken: [Event] = []
        takeEvents(into: &taken)
        return taken
    }

    /// What is to be told since the last call, in order.
    ///
    /// - Parameter events: an empty array, whose memory the engine fills next.
    public mutating func takeEvents(into events: inout [Event]) { swap(&events, &self.events) }

    /// - Parameter text: of the event.
    private mutating func receipt(_ ids: [JobID], _ level: ReceiptLevel, text: String) {
        var news: [Heard] = []
        news.reserveCapacity(ids.count)
        for id in ids {
            guard let handle = handles[id] else { continue }
            let known = pending.with(handle) { job in
                defer { if level == .stored { job.isStored = true } }
                return (isNews: !job.isStored, isOver: job.feedback.isEmpty, listener: job.listener)
            }
            guard let known, known.isNews else { continue }
            news.append(Heard(id: id, listener: known.listener))
            if level == .stored {
                unstoredCount -= 1
                if known.isOver {
                    handles.remove(id)
                    forget(handle)
                }
            }
        }
        if !news.isEmpty { events.append(.reached(level, news, text: text)) }
    }

    private mutating func ended(_ outcome: consuming JobOutcome) {
        let (id, run, isFinal) = (outcome.id, outcome.run, outcome.isFinal)
        // Nearly always it is the last that is heard of it.
        guard let handle = isFinal ? handles.remove(id) : handles[id] else { return }
        let known = pending.with(handle) { job in
            let (isNews, wasStored) = (job.isNews(run), job.isStored)
            if isNews, !isFinal {
                job.isStored = true
                job.noteReported(run)
            }
            return (isNews: isNews, wasStored: wasStored, listener: job.listener)
        }
        guard let known, known.isNews else {
            if isFinal { handles.insert(handle, for: id) }
            return
        }
        // Its receipt was lost with a connection.
        if !known.wasStored {
            unstoredCount -= 1
            events.append(.reached(.stored, [Heard(id: id, listener: known.listener)], text: outcome.node))
        }
        events.append(.ended(consume outcome, listener: known.listener))
        if isFinal { forget(handle) }
    }

    /// Its id was taken out of ``handles`` before.
    private mutating func forget(_ handle: Handle) {
        pending.with(handle) { $0.empty() }
        pending.leave(handle)
    }
}

extension [ClientEngine.Event] {
    /// Takes out all, in order, moved and not copied; the array is empty then, and keeps its memory.
    ///
    /// - Parameter body: does one.
    public mutating func takeEach(_ body: (consuming ClientEngine.Event) -> Void) {
        for index in indices {
            var event = ClientEngine.Event.answered(0, .null)
            swap(&event, &self[index])
            body(event)
        }
        removeAll(keepingCapacity: true)
    }
}
