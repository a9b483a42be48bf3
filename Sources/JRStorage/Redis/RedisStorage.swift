public import JRBase
public import JRCore
public import JRReactor
import JRSystem
public import JRWire

/// Keeps jobs on a Redis server, which several nodes may share: each has keys of its own, and holds them with a lease.
///
/// A commit is one script on the server: all of it or nothing, and nothing of a process that has lost its hold.
/// Whatever breaks, the connection is made again; until it is, commits fail as `unavailable`. Should the server come
/// back without what it had, the owner is told (``StorageEvent/lost(_:)``) and puts everything again.
public final class RedisStorage: JobStorage {
    /// How long a silent process keeps its hold; it is renewed three times as often.
    public static let standardLease = Interval.seconds(Int64(30))

    struct Settings: Sendable {
        var lease = RedisStorage.standardLease
        /// Off only in tests, for a process that is frozen.
        var isRenewed = true
        /// How often it is renewed; nil is a third of it.
        var renewal: Interval?
        var renewalOrThird: Interval { renewal ?? Interval(nanoseconds: lease.nanoseconds / 3) }
        /// How long after it has connected a node leaves dead ones alone; nil is as long as the lease.
        var grace: Interval?
        /// How long a start waits for a hold to end whose owner is connected, or seems to be.
        var patience = Interval.seconds(Int64(2))
        /// Whether it takes part in the taking over of dead nodes' jobs, on both sides.
        var takesOver = true
        var client = RedisClient.Times()
    }

    public private(set) var promise = StoragePromise.redis(.unknown)

    let node: String
    let settings: Settings
    let keys: RedisKeys
    let address: Result<RedisAddress, ValueError>
    /// Who this process is, for the server's other clients.
    let incarnation: String
    var observer: ((Loop, StorageEvent) -> Void)?

    private var phase = Phase.closed
    var client: RedisClient?
    var lease: RedisLease?
    /// The lease is held and this connection may commit.
    var isUp = false
    /// Before it was asked for the last time, plus its length: until then nobody else has the jobs.
    private var holdEnd = Instant.zero
    private var isFenced: StorageError?
    private var away: StorageError?
    private var isCommitting = false
    /// Commits of this node that the server has answered for, by its own count.
    var commits: Int64 = 0
    /// The server has lost what it had: the next commit has everything.
    private var putsAll = false
    private var closing: [(Loop) -> Void] = []
    private var renewal: Handle?
    /// Put by commits of which nobody knows whether they were made: removed by the next one unless it puts them.
    var uncertain: Set<JobID> = []
    private var running: Set<JobID> = []
    /// Marks to be taken back with the next commit.
    var unmarked: Set<JobID> = []
    private var inherited: Set<JobID> = []
    /// Attempts of this process that have ended since the last commit, and those of the commit under way.
    private var results = 0
    private var resultsUnderWay = 0
    // Take-over: see RedisStorage+TakeOver.swift.
    var choose: ((Loop, [JobRecord]) -> [TakeOverChoice]?)?
    var plan: RedisTakeOverPlan
    var takeOver: RedisTakeOver?
    var takeOverTimer: Handle?
    var nextReading = Instant.zero
    var isCluster = false
    /// Of a dead node, and moved by a script whose answer did not come.
    var unsettled: RedisTakeOver.Piece?
    /// What the server said against the registry; told once.
    var cannotTakeOver: String?

    private enum Phase {
        case closed
        case opening(RedisOpening)
        case open
        case closing
    }

    /// - Parameters:
    ///   - url: as ``RedisAddress`` reads it; what is wrong in it is told by ``open(on:_:)``.
    ///   - node: to which the jobs belong. Two processes with one name cannot have it at the same time.
    ///   - lease: how long a silent process keeps its hold.
    ///   - takesOver: whether it takes over jobs of nodes that died, and others may take over its own.
    public convenience init(
        url: String, node: String, lease: Interval = RedisStorage.standardLease, takesOver: Bool = true
    ) {
        var settings = Settings()
        settings.lease = lease
        settings.takesOver = takesOver
        self.init(url: url, node: node, settings: settings)
    }

    init(url: String, node: String, settings: Settings) {
        self.node = node
        var settings = settings
        // Dialled less often, a server that comes back might find the hold ended.
        settings.client.longestRetry = min(
            settings.client.longestRetry, max(Interval(nanoseconds: settings.lease.nanoseconds / 3), .milliseconds(1)))
        settings.client.firstRetry = min(settings.client.firstRetry, settings.client.longestRetry)
        self.settings = settings
        plan = RedisTakeOverPlan(node: node)
        keys = RedisKeys(node: node)
        address = Result { () throws(ValueError) in try RedisAddress(parsing: url) }
        incarnation = String(SystemRandom.seed(), radix: 16)
    }

    deinit { client?.stop() }

    public func observe(_ body: @escaping (Loop, StorageEvent) -> Void) { observer = body }

    var isOpen: Bool { if case .open = phase { true } else { false } }

    func tell(_ event: StorageEvent, _ loop: Loop) {
        if case .open = phase { observer?(loop, event) }
    }

    // MARK: Opening

    public func open(on loop: Loop, _ done: @escaping (Loop, Result<StorageContents, StorageError>) -> Void) {
        guard case .closed = phase else { preconditionFailure("RedisStorage: opened twice") }
        let address: RedisAddress
        switch self.address {
        case .success(let found): address = found
        case .failure(let error):
            loop.soon { done($0, .failure(.address(error))) }
            return
        }
        isFenced = nil
        let client = RedisClient(
            address, name: RedisLease.clientName(incarnation), times: settings.client, on: loop,
            connected: { [weak self] loop in self?.connected(loop) },
            disconnected: { [weak self] loop, failure in self?.disconnected(failure, loop) })
        self.client = client
        let opening = RedisOpening(self, client, address, began: loop.refreshNow().instant) {
            [weak self] loop, result in
            self?.opened(result, loop, done)
        }
        phase = .opening(opening)
        client.start()
    }

    private func opened(
        _ result: Result<RedisOpening.Found, StorageError>, _ loop: Loop,
        _ done: (Loop, Result<StorageContents, StorageError>) -> Void
    ) {
        switch result {
        case .success(let found):
            lease = found.lease
            promise = .redis(found.promise)
            inherited = Set(found.contents.jobs.filter(\.wasRunning).map(\.record.id))
            unmarked = found.strayMarks
            isCluster = found.isCluster
            phase = .open
            isUp = true
            away = nil
            client?.succeeded()
            holdEnd = found.held + settings.lease
            renewLater(loop)
            beginTakeOvers(loop)
            done(loop, .success(found.contents))
        case .failure(let error):
            phase = .closed
            client?.stop()
            client = nil
            done(loop, .failure(error))
        }
        if !closing.isEmpty { finishClosing(loop) }
    }

    // MARK: Connection

    private func connected(_ loop: Loop) {
        switch phase {
        case .opening(let opening): opening.connected(loop)
        case .open: takeAgain(loop)
        case .closed, .closing: break
        }
    }

    private func disconnected(_ failure: RedisFailure, _ loop: Loop) {
        switch phase {
        case .opening(let opening): opening.fail(failure, loop)
        case .open: wentAway(failure, loop)
        case .closed, .closing: break
        }
    }

    private func wentAway(_ failure: RedisFailure, _ loop: Loop) {
        isUp = false
        interruptTakeOvers(loop)
        let error = storageError(failure)
        let isNews = away?.why != error.why
        away = error
        if isNews { tell(.away(error), loop) }
    }

    func storageError(_ failure: RedisFailure) -> StorageError {
        guard case .success(let address) = address else { preconditionFailure("RedisStorage: open without an address") }
        if case .opening = phase { return failure.error(at: address, hasBeenOpen: false) }
        return failure.error(at: address, hasBeenOpen: true)
    }

    /// The arguments of the script that takes the hold.
    func takeCommand(from dead: String = "") -> RESPCommand {
        RedisScript.take.command(
            keys,
            [
                holder, "\(settings.lease.millisecondsRoundedUp)", RedisKeys.format,
                "\(String(SystemRandom.seed(), radix: 16))", lease?.store ?? "", lease?.token ?? "", dead,
                "\(commits)",
            ])
    }

    private var holder: String { holder(taker: nil) }

    func holder(taker: String?) -> String {
        RedisLease.Holder(
            incarnation: incarnation, pid: SystemProgram.pid, host: Self.host, connection: client?.connectionID ?? 0,
            taker: taker
        ).text
    }

    private static let host: String = {
        let name = (try? Files.read("/proc/sys/kernel/hostname", limit: 256)) ?? []
        return String(decoding: name, as: UTF8.self).filter { $0 != "|" && !$0.isWhitespace }
    }()

    /// On a new connection: the old one may still have commands under way, which a new token shuts out.
    private func takeAgain(_ loop: Loop) {
        let asked = loop.refreshNow().instant
        client?.send(takeCommand()) { [weak self] loop, result in
            guard let self, case .open = self.phase else { return }
            switch result {
            case .success(let reply): self.taken(RedisLease.Taking(reply), asked: asked, loop)
            case .failure(let failure):
                // A connection that ended has said so itself.
                if case .refused = failure { self.client?.reset(failure) }
            }
        }
    }

    private func taken(_ taking: RedisLease.Taking?, asked: Instant, _ loop: Loop) {
        guard case .success(let address) = address else { return }
        switch taking {
        case .taken(let lease, let hasLost):
            self.lease = lease
            holdEnd = asked + settings.lease
            if hasLost {
                uncertain = []
                putsAll = true
                commits = 0
                tell(.lost(.lost(address, node: node)), loop)
            }
            // What became ours without a word is found before anything is put in the place of all there is.
            settleMove(loop) { [weak self] loop in self?.goOn(loop) }
        case .fenced(let holder), .held(let holder as RedisLease.Holder?, _, _): fence(by: holder, loop)
        case .format(let found): fence(.format(found, address, node: node), loop)
        case .broken(let index, let records):
            fence(
                .unreadable("-", address, node: node, "\(index) jobs are in its index and \(records) are there"), loop)
        case nil: client?.reset(.unexpected(command: "EVAL"))
        }
    }

    private func goOn(_ loop: Loop) {
        isUp = true
        away = nil
        client?.succeeded()
        renewLater(loop)
        sendMarks(running)
        beginTakeOvers(loop)
        tell(.back, loop)
    }

    /// The end of this storage: everything fails from now on.
    private func fence(_ error: StorageError, _ loop: Loop) {
        guard isFenced == nil else { return }
        isFenced = error
        isUp = false
        interruptTakeOvers(loop)
        client?.stop()
        tell(.failed(error), loop)
    }

    /// Another process has the jobs. The attempts of this one, ended or not, are counted where the jobs were, for
    /// whoever looks for their results.
    private func fence(by holder: RedisLease.Holder?, _ loop: Loop) {
        guard isFenced == nil, case .success(let address) = address else { return }
        let late = results + running.count
        if late > 0, client?.isReady == true {
            // A commit under way counts its own.
            client?.send(RESPCommand("HINCRBY", keys.meta, "late", "\(late)"), isUrgent: true) { _, _ in }
        }
        fence(.fenced(address, node: node, by: holder, late: late + resultsUnderWay), loop)
    }

    // MARK: Lease

    private func renewLater(_ loop: Loop) {
        if let renewal { loop.cancel(renewal) }
        renewal = nil
        guard settings.isRenewed else { return }
        let wait = settings.renewalOrThird
        renewal = loop.schedule(after: wait) { [weak self] loop in
            guard let self, case .open = self.phase else { return }
            self.renewal = nil
            self.renewLater(loop)
            if self.isUp { self.renew(loop) }
        }
        nextReading = loop.now.instant + wait
    }

    private func renew(_ loop: Loop) {
        guard let token = lease?.token else { return }
        let words = [token, holder, "\(settings.lease.millisecondsRoundedUp)"]
        let asked = loop.refreshNow().instant
        client?.send(RedisScript.renew.command(keys, words)) { [weak self] loop, result in
            guard let self, case .open = self.phase, self.lease?.token == token else { return }
            switch result {
            case .success(let reply):
                guard let word = RedisLease.Word(reply) else { return }
                if word == .done { self.renewed(asked, loop) }
                self.heard(word, loop)
            // A lost connection tells of itself; what the server refuses, the next commit will meet too.
            case .failure: break
            }
        }
        readRegistry(loop)
    }

    private func renewed(_ asked: Instant, _ loop: Loop) {
        let wasOver = !mayRun(at: loop.now.instant)
        holdEnd = max(holdEnd, asked + settings.lease)
        if wasOver { tell(.back, loop) }
    }

    public func mayRun(at instant: Instant) -> Bool { instant < holdEnd }

    /// What an answer says of the hold.
    func heard(_ word: RedisLease.Word, _ loop: Loop) {
        guard case .success(let address) = address else { return }
        switch word {
        case .done: break
        case .lost:
            guard isUp else { return }
            isUp = false
            away = .lost(address, node: node)
            takeAgain(loop)
        case .fenced(let holder): fence(by: holder, loop)
        }
    }

    // MARK: Commit

    public func commit(
        _ changes: StorageChanges, on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void
    ) {
        precondition(!isCommitting, "RedisStorage: a commit was begun while another one was under way")
        guard case .open = phase else { preconditionFailure("RedisStorage: a commit while it is not open") }
        guard case .success(let address) = address else { return }
        isCommitting = true
        guard isUp, isFenced == nil, let token = lease?.token else {
            let error = isFenced ?? away ?? storageError(.closed("there is no connection to it"))
            loop.soon { [self] loop in endCommit(.failure(error), loop, done) }
            return
        }
        let batch = RedisBatch(changes, alsoRemoving: uncertain, unmarking: unmarked, results: results)
        if let error = batch.problem(address, node: node) {
            loop.soon { [self] loop in endCommit(.failure(error), loop, done) }
            return
        }
        unmarked = []
        resultsUnderWay = results
        results = 0
        client?.send(batch.command(keys, token: token, replacingAll: putsAll)) { [self] loop, result in
            endCommit(committed(batch, token, result, loop), loop, done)
        }
    }

    private func committed(
        _ batch: RedisBatch, _ token: String, _ result: Result<RESPValue, RedisFailure>, _ loop: Loop
    ) -> Result<Void, StorageError> {
        guard case .success(let address) = address else { return .success(()) }
        var failure = RedisFailure.unexpected(command: "EVAL")
        defer { resultsUnderWay = 0 }
        switch result {
        case .success(let reply):
            if let word = RedisLease.Word(reply) {
                if word == .done {
                    uncertain.subtract(batch.settled)
                    putsAll = false
                    commits = reply.elements?.last?.int ?? commits
                    return .success(())
                }
                unmarked.formUnion(batch.unmarked)
                heard(word, loop)
                results += resultsUnderWay
                return .failure(isFenced ?? .lost(address, node: node))
            }
            client?.reset(failure)
        case .failure(let reason): failure = reason
        }
        results += resultsUnderWay
        unmarked.formUnion(batch.unmarked.subtracting(running))
        if !failure.isCertain { uncertain.formUnion(batch.puts) }
        return .failure(isFenced ?? storageError(failure))
    }

    private func endCommit(
        _ result: Result<Void, StorageError>, _ loop: Loop, _ done: (Loop, Result<Void, StorageError>) -> Void
    ) {
        isCommitting = false
        done(loop, result)
        if !closing.isEmpty { finishClosing(loop) }
    }

    // MARK: Marks

    public func markRunning(_ id: JobID) {
        running.insert(id)
        inherited.remove(id)
        unmarked.remove(id)
        sendMarks([id])
    }

    /// Told to the kernel at once: a job that ends this process in the next moment is marked. The answer is not waited
    /// for, and without a connection there is no mark.
    private func sendMarks(_ ids: Set<JobID>) {
        guard isUp, !ids.isEmpty, let token = lease?.token else { return }
        let command = RedisScript.mark.command(keys, [token] + ids.map(\.description))
        client?.send(command, isUrgent: true) { _, _ in }
    }

    public func unmarkRunning(_ id: JobID) {
        if running.remove(id) != nil { results += 1 }
        inherited.remove(id)
        unmarked.insert(id)
    }

    public func clearInheritedMarks() {
        unmarked.formUnion(inherited)
        inherited = []
        guard isUp, !unmarked.isEmpty, !isCommitting, let token = lease?.token else { return }
        let batch = RedisBatch(unmarking: unmarked, results: 0)
        // Taken back again by the next commit, should this one not arrive; that does no harm if it did.
        client?.send(batch.command(keys, token: token)) { _, _ in }
    }

    // MARK: Closing

    public func close(on loop: Loop, _ done: @escaping (Loop) -> Void) {
        switch phase {
        case .closed:
            loop.soon(done)
        case .closing:
            closing.append(done)
        case .opening:
            closing.append(done)
        case .open:
            closing.append(done)
            if !isCommitting { finishClosing(loop) }
        }
    }

    private func finishClosing(_ loop: Loop) {
        guard case .open = phase else {
            return loop.soon { [self] loop in hasClosed(loop) }
        }
        phase = .closing
        if let renewal { loop.cancel(renewal) }
        renewal = nil
        defer { interruptTakeOvers(loop) }
        guard isUp, let token = lease?.token, let client else {
            return loop.soon { [self] loop in hasClosed(loop) }
        }
        if !unmarked.isEmpty {
            let batch = RedisBatch(unmarking: unmarked, results: 0)
            client.send(batch.command(keys, token: token)) { _, _ in }
        }
        leaveRegistry(loop)
        client.send(RedisScript.release.command(keys, [token])) { [self] loop, _ in hasClosed(loop) }
    }

    private func hasClosed(_ loop: Loop) {
        phase = .closed
        isUp = false
        client?.stop()
        client = nil
        lease = nil
        observer = nil
        choose = nil
        let bodies = closing
        closing = []
        for body in bodies { body(loop) }
    }
}
