import JRBase
import JRCore
import JRJSON
import JRReactor
import JRSystem
import JRWire

/// An attempt that is under way and can be told to end.
enum RunningAttempt {
    case program(RunningProgram, AttemptCancellation)
    case task(Task<Void, Never>, AttemptCancellation)
    case thread(AttemptCancellation)

    func cancel(_ reason: AttemptCancellation.Reason) {
        switch self {
        case .program(let program, let cancellation):
            cancellation.cancel(reason)
            program.cancel()
        case .task(let task, let cancellation):
            cancellation.cancel(reason)
            task.cancel()
        case .thread(let cancellation): cancellation.cancel(reason)
        }
    }
}

/// The running of attempts: within the turn, as a task, on a thread of the pool, or as a program.
extension NodeShell {
    /// The time after which no further one is begun in the turn.
    private static let timePerTurn = Interval.milliseconds(2)

    func runReady() {
        // Not the start of the turn: a node whose turn comes late in it has the same time as the others.
        let start = loop.refreshNow().instant
        // Another node may have the jobs: storage says when they are this one's again.
        guard storage.mayRun(at: start) else { return }
        for count in 1...jobsPerTurn {
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

    private func run(_ order: consuming RunOrder) {
        // Taken over, as the end of an optional of it costs as much again.
        let order = order
        guard let definition = definition(of: order.name) else { return cannotRun(order) }
        storage.markRunning(order.id)
        if configuration.logsJobs { log(.debug, job: order.id, beginning(of: order)) }
        let isOnLoop = order.lane == .loop && definition.isSynchronous
        if isOnLoop, !configuration.mergesJobItself, let body = definition.soleBody {
            return runInTurn(order) { runAlone(body, definition, order) }
        }
        let runner = runner(definition, order, isOnLoop: isOnLoop)
        if isOnLoop { runInTurn(order) { runner.run() } } else { runElsewhere(runner, order) }
    }

    private func runner(_ definition: JobDefinition, _ order: RunOrder, isOnLoop: Bool) -> AttemptRunner {
        let needsName = configuration.mergesJobItself || definition.looksAtContext
        guard let (record, origin) = engine.job(of: order.attempt) else {
            preconditionFailure("an attempt of '\(order.name)' is over before it has run")
        }
        return AttemptRunner(
            definition, record, host: host, cancellation: isOnLoop ? nil : AttemptCancellation(),
            mergesJobItself: configuration.mergesJobItself, distributor: needsName ? distributorName(origin) : nil)
    }

    /// What most jobs are: a runner, with its copy of all that is known of the job, is made only where it fails.
    private func runAlone(_ body: JobBody, _ definition: JobDefinition, _ order: RunOrder) -> AttemptResult {
        var args = JobArguments(encoded: order.arguments)
        do {
            try body(&args)
            return .success(arguments: args.encoded)
        } catch {
            return runner(definition, order, isOnLoop: true).fail(error, args)
        }
    }

    private func cannotRun(_ order: RunOrder) {
        let error = "node '\(configuration.settings.name)' no longer knows the job '\(order.name)'"
        let bytes = order.arguments
        ended(order, .failure(error: error, arguments: bytes, feedback: bytes, isFinal: false))
    }

    /// What closures keep of it costs nothing in ``run(_:)``, for those that run within the turn.
    private func runElsewhere(_ runner: AttemptRunner, _ order: RunOrder) {
        switch (runner.definition.work, order.lane) {
        case (.program(let path), _): runProgram(path, runner, order)
        case (.step, .pool) where runner.definition.isSynchronous:
            if let cancellation = runner.cancellation { running[order.attempt] = .thread(cancellation) }
            loop.offload({ runner.run() }, then: { [weak self] _, result in self?.ended(order, result) })
        case (.step, let lane): runAwaiting(order, runner, onPool: lane == .pool) { await runner.runAwaiting() }
        }
    }

    private func definition(of name: String) -> JobDefinition? {
        if let latestDefinition, latestDefinition.name == name { return latestDefinition }
        latestDefinition = definitions[name]
        return latestDefinition
    }

    private func runInTurn(_ order: RunOrder, _ attempt: () -> AttemptResult) {
        guard let limit = configuration.slowTurn else { return ended(order, attempt()) }
        let start = SystemClock.instant()
        let result = attempt()
        let time = SystemClock.instant() - start
        if time > limit { tellSlow("job '\(order.name)'", order.id, time) }
        ended(order, result)
    }

    /// A task of its own, which stays on the reactor's thread unless the job asked for the pool.
    private func runAwaiting(
        _ order: RunOrder, _ runner: AttemptRunner, onPool: Bool, _ work: @escaping @Sendable () async -> AttemptResult
    ) {
        let reactor = loop.reactor
        let shell = LoopBound(self, loop)
        let executor: any TaskExecutor = onPool ? loop.poolExecutor : reactor
        let task = Task(executorPreference: executor) {
            let result = await work()
            reactor.execute { loop in shell.open(loop).ended(order, result) }
        }
        if let cancellation = runner.cancellation { running[order.attempt] = .task(task, cancellation) }
    }

    // MARK: Programs

    private func runProgram(_ path: String, _ runner: AttemptRunner, _ order: RunOrder) {
        let record = runner.record
        let program = ProgramRunner(
            path: path, workingDirectory: configuration.workingDirectory, timeout: configuration.programTimeout,
            log: { [weak self] line in self?.log(.info, job: record.id, "\(record.request.name): \(line)") })
        let started = program.run(
            arguments: runner.before, id: record.id, name: record.request.name, attempt: record.attempt, on: loop
        ) { [weak self] _, result in
            self?.programEnded(result, runner, order)
        }
        if let cancellation = runner.cancellation { running[order.attempt] = .program(started, cancellation) }
    }

    /// The program was the job; its callbacks and errbacks run here.
    private func programEnded(
        _ result: Result<JobArguments, ProgramFailure>, _ runner: AttemptRunner, _ order: RunOrder
    ) {
        guard runner.definition.stepsAreSynchronous else {
            return runAwaiting(order, runner, onPool: false) {
                switch result {
                case .success(let arguments): await runner.finishAwaiting(arguments)
                case .failure(let failure): await runner.failAwaiting(failure, runner.before)
                }
            }
        }
        switch result {
        case .success(let arguments): ended(order, runner.finish(arguments))
        case .failure(let failure): ended(order, runner.fail(failure, runner.before))
        }
    }

    // MARK: End

    /// As far as it can be: a synchronous body on the reactor is over before anybody could say so.
    func stop(_ cancellation: Cancellation) {
        switch cancellation.reason {
        case .requested: running[cancellation.attempt]?.cancel(.requested)
        case .timedOut(let limit): running[cancellation.attempt]?.cancel(.timedOut(limit))
        }
    }

    func ended(_ order: RunOrder, _ result: AttemptResult) {
        let id = order.id
        if !running.isEmpty { running[order.attempt] = nil }
        guard !isClosed else { return }
        // The wait for what comes next counts from now, and the turn may have begun long ago.
        if result.isFollowed(order) { loop.refreshNow() }
        if case .failure(let error, _, _, _) = result {
            log(
                .warning, job: id,
                "'\(order.name)' attempt \(order.number) has failed: \(error)")
        } else if configuration.logsJobs {
            log(.debug, job: id, "'\(order.name)' attempt \(order.number) has ended well")
        }
        if !engine.attemptEnded(order.attempt, result, at: loop.now) { storage.unmarkRunning(id) }
        planTurn()
    }

    private func beginning(of order: RunOrder) -> String {
        let arguments = configuration.logsArguments ? " with \(JobArguments(encoded: order.arguments).json.text)" : ""
        return "'\(order.name)' attempt \(order.number) begins\(arguments)"
    }

    // MARK: Slow turns

    /// Which of several waiting jobs held the reactor cannot be seen from outside: all that may have are named.
    func watchSlices() {
        guard let limit = configuration.slowTurn else { return }
        loop.watchSlices(longerThan: limit) { [weak self] _, time in
            guard let self else { return }
            let names = Set(
                self.running.compactMap { attempt, running in
                    if case .task = running { self.engine.jobName(of: attempt) } else { nil }
                })
            guard !names.isEmpty else { return }
            let named = names.sorted().prefix(8).map { "'\($0)'" }.joined(separator: ", ")
            self.tellSlow(names.count == 1 ? "job \(named)" : "one of the jobs \(named)", nil, time)
        }
    }

    private func tellSlow(_ what: String, _ job: JobID?, _ time: Interval) {
        log(
            .warning, job: job,
            "\(what) held the reactor for \(Durations.format(time)), and everything else waited: "
                + "enqueue it with the option defer, make it a program, or let it await")
    }
}

extension AttemptResult {
    /// Whether another attempt or run may follow after a wait.
    fileprivate func isFollowed(_ order: RunOrder) -> Bool {
        if case .failure = self { return true }
        return order.isPeriodic
    }
}
