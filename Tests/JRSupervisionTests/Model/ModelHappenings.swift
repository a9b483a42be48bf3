import JRBase
import JRSupervision
import Testing

/// What processes do by themselves, and what the operator asks for.
extension ModelCluster {
    // MARK: Processes

    /// Lets one process do something that it may do now; false when there is nothing.
    func happen(to position: Int) -> Bool {
        guard let process = processes[position] else { return false }
        guard process.hasLeader else { return endStray(position, process) }
        if let end = process.end { return exit(position, end) }
        if !character.isQuiet, random.chance(1, in: 8) { return exit(position, character.exit(&random)) }
        if process.isToldToLeave, character.isQuiet || random.chance(1, in: 2) {
            let isGood = character.isQuiet || random.chance(3, in: 4)
            return exit(position, isGood ? .code(0) : character.exit(&random))
        }
        if !character.isQuiet, random.chance(1, in: 12) { return reportLate(position, process) }
        if process.reportsReady, process.becomesReady, !process.hasSaidReady { return report(position, process) }
        if process.isDraining, process.holdings == nil || character.isQuiet && process.holdings?.isEmpty == false {
            return reportDrained(position)
        }
        if process.diesReady, machine(position).state == .ready { return exit(position, character.exit(&random)) }
        return false
    }

    private func endStray(_ position: Int, _ process: ModelProcess) -> Bool {
        // It may end by itself as well.
        guard process.isStrayDying || !character.isQuiet && random.chance(1, in: 6) else { return false }
        note("\(name(position)): the rest of its group is gone")
        let exit = process.end ?? .code(0)
        processes[position] = nil
        wishes[position].ended(exit, plan.instances[position].entry.policy.restart)
        tell(.instance(position, .groupEmptied(incarnation: process.incarnation)))
        return true
    }

    private func exit(_ position: Int, _ exit: Exit) -> Bool {
        guard var process = processes[position] else { return false }
        note("\(name(position)): \(exit)\(process.hasStray && !process.isStrayDying ? ", not alone" : "")")
        process.hasLeader = false
        process.end = exit
        let isEmpty = !process.hasStray || process.isStrayDying
        processes[position] = isEmpty ? nil : process
        if isEmpty { wishes[position].ended(exit, plan.instances[position].entry.policy.restart) }
        tell(.instance(position, .exited(exit, groupIsEmpty: isEmpty, incarnation: process.incarnation)))
        return true
    }

    private func report(_ position: Int, _ process: ModelProcess) -> Bool {
        let state = machine(position).state
        var report = Report.ready
        if !character.isQuiet || state == .starting, random.chance(1, in: 5) { report = .recovering }
        if !character.isQuiet, random.chance(1, in: 10) { report = .degraded("slow") }
        if report == .ready {
            processes[position]?.hasSaidReady = true
            if [.starting, .recovering, .degraded, .ready].contains(state) { wishes[position].wasEverReady = true }
        }
        note("\(name(position)) says that it is \(report)")
        tell(.instance(position, .reported(report, incarnation: process.incarnation)))
        return true
    }

    /// News of an earlier life, which must change nothing.
    private func reportLate(_ position: Int, _ process: ModelProcess) -> Bool {
        let old = process.incarnation - 1
        let events: [InstanceEvent] = [
            .reported(.ready, incarnation: old), .exited(.code(1), groupIsEmpty: true, incarnation: old),
            .groupEmptied(incarnation: old), .reported(.drained(Holdings()), incarnation: old),
            .timerFired(serial: (timers[position]?.serial ?? 0) - 1),
        ]
        tell(.instance(position, events[random.below(events.count)]))
        return true
    }

    private func reportDrained(_ position: Int) -> Bool {
        guard var process = processes[position] else { return false }
        var holdings = character.holdings(&random)
        // What it has said already it says no more.
        if holdings == process.holdings { holdings = Holdings() }
        process.holdings = holdings
        processes[position] = process
        note("\(name(position)) has drained and keeps \(holdings.words)")
        tell(.instance(position, .reported(.drained(holdings), incarnation: process.incarnation)))
        return true
    }

    // MARK: The operator

    /// Something that an operator may ask for, refused or not.
    func ask() {
        let verbs: [Verb] = [
            .start, .start, .stop, .stop, .restart, .restart, .drain, .resume, .scale, .reload, .kill, .kill,
        ]
        let verb = verbs[random.below(verbs.count)]
        switch verb {
        case .scale: scale(["worker", "mailer", "web"][random.below(3)], random.below(4))
        case .reload: _ = reload(ModelManifest(&random))
        default: act(verb, somebody(), isRolling: random.chance(1, in: 2))
        }
    }

    private func somebody() -> [Int] {
        let live = plan.live
        guard random.chance(1, in: 2), let one = live.isEmpty ? nil : live[random.below(live.count)] else {
            return live
        }
        return random.chance(1, in: 2) ? [one] : plan.positions(ofEntry: plan.instances[one].entry.name)
    }

    func makeWay(for verb: Verb, _ positions: [Int]) -> Bool {
        do {
            let ended = try desk.makeWay(for: verb, positions)
            note("\(verb.rawValue) of \(names(positions))")
            cut(ended)
            return true
        } catch {
            return false
        }
    }

    func begin(_ verb: Verb, _ goal: OperationDesk<Void>.Goal, _ positions: [Int]) -> Int {
        let operation = desk.begin(verb, goal, positions, ())
        asked.insert(operation.id)
        note("  operation \(operation.id): \(verb.rawValue) of \(names(positions))")
        return operation.id
    }

    func act(_ verb: Verb, _ positions: [Int], isRolling: Bool = false) {
        if verb == .kill { return kill(positions) }
        guard cluster.goingDown == nil, !positions.isEmpty else { return }
        if verb == .drain || verb == .resume, !positions.allSatisfy({ canPause($0, verb) }) { return }
        guard makeWay(for: verb, positions) else { return }
        let urgency: Urgency = random.chance(1, in: 2) ? .drain : .terminate
        switch verb {
        case .stop:
            _ = begin(verb, .stopped, positions)
            for position in positions { wishes[position].stop(hasProcess: hasProcess(position)) }
            tell(.stopRequested(positions, urgency))
        case .drain:
            limits[begin(verb, .drained, positions)] = now + .seconds(30 as Int64)
            for position in positions { wishes[position].isPaused = true }
            tell(.drainRequested(positions, .keepingReady))
        case .restart where isRolling:
            let sequence = RollSequence(positions, of: plan, in: cluster)
            let id = begin(verb, .rolled, positions)
            rolls.append(Running(machine: sequence, operation: id, isReload: false))
            tell(.startRequested([]))
        case .restart:
            _ = begin(verb, .ready, positions)
            for position in positions {
                fallbacks[position] = nil
                wishes[position].restart(hasProcess: hasProcess(position))
            }
            tell(.restartRequested(positions, urgency))
        case .resume:
            _ = begin(verb, .ready, positions)
            for position in positions { wishes[position].isPaused = false }
            tell(.resumeRequested(positions))
        default:
            _ = begin(verb, .ready, positions)
            for position in positions {
                fallbacks[position] = nil
                wishes[position].start(hasProcess: hasProcess(position))
            }
            tell(.startRequested(positions))
        }
    }

    private func canPause(_ position: Int, _ verb: Verb) -> Bool {
        let machine = machine(position)
        let isUp = machine.state == .ready || machine.state == .degraded || machine.isPaused
        return isUp && (verb == .resume || plan.instances[position].rank == 1)
    }

    private func kill(_ positions: [Int]) {
        let signals = [Signal.kill, .terminate, .hangUp, .stop, .continue]
        let signal = signals[random.below(signals.count)]
        for position in positions where processes[position]?.hasLeader == true {
            note("\(signal) to \(name(position))")
            tell(.instance(position, .signalRequested(signal)))
        }
    }

    func scale(_ name: String, _ count: Int) {
        guard cluster.goingDown == nil, plan.manifest.entry(named: name) != nil else { return }
        let present = plan.positions(ofEntry: name)
        guard makeWay(for: .scale, present) else { return }
        if count > present.count {
            let positions = plan.grow(name, by: count - present.count)
            follow()
            _ = begin(.scale, .ready, positions)
            startNew(positions)
        } else if count < present.count {
            let id = begin(.scale, .scaled, present)
            let machine = ShrinkMachine(candidates: present, count: present.count - count)
            shrinks.append(Running(machine: machine, operation: id, isReload: false))
            tell(.startRequested([]))
        }
    }

    /// The number of the operation, when there is something to do and it may be done.
    func reload(_ manifest: ModelManifest) -> Int? {
        guard cluster.goingDown == nil else { return nil }
        let new = manifests[manifest] ?? manifest.plan
        manifests[manifest] = new
        let change = PlanChange(from: plan, to: new)
        guard change.refusals.isEmpty, !change.isEmpty else { return nil }
        checkDifference(change, manifest)
        guard makeWay(for: .reload, plan.live) else { return nil }
        note("reload: \(change.lines.joined(separator: "; "))")
        let id = begin(.reload, .reloaded, plan.live)
        let machine = ReloadMachine(change, to: new, in: &plan, of: cluster)
        desk.add(machine.grown, to: id)
        follow()
        reload = (machine, id)
        nextReloadStep()
        return id
    }

    /// Held against the numbers that the manifest was made of.
    private func checkDifference(_ change: PlanChange, _ manifest: ModelManifest) {
        let entries = manifest.entries
        for name in Set(plan.live.map { plan.instances[$0].entry.name }).union(entries.keys) {
            let positions = plan.positions(ofEntry: name)
            let (wanted, present) = (entries[name]?.count ?? 0, positions.count)
            let grown = change.growths.first { $0.entry == name }?.count ?? 0
            let lost = change.losses.first { $0.entry == name }?.count ?? 0
            expect(grown - lost == wanted - present, "\(name): \(present) to \(wanted) is +\(grown) -\(lost)")
            guard let version = entries[name]?.version else { continue }
            let difference = change.differences.first { $0.entry == name && $0.needsRestart }
            for position in positions where plan.instances[position].version != version {
                expect(
                    difference?.positions.contains(position) == true,
                    "\(self.name(position)) is another one and would not be rolled")
            }
        }
    }
}
