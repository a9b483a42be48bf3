import JRBase
import JRReactor
import JRSystem
import JRWire

/// A connection to a distributor on which questions are asked; dialled again whenever it breaks, until it is closed.
///
/// Belongs to its loop's thread.
final class DistributorLink: ConnectionHandler {
    private static let heartbeat = Interval.seconds(5 as Int64)
    private static let patience = Interval.seconds(5 as Int64)
    private static let longestWait = Interval.seconds(1 as Int64)

    private let address: SocketAddress
    private let loop: Loop
    private let session: JobID
    private var connection: Connection?
    private var decoder = FrameDecoder(limit: Limits.helloBytes)
    private var isGreeted = false
    private var isClosed = false
    private var timer: Handle?
    private var wait = Interval.milliseconds(50)
    private var nextNumber: UInt32 = 1
    private var questions: [UInt32: (Value) -> Void] = [:]

    /// A distributor has said hello: questions can be asked.
    var opened: (() -> Void)?
    /// It is gone, with all questions that were not answered.
    var lost: (() -> Void)?

    init(to address: SocketAddress, _ loop: Loop) {
        self.address = address
        self.loop = loop
        session = JobID(at: loop.now.wall, random: (SystemRandom.seed(), SystemRandom.seed()))
    }

    func dial() {
        guard !isClosed else { return }
        loop.connect(to: address, timeout: DistributorLink.patience) { [weak self] _, result in
            guard let self, !isClosed else { return }
            switch result {
            case .success(let connection): greet(connection)
            case .failure: dialAgain()
            }
        }
    }

    func close() {
        isClosed = true
        stopTimer()
        connection?.close()
        connection = nil
        questions = [:]
    }

    /// Asks, if there is a connection; a question that cannot be answered has no answer.
    func ask(_ verb: String, _ parameters: [String: Value], _ answer: @escaping (Value) -> Void) {
        guard isGreeted, let connection else { return }
        questions[nextNumber] = answer
        connection.write { $0.write(.request(number: nextNumber, verb: verb, parameters: parameters)) }
        nextNumber = nextNumber == .max ? 1 : nextNumber + 1
    }

    private func greet(_ connection: Connection) {
        self.connection = connection
        decoder = FrameDecoder(limit: Limits.helloBytes)
        connection.handler = self
        let hello = Hello(
            role: .client, name: "jr-supervisor", session: session, heartbeat: DistributorLink.heartbeat)
        connection.write { $0.write(.hello(hello)) }
        beat()
    }

    /// Says that this side is there; whether the other one is, the supervisor hears from its process.
    private func beat() {
        timer = loop.schedule(after: DistributorLink.heartbeat) { [weak self] _ in
            guard let self else { return }
            connection?.write { $0.write(.heartbeat) }
            beat()
        }
    }

    private func stopTimer() {
        if let timer { loop.cancel(timer) }
        timer = nil
    }

    private func dialAgain() {
        stopTimer()
        timer = loop.schedule(after: wait) { [weak self] _ in self?.dial() }
        wait = min(wait * 2, DistributorLink.longestWait)
    }

    // MARK: ConnectionHandler

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        decoder.append(bytes)
        do {
            while !isClosed, let body = try decoder.next() { take(try Message(body: body)) }
        } catch {
            // What is no distributor is as good as none.
            connection.close()
        }
    }

    private func take(_ message: Message) {
        switch message {
        case .hello(let hello) where hello.role == .distributor && !isGreeted:
            isGreeted = true
            decoder.limit = Limits.frameBytes
            wait = .milliseconds(50)
            opened?()
        case .reply(let number, let result): questions.removeValue(forKey: number)?(result)
        case .replyFailure(let number, _, _): questions[number] = nil
        case .failure: connection?.close()
        default: break
        }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        guard connection === self.connection else { return }
        self.connection = nil
        questions = [:]
        let wasGreeted = isGreeted
        isGreeted = false
        guard !isClosed else { return }
        if wasGreeted { lost?() }
        dialAgain()
    }
}
