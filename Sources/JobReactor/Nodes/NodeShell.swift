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
    /// Attempts of synchronous jobs made in a turn before connections are looked at again, at the most.
    private static let runsPerTurn = 512
    /// And the time after which no further one is begun in the turn.
    private static let timePerTurn = Interval.milliseconds(2)

    private let configuration: NodeConfiguration
    private let loop: Loop
    private let storage: any JobStorage
    private let observe: @Sendable (NodeEvent) -> Void
    private let definitions: [String: JobDefinition]
    private var engine: NodeEngine
    private var links: [LinkID: PeerLink] = [:]
    private var diallers: [LinkID: Dialler] = [:]
    private var allDiallers: [Dialler] = []
    private var nextLink = 1
    private var timer: (handle: Handle, deadline: Instant)?
    private var isTurnPlanned = false
    private var hasToldRecovery = false
    private var hasToldDrained = false
    private var isClosed = false
    /// Itself, from start to drained.
    private var whileRunning: NodeShell?
    private var programs: [AttemptID: RunningProgram] = [:]

    init(_ configuration: NodeConfiguration, on loop: Loop, _ observe: @escaping @Sendable (NodeEvent) -> Void) {
        self.configuration = configuration
        self.loop = loop
        self.observe = observe
        definitions = configuration.registry.definitions
        storage = configuration.storage.make()
        let lanes = definitions.mapValues { definition in
            if case .program = definition.work { Lane.program } else { Lane.loop }
        }
        let random = (SystemRandom.seed(), SystemRandom.seed())
        engine = NodeEngine(
            settings: configuration.settings, session: JobID(at: loop.now.wall, random: random),
            incarnation: configuration.incarnation, promise: storage.promise.word, lanes: lanes)
    }

    func start() {
        whileRunning = self
        storage.open(on: loop) { [self] loop, result in
            switch result {
            case .success(let found):
                if found.report.tornBytes > 0 { log(.warning, "\(found.report)") }
                engine.recovered(found.jobs, at: loop.now)
                planTurn()
            case .failure(let error):
                observe(.failed(JobReactorError(error)))
            }
        }
    }

    // MARK: Links

    /// Only once what storage held is taken over: a distributor then hears of all jobs at once.
    private func dialDistributors() {
        for address in configuration.distributors {
            var linkID: LinkID?
            let dialler = Dialler(
                to: address, seed: SystemRandom.seed(),
                connected: { [weak self] loop, connection in
                    guard let self else { return }
                    let id = LinkID(self.nextLink)
                    self.nextLink += 1
                    linkID = id
                    self.links[id] = PeerLink(connection, id: id, hello: self.engine.hello, owner: self, on: loop)
                    self.diallers[id] = self.allDiallers.first { $0.address == address }
                },
                failed: { [weak self] reason, wait in
                    _ = linkID
                    self?.observe(
                        .disconnected(distributor: "\(address)", reason: reason, retryAfter: wait))
                })
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

    func link(_ link: PeerLink, received message: Message) {
        engine.received(message, from: link.id, at: loop.now)
        planTurn()
    }

    func linkClosed(_ link: PeerLink, reason: String) {
        links[link.id] = nil
        if link.hello != nil { engine.linkClosed(link.id, at: loop.now) }
        diallers.removeValue(forKey: link.id)?.dialAgain(reason, on: loop)
        planTurn()
    }

    // MARK: Turns

    private func planTurn() {
        guard !isTurnPlanned, !isClosed else { return }
        isTurnPlanned = true
        loop.atEndOfTurn { [weak self] _ in self?.finishTurn() }
    }

    private func finishTurn() {
        isTurnPlanned = false
        guard !isClosed else { return }
        runReady()
        if let batch = engine.takeBatch(at: loop.now) { commit(batch) }
        for action in engine.takeActions() { act(action) }
        tellRecovery()
        armTimer()
        if engine.isDrained, !hasToldDrained { finishDrain() }
    }

    private func act(_ action: LinkAction) {
        switch action {
        case .send(let link, let message): links[link]?.send(message, on: loop)
        case .refuse(let link, let code, let text): links[link]?.refuse(code, text, on: loop)
        }
    }

    private func commit(_ batch: StorageBatch) {
        storage.commit(batch.changes, on: loop) { [weak self] loop, result in
            guard let self else { return }
            switch result {
            case .success: self.engine.committed(batch.number, at: loop.now)
            case .failure(let error) where error.isRetryable:
                self.log(.error, "\(error)")
                self.engine.commitFailed(batch.number, at: loop.now)
            case .failure(let error):
                self.observe(.failed(JobReactorError(error)))
                return
            }
            self.planTurn()
        }
    }

    private func tellRecovery() {
        guard engine.isRecovered, !hasToldRecovery else { return }
        hasToldRecovery = true
        storage.clearInheritedMarks()
        observe(.recovered(engine.recovery))
        dialDistributors()
        planTurn()
    }

    private func armTimer() {
        let deadline = engine.nextDeadline
        guard timer?.deadline != deadline else { return }
        if let timer { loop.cancel(timer.handle) }
        timer = deadline.map { deadline in
            (
                loop.schedule(at: deadline) { [weak self] loop in
                    guard let self else { return }
                    self.timer = nil
                    self.engine.timersFired(at: loop.now)
                    self.planTurn()
                }, deadline
            )
        }
    }

    // MARK: Attempts

    private func runReady() {
        let start = loop.now.instant
        for count in 1...Self.runsPerTurn {
            guard let order = engine.nextRun(at: loop.now) else { return }
            run(order)
            // The clock is looked at now and then only: a look costs as much as a small job.
            if count % 16 == 0 {
                loop.refreshNow()
                if loop.now.instant - start > Self.timePerTurn { break }
            }
        }
        loop.soon { [weak self] _ in self?.planTurn() }
    }

    private func run(_ order: RunOrder) {
        let record = order.record
        guard let definition = definitions[record.request.name] else {
            let error = "node '\(configuration.settings.name)' no longer knows the job '\(record.request.name)'"
            let bytes = record.request.arguments
            ended(order, .failure(error: error, arguments: bytes, feedback: bytes, isFinal: false))
            return
        }
        storage.markRunning(record.id)
        let runner = AttemptRunner(
            definition: definition, before: JobArguments(encoded: record.request.arguments))
        switch (definition.work, order.lane) {
        case (.program(let path), _): runProgram(path, runner, order)
        case (.step, .pool) where definition.isSynchronous:
            loop.offload({ runner.run() }, then: { [weak self] _, result in self?.ended(order, result) })
        case (.step, .loop) where definition.isSynchronous: ended(order, runner.run())
        case (.step, let lane): runAwaiting(runner, order, onPool: lane == .pool)
        }
    }

    /// A task of its own, which stays on the reactor's thread unless the job asked for the pool.
    private func runAwaiting(_ runner: AttemptRunner, _ order: RunOrder, onPool: Bool) {
        let reactor = loop.reactor
        let shell = LoopBound(self, loop)
        Task(executorPreference: onPool ? nil : reactor) {
            let result = await runner.runAwaiting()
            reactor.execute { loop in shell.open(loop).ended(order, result) }
        }
    }

    private func runProgram(_ path: String, _ runner: AttemptRunner, _ order: RunOrder) {
        let record = order.record
        let program = ProgramRunner(
            path: path, workingDirectory: configuration.workingDirectory, timeout: configuration.programTimeout,
            log: { [weak self] line in self?.log(.info, "\(record.request.name): \(line)") })
        programs[order.attempt] = program.run(
            arguments: runner.before, id: record.id, name: record.request.name, attempt: record.attempt, on: loop
        ) { [weak self] _, result in
            guard let self else { return }
            self.programs[order.attempt] = nil
            switch result {
            case .success(let arguments):
                self.finishProgram(runner, order) {
                    runner.finish(arguments)
                } awaiting: {
                    await runner.finishAwaiting(arguments)
                }
            case .failure(let failure):
                self.finishProgram(runner, order) {
                    runner.fail(failure, runner.before)
                } awaiting: {
                    await runner.failAwaiting(failure, runner.before)
                }
            }
        }
    }

    private func finishProgram(
        _ runner: AttemptRunner, _ order: RunOrder, _ synchronous: () -> AttemptResult,
        awaiting: @escaping @Sendable () async -> AttemptResult
    ) {
        if runner.definition.stepsAreSynchronous {
            ended(order, synchronous())
            return
        }
        let reactor = loop.reactor
        let shell = LoopBound(self, loop)
        Task(executorPreference: reactor) {
            let result = await awaiting()
            reactor.execute { loop in shell.open(loop).ended(order, result) }
        }
    }

    private func ended(_ order: RunOrder, _ result: AttemptResult) {
        storage.unmarkRunning(order.record.id)
        if case .failure(let error, _, _, _) = result {
            log(
                .warning,
                "job \(order.record.id) (\(order.record.request.name)) attempt \(order.record.attempt): \(error)")
        }
        engine.attemptEnded(order.attempt, result, at: loop.now)
        planTurn()
    }

    // MARK: Stop

    func drain(limit: Interval) {
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
        for program in programs.values { program.cancel() }
        for link in links.values { link.closeAfterFlush() }
        isClosed = true
        storage.close(on: loop) { [self] _ in
            observe(.drained)
            whileRunning = nil
        }
    }

    private func log(_ level: LogEntry.Level, _ text: String) {
        configuration.log?(
            LogEntry(level: level, time: loop.now.wall, source: configuration.settings.name, text: text))
    }
}
