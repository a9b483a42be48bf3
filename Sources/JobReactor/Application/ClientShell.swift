import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// The shell of ``ClientEngine``: one link, to a distributor elsewhere or in this process, and whoever waits for a job.
final class ClientShell: PeerLinkOwner {
    private let loop: Loop
    private let observe: @Sendable (ClientEvent) -> Void
    private var engine: ClientEngine
    private var dialler: Dialler?
    private var link: PeerLink?
    private var local: (distributor: DistributorShell, link: LinkID)?
    private var nextLink = 1
    private var isTurnPlanned = false
    /// Itself, from start to stop.
    private var whileRunning: ClientShell?
    /// Whoever waits for a job, and whether for its end or only until it is stored. An id that is enqueued twice is one
    /// job, of which both hear.
    private var observers: [JobID: [(observer: JobObserver, untilEnd: Bool)]] = [:]
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
        var box: LinkID?
        let (link, hello) = distributor.attach(engine.hello) { [weak self] message in
            guard let self, let link = box else { return }
            self.engine.received(message, from: link)
            self.planTurn()
        }
        box = link
        local = (distributor, link)
        whileRunning = self
        engine.linkOpened(link, hello)
        observe(.connected(distributor: hello.name))
        planTurn()
    }

    func enqueue(_ request: JobRequest, _ observer: JobObserver?) {
        if let observer { observers[request.id, default: []].append((observer, !request.feedback.isEmpty)) }
        engine.enqueue(request)
        unstored?.count = engine.unstoredCount
        planTurn()
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

    func link(_ link: PeerLink, received message: Message) {
        engine.received(message, from: link.id)
        planTurn()
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
        loop.atEndOfTurn { [weak self] _ in self?.finishTurn() }
    }

    private func finishTurn() {
        isTurnPlanned = false
        for action in engine.takeActions() {
            switch action {
            case .send(_, let message):
                if let local {
                    local.distributor.receive(message, from: local.link)
                } else {
                    link?.send(message, on: loop)
                }
            case .refuse(_, let code, let text): link?.refuse(code, text, on: loop)
            }
        }
        for event in engine.takeEvents() { tell(event) }
        unstored?.count = engine.unstoredCount
    }

    private func tell(_ event: ClientEngine.Event) {
        switch event {
        case .accepted(let id, let reason): tell(id, .accepted(reason: reason))
        case .stored(let id, let node):
            let found = observers[id] ?? []
            let staying = found.filter(\.untilEnd)
            observers[id] = staying.isEmpty ? nil : staying
            for entry in found { entry.observer(.stored(node: node)) }
        case .refused(let id, let code, let text):
            let error = JobReactorError(.init(code), what: "job \(id) was refused", why: text)
            for entry in observers.removeValue(forKey: id) ?? [] { entry.observer(.refused(error)) }
        case .ended(let outcome):
            let found = observers[outcome.id] ?? []
            if outcome.isFinal { observers[outcome.id] = nil }
            let result = JobResult(outcome)
            for entry in found { entry.observer(.ended(result)) }
        case .answered(let number, let value): answers.removeValue(forKey: number)?(.success(value))
        case .notAnswered(let number, let code, let text):
            answers.removeValue(forKey: number)?(
                .failure(JobReactorError(.init(code), what: "the distributor did not answer", why: text)))
        }
    }

    private func tell(_ id: JobID, _ event: JobEvent) {
        for entry in observers[id] ?? [] { entry.observer(event) }
    }
}

/// How many jobs of a client no node has stored yet. Belongs to the thread of the client's reactor.
final class UnstoredJobs {
    var changed: ((Int) -> Void)?
    var count = 0 {
        didSet { if count != oldValue { changed?(count) } }
    }
}
