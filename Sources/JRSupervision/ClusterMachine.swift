public import JRBase

/// What the operator or the shell tells the cluster.
public enum ClusterEvent: Sendable, Equatable {
    case startRequested([Int])
    case stopRequested([Int], Urgency)
    case restartRequested([Int], Urgency)
    /// They are to go on without taking or beginning jobs.
    case drainRequested([Int], DrainKind)
    case resumeRequested([Int])
    /// Everything is to stop, dependents before what they depend on; asked again with more urgency, all at once.
    case downRequested(Urgency)
    /// The time of ``ClusterMachine/nextTurn`` has come.
    case turnPassed
    case instance(Int, InstanceEvent)
}

/// An action and the instance it is for.
public struct ClusterAction: Sendable, Equatable {
    public var instance: Int
    public var action: InstanceAction

    public init(instance: Int, action: InstanceAction) {
        self.instance = instance
        self.action = action
    }
}

/// All instances with the order between them: who may start, who has to wait, when everything is up and when it is
/// down.
public struct ClusterMachine: Sendable {
    /// One place of the plan.
    public struct Member: Sendable {
        public var machine: InstanceMachine
        /// Positions of those that must be ready before this one starts.
        public var after: [Int]
        /// Members of a higher rank stop before those of a lower one.
        public var rank: Int

        public init(machine: InstanceMachine, after: [Int], rank: Int) {
            self.machine = machine
            self.after = after
            self.rank = rank
        }
    }

    /// What the cluster as a whole has come to.
    public enum Verdict: Sendable, Equatable {
        /// Positions of those that are not ready yet.
        case pending([Int])
        /// Every instance is ready, or has finished as it should.
        case ready
        /// Positions of those that failed, or were seen not to come up: what they are is in their state and cause.
        case failed([Int])
    }

    public private(set) var members: [Member]
    /// Set by `downRequested`: nothing starts any more.
    public private(set) var goingDown: Urgency?
    private var toldToStop: Set<Int> = []
    /// Positions of those that wait for what they come after, and of those that are not settled: known, so that what
    /// happens to one of many costs no look at all of them.
    private var waiting: Set<Int> = []
    private var unsettled: Set<Int> = []
    /// Members that are no part of the cluster any more: stopped, and asked for by nobody.
    public private(set) var retired: Set<Int> = []
    /// How many of those that say when they are ready may be on their way there at once, distributors not counted: the
    /// others wait for their turn. So many that come back together do not hold each other up.
    public let startsAtOnce: Int
    /// Since when those are on their way that count.
    private var onTheirWay: [Int: Instant] = [:]
    private var holdsUp = false

    /// How long a start keeps its turn: one that takes longer waits for something else than its share of the machine.
    static let turn = Interval.seconds(2 as Int64)

    /// - Parameter startsAtOnce: How many of those that say when they are ready start at once.
    public init(members: [Member], startsAtOnce: Int = .max) {
        self.members = members
        self.startsAtOnce = startsAtOnce
        for position in members.indices { note(position, at: nil) }
    }

    /// Follows the state of a member, which only `handle` and `follow` change.
    private mutating func note(_ position: Int, at now: Instant?) {
        let state = members[position].machine.state
        if state == .waiting { waiting.insert(position) } else { waiting.remove(position) }
        if state.isSettled { unsettled.remove(position) } else { unsettled.insert(position) }
        guard let now, startsAtOnce < .max, isCounted(position) else { return }
        onTheirWay[position] = state == .starting ? onTheirWay[position] ?? now : nil
    }

    public mutating func handle(_ event: ClusterEvent, at now: Instant) -> [ClusterAction] {
        var actions: [ClusterAction] = []
        switch event {
        case .startRequested(let positions):
            // While everything goes down, a start would only be stopped again.
            if goingDown == nil { tell(positions, .startRequested, at: now, &actions) }
        case .stopRequested(let positions, let urgency):
            tell(positions, .stopRequested(urgency), at: now, &actions)
        case .restartRequested(let positions, let urgency):
            if goingDown == nil { tell(positions, .restartRequested(urgency), at: now, &actions) }
        case .drainRequested(let positions, let kind):
            if goingDown == nil { tell(positions, .drainRequested(kind), at: now, &actions) }
        case .resumeRequested(let positions):
            if goingDown == nil { tell(positions, .resumeRequested, at: now, &actions) }
        case .downRequested(let urgency):
            goDown(urgency, at: now, &actions)
        case .turnPassed:
            break
        case .instance(let position, let event):
            tell([position], event, at: now, &actions)
        }
        advance(at: now, &actions)
        return actions
    }

    private mutating func tell(
        _ positions: [Int], _ event: InstanceEvent, at now: Instant, _ actions: inout [ClusterAction]
    ) {
        for position in positions {
            var own: [InstanceAction] = []
            members[position].machine.waitsForTurn = !hasTurn(position, at: now)
            members[position].machine.handle(event, at: now, into: &own)
            note(position, at: now)
            actions.append(contentsOf: own.map { ClusterAction(instance: position, action: $0) })
        }
    }

    private mutating func goDown(_ urgency: Urgency, at now: Instant, _ actions: inout [ClusterAction]) {
        goingDown = max(goingDown ?? urgency, urgency)
        guard urgency > .drain else { return }
        toldToStop.formUnion(unsettled)
        tell(unsettled.sorted(), .stopRequested(urgency), at: now, &actions)
    }

    /// Lets go what waits only for something that has happened by now.
    private mutating func advance(at now: Instant, _ actions: inout [ClusterAction]) {
        if goingDown != nil {
            // Telling one to stop can settle it at once, and with it free what it depends on.
            while true {
                let next = nextToStop()
                if next.isEmpty { return }
                toldToStop.formUnion(next)
                tell(next, .stopRequested(.drain), at: now, &actions)
            }
        }
        holdsUp = false
        for position in waiting.sorted() {
            let member = members[position]
            let isFree =
                member.machine.isQueued || member.after.allSatisfy { members[$0].machine.state.allowsDependents }
            guard isFree else { continue }
            if hasTurn(position, at: now) {
                tell([position], .dependenciesReady, at: now, &actions)
            } else {
                holdsUp = true
            }
        }
    }

    /// All that nothing else is to leave before.
    private func nextToStop() -> [Int] {
        guard !unsettled.isSubset(of: toldToStop), let rank = unsettled.map({ members[$0].rank }).max() else {
            return []
        }
        var needed: Set<Int> = []
        for position in unsettled { needed.formUnion(members[position].after) }
        return unsettled.filter { position in
            members[position].rank == rank && !toldToStop.contains(position) && !needed.contains(position)
        }.sorted()
    }

    // MARK: Turns

    private func isCounted(_ position: Int) -> Bool {
        members[position].rank > 0 && members[position].machine.reportsReady
    }

    private func hasTurn(_ position: Int, at now: Instant) -> Bool {
        guard isCounted(position), onTheirWay.count >= startsAtOnce else { return true }
        return onTheirWay.count { now - $0.value < ClusterMachine.turn } < startsAtOnce
    }

    /// When the next of those that wait only for their turn has it, whatever the others do; nil when none waits.
    public var nextTurn: Instant? {
        guard holdsUp, goingDown == nil else { return nil }
        let turns = onTheirWay.values.sorted()
        // That many must be left for one more to have room.
        let index = turns.count - startsAtOnce
        return turns.indices.contains(index) ? turns[index] + ClusterMachine.turn : nil
    }

    // MARK: Growing and shrinking

    /// Takes over a plan that has changed: new members for new places, who waits for whom, who is retired.
    ///
    /// - Parameter make: a member that has not started for a new place, or for one that was retired and is used again:
    ///   it may be of another kind now. Told the last incarnation of that place, 0 for none.
    public mutating func follow(_ plan: Plan, make: (_ position: Int, _ incarnation: Int) -> Member) {
        for position in plan.instances.indices {
            if position == members.count {
                members.append(make(position, 0))
            } else if retired.contains(position), !plan.retired.contains(position) {
                members[position] = make(position, members[position].machine.incarnation)
            }
            members[position].after = plan.instances[position].after
            members[position].rank = plan.instances[position].rank
            members[position].machine.policy = plan.instances[position].entry.policy
            members[position].machine.reportsReady = plan.instances[position].saysReady
            note(position, at: nil)
        }
        retired = plan.retired
    }

    // MARK: Questions

    /// Whether nothing is left to wait for: all have stopped, failed or finished.
    public var isSettled: Bool { unsettled.isEmpty }

    /// What an instance waits for and that will not be ready by itself; nil when there is no such thing.
    public func obstacle(_ position: Int) -> Int? {
        guard members[position].machine.state == .waiting, !members[position].machine.isQueued else { return nil }
        return members[position].after.first { members[$0].machine.isLost }
    }

    /// What is said to somebody who waits for the cluster to be up. Fails closed: a start that was given up once, a
    /// loop of crashes and a port in other hands are failures here, though the retries go on.
    public var verdict: Verdict {
        let live = members.indices.filter { !retired.contains($0) }
        let failed = live.filter { position in
            // Not copied to a name: this is asked after everything that happens to one of many.
            switch members[position].machine.state {
            case .failed, .crashLooping, .blocked: return true
            case .waiting, .starting, .recovering, .ready, .degraded, .backingOff, .draining, .stopping, .stopped,
                .finished:
                return members[position].machine.readyTimeouts > 0
            }
        }
        if !failed.isEmpty { return .failed(failed) }
        let pending = live.filter { !members[$0].machine.state.allowsDependents }
        return pending.isEmpty ? .ready : .pending(pending)
    }
}
