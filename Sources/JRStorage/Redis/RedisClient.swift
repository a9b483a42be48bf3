import JRBase
import JRCore
import JRReactor
import JRSystem

/// A connection to a Redis server that is kept: commands go out without waiting for the answers of those before them,
/// answers come in order, and a broken connection is made again with a growing, jittered wait.
///
/// It carries nothing over from one connection to the next: whatever was not answered fails. Belongs to one loop's
/// thread; answers never come from within the call that asks.
final class RedisClient: ConnectionHandler {
    typealias Answer = (Loop, Result<RESPValue, RedisFailure>) -> Void

    struct Times: Sendable {
        /// For the connecting, with the resolving of a name.
        var connecting = Interval.seconds(Int64(5))
        /// From the sending of a command to its answer.
        var answer = Interval.seconds(Int64(10))
        var firstRetry = Interval.milliseconds(50)
        var longestRetry = Interval.seconds(Int64(5))
    }

    /// Commands that wait for their answers; more are refused.
    static let waitingCommands = 65_536
    /// Bytes of commands that the connection has not taken yet; more are refused.
    static let unsentBytes = 1 << 30

    private struct Waiting {
        var name: String
        var script: RedisScript?
        var deadline: Instant
        var answer: Answer
    }

    let address: RedisAddress
    let name: String
    private let loop: Loop
    private let times: Times
    private let connected: (Loop) -> Void
    private let disconnected: (Loop, RedisFailure) -> Void
    private var backoff: Backoff
    private var connecting: Connecting?
    private var connection: Connection?
    private var parser = RESPParser()
    private var waiting = Ring<Waiting>()
    private var unsent = Ring<[UInt8]>()
    private var unsentCount = 0
    private var timer: Handle?
    private var failure: RedisFailure?
    private var isStopped = false
    private(set) var isReady = false
    /// 3, or 2 for a server that knows no more.
    private(set) var version = 3
    /// The server's number for this connection.
    private(set) var connectionID: Int64 = 0

    /// - Parameters:
    ///   - name: what the server's list of clients calls this one.
    ///   - connected: the server has let it in; the next thing may be sent.
    ///   - disconnected: it was not reached, did not let it in, or is gone. It is dialled again unless ``stop()`` is
    ///     called.
    init(
        _ address: RedisAddress, name: String, times: Times = Times(), on loop: Loop,
        connected: @escaping (Loop) -> Void, disconnected: @escaping (Loop, RedisFailure) -> Void
    ) {
        self.address = address
        self.name = name
        self.loop = loop
        self.times = times
        self.connected = connected
        self.disconnected = disconnected
        backoff = Backoff(first: times.firstRetry, most: times.longestRetry, seed: SystemRandom.seed())
    }

    // MARK: Connecting

    func start() {
        timer = nil
        guard !isStopped else { return }
        connecting = loop.connect(to: address.socket, timeout: times.connecting) { [weak self] _, result in
            guard let self else { return }
            self.connecting = nil
            switch result {
            case .success(let connection): self.opened(connection)
            case .failure(let error): self.failed(.connecting(error))
            }
        }
    }

    /// Ends it: what was not answered fails, and it does not dial again.
    func stop() {
        guard !isStopped else { return }
        isStopped = true
        connecting?.cancel()
        connecting = nil
        if let timer { loop.cancel(timer) }
        timer = nil
        // Not `close()`: the last command may not have gone out.
        connection?.closeAfterFlush()
        drop(.closed("closed here"))
    }

    /// What the commands of this connection are for works: the next break begins with a short wait again.
    func succeeded() { backoff.succeeded() }

    /// Gives the connection up, and dials again after a wait.
    func reset(_ reason: RedisFailure) { failed(reason) }

    private func opened(_ connection: Connection) {
        self.connection = connection
        connection.handler = self
        parser = RESPParser()
        failure = nil
        greet()
    }

    private func greet() {
        var words = ["3"]
        if let password = address.password { words += ["AUTH", address.user ?? "default", password] }
        ask(RESPCommand("HELLO", words + ["SETNAME", name])) { [weak self] _, result in
            guard let self else { return }
            switch result {
            case .success(let reply):
                self.version = 3
                self.connectionID = reply["id"]?.int ?? 0
                self.select()
            case .failure(let failure) where failure.code == "ERR" || failure.code == "NOPROTO":
                self.greetOld()
            case .failure(let failure): self.greetingFailed(failure)
            }
        }
    }

    /// A connection that ended has said so itself.
    private func greetingFailed(_ failure: RedisFailure) {
        if case .refused = failure { failed(failure) }
    }

    /// For a server that does not know HELLO, or not version 3.
    private func greetOld() {
        version = 2
        let finish = { [weak self] in
            guard let self else { return }
            self.ask(RESPCommand("CLIENT SETNAME", self.name)) { _, _ in }
            self.ask(RESPCommand("CLIENT ID")) { [weak self] _, result in
                switch result {
                case .failure(let failure) where failure.code == "NOAUTH": self?.failed(failure)
                // A user may not be allowed to ask.
                case .failure: self?.select()
                case .success(let reply):
                    self?.connectionID = reply.int ?? 0
                    self?.select()
                }
            }
        }
        guard let password = address.password else { return finish() }
        ask(RESPCommand("AUTH", (address.user.map { [$0] } ?? []) + [password])) { [weak self] _, result in
            switch result {
            case .success: finish()
            case .failure(let failure): self?.greetingFailed(failure)
            }
        }
    }

    private func select() {
        guard connection != nil else { return }
        guard address.database != 0 else { return ready() }
        ask(RESPCommand("SELECT", "\(address.database)")) { [weak self] _, result in
            switch result {
            case .success: self?.ready()
            case .failure(let failure): self?.greetingFailed(failure)
            }
        }
    }

    private func ready() {
        isReady = true
        connected(loop)
    }

    /// Everything that waits fails, and the server is dialled again later.
    private func failed(_ reason: RedisFailure) {
        guard !isStopped else { return }
        let old = connection
        connection = nil
        old?.handler = nil
        old?.close()
        isReady = false
        failure = reason
        if let timer { loop.cancel(timer) }
        timer = nil
        // Before the answers: whoever gets one finds the client as it is.
        let wait = backoff.failed()
        timer = loop.schedule(after: wait) { [weak self] _ in self?.start() }
        drop(reason)
        disconnected(loop, reason)
    }

    private func drop(_ reason: RedisFailure) {
        isReady = false
        unsent.removeAll()
        unsentCount = 0
        sentOfFirst = 0
        var dropped = waiting
        waiting = Ring()
        while let next = dropped.popFirst() {
            loop.soon { next.answer($0, .failure(reason)) }
        }
    }

    // MARK: Commands

    /// Sends a command; an error of the server is a failure.
    ///
    /// - Parameter isUrgent: whether it is handed to the kernel within the call, so that it goes out even if this
    ///   process dies in the next moment.
    func send(_ command: RESPCommand, isUrgent: Bool = false, _ answer: @escaping Answer) {
        guard isReady else {
            let reason = failure ?? .closed("there is no connection to it yet")
            loop.soon { answer($0, .failure(reason)) }
            return
        }
        ask(command, answer)
        if isUrgent { connection?.flushNow() }
    }

    private func ask(_ command: RESPCommand, _ answer: @escaping Answer) {
        guard let connection, waiting.count < Self.waitingCommands,
            unsentCount + command.bytes.count <= Self.unsentBytes
        else {
            loop.soon { answer($0, .failure(.tooMany)) }
            return
        }
        // A megabyte a second more for what takes long to send.
        let time = times.answer + .microseconds(Int64(command.bytes.count))
        let deadline = loop.now.instant + time
        waiting.append(Waiting(name: command.name, script: command.script, deadline: deadline, answer: answer))
        if timer == nil { watch(deadline) }
        if unsent.isEmpty, !connection.isCongested, command.bytes.count <= Self.pieceBytes {
            connection.write(command.bytes)
        } else {
            unsent.append(command.bytes)
            unsentCount += command.bytes.count
            pump()
        }
    }

    /// What is handed to the connection at once, which closes when too much waits in it.
    private static let pieceBytes = 1 << 20
    private var sentOfFirst = 0

    private func pump() {
        while let connection, !connection.isCongested, let first = unsent.first {
            let end = min(sentOfFirst + Self.pieceBytes, first.count)
            connection.write { $0.append(first[sentOfFirst..<end]) }
            unsentCount -= end - sentOfFirst
            sentOfFirst = end
            guard end == first.count else { continue }
            unsent.popFirst()
            sentOfFirst = 0
        }
    }

    /// One timer: for the oldest command when it was set, and then for what is oldest.
    private func watch(_ deadline: Instant) {
        timer = loop.schedule(at: deadline) { [weak self] loop in
            guard let self else { return }
            self.timer = nil
            guard let oldest = self.waiting.first else { return }
            if oldest.deadline > loop.now.instant { return self.watch(oldest.deadline) }
            self.failed(.timedOut(command: oldest.name, after: self.times.answer))
        }
    }

    // MARK: Connection

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        // SAFETY: the bytes are copied while they are lent.
        let input = bytes.withUnsafeBytes { Array($0) }
        var replies: [RESPValue] = []
        var damage: RESPDamage?
        do throws(RESPDamage) {
            try parser.read(input[...]) { replies.append($0) }
        } catch {
            damage = error
        }
        for reply in replies {
            // An answer may have closed it.
            guard self.connection === connection else { return }
            received(reply)
        }
        if let damage, self.connection === connection { failed(.damaged(damage)) }
    }

    private func received(_ reply: RESPValue) {
        if case .push = reply { return }
        guard let asked = waiting.popFirst() else { return failed(.unexpected(command: "nothing that was asked")) }
        if case .error(let text) = reply {
            let text = asked.script.map { RedisPermission.explained(text, of: $0) } ?? text
            asked.answer(loop, .failure(.refused(command: asked.name, text: text)))
        } else {
            asked.answer(loop, .success(reply))
        }
    }

    func connectionDrained(_ connection: Connection, on loop: Loop) { pump() }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        guard self.connection === connection else { return }
        if reason == .loopStopped { return stop() }
        failed(.closed("\(reason)"))
    }
}
