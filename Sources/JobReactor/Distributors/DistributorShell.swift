import JRBase
import JRCore
import JRReactor
import JRStorage
import JRSystem
import JRWire

/// The shell of ``DistributorEngine``: a listener, the nodes it dials, and its links, on one reactor's thread.
final class DistributorShell: PeerLinkOwner {
    private let loop: Loop
    private let log: LogHandler?
    private let heartbeat: Interval
    // SAFETY: the engine calls nobody, so that no access to it can begin within another one.
    @exclusivity(unchecked) private var engine: DistributorEngine
    private var links: [LinkID: PeerLink] = [:]
    /// Applications in this process, reached without a socket.
    private var local: [LinkID: ClientShell] = [:]
    private var nextLink = 1
    private var isTurnPlanned = false
    /// Made once, and not for every turn.
    private lazy var endOfTurn: (Loop) -> Void = { [weak self] _ in self?.finishTurn() }
    /// Taken from the engine and done; kept for its memory.
    private var actions: [LinkAction] = []
    private var listener: Listener?
    private let dialled = DialledNodes()
    /// Itself, while it listens.
    private var whileRunning: DistributorShell?

    init(name: String, _ configuration: Configuration, on loop: Loop) {
        self.loop = loop
        log = configuration.log
        heartbeat = Interval(configuration.heartbeat)
        engine = DistributorEngine(
            name: name, session: .fresh(at: loop.now.wall), backlogJobs: configuration.backlogJobs,
            backlogBytes: configuration.backlogBytes)
        engine.alwaysUsesSpecifiedNode = configuration.alwaysUseSpecifiedNode
    }

    func listen(with socket: ListeningSocket) {
        whileRunning = self
        do throws(SystemError) {
            listener = try socket.open(on: loop) { [weak self] loop, connection in
                self?.opened(connection, dialled: false)
            }
        } catch {
            say(.error, "cannot accept connections on \(socket.address): \(error)")
        }
    }

    /// Keeps a connection to each of these nodes, unless the node has made one itself.
    func dial(_ addresses: [SocketAddress]) {
        for address in addresses {
            let dialler = Dialler(
                to: [address], seed: SystemRandom.seed(),
                connected: { [weak self] _, connection in
                    guard let self, let link = self.opened(connection, dialled: true) else { return }
                    self.dialled.opened(link, by: address)
                },
                failed: { [weak self] reason, _ in
                    guard let self, self.dialled.isFirstFailure(address) else { return }
                    self.say(
                        .warning, "no connection to the node at \(address): \(reason). It is dialled until it answers")
                })
            dialled.add(dialler, for: address)
            dialler.dial(on: loop)
        }
    }

    private var hello: Hello {
        var hello = engine.hello
        hello.heartbeat = heartbeat
        return hello
    }

    @discardableResult
    private func opened(_ connection: Connection, dialled: Bool) -> LinkID? {
        let id = newLink()
        links[id] = PeerLink(connection, id: id, hello: hello, dialled: dialled, owner: self, on: loop)
        return id
    }

    // MARK: An application in the same process

    /// The application holds this distributor, and is held by it, until ``detach(_:)``.
    func attach(_ hello: Hello, _ application: ClientShell) -> (LinkID, Hello) {
        let id = newLink()
        local[id] = application
        engine.linkOpened(id, hello, isLocal: true, at: loop.now)
        planTurn()
        return (id, engine.hello)
    }

    /// A job of this link, at once.
    ///
    /// - Parameter request: taken, and something else left in its place.
    func enqueue(_ request: inout JobRequest, from link: LinkID) {
        engine.enqueued(&request, from: link, at: loop.now)
        planTurn()
    }

    /// What is next over this link.
    func receive(_ messages: inout Outgoing, from link: LinkID) {
        Self.take(&messages, from: link, at: loop.now, &engine)
        planTurn()
    }

    private static func take(
        _ messages: inout Outgoing, from link: LinkID, at now: Now, _ engine: inout DistributorEngine
    ) {
        messages.takeEach(for: link) { engine.received($0, from: link, at: now) }
    }

    func detach(_ link: LinkID) {
        local[link] = nil
        engine.linkClosed(link, at: loop.now)
        planTurn()
    }

    // MARK: Links

    func linkOpened(_ link: PeerLink, _ hello: Hello) {
        if hello.role == .node { say(.info, "node '\(hello.name)' connected from \(link.peer)") }
        dialled.greeted(link.id, hello.name)
        // What such a node is sent together it writes together.
        if hello.role == .node, hello.promise != StoragePromise.memory.word {
            link.messagesPerTurn = PeerLink.messagesPerStoredTurn
        }
        engine.linkOpened(link.id, hello, at: loop.now)
        planTurn()
    }

    func link(_ link: PeerLink, received messages: inout Arrivals) {
        Self.take(&messages, from: link.id, at: loop.now, &engine)
        planTurn()
    }

    private static func take(
        _ messages: inout Arrivals, from link: LinkID, at now: Now, _ engine: inout DistributorEngine
    ) {
        while let message = messages.next() { engine.received(message, from: link, at: now) }
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        links[link.id] = nil
        let name = link.hello?.name
        let isThere = name.map { name in links.values.contains { $0.hello?.role == .node && $0.hello?.name == name } }
        dialled.closed(link.id, node: name, isThereStill: isThere ?? false, reason, on: loop)
        guard let hello = link.hello else {
            say(.warning, "a connection from \(link.peer) ended before its hello: \(reason)")
            return
        }
        if hello.role == .node { say(.warning, "node '\(hello.name)' is gone: \(reason)") }
        engine.linkClosed(link.id, at: loop.now)
        planTurn()
    }

    private func newLink() -> LinkID {
        defer { nextLink += 1 }
        return LinkID(nextLink)
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
                if let application = local[id] {
                    application.receive(&outgoing, for: id)
                } else {
                    links[id]?.send(&outgoing, on: loop)
                }
            case .refuse(let link, let code, let text):
                say(.warning, "refused \(links[link]?.peer ?? "the application"): \(text)")
                links[link]?.refuse(code, text, on: loop)
            }
        }
        self.actions = outgoing.emptied()
    }

    func stop() {
        listener?.close()
        whileRunning = nil
        dialled.stop(on: loop)
        for link in links.values { link.closeAfterFlush() }
    }

    private func say(_ level: LogEntry.Level, _ text: @autoclosure () -> String) {
        guard let log, level >= log.level else { return }
        log(LogEntry(level: level, time: loop.now.wall, source: engine.name, text: text()))
    }
}
