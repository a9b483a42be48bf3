public import JRBase
public import JRSystem

/// Why a connection is closed.
public enum CloseReason: Sendable, Equatable, CustomStringConvertible {
    /// The peer sent its last byte, all were delivered, and what was to be sent was sent.
    case endOfStream
    /// This side closed it.
    case local
    case error(SystemError)
    /// The peer did not read: more than `Limits.outboxHardBytes` were waiting for it.
    case outboxFull
    case loopStopped

    public var description: String {
        switch self {
        case .endOfStream: "the peer closed the connection"
        case .local: "closed here"
        case .error(let error): "\(error)"
        case .outboxFull: "the peer did not read for too long: \(Limits.outboxHardBytes) bytes were waiting for it"
        case .loopStopped: "the loop stopped"
        }
    }
}

/// What the owner of a connection is told. All of it happens on the loop's thread.
public protocol ConnectionHandler: AnyObject {
    /// Bytes came, in order, cut anywhere. They are gone after the call: copy what is to stay.
    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop)
    /// The peer will send no more. The default closes this side too, after what is still to be sent.
    func connectionEnded(_ connection: Connection, on loop: Loop)
    /// What waited to be sent fell below `Limits.outboxSoftBytes` after it had been above.
    func connectionDrained(_ connection: Connection, on loop: Loop)
    /// Exactly once for every connection, its own ``Connection/close()`` included, never from within a call to it.
    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop)
}

extension ConnectionHandler {
    public func connectionEnded(_ connection: Connection, on loop: Loop) { connection.closeAfterFlush() }
    public func connectionDrained(_ connection: Connection, on loop: Loop) {}
}

/// A stream of bytes in one or both directions: TCP, a unix socket, an end of a pipe. Belongs to one loop's thread.
///
/// What is written in a turn is gathered and goes out at its end with one system call. The loop does not stop reading
/// from a peer that does not read (two ends that both did would wait for each other for ever): whoever produces output
/// looks at ``isCongested`` and waits for `connectionDrained`.
public final class Connection {
    /// Bytes that come while there is none are dropped: set it where the connection is handed over.
    public var handler: (any ConnectionHandler)?
    /// Who is at the other end, for people: an address, or what the connection was adopted as.
    public let peer: String
    public let loop: Loop

    private let raw: Int32
    private var descriptor: Descriptor?
    private let isSocket: Bool
    private let canRead: Bool
    private let canWrite: Bool
    private let origin: Origin
    private var lingerTimer: Handle?
    private var handle = Handle(index: -1, generation: 0)
    /// What epoll watches; nil while the descriptor is not with it.
    private var watched: PollInterest?

    private var phase = Phase.open
    private var outbox = ByteWriter()
    private var sent = 0
    private var isDirty = false
    private var isBlocked = false
    private var isPaused = false
    private var hasEnded = false
    private var endsSending = false
    private var writeFailure: SystemError?
    public private(set) var isCongested = false
    /// How much is read of it in a turn, in bytes, before others have theirs and what came of it goes out.
    public var bytesPerTurn = Limits.readBytesPerTurn

    /// open -> flushing (closed here, bytes to send left) -> lingering (sent, waiting for the peer's end) -> closed.
    private enum Phase { case open, flushing(CloseReason), lingering(CloseReason), closed }

    /// How long a socket whose last byte was sent waits for the peer to end its side. Closing at once would reset the
    /// connection if the peer had sent something meanwhile, and the reset may overtake our last bytes.
    private static let lingerTime = Interval.seconds(Int64(2))

    /// Where it came from: what this layer made itself is known to be a non-blocking socket.
    enum Origin { case accepted, connected, adopted }

    init(_ descriptor: consuming Descriptor, peer: String, _ origin: Origin, on loop: Loop) {
        raw = descriptor.raw
        var direction = IO.Direction.both
        if origin == .adopted {
            isSocket = (try? Files.status(of: raw))?.kind == .socket
            direction = (try? IO.direction(raw)) ?? .both
        } else {
            isSocket = true
        }
        canRead = direction != .write
        canWrite = direction != .read
        self.origin = origin
        self.descriptor = consume descriptor
        self.peer = peer
        self.loop = loop
        if origin == .accepted { loop.acceptedConnections += 1 }
        handle = loop.sources.insert(.connection(self))
        do {
            if origin == .adopted { try IO.setNonBlocking(raw) }
            let interest: PollInterest = canRead ? .read : []
            try loop.poller.add(raw, interest, data: handle.bits)
            watched = interest
        } catch {
            finish(.error(error))
        }
    }

    // MARK: State

    public var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    private var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    /// The number of its descriptor, to be handed over with the process; nil once it is closed.
    public var rawDescriptor: Int32? { isClosed ? nil : raw }

    public var unsentBytes: Int { outbox.count - sent }

    /// Who is at the other end of a unix socket; nil for everything else.
    public var peerCredentials: PeerCredentials? {
        isClosed ? nil : Sockets.peerCredentials(raw)
    }

    // MARK: Writing

    /// Appends what `body` writes. It goes out at the end of this turn; on a connection that is closed, or closing, it
    /// is dropped. `body` may not write to the same connection.
    public func write(_ body: (inout ByteWriter) -> Void) {
        guard prepareToWrite() else { return }
        // Nothing else looks at it meanwhile, so that each look need not be checked against this one.
        var gathered = ByteWriter()
        swap(&gathered, &outbox)
        body(&gathered)
        precondition(outbox.count == 0, "a body of write() has written to its own connection")
        swap(&gathered, &outbox)
        noteWritten()
    }

    public func write(_ bytes: [UInt8]) {
        guard prepareToWrite() else { return }
        outbox.bytes.append(contentsOf: bytes)
        noteWritten()
    }

    /// Hands what was gathered to the kernel within this call and not at the end of the turn: for what is to go out
    /// even if this process dies in the next moment. What the kernel does not take goes as usual, as does a failure.
    public func flushNow() {
        guard !isClosed, !isBlocked, unsentBytes > 0 else { return }
        let result = handOver(outbox.bytes, from: sent)
        if case .moved(let count) = result { sent += count }
    }

    private func prepareToWrite() -> Bool {
        guard canWrite, isOpen, !endsSending, writeFailure == nil else { return false }
        if outbox.bytes.capacity == 0 { outbox.bytes = loop.takeBuffer() }
        return true
    }

    private func noteWritten() {
        if unsentBytes > Limits.outboxSoftBytes { isCongested = true }
        if unsentBytes > Limits.outboxHardBytes {
            finish(.outboxFull)
        } else if !isBlocked {
            markDirty()
        }
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        loop.markDirty(self)
    }

    /// Sends what was gathered; the loop calls it at the end of a turn.
    func flush() {
        isDirty = false
        guard !isClosed else { return }
        if !isBlocked, unsentBytes > 0 { send() }
        guard !isClosed else { return }
        if unsentBytes == 0 { everythingSent() }
        if isCongested, unsentBytes < Limits.outboxSoftBytes {
            isCongested = false
            if isOpen { handler?.connectionDrained(self, on: loop) }
        }
        updateInterest()
    }

    private func send() {
        let result = handOver(outbox.bytes, from: sent)
        switch result {
        case .moved(let count):
            sent += count
            // The kernel took less than there is: it has no room, and asking again would only say so.
            isBlocked = unsentBytes > 0
            if sent > outbox.count / 2, isBlocked, sent > 1 << 20 {
                outbox.bytes.removeFirst(sent)
                sent = 0
            }
        case .wouldBlock:
            isBlocked = true
        case .failed(let code):
            sendingFailed(SystemError(call: isSocket ? "send" : "write", code: code, subject: peer))
        }
    }

    private func handOver(_ bytes: [UInt8], from start: Int) -> Transfer {
        bytes.withUnsafeBytes { bytes in
            // SAFETY: `start` never exceeds the count, so this is a part of the array, used only within this call.
            let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
            return isSocket ? IO.send(raw, rest) : IO.write(raw, rest)
        }
    }

    /// The peer may have said why before it went: what it sent is delivered before the close is.
    private func sendingFailed(_ error: SystemError) {
        writeFailure = error
        releaseOutbox()
        if isOpen, canRead, !hasEnded, !isPaused { read(atMost: Limits.outboxHardBytes) }
        finish(.error(error))
    }

    private func everythingSent() {
        releaseOutbox()
        if endsSending, isOpen { try? Sockets.endSending(raw) }
        guard case .flushing(let reason) = phase else { return }
        guard isSocket, canRead, !hasEnded, (try? Sockets.endSending(raw)) != nil else {
            finish(reason)
            return
        }
        phase = .lingering(reason)
        lingerTimer = loop.schedule(after: Self.lingerTime) { [weak self] _ in self?.finish(reason) }
    }

    private func releaseOutbox() {
        sent = 0
        guard outbox.bytes.capacity > 0 else { return }
        // Moved out and not copied: a buffer with two owners could not be emptied without allocating another.
        var buffer: [UInt8] = []
        swap(&buffer, &outbox.bytes)
        loop.giveBack(buffer)
    }

    // MARK: Reading

    /// Bytes stay in the kernel until ``resumeReading()``, and the peer feels it. The peer's end is not noticed
    /// meanwhile.
    public func pauseReading() {
        isPaused = true
        updateInterest()
    }

    public func resumeReading() {
        isPaused = false
        updateInterest()
    }

    private var wantsToRead: Bool {
        guard canRead, !hasEnded else { return false }
        switch phase {
        case .open: return !isPaused
        case .flushing, .lingering: return true
        case .closed: return false
        }
    }

    private func read(atMost limit: Int) {
        var left = limit
        while left > 0, wantsToRead {
            let room = min(left, loop.readBuffer.count)
            let buffer = UnsafeMutableRawBufferPointer(rebasing: loop.readBuffer[..<room])
            switch IO.read(raw, into: buffer) {
            case .moved(0):
                ended()
                return
            case .moved(let count):
                left -= count
                // SAFETY: the loop's buffer outlives the call, and nothing else reads into it before the next round.
                let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count]).bytes
                if isOpen { handler?.connection(self, received: bytes, on: loop) }
                if count < room { return }
            case .wouldBlock:
                return
            case .failed(let code):
                finish(.error(writeFailure ?? SystemError(call: "read", code: code, subject: peer)))
                return
            }
        }
    }

    private func ended() {
        hasEnded = true
        switch phase {
        case .lingering(let reason):
            finish(reason)
        case .open where writeFailure == nil:
            updateInterest()
            if let handler { handler.connectionEnded(self, on: loop) } else { closeAfterFlush() }
        case .open, .flushing, .closed:
            updateInterest()
        }
    }

    // MARK: Closing

    /// Closes now; what was not sent yet is dropped.
    public func close() {
        finish(.local)
    }

    /// Takes nothing more from either side, sends what was written, and then closes. A socket waits up to two seconds
    /// for the peer's end, so that the last bytes arrive.
    public func closeAfterFlush() {
        guard isOpen else { return }
        phase = .flushing(hasEnded ? .endOfStream : .local)
        updateInterest()
        markDirty()
    }

    /// Sends what was written and then the end of the stream; the peer can still send. Later writes are dropped. The
    /// write end of a pipe is closed.
    public func closeWrite() {
        guard isOpen, !endsSending else { return }
        if !isSocket {
            closeAfterFlush()
            return
        }
        endsSending = true
        markDirty()
    }

    func finish(_ reason: CloseReason) {
        guard !isClosed else { return }
        phase = .closed
        if watched != nil { loop.poller.remove(raw) }
        watched = nil
        loop.sources.remove(handle)
        if origin == .accepted { loop.acceptedConnections -= 1 }
        if let lingerTimer { loop.cancel(lingerTimer) }
        releaseOutbox()
        descriptor = nil
        loop.reportClosed(self, reason)
    }

    func tellClosed(_ reason: CloseReason) {
        let handler = handler
        // A handler usually owns its connection; here the circle ends.
        self.handler = nil
        handler?.connectionClosed(self, reason: reason, on: loop)
    }

    // MARK: Events

    func ready(_ event: PollEvent) {
        if wantsToRead, event.isReadable || event.isHangup {
            read(atMost: bytesPerTurn)
        } else if event.isHangup {
            hungUp()
        }
        if !isClosed, isBlocked, event.isWritable || event.isHangup {
            isBlocked = false
            markDirty()
        }
    }

    /// The peer is gone and we are not reading. epoll would say so again and again.
    private func hungUp() {
        if unsentBytes > 0 { return }
        if isOpen, isPaused, canRead, !hasEnded {
            loop.poller.remove(raw)
            watched = nil
            return
        }
        let pending = isSocket ? Sockets.pendingError(raw) : 0
        if pending == 0, hasEnded {
            finish(.endOfStream)
        } else {
            let code = pending == 0 ? SystemError.brokenPipe : pending
            finish(.error(SystemError(call: isSocket ? "send" : "write", code: code, subject: peer)))
        }
    }

    private func updateInterest() {
        guard !isClosed else { return }
        var interest: PollInterest = wantsToRead ? .read : []
        if isBlocked, unsentBytes > 0 { interest.insert(.write) }
        do {
            if let watched {
                if watched == interest { return }
                try loop.poller.modify(raw, interest, data: handle.bits)
            } else {
                if interest.isEmpty { return }
                try loop.poller.add(raw, interest, data: handle.bits)
            }
            watched = interest
        } catch {
            finish(.error(error))
        }
    }
}
