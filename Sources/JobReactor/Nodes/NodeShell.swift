import JRBase
import JRCore
import JRReactor
import JRStorage
import JRSystem
import JRWire

/// The shell of ``NodeEngine``: links, storage, timers and the running of attempts, all on one reactor's thread.
///
/// Events go into the engine as they come; what follows is done once, at the end of the turn.
final class NodeShell: PeerLinkOwner {
    let configuration: NodeConfiguration
    let loop: Loop
    let host: NodeHost
    let storage: any JobStorage
    private let observe: @Sendable (NodeEvent) -> Void
    let definitions: [String: JobDefinition]
    /// That of the last attempt: most jobs are like the one before them.
    var latestDefinition: JobDefinition?
    // SAFETY: the engine calls nobody, so that no access to it can begin within another one.
    @exclusivity(unchecked) var engine: NodeEngine
    private var links: [LinkID: PeerLink] = [:]
    private var listener: Listener?
    /// The dialler that made a link.
    private var diallers: [LinkID: Dialler] = [:]
    private var allDiallers: [Dialler] = []
    private var nextLink = 1
    private var timer: (handle: Handle, deadline: Instant)?
    // SAFETY: one word, and nobody is called while it is looked at or set.
    @exclusivity(unchecked) private var isTurnPlanned = false
    /// Made once, and not for every turn.
    private lazy var endOfTurn: (Loop) -> Void = { [weak self] _ in self?.finishTurn() }
    /// Taken from the engine and done; kept for its memory.
    private var actions: [LinkAction] = []
    private var hasToldRecovery = false
    private var hasToldDrained = false
    /// It is to end when it is drained, and not only to pause.
    private var isLeaving = false
    /// How many jobs it held when it last said that it is paused; nil before.
    private var toldPaused: Int?
    private var isPauseLookPlanned = false
    let counting = JobCounting()
    /// Storage is closed, or about to be: what still ends is not heard any more.
    // SAFETY: one word, and nobody is called while it is looked at or set.
    @exclusivity(unchecked) private(set) var isClosed = false
    /// What was last said of storage that takes nothing; nil while it works.
    private var storageTrouble: String?
    /// So that what is the same at every try is said once.
    private var lastTakeOver: TakeOverReport?
    /// Itself, from start to drained.
    private var whileRunning: NodeShell?
    /// Jobs that are read in a turn of each link, and synchronous attempts made in it, at the most. What is not written
    /// to disk first is told at the end of the turn, and the application is at work on it while the next ones run.
    let jobsPerTurn: Int
    /// Attempts that can be told to end.
    // SAFETY: no access to it calls anybody.
    @exclusivity(unchecked) var running: [AttemptID: RunningAttempt] = [:]

    init(_ configuration: NodeConfiguration, on loop: Loop, _ observe: @escaping @Sendable (NodeEvent) -> Void) {
        self.configuration = configuration
        self.loop = loop
        self.observe = observe
        let unstored = UnstoredJobs()
        host = NodeHost(
            node: configuration.settings.name, reactor: loop.reactor, distributors: configuration.distributors,
            unstored: LoopBound(unstored, loop))
        definitions = configuration.registry.definitions
        storage = configuration.storage.make(configuration)
        jobsPerTurn = storage.keepsRecords ? PeerLink.messagesPerStoredTurn : PeerLink.messagesPerTurn
        let lanes = definitions.mapValues { definition in
            if case .program = definition.work { Lane.program } else { Lane.loop }
        }
        engine = NodeEngine(
            settings: configuration.settings, session: .fresh(at: loop.now.wall),
            incarnation: configuration.incarnation, promise: storage.promise.word, lanes: lanes)
        unstored.changed = { [weak self] count in
            self?.engine.unstoredElsewhere(count)
            self?.planTurn()
        }
    }

    func start(listening socket: ListeningSocket?) {
        whileRunning = self
        watchSlices()
        storage.observe { [weak self] loop, event in self?.heard(event, loop) }
        storage.takeOver { [weak self] _, records in self?.engine.takeOverChoices(records) }
        openStorage(listening: socket)
    }

    /// A storage that is away is tried until it is there: the node takes no jobs before, and says so.
    private func openStorage(listening socket: ListeningSocket?) {
        storage.open(on: loop) { [self] loop, result in
            switch result {
            case .success(var found):
                if found.report.tornBytes > 0 { log(.warning, "\(found.report)") }
                for warning in found.report.warnings { log(.warning, warning) }
                engine.lateResults = found.report.lateResults
                tellStorageWorks()
                engine.promise = storage.promise.word
                var waiting = WaitingJobs()
                swap(&waiting, &found.waiting)
                engine.recovered(found.jobs, waiting: waiting, at: loop.now)
                accept(socket)
                planTurn()
            case .failure(let error):
                if hasToldDrained { return }
                guard error.code == .unavailable else { return observe(.failed(JobReactorError(error))) }
                tellTrouble(error)
                loop.schedule(after: .seconds(Int64(1))) { [self] _ in
                    if !hasToldDrained { openStorage(listening: socket) }
                }
            }
        }
    }

    private func accept(_ socket: ListeningSocket?) {
        guard let socket else { return }
        do throws(SystemError) {
            listener = try socket.open(on: loop) { [weak self] _, connection in self?.opened(connection, by: nil) }
        } catch {
            log(.error, "cannot accept connections on \(socket.address): \(error)")
        }
    }

    private var hello: Hello {
        var hello = engine.hello
        hello.heartbeat = configuration.heartbeat
        return hello
    }

    private func opened(_ connection: Connection, by dialler: Dialler?) {
        let id = LinkID(nextLink)
        nextLink += 1
        links[id] = PeerLink(
            connection, id: id, hello: hello, dialled: dialler != nil, owner: self, messagesPerTurn: jobsPerTurn,
            on: loop)
        diallers[id] = dialler
    }

    // MARK: Links

    /// Only once what storage held is taken over: a distributor then hears of all jobs at once.
    private func dialDistributors() {
        for address in configuration.distributors {
            var made: Dialler?
            let dialler = Dialler(
                to: [address], seed: SystemRandom.seed(),
                connected: { [weak self] _, connection in self?.opened(connection, by: made) },
                failed: { [weak self] reason, wait in
                    self?.observe(.disconnected(distributor: "\(address)", reason: reason, retryAfter: wait))
                })
            made = dialler
            allDiallers.append(dialler)
            dialler.dial(on: loop)
        }
    }

    func linkOpened(_ link: PeerLink, _ hello: Hello) {
        diallers[link.id]?.succeeded()
        engine.linkOpened(link.id, hello, at: loop.now)
        observe(.connected(distributor: link.peer))
        planTurn()
    }

    func link(_ link: PeerLink, received messages: inout Arrivals) {
        Self.take(&messages, from: link.id, at: loop.now, &engine)
        planTurn()
    }

    private static func take(
        _ messages: inout Arrivals, from link: LinkID, at now: Now, _ engine: inout NodeEngine
    ) {
        while let message = messages.next() { engine.received(message, from: link, at: now) }
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        links[link.id] = nil
        if link.hello != nil { engine.linkClosed(link.id, at: loop.now) }
        diallers.removeValue(forKey: link.id)?.dialAgain(reason, on: loop)
        planTurn()
    }

    // MARK: Turns

    func planTurn() {
        guard !isTurnPlanned, !isClosed else { return }
        isTurnPlanned = true
        loop.atEndOfTurn(endOfTurn)
    }

    private func finishTurn() {
        isTurnPlanned = false
        guard !isClosed else { return }
        runReady()
        if let batch = engine.takeBatch(at: loop.now, keepsRecords: storage.keepsRecords) { commit(batch) }
        var actions: [LinkAction] = []
        swap(&actions, &self.actions)
        engine.takeActions(into: &actions)
        self.actions = send(Outgoing(consume actions)).emptied()
        for cancellation in engine.takeCancellations() { stop(cancellation) }
        let end = engine.lookAtEndOfTurn()
        if end.isRecovered, !hasToldRecovery { tellRecovery() }
        armTimer(for: end.nextDeadline)
        if counting.isWatched { counting.look(at: engine.counts, on: loop) }
        guard end.isDrained, !hasToldDrained else { return }
        if isLeaving { finishDrain() } else { tellPaused() }
    }

    /// Once it is so, and again when jobs have left: not at once, since each look goes over all jobs.
    private func tellPaused() {
        let stored = engine.counts.stored
        if toldPaused == nil {
            toldPaused = stored
            observe(.paused(engine.holdings))
        } else if toldPaused != stored, !isPauseLookPlanned {
            isPauseLookPlanned = true
            loop.schedule(after: .milliseconds(50)) { [weak self] _ in
                guard let self else { return }
                self.isPauseLookPlanned = false
                if self.toldPaused != nil { self.toldPaused = nil }
                self.planTurn()
            }
        }
    }

    private func send(_ outgoing: consuming Outgoing) -> Outgoing {
        while let step = outgoing.next() {
            switch step {
            case .send(let link): links[link]?.send(&outgoing, on: loop)
            case .refuse(let link, let code, let text): links[link]?.refuse(code, text, on: loop)
            }
        }
        return outgoing
    }

    private func commit(_ batch: StorageBatch) {
        storage.commit(batch.changes, on: loop) { [weak self] loop, result in
            guard let self else { return }
            switch result {
            case .success:
                self.tellStorageWorks()
                self.engine.committed(batch.number, at: loop.now)
            case .failure(let error) where error.isRetryable:
                self.tellTrouble(error)
                self.engine.commitFailed(batch.number, at: loop.now, error.code == .full ? .full : .away)
            case .failure(let error):
                self.observe(.failed(JobReactorError(error)))
                return
            }
            self.planTurn()
        }
    }

    private func heard(_ event: StorageEvent, _ loop: Loop) {
        switch event {
        case .away(let error):
            tellTrouble(error)
            engine.storageWentAway()
        case .back:
            tellStorageWorks()
            engine.storageCameBack()
        case .lost(let error):
            log(.error, "\(error)")
            engine.storageLost()
        case .failed(let error):
            observe(.failed(JobReactorError(error)))
        case .trouble(let error):
            log(.error, "\(error)")
        case .tookOver(let jobs, _):
            engine.tookOver(jobs, at: loop.refreshNow())
        case .takeOverEnded(let report):
            tell(report)
        }
        planTurn()
    }

    private func tell(_ report: TakeOverReport) {
        let isNew = lastTakeOver?.node != report.node || lastTakeOver?.stopped != report.stopped
        lastTakeOver = report
        guard report.taken > 0 || (isNew && (report.left > 0 || report.stopped != nil)) else { return }
        log(.warning, "\(report)")
    }

    /// Once for each kind of trouble, and not at every try.
    private func tellTrouble(_ error: StorageError) {
        let text = "\(error)"
        guard storageTrouble != text else { return }
        storageTrouble = text
        log(.error, text)
    }

    private func tellStorageWorks() {
        guard storageTrouble != nil else { return }
        storageTrouble = nil
        log(.warning, "the storage takes jobs again")
    }

    private func tellRecovery() {
        hasToldRecovery = true
        storage.clearInheritedMarks()
        observe(.recovered(engine.recovery))
        dialDistributors()
        planTurn()
    }

    /// A timer that is early already stays, and looks again when it fires: most deadlines go before they come.
    private func armTimer(for deadline: Instant?) {
        guard let deadline else { return }
        if let timer {
            if timer.deadline <= deadline { return }
            loop.cancel(timer.handle)
        }
        let handle = loop.schedule(at: deadline) { [weak self] loop in
            guard let self else { return }
            self.timer = nil
            self.engine.timersFired(at: loop.now)
            self.planTurn()
        }
        timer = (handle, deadline)
    }

    // MARK: Stop

    /// Takes and starts no more jobs until ``resume()``; says when none runs any more.
    func pause(finishingReady: Bool) {
        guard !isLeaving else { return }
        engine.drain(finishingReady: finishingReady)
        toldPaused = nil
        planTurn()
    }

    func resume() {
        guard !isLeaving else { return }
        engine.resume()
        planTurn()
    }

    func drain(limit: Interval) {
        isLeaving = true
        engine.drain(finishingReady: configuration.storage == .memory)
        loop.schedule(after: limit) { [weak self] _ in
            guard let self, !self.hasToldDrained else { return }
            self.log(
                .warning, "\(self.engine.runningCount) attempts were cut off: their jobs run again at the next start")
            self.finishDrain()
        }
        planTurn()
    }

    private func finishDrain() {
        hasToldDrained = true
        for dialler in allDiallers { dialler.stop(on: loop) }
        var programs: [RunningProgram] = []
        // Cut off by the node in good order: no death that the job could be to blame for.
        for attempt in running.keys { engine.jobID(of: attempt).map(storage.unmarkRunning) }
        for attempt in running.values {
            if case .program(let program, _) = attempt { programs.append(program) } else { attempt.cancel(.requested) }
        }
        listener?.close()
        host.stop()
        for link in links.values { link.closeAfterFlush() }
        isClosed = true
        RunningProgram.abandon(programs, on: loop) { [self] loop in
            storage.close(on: loop) { [self] _ in
                observe(.drained)
                whileRunning = nil
            }
        }
    }

    func log(_ level: LogEntry.Level, job: JobID? = nil, _ text: @autoclosure () -> String) {
        guard let log = configuration.log, level >= log.level else { return }
        log(LogEntry(level: level, time: loop.now.wall, source: configuration.settings.name, job: job, text: text()))
    }

    /// The distributor behind a link, as it calls itself.
    func distributorName(_ link: LinkID?) -> String? { link.flatMap { links[$0]?.hello?.name } }
}
