import JRBase
import JRCore
import JRReactor
import JRWire

/// What an engine's shell hears of its links. All calls come on the reactor's thread.
protocol PeerLinkOwner: AnyObject {
    func linkOpened(_ link: PeerLink, _ hello: Hello)
    /// All that has come over an open link; what is left of it is dropped.
    func link(_ link: PeerLink, received messages: inout Arrivals)
    /// Once, whoever closed it; also for a link that never got as far as a hello.
    func linkClosed(_ link: PeerLink, reason: String)
}

/// One connection that speaks the protocol: frames to messages and back, hello first, heartbeats after.
///
/// Anything that is not the protocol ends the connection with a ``Message/failure(code:text:)`` that says why.
final class PeerLink: ConnectionHandler {
    /// How long a peer may take to say hello.
    static let helloTimeout = Interval.seconds(Int64(5))

    /// So many messages, of the size of the last ones, are read in a turn. Two ends that took all there is would take
    /// turns: each would wait for the whole of what the other makes of it.
    static let messagesPerTurn = 64
    /// The same where a turn's messages are written to disk together.
    static let messagesPerStoredTurn = 512
    private static let leastBytesPerTurn = 4_096
    /// Before it is known how large they are.
    private static let firstBytesPerTurn = 16_384

    let id: LinkID
    let peer: String
    private(set) var hello: Hello?
    private var isGreeted = false
    private let connection: Connection
    private weak var owner: (any PeerLinkOwner)?
    private var decoder = FrameDecoder(limit: Limits.helloBytes)
    /// Also of what is read next.
    var messagesPerTurn: Int
    /// Bytes that came since a message was last whole.
    private var unmeasured = 0
    private var heartbeat: Heartbeat
    private var timer: Handle?
    private var isClosed = false
    private var closing: String?
    /// The hello with which to answer that of the side which has dialled.
    private var answer: Hello?

    /// - Parameter dialled: whether this side has made the connection. It says hello first; the other answers when it
    ///   has read that, so that whoever has been answered is known to the other.
    init(
        _ connection: Connection, id: LinkID, hello: Hello, dialled: Bool, owner: any PeerLinkOwner,
        messagesPerTurn: Int = PeerLink.messagesPerTurn, on loop: Loop
    ) {
        self.id = id
        self.messagesPerTurn = messagesPerTurn
        self.connection = connection
        self.owner = owner
        peer = connection.peer
        heartbeat = Heartbeat(own: hello.heartbeat, at: loop.now.instant)
        connection.handler = self
        connection.bytesPerTurn = Self.firstBytesPerTurn
        if dialled { connection.write { $0.write(.hello(hello)) } } else { answer = hello }
        timer = loop.schedule(after: Self.helloTimeout) { [weak self] loop in
            self?.refuse(.protocolError, "no hello came within 5 seconds", on: loop)
        }
    }

    /// Bytes not yet taken by the peer.
    var isCongested: Bool { connection.isCongested }

    func send(_ message: Message, on loop: Loop) {
        guard closing == nil, !isClosed else { return }
        connection.write { $0.write(message) }
        heartbeat.sent(at: loop.now.instant)
    }

    /// Sends what is next for this link.
    func send(_ messages: inout Outgoing, on loop: Loop) {
        guard closing == nil, !isClosed else { return }
        connection.write { writer in
            messages.takeEach(for: id) { writer.write($0) }
        }
        heartbeat.sent(at: loop.now.instant)
    }

    /// Says why, then closes.
    func refuse(_ code: RefusalCode, _ text: String, on loop: Loop) {
        guard closing == nil, !isClosed else { return }
        connection.write { $0.write(.failure(code: code, text: text)) }
        closing = text
        connection.closeAfterFlush()
    }

    func close() { connection.close() }

    func closeAfterFlush() { connection.closeAfterFlush() }

    // MARK: ConnectionHandler

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        guard closing == nil else { return }
        heartbeat.received(at: loop.now.instant)
        unmeasured += bytes.byteCount
        decoder.append(bytes)
        if !isGreeted { takeFirst(on: loop) }
        // The owner may have closed it at the hello.
        guard isGreeted, closing == nil, !isClosed, let owner else { return }
        var arrivals = takeArrivals()
        owner.link(self, received: &arrivals)
        giveBack(arrivals, on: loop)
    }

    private func takeFirst(on loop: Loop) {
        var arrivals = takeArrivals()
        let first = arrivals.next()
        var hello: Hello?
        if case .hello(let said)? = first { hello = said } else if first != nil { arrivals.refuse(.notOurProtocol) }
        giveBack(arrivals, on: loop)
        if let hello { greeted(hello, on: loop) }
    }

    private func takeArrivals() -> Arrivals {
        var taken = FrameDecoder()
        swap(&taken, &decoder)
        return Arrivals(taken)
    }

    private func giveBack(_ arrivals: consuming Arrivals, on loop: Loop) {
        let (end, count) = (arrivals.end, arrivals.count)
        measure(count)
        decoder = arrivals.decoder
        switch end {
        case .failed(let text):
            closing = "the peer closed: \(text)"
            connection.close()
        case .refused(let code, let text): refuse(code, text, on: loop)
        case nil: break
        }
    }

    /// A large frame is read in few turns, and many small ones in several: what they lead to is on its way, and the
    /// peer at work on it, before the last of them is looked at.
    private func measure(_ messages: Int) {
        let bytes = messages == 0 ? 2 * connection.bytesPerTurn : unmeasured / messages * messagesPerTurn
        connection.bytesPerTurn = min(max(Self.leastBytesPerTurn, bytes), Limits.readBytesPerTurn)
        if messages > 0 { unmeasured = 0 }
    }

    private func greeted(_ hello: Hello, on loop: Loop) {
        self.hello = hello
        isGreeted = true
        if let answer { connection.write { $0.write(.hello(answer)) } }
        answer = nil
        decoder.limit = Limits.frameBytes
        heartbeat.peerPromised(hello.heartbeat)
        if let timer { loop.cancel(timer) }
        watch(on: loop)
        owner?.linkOpened(self, hello)
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        guard !isClosed else { return }
        isClosed = true
        if let timer { loop.cancel(timer) }
        owner?.linkClosed(self, reason: closing ?? "\(reason)")
    }

    func connectionDrained(_ connection: Connection, on loop: Loop) {}

    // MARK: Heartbeat

    private func watch(on loop: Loop) {
        timer = loop.schedule(at: heartbeat.nextCheck) { [weak self] loop in
            guard let self, !self.isClosed else { return }
            switch self.heartbeat.verdict(at: loop.now.instant) {
            case .fine: break
            case .sendHeartbeat: self.send(.heartbeat, on: loop)
            case .peerIsGone:
                self.closing = "nothing was heard of the peer for three heartbeats"
                self.connection.close()
                return
            }
            self.watch(on: loop)
        }
    }
}
