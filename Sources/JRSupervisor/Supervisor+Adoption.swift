import JRBase
import JRJSON
import JRReactor
public import JRSupervision
import JRSystem

/// Going on where another program left off in this process.
extension Supervisor {
    /// Takes over what runs, in place of ``start()``.
    ///
    /// - Throws: What cannot be taken over; then all children are to be ended.
    public func goOn(_ handover: Handover) throws(SupervisorError) {
        let begin = loop.refreshNow().instant
        sayAlive()
        console.prepare(plan.instances.map(\.name))
        remember(handover)
        let client: ControlClientConnection?
        do throws(SystemError) {
            try adopt(handover.instances)
            let control = try ControlServer(runtime, loop, adopted: handover.control) { [weak self] in
                self?.answer($0, $1)
            }
            self.control = control
            client = handover.client.map { raw in
                control.add(loop.adopt(Descriptor(owning: raw), peer: "who asked for the re-exec"))
            }
        } catch {
            throw SupervisorError("what runs cannot be taken over", error)
        }
        if options.ownsProcess { watchOrphans() }
        loop.soon { [weak self] _ in self?.reapOrphans() }
        for position in slots.indices {
            if let timer = cluster.members[position].machine.armedTimer { perform(timer, position) }
        }
        writeURL()
        stateChanged()
        let count = Words.count(handover.instances.count, "instance")
        let message = "\(options.successor?.name ?? "jr-supervisor") (pid \(SystemProgram.pid)) goes on with \(count)"
        note("\(message), taken over in \(Durations.format(loop.refreshNow().instant - begin))")
        tell(.turnPassed)
        client?.succeed(["message": .string(message), "instances": .int(Int64(handover.instances.count))])
    }

    private func remember(_ handover: Handover) {
        startedAt = handover.startedAt
        wasReady = handover.wasReady
        if wasReady { manager?.report = ServiceReport(.ready) }
        controlGroup = handover.controlGroup.map { ControlGroup(path: $0) }
        // Whoever waited for the start was answered.
        startTold = true
        openFiles = handover.openFiles.map { ProcessSettings.OpenFileLimit(soft: $0.soft, hard: $0.hard) }
        keptExecutables = KeptExecutables(in: keptExecutables.directory, last: handover.keptExecutables)
        for instance in runtime.readState()?.instances ?? [] {
            pastIncarnations[instance.name] = instance.incarnation
        }
        prepareSlots()
        let memories = handover.instances.map { ($0.name, $0.memory) }
        cluster = plan.cluster(
            memories: Dictionary(memories, uniquingKeysWith: { first, _ in first }), seed: SystemRandom.seed(),
            startsAtOnce: options.startsAtOnce)
    }

    private func adopt(_ instances: [Handover.Instance]) throws(SystemError) {
        let kept = instances.flatMap { [$0.launch, $0.proven, $0.fallback] }.compactMap { $0?.executable }
        let files = KeptExecutables.files(at: Set(kept))
        let positions = Dictionary(
            plan.instances.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        for instance in instances {
            guard let position = positions[instance.name] else { continue }
            try adopt(instance, position, files)
        }
    }

    private func adopt(
        _ instance: Handover.Instance, _ position: Int, _ files: [String: KeptExecutables.File]
    ) throws(SystemError) {
        let slot = slots[position]
        slot.startTime = instance.startTime
        slot.controlGroup = instance.controlGroup.map { ControlGroup(path: $0) }
        slot.changedAt = instance.changedAt
        slot.port = instance.port
        slot.words = instance.words
        slot.jobs = instance.jobs
        slot.jobsAtDeath = instance.jobsAtDeath
        slot.recovered = instance.recovered
        slot.sequences.set(instance.outLines, .out)
        slot.sequences.set(instance.errLines, .err)
        let launch = { [plan] (kept: Handover.Kept) in Launch(plan.instances[position], kept, files) }
        slot.launch = instance.launch.map(launch)
        slot.proven = instance.proven.map(launch)
        slot.fallback = instance.fallback.map(launch)
        let incarnation = instance.memory.incarnation
        for output in instance.outputs {
            read(
                Descriptor(owning: output.descriptor), output.stream, position, output.incarnation, begun: output)
        }
        if let ready = instance.ready {
            slot.ready = try ReadyPipe(Descriptor(owning: ready.descriptor), loop, held: ready.held) { [weak self] in
                self?.said($0, position, incarnation)
            }
        }
        if let notices = instance.notices { slot.notices = try listen(to: notices, position, incarnation) }
        slot.said = instance.said
        if let lifeline = instance.lifeline { slot.hold(lifeline: Descriptor(owning: lifeline)) }
        guard let pid = instance.memory.pid else { return }
        slot.child = try loop.adoptChild(pid: pid) { [weak self] _, status in
            self?.exited(position, incarnation, status)
        }
        running.insert(pid)
    }
}

extension Launch {
    fileprivate init(
        _ instance: Plan.Instance, _ kept: Handover.Kept, _ files: [String: KeptExecutables.File]
    ) {
        self.instance = instance
        jobs = kept.jobs
        executable = kept.executable.flatMap { files[$0] }
    }
}
