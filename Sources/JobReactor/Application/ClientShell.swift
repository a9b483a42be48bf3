import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// The shell of ``ClientEngine``: one link, to a distributor elsewhere or in this process, and whoever waits for a job.
final class ClientShell: PeerLinkOwner {
    private let loop: Loop
    private let observe: @Sendable (ClientEvent) -> Void
    // SAFETY: the engine calls nobody, so that no access to it can begin within another one.
    @exclusivity(unchecked) private var engine: ClientEngine
    private var dialler: Dialler?
    private var link: PeerLink?
    // SAFETY: it is set once, at the start.
    @exclusivity(unchecked) private var local: (distributor: DistributorShell, link: LinkID)?
    private var nextLink = 1
    // SAFETY: one word, and nobody is called while it is looked at or set.
    @exclusivity(unchecked) private var isTurnPlanned = false
    /// Made once, and not for every turn.
    private lazy var endOfTurn: (Loop) -> Void = { [weak self] _ in self?.finishTurn() }
    /// Itself, from start to stop.
    private var whileRunning: ClientShell?
    /// Whoever waits for a job, and whether for its end or only until it is stored. An id that is enqueued twice is one
    /// job, of which both hear.
    // SAFETY: no access to it calls anybody: whoever is taken out is held by a local value too, and ends after it.
    @exclusivity(unchecked) private var observers = SlotMap<Observers>()
    /// Taken from the engine and told; kept for their memory.
    private var actions: [LinkAction] = []
    private var events: [ClientEngine.Event] = []

    /// Nearly always one.
    private struct Observers {
        var first: JobObserver
        var firstUntilEnd: Bool
        var others: [(observer: JobObserver, untilEnd: Bool)] = []

        func tell(_ event: JobEvent) {
            first(event)
            for other in others { other.observer(event) }
        }

        /// Those that wait for the job's end; nil if nobody does.
        var untilEnd: Observers? {
            let staying = others.filter(\.untilEnd)
            if firstUntilEnd { return Observers(first: first, firstUntilEnd: true, others: staying) }
            guard let next = staying.first else { return nil }
            return Observers(first: next.observer, firstUntilEnd: true, others: Array(staying.dropFirst()))
        }
    }
    /// Told at once when the number of jobs changes that no node has stored.
    var unstored: UnstoredJobs?
    private var answers: [UInt32: (Result<Value, JobReactorError>) -> Void] = [:]

    init(name: String, on loop: Loop, _ observe: @escaping @Sendable (ClientEvent) -> Void) {
        self.loop = loop
        self.observe = observe
        engine = ClientEngine(name: name, session: .fresh(at: loop.now.wall))
    }

    func connect(to addresses: [SocketAddress]) {
        let dialler = Dialler(
            to: addresses, seed: SystemRandom.seed(),
            connected: { [weak self] loop, connection in
                guard let self else { return }
                self.link = PeerLink(
                    connection, id: LinkID(self.nextLink), hello: self.engine.hello, dialled: true, owner: self,
                    on: loop)
                self.nextLink += 1
            },
            failed: { [weak self] reason, wait in self?.observe(.disconnected(reason: reason, retryAfter: wait)) })
        self.dialler = dialler
        whileRunning = self
        dialler.dial(on: loop)
    }

    func attach(to distributor: DistributorShell) {
        // The answers come in the distributor's turn; they are taken in this shell's next one.
        let (link, hello) = distributor.attach(engine.hello, self)
        local = (distributor, link)
        whileRunning = self
        engine.linkOpened(link, hello, isLocal: true)
        observe(.connected(distributor: hello.name))
        planTurn()
    }

    /// From a distributor in this process: what is next for this link of it.
    func receive(_ messages: inout Outgoing, for link: LinkID) {
        Self.take(&messages, for: link, &engine)
        planTurn()
    }

    private static func take(_ messages: inout Outgoing, for link: LinkID, _ engine: inout ClientEngine) {
        messages.takeEach(for: link) { engine.received($0, from: link) }
    }

    /// - Parameter request: taken, and something else left in its place, so that a job's way copies little of it.
    func enqueue(_ request: inout JobRequest, _ observer: JobObserver?) {
        let untilEnd = !request.feedback.isEmpty
        // Not by `map`, which would put the closure in two boxes.
        var made: Handle?
        if let observer { made = observers.insert(Observers(first: observer, firstUntilEnd: untilEnd)) }
        if let (distributor, link) = local, engine.keepHandedOver(request, listener: made) {
            distributor.enqueue(&request, from: link)
            unstored?.count = engine.unstoredCount
            return
        }
        if let known = engine.enqueue(request, listener: made), let made, let observer {
            add(observer, untilEnd, made, to: known, request.id)
        }
        unstored?.count = engine.unstoredCount
        planTurn()
    }

    /// Another one who waits for a job that is under way; those before may have heard all that they waited for.
    private func add(
        _ observer: @escaping JobObserver, _ untilEnd: Bool, _ made: Handle, to known: Handle, _ id: JobID
    ) {
        if observers.with(known, { $0.others.append((observer, untilEnd)) }) == nil {
            engine.listen(made, to: id)
        } else {
            observers.discard(made)
        }
    }

    func ask(
        _ verb: String, _ parameters: [String: Value], _ answer: @escaping (Result<Value, JobReactorError>) -> Void
    ) {
        answers[engine.ask(verb, parameters)] = answer
        planTurn()
    }

    func stop() {
        whileRunning = nil
        dialler?.stop(on: loop)
        link?.closeAfterFlush()
        if let local { local.distributor.detach(local.link) }
    }

    // MARK: Links

    func linkOpened(_ link: PeerLink, _ hello: Hello) {
        guard hello.role == .distributor else {
            link.refuse(.protocolError, "an application connects to a distributor", on: loop)
            return
        }
        dialler?.succeeded()
        engine.linkOpened(link.id, hello)
        observe(.connected(distributor: link.peer))
        planTurn()
    }

    func link(_ link: PeerLink, received messages: inout Arrivals) {
        Self.take(&messages, from: link.id, &engine)
        planTurn()
    }

    private static func take(_ messages: inout Arrivals, from link: LinkID, _ engine: inout ClientEngine) {
        while let message = messages.next() { engine.received(message, from: link) }
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        if self.link === link { self.link = nil }
        engine.linkClosed(link.id)
        dialler?.dialAgain(reason, on: loop)
    }

    // MARK: Turns

    private func planTurn() {
        guard !isTurnPlanned else { return }
        isTurnPlanned = true
        loop.atEndOfTurn(endOfTurn)
    }

    private func finishTurn() {
        isTurnPlanned = false
        var actions: [LinkAction] = []
        swap(&actions, &self.actions)
        engine.takeActions(into: &actions)
        var outgoing = Outgoing(consume actions)
        while let step = outgoing.next() {
            switch step {
            case .send(let id):
                if let local {
                    local.distributor.receive(&outgoing, from: id)
                } else if link?.id == id {
                    link?.send(&outgoing, on: loop)
                }
            case .refuse(_, let code, let text): link?.refuse(code, text, on: loop)
            }
        }
        self.actions = outgoing.emptied()
        var events: [ClientEngine.Event] = []
        swap(&events, &self.events)
        engine.takeEvents(into: &events)
        events.takeEach { tell($0) }
        swap(&events, &self.events)
        unstored?.count = engine.unstoredCount
    }

    /// Who hears all of a job, where that is one and nobody else hears of it.
    private func alone(_ listener: Handle) -> JobObserver? {
        observers.with(listener) { $0.firstUntilEnd && $0.others.isEmpty ? $0.first : nil } ?? nil
    }

    private func tell(_ event: consuming ClientEngine.Event) {
        switch consume event {
        case .reached(let level, let jobs, let text):
            let event: JobEvent = level == .stored ? .stored(node: text) : .accepted(reason: text)
            for job in jobs {
                if let listener = job.listener { tell(listener, event, isStored: level == .stored) }
            }
        case .refused(let job, let code, let text):
            guard let listener = job.listener, let found = observers.remove(listener) else { break }
            found.tell(.refused(JobReactorError(.init(code), what: "job \(job.id) was refused", why: text)))
        case .ended(let outcome, let listener):
            guard let listener else { break }
            let found = outcome.isFinal ? observers.remove(listener) : observers[listener]
            found?.tell(.ended(JobResult(outcome)))
        case .answered(let number, let value): answers.removeValue(forKey: number)?(.success(value))
        case .notAnswered(let number, let code, let text):
            answers.removeValue(forKey: number)?(
                .failure(JobReactorError(.init(code), what: "the distributor did not answer", why: text)))
        }
    }

    /// Tells whoever waits for a job how far it has come.
    private func tell(_ listener: Handle, _ event: JobEvent, isStored: Bool) {
        if let alone = alone(listener) { return alone(event) }
        guard let found = observers[listener] else { return }
        if isStored, !found.firstUntilEnd || !found.others.isEmpty { observers[listener] = found.untilEnd }
        found.tell(event)
    }
}

/// How many jobs of a client no node has stored yet. Belongs to the thread of the client's reactor.
final class UnstoredJobs {
    var changed: ((Int) -> Void)?
    var count = 0 {
        didSet { if count != oldValue { changed?(count) } }
    }
}
