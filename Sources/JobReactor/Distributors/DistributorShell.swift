import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// The shell of ``DistributorEngine``: a listener and its links, on one reactor's thread.
final class DistributorShell: PeerLinkOwner {
    private let loop: Loop
    private let log: LogHandler?
    private var engine: DistributorEngine
    private var links: [LinkID: PeerLink] = [:]
    /// Applications in this process, reached without a socket.
    private var local: [LinkID: (Message) -> Void] = [:]
    private var nextLink = 1
    private var isTurnPlanned = false
    private var listener: Listener?
    /// Itself, while it listens.
    private var whileRunning: DistributorShell?

    init(name: String, on loop: Loop, log: LogHandler?) {
        self.loop = loop
        self.log = log
        let session = JobID(at: loop.now.wall, random: (SystemRandom.seed(), SystemRandom.seed()))
        engine = DistributorEngine(name: name, session: session)
    }

    func listen(on address: SocketAddress) throws(SystemError) -> SocketAddress {
        let listener = try loop.listen(on: address) { [weak self] loop, connection in
            guard let self else { return }
            let id = self.newLink()
            self.links[id] = PeerLink(connection, id: id, hello: self.engine.hello, owner: self, on: loop)
        }
        self.listener = listener
        whileRunning = self
        return listener.address
    }

    // MARK: An application in the same process

    func attach(_ hello: Hello, _ receive: @escaping (Message) -> Void) -> (LinkID, Hello) {
        let id = newLink()
        local[id] = receive
        engine.linkOpened(id, hello, at: loop.now)
        planTurn()
        return (id, engine.hello)
    }

    func receive(_ message: Message, from link: LinkID) {
        engine.received(message, from: link, at: loop.now)
        planTurn()
    }

    func detach(_ link: LinkID) {
        local[link] = nil
        engine.linkClosed(link, at: loop.now)
        planTurn()
    }

    // MARK: Links

    func linkOpened(_ link: PeerLink, _ hello: Hello) {
        if hello.role == .node { say(.info, "node '\(hello.name)' connected from \(link.peer)") }
        engine.linkOpened(link.id, hello, at: loop.now)
        planTurn()
    }

    func link(_ link: PeerLink, received message: Message) {
        engine.received(message, from: link.id, at: loop.now)
        planTurn()
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        links[link.id] = nil
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
        loop.atEndOfTurn { [weak self] _ in self?.finishTurn() }
    }

    private func finishTurn() {
        isTurnPlanned = false
        for action in engine.takeActions() {
            switch action {
            case .send(let link, let message):
                if let receive = local[link] { receive(message) } else { links[link]?.send(message, on: loop) }
            case .refuse(let link, let code, let text):
                say(.warning, "refused \(links[link]?.peer ?? "the application"): \(text)")
                links[link]?.refuse(code, text, on: loop)
            }
        }
    }

    func stop() {
        listener?.close()
        whileRunning = nil
        for link in links.values { link.closeAfterFlush() }
    }

    private func say(_ level: LogEntry.Level, _ text: String) {
        log?(LogEntry(level: level, time: loop.now.wall, source: engine.name, text: text))
    }
}
