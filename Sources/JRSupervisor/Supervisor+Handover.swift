import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// The program that a supervisor becomes when it is asked to.
public struct Successor: Sendable {
    /// The path that this one was started by: another file may be there now.
    public var executable: String
    public var arguments: [String]
    /// Of this one: `jr-supervisor 1.2.3`.
    public var name: String
    public var isDetached: Bool

    /// - Parameters:
    ///   - executable: Absolute.
    ///   - arguments: `argv`, as this program has it.
    ///   - name: This program's, with its version.
    ///   - isDetached: Whether it runs in the background.
    public init(executable: String, arguments: [String], name: String, isDetached: Bool) {
        self.executable = executable
        self.arguments = arguments
        self.name = name
        self.isDetached = isDetached
    }
}

extension Successor {
    /// What this program was started as, which may be a link that is set to another file meanwhile.
    ///
    /// - Parameters:
    ///   - name: This program's, with its version.
    ///   - isDetached: Whether it runs in the background.
    public static func ofThisProgram(_ name: String, isDetached: Bool) -> Successor? {
        guard let file = try? Files.currentExecutable() else { return nil }
        let arguments = CommandLine.arguments
        var executable = file
        if case .success(let path) = Executables.find(
            arguments.first ?? "", searchPath: SystemProgram.environment["PATH"]),
            let here = try? Files.currentDirectory(), (try? Files.realPath(path)) == file
        {
            executable = Paths.resolve(path, in: here)
        }
        return Successor(executable: executable, arguments: arguments, name: name, isDetached: isDetached)
    }
}

/// A `re-exec` on its way.
final class Exchange {
    let client: ControlClientConnection
    let successor: Successor
    let file: ManifestFile
    /// When what is not written by then stops it.
    var deadline = Instant.distantFuture

    init(_ client: ControlClientConnection, _ successor: Successor, _ file: ManifestFile) {
        self.client = client
        self.successor = successor
        self.file = file
    }
}

/// `re-exec`: becoming the new program, with all children.
extension Supervisor {
    /// How long files may take to have what was read so far.
    private static let writingTime = Interval.seconds(4 as Int64)

    /// Tries the new program first, which reads what would be handed over and says whether it understands it.
    func reExec(_ client: ControlClientConnection) throws(SupervisorError) {
        guard let successor = options.successor, !options.untilIdle else {
            throw SupervisorError(
                exitCode: SupervisorError.unavailable,
                "a run that ends by itself (exec, --until-idle) goes on with the program that it was started with")
        }
        guard exchange == nil else { throw inMotion("another re-exec goes on") }
        try checkRest()
        let exchange = Exchange(client, successor, try manifestThatRuns())
        guard let handover = handover(exchange) else { throw inMotion("an instance has just ended") }
        self.exchange = exchange
        do throws(SystemError) {
            let trial = try Trial(handover)
            try trial.begin(successor, on: loop) { [weak self] refusal in
                guard let self else { return }
                guests.removeAll { !$0.isRunning }
                if let refusal { return giveUp(exchange, SupervisorError.unavailable, refusal) }
                exchange.deadline = loop.refreshNow().instant + Supervisor.writingTime
                settle(exchange)
            } started: {
                guests.append($0)
            }
        } catch {
            self.exchange = nil
            throw SupervisorError(
                exitCode: SupervisorError.unavailable, "\(successor.executable) cannot be run: \(error); all goes on")
        }
    }

    private func inMotion(_ what: String) -> SupervisorError {
        SupervisorError(
            exitCode: SupervisorError.inUse,
            "\(what): a re-exec is done when nothing is in motion; `jr-supervisor wait ready` waits for that")
    }

    private func giveUp(_ exchange: Exchange, _ code: Int32, _ why: String) {
        guard self.exchange === exchange else { return }
        self.exchange = nil
        for slot in slots { slot.holdReading(false) }
        note("no re-exec: \(why)")
        exchange.client.fail(code, "\(why)\nnothing was changed: \(exchange.successor.name) goes on")
    }

    // MARK: Whether it can be done now

    private func checkRest() throws(SupervisorError) {
        if cluster.goingDown != nil || isEnding {
            throw SupervisorError(exitCode: SupervisorError.inUse, "everything is going down")
        }
        if let operation = desk.open.first {
            throw inMotion("\(operation.verb.rawValue) of \(names(operation.positions)) goes on")
        }
        if options.endsWhenNotReady, !startTold { throw inMotion("the start is not over") }
        if let position = cluster.inMotion.first {
            let state = cluster.members[position].machine.state.rawValue
            throw inMotion("\(plan.instances[position].name) is \(state)")
        }
        for position in slots.indices {
            let (machine, slot) = (cluster.members[position].machine, slots[position])
            let isWhole = machine.pid == nil || slot.child?.isRunning == true
            let isGone = !plan.retired.contains(position) || slot.handedOutputs?.isEmpty == true
            guard isWhole, isGone else { throw inMotion("\(plan.instances[position].name) has just ended") }
        }
        let stopped = control?.stopped ?? []
        guard stopped.isEmpty else {
            let pids = stopped.map { "\($0)" }.joined(separator: ", ")
            throw inMotion("a drill has stopped pid \(pids)")
        }
    }

    /// The file as it is now, if it is what runs; how many there are of each may differ (`scale`).
    private func manifestThatRuns() throws(SupervisorError) -> ManifestFile {
        guard let reread else {
            throw SupervisorError(
                exitCode: SupervisorError.unavailable, "this cluster was not started from a manifest")
        }
        let file: ManifestFile
        do throws(SupervisorError) {
            file = try reread()
        } catch {
            throw SupervisorError(
                exitCode: error.exitCode, error.message.exchanging("nothing was started", for: "nothing was changed"))
        }
        let change = PlanChange(from: plan, to: file.plan)
        var differing = change.refusals + change.differences.map(\.entry)
        differing += change.growths.filter(\.isNew).map(\.entry) + change.losses.filter(\.isWhole).map(\.entry)
        guard differing.isEmpty else {
            throw SupervisorError(
                exitCode: SupervisorError.configuration,
                "\(file.path) is not what runs (\(differing.joined(separator: ", "))): see"
                    + " `jr-supervisor reload --dry-run`, and `reload` first")
        }
        try checkFallbacks()
        return file
    }

    /// What a roll went back to is started again as the manifest says it, if it says the same.
    private func checkFallbacks() throws(SupervisorError) {
        let other = plan.live.filter { position in
            guard var instance = slots[position].fallback?.instance else { return false }
            instance.after = plan.instances[position].after
            return instance != plan.instances[position]
        }
        guard other.isEmpty else {
            throw SupervisorError(
                exitCode: SupervisorError.configuration,
                "\(names(other)) would be started again as before the roll that was taken back, which the manifest does"
                    + " not say: `jr-supervisor restart` it first, or `reload`")
        }
    }

    // MARK: Doing it

    /// Waits until all that was read is in its file, while nothing more is read.
    private func settle(_ exchange: Exchange) {
        guard self.exchange === exchange else { return }
        showHeldBack()
        for slot in slots { slot.holdReading(true) }
        flushAll { [weak self] loop in
            // A closed stream says so within this turn.
            loop.soon { _ in self?.become(exchange) }
        }
    }

    private func become(_ exchange: Exchange) {
        guard self.exchange === exchange else { return }
        loop.refreshNow()
        do throws(SupervisorError) {
            try checkRest()
        } catch {
            return giveUp(exchange, error.exitCode, error.message)
        }
        for slot in slots { slot.holdReading(true) }
        let isWritten = ownLog.waitingBytes == 0 && events.isWritten && slots.allSatisfy(\.log.isWritten)
        guard isWritten, let handover = handover(exchange) else {
            if loop.now.instant < exchange.deadline { return settle(exchange) }
            let limit = Durations.format(Supervisor.writingTime)
            return giveUp(
                exchange, SupervisorError.inputOutput,
                "the log files did not take what is to be written within \(limit)")
        }
        writeState()
        if !statusDesk.watchers.isEmpty { for slot in slots { slot.say("unwatch") } }
        control?.dismiss(except: exchange.client)
        exchange.client.sendNow()
        loop.holdSignals()
        let error = execute(exchange.successor, handover)
        loop.releaseSignals()
        giveUp(exchange, SupervisorError.unavailable, "\(exchange.successor.executable) cannot be run: \(error)")
    }

    /// Comes back only with an error.
    private func execute(_ successor: Successor, _ handover: Handover) -> SystemError {
        do throws(SystemError) {
            let file = try Inheritance.file(of: handover)
            return Processes.become(
                successor.executable, arguments: successor.arguments,
                environment: Inheritance.environment("\(file.raw)"), keeping: handover.descriptors + [file.raw])
        } catch {
            return error
        }
    }

    // MARK: What is handed over

    /// Nil while a stream is closed and that was not told yet.
    private func handover(_ exchange: Exchange) -> Handover? {
        guard let control = control?.rawDescriptor else { return nil }
        var handover = Handover(
            manifestPath: exchange.file.path, manifest: exchange.file.source, lock: lock.rawDescriptor,
            control: control)
        handover.isDetached = exchange.successor.isDetached
        handover.wasReady = wasReady
        handover.controlGroup = controlGroup?.path
        handover.startedAt = startedAt
        handover.openFiles = openFiles.map { Handover.OpenFiles(soft: $0.soft, hard: $0.hard) }
        handover.client = exchange.client.rawDescriptor
        handover.keptExecutables = keptExecutables.last
        for position in plan.instances.indices where !plan.retired.contains(position) {
            guard let instance = handed(position) else { return nil }
            handover.instances.append(instance)
        }
        return handover
    }

    private func handed(_ position: Int) -> Handover.Instance? {
        let slot = slots[position]
        guard let outputs = slot.handedOutputs else { return nil }
        let planned = plan.instances[position]
        var instance = Handover.Instance(
            place: planned.place, name: planned.name, memory: cluster.members[position].machine.memory)
        instance.startTime = slot.startTime
        instance.controlGroup = slot.controlGroup?.path
        instance.changedAt = slot.changedAt
        instance.port = slot.port
        instance.words = slot.words
        instance.jobs = slot.jobs
        instance.jobsAtDeath = slot.jobsAtDeath
        instance.recovered = slot.recovered
        instance.outLines = slot.sequences.last(.out)
        instance.errLines = slot.sequences.last(.err)
        instance.outputs = outputs
        instance.launch = slot.launch?.handed
        instance.proven = slot.proven?.handed
        instance.fallback = slot.fallback?.handed
        guard slot.child?.isRunning == true else { return instance }
        instance.ready = slot.ready?.handed
        instance.notices = slot.notices?.handed
        instance.said = slot.said
        instance.lifeline = slot.lifeline?.raw
        return instance
    }
}

extension Launch {
    fileprivate var handed: Handover.Kept { Handover.Kept(executable: executable?.path, jobs: jobs) }
}
