import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// Starting processes and hearing of their ends.
extension Supervisor {
    /// Memory for pipes is limited for each user; with many instances every one has to do with the usual size.
    private static let mostWithLargePipes = 64

    /// Starts the next process of an instance, and says what came of it.
    func spawn(_ position: Int, _ incarnation: Int) -> InstanceEvent {
        let instance = plan.instances[position]
        if case .distributor(let settings) = instance.entry.kind {
            let address = addresses()[instance.entry.name] ?? settings.listen
            if let words = PortHolder.words(for: address) { return .startBlocked(by: words) }
        }
        do {
            let child = try spawnProcess(position, instance, incarnation)
            slots[position].child = child
            slots[position].startTime = Processes.facts(of: child.pid)?.startTime
            stateChanged()
            return .spawned(pid: child.pid)
        } catch let error as Unfit {
            return .spawnFailed(reason: error.reason, permanent: true)
        } catch let error as Executables.Missing {
            return .spawnFailed(reason: error.reason, permanent: true)
        } catch let error as SystemError {
            // Without descriptors, memory or processes it may work later; anything else stays as it is.
            let passes = error.isLackOfResources || error.name == "EAGAIN"
            return .spawnFailed(reason: "\(error)", permanent: !passes)
        } catch {
            return .spawnFailed(reason: "\(error)", permanent: true)
        }
    }

    private func spawnProcess(_ position: Int, _ planned: Plan.Instance, _ incarnation: Int) throws -> ChildProcess {
        let slot = slots[position]
        var launch = slot.fallback ?? Launch(planned, incarnation: incarnation, runtime)
        let instance = launch.instance
        let isOurs = instance.rank < 2
        let out = try PipeEnds()
        let err = try PipeEnds()
        let ready = try PipeEnds()
        let life = try PipeEnds()
        if plan.instances.count <= Supervisor.mostWithLargePipes {
            // More at once is less work; without the permission for it, smaller pipes do as well.
            for pipe in [out.write.raw, err.write.raw] { try? Pipe.setCapacity(pipe, bytes: 256 * 1024) }
        }
        var descriptors: [(child: Int32, parent: Int32)] = [(1, out.write.raw), (2, err.write.raw)]
        if isOurs { descriptors += [(3, ready.write.raw), (4, life.read.raw)] }
        var start = Plan.Start(
            incarnation: incarnation, readyDescriptor: isOurs ? 3 : nil, lifeDescriptor: isOurs ? 4 : nil,
            addresses: addresses())
        start.keptJobs = launch.jobs
        let through = try trampoline(for: instance)
        start.userName = through?.account?.name
        start.home = through?.account?.home
        let environment = plan.environment(of: instance, start)
        let searchPath = environment.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) }
        var executable =
            try launch.executable
            ?? Executables.find(instance.arguments.first ?? "", searchPath: searchPath).get()
        if slot.fallback == nil { launch.keep(executable) }
        // The kept file is what is executed: nobody can exchange it between here and there.
        if let kept = launch.executable, slot.fallback != nil { executable = kept }
        slot.launch = launch
        let request = SpawnRequest(
            executable: executable, arguments: instance.arguments, environment: environment,
            workingDirectory: instance.workingDirectory, descriptors: descriptors, newProcessGroup: true,
            trampoline: through)
        // Everything that can fail comes before the process is there.
        slot.ready = nil
        slot.forgetWhatWasSaid()
        if isOurs {
            slot.ready = try ReadyPipe(ready.read, loop) { [weak self] in self?.said($0, position, incarnation) }
        }
        do {
            let child = try withOpenFiles(instance.entry.policy.limits.openFiles) { () throws(SystemError) in
                try loop.spawn(request) { [weak self] _, status in self?.exited(position, incarnation, status) }
            }
            if isOurs { slot.hold(lifeline: life.write) }
            read(out.read, .out, position, incarnation)
            read(err.read, .err, position, incarnation)
            return child
        } catch {
            slot.ready?.close()
            throw error
        }
    }

    private func read(_ descriptor: consuming Descriptor, _ stream: LogStream, _ position: Int, _ incarnation: Int) {
        let slot = slots[position]
        let name = plan.instances[position].name
        let origin = LogOrigin(instance: name, incarnation: incarnation, stream: stream, sequence: 0)
        let sink = LineSink(position, origin, log: slot.log, console: console, sequences: slot.sequences) {
            [unowned self] in
            timestamp()
        }
        var made: OutputStream?
        let output = OutputStream(descriptor, name: "\(name) \(stream.rawValue)", loop, into: sink) {
            if let made { slot.remove(made) }
            made = nil
        }
        made = output
        slot.add(output)
    }

    /// Spawns with the limit that the child is to have: a child takes it over from this process.
    private func withOpenFiles<Result>(
        _ wanted: Int?, _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        guard let original = openFiles, let present = try? ProcessSettings.openFileLimit() else { return try body() }
        var limit = original
        if let wanted { limit.soft = UInt64(wanted) }
        if limit == present { return try body() }
        try ProcessSettings.setOpenFileLimit(limit)
        defer { try? ProcessSettings.setOpenFileLimit(present) }
        return try body()
    }

    private func exited(_ position: Int, _ incarnation: Int, _ status: ExitStatus) {
        let slot = slots[position]
        // What it said before it went counts as said before.
        slot.ready?.read()
        slot.ready?.close()
        slot.lifeline = nil
        slot.childExited()
        let exit: Exit =
            switch status {
            case .exited(let code): .code(code)
            case .signalled(let number, let coreDumped): .signal(Signal(number: number), coreDumped: coreDumped)
            }
        noteJobsAtDeath(position)
        stateChanged()
        // Still in this turn, but after the reading of its pipes: its last lines stand before the line on its end.
        loop.soon { [weak self] _ in self?.ended(position, incarnation, exit) }
    }

    private func ended(_ position: Int, _ incarnation: Int, _ exit: Exit) {
        let isEmpty = !slots[position].hasLivingGroup
        tell(.instance(position, .exited(exit, groupIsEmpty: isEmpty, incarnation: incarnation)))
        if !isEmpty { awaitEmptyGroup(position, incarnation, .milliseconds(2)) }
    }

    /// The kernel tells nobody when a process group becomes empty: looked at in growing steps, only while one is not.
    private func awaitEmptyGroup(_ position: Int, _ incarnation: Int, _ delay: Interval) {
        loop.schedule(after: delay) { [weak self] _ in
            guard let self, cluster.members[position].machine.incarnation == incarnation else { return }
            if slots[position].hasLivingGroup {
                awaitEmptyGroup(position, incarnation, min(delay * 2, .milliseconds(100)))
            } else {
                tell(.instance(position, .groupEmptied(incarnation: incarnation)))
            }
        }
    }

    private func said(_ line: ReadyLine, _ position: Int, _ incarnation: Int) {
        guard cluster.members[position].machine.incarnation == incarnation else { return }
        let slot = slots[position]
        if let port = line.port { slot.port = port }
        if !line.words.isEmpty { heard(words: line.words, of: position) }
        if let recovered = line.recovered, line.report == .ready, slot.recovered == nil {
            let machine = cluster.members[position].machine
            let since = machine.diedAt ?? machine.startedAt ?? loop.now.instant
            slot.recovered = "\(recovered) in \(Durations.format(loop.refreshNow().instant - since))"
        }
        if let jobs = line.jobs {
            slot.jobs = jobs
            countsTold(position)
        }
        if let report = line.report { tell(.instance(position, .reported(report, incarnation: incarnation))) }
    }

    /// Where the distributors listen, as far as it is known.
    func addresses() -> [String: ListenAddress] {
        var found: [String: ListenAddress] = [:]
        for (index, instance) in plan.instances.enumerated() {
            guard case .distributor(let settings) = instance.entry.kind else { continue }
            var address = settings.listen
            if address.port == 0, let port = slots[index].port { address.port = port }
            if address.port != 0 { found[instance.entry.name] = address }
        }
        return found
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
