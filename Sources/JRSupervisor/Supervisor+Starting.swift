import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// A process that was begun, with the ends of its pipes that it is to have.
final class BegunStart {
    let position: Int
    let incarnation: Int
    fileprivate var process: Processes.Beginning?
    fileprivate var out: Descriptor?
    fileprivate var err: Descriptor?
    fileprivate var ours: OwnPipes?
    /// Whether it did not come through `jr-exec`.
    fileprivate var isDirect = false

    fileprivate init(_ position: Int, _ incarnation: Int) {
        self.position = position
        self.incarnation = incarnation
    }
}

/// Why nothing was begun.
struct NotBegun: Error {
    let event: InstanceEvent

    init(_ event: InstanceEvent) {
        self.event = event
    }

    init(_ error: any Error) {
        switch error {
        case let error as Unfit:
            event = .spawnFailed(reason: error.reason, permanent: true)
        case let error as Executables.Missing:
            event = .spawnFailed(reason: error.reason, permanent: true)
        case let error as SystemError:
            // Without descriptors, memory or processes it may work later; anything else stays as it is.
            let passes = error.isLackOfResources || error.name == "EAGAIN"
            event = .spawnFailed(reason: "\(error)", permanent: !passes)
        default:
            event = .spawnFailed(reason: "\(error)", permanent: true)
        }
    }
}

/// Starting processes.
extension Supervisor {
    /// Memory for pipes is limited for each user; with many instances every one has to do with the usual size.
    private static let mostWithLargePipes = 64

    /// Starts the next process of an instance; ``finished(_:)`` says what became of it.
    func begin(_ position: Int, _ incarnation: Int) -> Result<BegunStart, NotBegun> {
        let instance = planned(position)
        if case .distributor(let settings) = instance.entry.kind {
            let address = addresses()[instance.entry.name] ?? settings.listen
            if let words = PortHolder.words(for: address) { return .failure(NotBegun(.startBlocked(by: words))) }
        }
        do {
            return .success(try beginProcess(position, instance, incarnation))
        } catch {
            slots[position].stopListening()
            return .failure(NotBegun(error))
        }
    }

    /// Waits until the process is its program, which it mostly is by now, and hears it from here on.
    func finished(_ start: BegunStart) -> InstanceEvent {
        let (position, incarnation, slot) = (start.position, start.incarnation, slots[start.position])
        do {
            let instance = (slot.launch?.instance ?? planned(position))
            let child = try withOpenFiles(instance.entry.policy.limits.openFiles) { () throws(SystemError) in
                guard let process = start.process.take() else { preconditionFailure("a start is finished once") }
                return try loop.spawn(process) { [weak self] _, status in self?.exited(position, incarnation, status) }
            }
            if let ours = start.ours.take() { slot.hold(lifeline: ours.life.write) }
            // The child has them: with the child's end a pipe ends.
            start.out = nil
            start.err = nil
            // It starts nothing before it has read its configuration.
            if start.isDirect { try? slot.controlGroup?.add(child.pid) }
            slot.child = child
            running.insert(child.pid)
            slot.startTime = Processes.facts(of: child.pid)?.startTime
            stateChanged()
            return .spawned(pid: child.pid, saysReady: instance.saysReady, watchdog: instance.entry.watchdog)
        } catch {
            slot.stopListening()
            return NotBegun(error).event
        }
    }

    private func beginProcess(_ position: Int, _ planned: Plan.Instance, _ incarnation: Int) throws -> BegunStart {
        let slot = slots[position]
        var launch = slot.fallback ?? Launch(planned, incarnation: incarnation, runtime)
        let instance = launch.instance
        let isOurs = instance.rank < 2
        let begun = BegunStart(position, incarnation)
        var descriptors = try outputs(of: begun)
        slot.ready = nil
        slot.notices = nil
        slot.forgetWhatWasSaid()
        if isOurs { descriptors += try ownPipes(of: begun) }
        var start = Plan.Start(
            incarnation: incarnation, readyDescriptor: isOurs ? 3 : nil, lifeDescriptor: isOurs ? 4 : nil,
            addresses: addresses())
        start.keptJobs = launch.jobs
        slot.controlGroup = makeControlGroup(of: position)
        var through = try trampoline(for: instance)
        through?.controlGroup = slot.controlGroup
        start.userName = through?.account?.name
        start.home = through?.account?.home
        if instance.entry.notifies {
            slot.notices = try openNotices(position, incarnation, of: through?.account)
            start.notifySocket = slot.notices?.address
        }
        let environment = plan.environment(of: instance, start)
        let searchPath = environment.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) }
        var executable =
            try launch.executable?.path
            ?? Executables.find(instance.arguments.first ?? "", searchPath: searchPath).get()
        if slot.fallback == nil { launch.keep(executable, keptExecutables) }
        // The kept file is what is executed: nobody can exchange it between here and there.
        if let kept = launch.executable, slot.fallback != nil { executable = kept.path }
        slot.launch = launch
        let request = SpawnRequest(
            executable: executable, arguments: instance.arguments, environment: environment,
            workingDirectory: instance.workingDirectory, descriptors: descriptors, newProcessGroup: true,
            trampoline: through)
        // Everything else that can fail comes before the process is there.
        begun.isDirect = through == nil
        begun.process = try withOpenFiles(instance.entry.policy.limits.openFiles) { () throws(SystemError) in
            try Processes.begin(request)
        }
        return begun
    }

    private func outputs(of begun: BegunStart) throws(SystemError) -> [(child: Int32, parent: Int32)] {
        let tty = (slots[begun.position].launch?.instance ?? plan.instances[begun.position]).entry.policy.tty
        if tty { return try terminal(of: begun) }
        let out = try Pipe(nonBlocking: false).takeEnds()
        begun.out = Descriptor(owning: out.write)
        let outRead = Descriptor(owning: out.read)
        let err = try Pipe(nonBlocking: false).takeEnds()
        begun.err = Descriptor(owning: err.write)
        if plan.instances.count <= Supervisor.mostWithLargePipes {
            // More at once is less work; without the permission for it, smaller pipes do as well.
            for end in [out.write, err.write] { try? Pipe.setCapacity(end, bytes: 256 * 1024) }
        }
        // Read before it can say that it is ready, which comes through a pipe of its own: what it has printed by then
        // is shown first.
        read(outRead, .out, begun.position, begun.incarnation)
        read(Descriptor(owning: err.read), .err, begun.position, begun.incarnation)
        return [(1, out.write), (2, err.write)]
    }

    /// One terminal in place of both pipes: there is no telling errors from output.
    private func terminal(of begun: BegunStart) throws(SystemError) -> [(child: Int32, parent: Int32)] {
        let ends = try Standard.openTerminal()
        begun.out = Descriptor(owning: ends.theirs)
        read(Descriptor(owning: ends.ours), .out, begun.position, begun.incarnation)
        return [(1, ends.theirs), (2, ends.theirs)]
    }

    /// The pipes over which a node or distributor says that it is ready, and is told to leave.
    private func ownPipes(of begun: BegunStart) throws(SystemError) -> [(child: Int32, parent: Int32)] {
        let (position, incarnation) = (begun.position, begun.incarnation)
        let ready = try PipeEnds()
        let life = try PipeEnds()
        let ends: [(child: Int32, parent: Int32)] = [(3, ready.write.raw), (4, life.read.raw)]
        slots[position].ready = try ReadyPipe(ready.read, loop) { [weak self] in self?.said($0, position, incarnation) }
        begun.ours = OwnPipes(ready: ready.write, life: life)
        return ends
    }

    /// - Parameter begun: What a predecessor of this program had of it.
    func read(
        _ descriptor: consuming Descriptor, _ stream: LogStream, _ position: Int, _ incarnation: Int,
        begun: Handover.Output? = nil
    ) {
        let slot = slots[position]
        let name = plan.instances[position].name
        let origin = LogOrigin(instance: name, incarnation: incarnation, stream: stream, sequence: 0)
        let sink = LineSink(position, origin, log: slot.log, console: console, sequences: slot.sequences) {
            [unowned self] in
            timestamp()
        }
        var made: OutputStream?
        let output = OutputStream(descriptor, name: "\(name) \(stream.rawValue)", loop, into: sink, begun) {
            [weak self] in
            if let made { slot.remove(made) }
            made = nil
            guard let self, cluster.isSettled else { return }
            loop.soon { [weak self] _ in self?.lookAround() }
        }
        made = output
        slot.add(output)
    }

    /// Spawns with the limit that the child is to have: a child takes it over from this process.
    private func withOpenFiles<Outcome: ~Copyable>(
        _ wanted: Int?, _ body: () throws(SystemError) -> Outcome
    ) throws(SystemError) -> Outcome {
        guard let original = openFiles, let present = try? ProcessSettings.openFileLimit() else { return try body() }
        var limit = original
        if let wanted { limit.soft = UInt64(wanted) }
        if limit == present { return try body() }
        try ProcessSettings.setOpenFileLimit(limit)
        defer { try? ProcessSettings.setOpenFileLimit(present) }
        return try body()
    }
}

/// A pipe of which a child gets one end.
private struct PipeEnds: ~Copyable {
    let read: Descriptor
    let write: Descriptor

    init() throws(SystemError) {
        let ends = try Pipe(nonBlocking: false).takeEnds()
        read = Descriptor(owning: ends.read)
        write = Descriptor(owning: ends.write)
    }
}

/// What only nodes and distributors have.
private struct OwnPipes: ~Copyable {
    /// The end of the one who says it.
    let ready: Descriptor
    let life: PipeEnds
}
