import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// One of a child's two output pipes: bytes to lines, and the decision when nothing more is to be waited for.
///
/// The end of the child is never learnt from here: somebody else may hold the pipe open.
final class OutputStream: ConnectionHandler {
    /// How long half a line waits for its rest.
    private static let partialTime = Interval.milliseconds(200)
    /// After the child's end: how long silence, and how long anything at all, is waited for.
    private static let silenceAfterExit = Interval.milliseconds(100)
    private static let longestAfterExit = Interval.seconds(2 as Int64)

    private let connection: Connection
    private let loop: Loop
    private var cutter = LineCutter()
    private var lastRead: Instant
    private var partialTimer: Handle?
    private var exitedAt: Instant?
    private var isPaused = false
    private let sink: LineSink
    private var ended: (() -> Void)?

    /// - Parameters:
    ///   - begun: What a predecessor of this program had of it.
    ///   - ended: Called once, when there will be no more.
    init(
        _ descriptor: consuming Descriptor, name: String, _ loop: Loop,
        into sink: LineSink, _ begun: Handover.Output? = nil, ended: @escaping () -> Void
    ) {
        self.loop = loop
        self.sink = sink
        self.ended = ended
        lastRead = loop.now.instant
        connection = loop.adopt(descriptor, peer: name)
        connection.handler = self
        guard let begun else { return }
        cutter = LineCutter(held: begun.held)
        if cutter.hasHeldBytes { armPartial() }
        exitedAt = begun.exitedAt
        waitForSilence()
    }

    /// All that another program needs to go on reading; nil when it is closed, which is told within this turn.
    var handed: Handover.Output? {
        guard let raw = connection.rawDescriptor else { return nil }
        return Handover.Output(
            stream: sink.origin.stream, incarnation: sink.origin.incarnation, descriptor: raw, held: cutter.held,
            exitedAt: exitedAt)
    }

    func setPaused(_ isPaused: Bool) {
        // Nothing was heard because nobody listened.
        if self.isPaused { lastRead = loop.now.instant }
        self.isPaused = isPaused
        isPaused ? connection.pauseReading() : connection.resumeReading()
    }

    /// The child is gone: what is in the pipe is still read, what others may write into it only for a while.
    func childExited() {
        exitedAt = loop.now.instant
        isPaused = false
        connection.resumeReading()
        waitForSilence()
    }

    private func waitForSilence() {
        guard let exitedAt, ended != nil else { return }
        let quiet = max(lastRead, exitedAt) + OutputStream.silenceAfterExit
        let deadline = min(quiet, exitedAt + OutputStream.longestAfterExit)
        if loop.now.instant >= deadline {
            connection.close()
        } else {
            loop.schedule(at: deadline) { [weak self] _ in self?.waitForSilence() }
        }
    }

    // MARK: Connection

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        lastRead = loop.now.instant
        sink.write { batch in
            bytes.withUnsafeBytes { buffer in
                // SAFETY: bytes are bytes, and the span is used only within the closure, in which the buffer lives.
                cutter.feed(buffer.bindMemory(to: UInt8.self).span) { batch.append($0, $1) }
            }
        }
        if cutter.hasHeldBytes, partialTimer == nil { armPartial() }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        if let partialTimer { loop.cancel(partialTimer) }
        flush()
        ended?()
        ended = nil
    }

    private func flush() {
        guard cutter.hasHeldBytes else { return }
        sink.write { batch in cutter.flush { batch.append($0, $1) } }
    }

    private func armPartial() {
        let start = isPaused ? loop.now.instant : lastRead
        partialTimer = loop.schedule(at: start + OutputStream.partialTime) { [weak self] loop in
            guard let self else { return }
            partialTimer = nil
            guard cutter.hasHeldBytes else { return }
            let isSilent = !isPaused && loop.now.instant - lastRead >= OutputStream.partialTime
            if isSilent { flush() } else { armPartial() }
        }
    }
}
