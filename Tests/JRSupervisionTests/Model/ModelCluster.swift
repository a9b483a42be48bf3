import JRBase
import JRSupervision
import Testing

/// A supervisor without processes, files or clients: the machines and what is between them, driven as the shell drives
/// them, over processes of the model. It watches that the promises hold whatever happens.
final class ModelCluster {
    struct Running<Machine> {
        var machine: Machine
        /// The operation it is done for.
        let operation: Int
        let isReload: Bool
    }

    enum Answer: Equatable { case succeeded, failed, cutShort, wentDown }
    enum Question: Equatable { case roll, shrink }

    var random: SeededRandom
    var character = ModelCharacter()
    var plan: Plan
    var cluster: ClusterMachine
    var desk = OperationDesk<Void>()
    var rolls: [Running<RollSequence>] = []
    var shrinks: [Running<ShrinkMachine>] = []
    var reload: (machine: ReloadMachine, operation: Int)?
    /// What the reload under way is about.
    var manifests: [ModelManifest: Plan] = [:]

    var now = Instant(nanoseconds: 1_000_000_000)
    var timers: [Int: (serial: Int, at: Instant)] = [:]
    /// Limits of drains: of an operation, by its number.
    var limits: [Int: Instant] = [:]
    var questions: [(operation: Int, Question)] = []
    var processes: [Int: ModelProcess] = [:]
    /// What is started in a place instead of what the plan says, and what was ready there last.
    var fallbacks: [Int: Int] = [:]
    var proven: [Int: Int] = [:]
    var isBlocked: Set<Int> = []
    var wishes: [ModelWish]
    var incarnations: [Int: Int] = [:]
    var asked: Set<Int> = []
    var answers: [Int: Answer] = [:]
    var nextPid: Int32 = 1
    var steps = 0
    let seed: Int
    /// The last things that happened, told when something is wrong.
    var story = Ring<String>()
    var hasFailed = false

    private var queue = Ring<ClusterEvent>()
    private var begun = Ring<ClusterEvent>()
    private var isTelling = false
    private var isLooking = false
    private var needsLook = false

    init(seed: Int) {
        self.seed = seed
        random = SeededRandom(seed: UInt64(seed))
        plan = ModelManifest().plan
        cluster = plan.cluster(seed: random.next(), startsAtOnce: 1 + random.below(4))
        wishes = plan.instances.map { _ in ModelWish() }
    }

    func note(_ text: @autoclosure () -> String) {
        story.append(text())
        if story.count > 60 { _ = story.popFirst() }
    }

    func expect(_ isTrue: Bool, _ what: @autoclosure () -> String) {
        guard !isTrue, !hasFailed else { return }
        hasFailed = true
        var lines: [String] = []
        while let line = story.popFirst() { lines.append(line) }
        Issue.record("seed \(seed), step \(steps): \(what())\n\(lines.joined(separator: "\n"))")
    }

    func name(_ position: Int) -> String { plan.instances[position].name }
    func names(_ positions: [Int]) -> String { positions.map(name).joined(separator: ", ") }
    func machine(_ position: Int) -> InstanceMachine { cluster.members[position].machine }
    func hasProcess(_ position: Int) -> Bool { processes[position] != nil }

    // MARK: As the shell does it

    func tell(_ event: ClusterEvent) {
        queue.append(event)
        guard !isTelling else { return }
        isTelling = true
        repeat {
            while let event = queue.popFirst() {
                for action in cluster.handle(event, at: now) { perform(action.action, action.instance) }
            }
            // What came of the starts is heard when nothing else is to be told.
            while let start = begun.popFirst() { queue.append(start) }
        } while !queue.isEmpty
        isTelling = false
        lookAround()
    }

    private func perform(_ action: InstanceAction, _ position: Int) {
        switch action {
        case .spawn(let incarnation):
            begun.append(.instance(position, spawn(position, incarnation)))
        case .signalGroup(let signal):
            expect(hasProcess(position), "\(signal) to the group of \(name(position)), which is none any more")
            processes[position]?.take(signal, isForGroup: true)
        case .signalLeader(let signal):
            expect(processes[position]?.hasLeader == true, "\(signal) to \(name(position)), which is gone")
            processes[position]?.take(signal, isForGroup: false)
        case .say(let word):
            processes[position]?.hear(word)
        case .closeLifeline:
            let wish = wishes[position]
            let isDue = wish.isAskedToLeave || wish.isLate || cluster.goingDown != nil
            expect(isDue || processes[position]?.hasLeader == false, "\(name(position)) is told to leave: why?")
            processes[position]?.isToldToLeave = true
        case .armTimer(let serial, let at):
            timers[position] = (serial, at)
        case .disarmTimer:
            timers[position] = nil
        case .announce(let change):
            note("  \(name(position)) \(change.from.rawValue) -> \(change.to.rawValue): \(change.cause)")
            if change.to == .ready, change.from != .draining { proven[position] = processes[position]?.version }
        }
    }

    private func spawn(_ position: Int, _ incarnation: Int) -> InstanceEvent {
        let name = name(position)
        expect(!hasProcess(position), "\(name) is started while something of its last incarnation is there")
        let isOther = plan.instances.indices.contains {
            $0 != position && hasProcess($0) && plan.instances[$0].name == name
        }
        expect(!isOther, "\(name) is started in a second place")
        expect(wishes[position].isWanted, "\(name) is started and nobody wants it")
        expect(wishes[position].mayStart, "\(name) is started without a reason")
        // A start that is blocked is tried again under its number.
        let last = incarnations[position] ?? 0
        expect(incarnation > last || isBlocked.contains(position), "\(name): incarnation \(incarnation) after \(last)")
        incarnations[position] = incarnation
        let rank = plan.instances[position].rank
        isBlocked.remove(position)
        if !character.isQuiet {
            if rank == 0, random.chance(1, in: 20) {
                isBlocked.insert(position)
                return .startBlocked(by: "another port holder")
            }
            if random.chance(1, in: 30) {
                let isPermanent = random.chance(1, in: 3)
                let exit = Exit.notStarted("no", permanent: isPermanent)
                wishes[position].ended(exit, plan.instances[position].entry.policy.restart)
                return .spawnFailed(reason: "no", permanent: isPermanent)
            }
        }
        wishes[position].mayStart = false
        if rank == 2 { wishes[position].wasEverReady = true }
        var process = character.process(
            incarnation, version: fallbacks[position] ?? planned(position).version, reportsReady: rank < 2,
            &random)
        process.isFallback = fallbacks[position] != nil
        processes[position] = process
        nextPid += 1
        return .spawned(pid: nextPid)
    }

    private func planned(_ position: Int) -> Plan.Instance {
        guard let reload else { return plan.instances[position] }
        let roll = rolls.first { $0.operation == reload.operation }
        return reload.machine.unreached(roll?.machine.untouched ?? [])[position] ?? plan.instances[position]
    }

    private func lookAround() {
        needsLook = true
        guard !isLooking else { return }
        isLooking = true
        while needsLook {
            needsLook = false
            for (operation, outcome) in desk.settle(cluster) {
                answer(operation.id, outcome == .succeeded ? .succeeded : .failed)
            }
            for roll in rolls { look(atRollOf: roll.operation) }
            for shrink in shrinks { look(atShrinkOf: shrink.operation) }
            lookAtReload()
        }
        isLooking = false
    }

    func answer(_ id: Int, _ answer: Answer) {
        note("  operation \(id): \(answer)")
        expect(asked.contains(id) && answers[id] == nil, "operation \(id) is answered twice")
        answers[id] = answer
        limits[id] = nil
    }

    private func end(_ id: Int, _ answer: Answer) {
        guard let operation = desk.end(id) else { return expect(false, "operation \(id) ends and is not open") }
        self.answer(operation.id, answer)
    }

    // MARK: Rolls

    private func look(atRollOf id: Int) {
        guard let index = rolls.firstIndex(where: { $0.operation == id }) else { return }
        var sights: [Int: RollMachine.Sight] = [:]
        for position in rolls[index].machine.positions {
            let machine = machine(position)
            var sight = RollMachine.Sight(
                state: machine.state, cause: machine.cause, incarnation: machine.incarnation,
                runningJobs: position % 2, startedAt: machine.startedAt)
            sight.waitsInVain = cluster.obstacle(position) != nil
            sight.canGoBack = proven[position] != nil
            sights[position] = sight
        }
        for action in rolls[index].machine.look(sights) {
            switch action {
            case .count: questions.append((id, .roll))
            case .say: break
            case .restart(let position):
                note("  roll of operation \(id): \(name(position))")
                let isOurs = rolls.first { $0.operation == id }?.isReload != true || wishes[position].isWanted
                expect(isOurs, "a reload starts \(name(position)), which somebody stopped")
                fallbacks[position] = nil
                restart(position, .drain)
            case .goBack(let position):
                note("  roll of operation \(id): \(name(position)) goes back")
                fallbacks[position] = proven[position]
                restart(position, .terminate)
            }
        }
        guard let index = rolls.firstIndex(where: { $0.operation == id }), let outcome = rolls[index].machine.outcome
        else { return }
        let roll = rolls.remove(at: index)
        if roll.isReload { return rolled(outcome) }
        end(id, outcome == .succeeded ? .succeeded : .failed)
    }

    private func restart(_ position: Int, _ urgency: Urgency) {
        wishes[position].restart(hasProcess: hasProcess(position))
        tell(.restartRequested([position], urgency))
    }

    // MARK: Shrinks

    private func sights(_ shrink: ShrinkMachine) -> [Int: ShrinkMachine.Sight] {
        var sights: [Int: ShrinkMachine.Sight] = [:]
        for position in shrink.candidates {
            let (instance, machine) = (plan.instances[position], machine(position))
            var sight = ShrinkMachine.Sight(
                state: machine.state, cause: machine.cause, index: instance.index, holdsJobs: instance.rank == 1)
            sight.holdings = machine.drainedHoldings
            if case .node(let settings) = instance.entry.kind { sight.isInMemory = settings.storage == .memory }
            sight.isAskedToDrain = machine.wantedDrain != nil
            sight.canFinish = instance.rank == 1 && processes[position]?.hasSaidReady == true
            sights[position] = sight
        }
        return sights
    }

    private func look(atShrinkOf id: Int) {
        guard let index = shrinks.firstIndex(where: { $0.operation == id }) else { return }
        let sights = sights(shrinks[index].machine)
        perform(shrinks[index].machine.look(sights), shrinkOf: id)
        settle(shrinkOf: id)
    }

    private func perform(_ actions: [ShrinkMachine.Action], shrinkOf id: Int) {
        for action in actions {
            switch action {
            case .count: questions.append((id, .shrink))
            case .drain(let positions):
                if limits[id] == nil { limits[id] = now + .seconds(30 as Int64) }
                tell(.drainRequested(positions, .finishingReady))
            case .resume(let positions):
                tell(.resumeRequested(positions))
            case .stop(let positions):
                for position in positions { wishes[position].stop(hasProcess: hasProcess(position)) }
                tell(.stopRequested(positions, .drain))
            case .start(let positions):
                for position in positions { wishes[position].start(hasProcess: hasProcess(position)) }
                tell(.startRequested(positions))
            }
        }
    }

    private func settle(shrinkOf id: Int) {
        guard let index = shrinks.firstIndex(where: { $0.operation == id }),
            let outcome = shrinks[index].machine.outcome
        else { return }
        let shrink = shrinks.remove(at: index)
        limits[id] = nil
        if case .gone(let positions) = outcome {
            plan.retire(positions)
            for position in positions { (fallbacks[position], proven[position]) = (nil, nil) }
            follow()
        }
        switch outcome {
        case .gone(let positions) where shrink.isReload:
            for name in Set(positions.map { plan.instances[$0].entry.name }) { plan.forget(entry: name) }
            nextReloadStep()
        case .refused where shrink.isReload: abortReload([:])
        case .gone: end(id, .succeeded)
        case .refused: end(id, .failed)
        }
    }

    // MARK: Reloads

    func follow() {
        cluster.follow(plan) { position, incarnation in
            plan.member(position, incarnation: incarnation, seed: random.next())
        }
        while wishes.count < plan.instances.count { wishes.append(ModelWish()) }
    }

    func nextReloadStep() {
        guard let operation = reload?.operation else { return }
        switch reload?.machine.next() {
        case .start(let positions)?:
            startNew(positions)
        case .roll(let positions)?:
            rolls.append(
                Running(machine: RollSequence(positions, of: plan, in: cluster), operation: operation, isReload: true))
            lookAround()
        case .shrink(let positions, let count)?:
            let machine = ShrinkMachine(candidates: positions, count: count)
            shrinks.append(Running(machine: machine, operation: operation, isReload: true))
            lookAround()
        case nil:
            reload = nil
            end(operation, .succeeded)
        }
    }

    /// A place may have been another's before.
    func startNew(_ positions: [Int]) {
        for position in positions {
            wishes[position] = ModelWish()
            wishes[position].start(hasProcess: false)
        }
        tell(.startRequested(positions))
    }

    private func lookAtReload() {
        switch reload?.machine.look(cluster) {
        case .isReady?: nextReloadStep()
        case .lost?: abortReload(reload?.machine.before ?? [:])
        case .waits?, nil: break
        }
    }

    private func rolled(_ outcome: RollMachine.Outcome) {
        switch outcome {
        case .succeeded: nextReloadStep()
        case .aborted(let abort):
            // Without anything that it could go back to, it goes on with what is there.
            if abort.wentBack == nil { processes[abort.position]?.isFallback = true }
            abortReload(reload?.machine.unreached(abort.untouched + [abort.position]) ?? [:])
        }
    }

    private func abortReload(_ revert: [Int: Plan.Instance]) {
        guard let operation = reload?.operation else { return }
        reload = nil
        plan.restore(revert)
        follow()
        end(operation, .failed)
    }

    /// What was asked for now ends these.
    func cut(_ operations: [OperationDesk<Void>.Operation]) {
        for operation in operations {
            answer(operation.id, .cutShort)
            let roll = rolls.firstIndex { $0.operation == operation.id }.map { rolls.remove(at: $0) }
            if operation.goal == .reloaded, let machine = reload?.machine {
                reload = nil
                plan.restore(machine.unreached(roll?.machine.untouched ?? []))
                follow()
            }
            if let index = shrinks.firstIndex(where: { $0.operation == operation.id }) {
                var shrink = shrinks.remove(at: index)
                perform(shrink.machine.cut(), shrinkOf: operation.id)
            }
        }
    }

    // MARK: What comes from outside

    func fireTimer(of position: Int) {
        guard let timer = timers.removeValue(forKey: position) else { return }
        now = max(now, timer.at)
        let state = machine(position).state
        if state == .starting || state == .recovering { wishes[position].isLate = true }
        note("\(name(position)): its timer")
        tell(.instance(position, .timerFired(serial: timer.serial)))
    }

    /// One that starts for long leaves its turn to another.
    func passTurn() {
        guard let at = cluster.nextTurn else { return }
        now = max(now, at)
        note("a turn is over")
        tell(.turnPassed)
    }

    /// The limit of an operation's drain, or of a shrink's.
    func fireLimit(of id: Int) {
        guard let at = limits.removeValue(forKey: id) else { return }
        now = max(now, at)
        note("operation \(id): its limit")
        if let index = shrinks.firstIndex(where: { $0.operation == id }) {
            let sights = sights(shrinks[index].machine)
            perform(shrinks[index].machine.timedOut(sights), shrinkOf: id)
            lookAround()
        } else {
            end(id, .failed)
        }
    }

    func answerQuestion() {
        guard !questions.isEmpty else { return }
        let (id, question) = questions.removeFirst()
        switch question {
        case .roll: if let index = rolls.firstIndex(where: { $0.operation == id }) { rolls[index].machine.counted() }
        case .shrink:
            if let index = shrinks.firstIndex(where: { $0.operation == id }) { shrinks[index].machine.counted() }
        }
        lookAround()
    }
}
