public import JRBase

/// What a machine that is at rest is made of: it goes on from here in another program.
extension InstanceMachine {
    /// All that has to be known of the past.
    public struct Memory: Sendable, Equatable {
        public var state: InstanceState
        public var incarnation: Int
        public var cause: String
        public var pid: Int32?
        public var restarts = 0
        public var lastExit: Exit?
        public var lastExitWords: String?
        public var startedAt: Instant?
        public var readyTimeouts = 0
        public var diedAt: Instant?
        public var wantedDrain: DrainKind?
        public var isWanted = false
        public var hasEverBeenReady = false
        public var deaths: [Instant] = []
        public var backoffStep = 0
        /// When the wait ends that it is in.
        public var deadline: Instant?
        public var readyAt: Instant?
        /// Signals that the supervisor has sent to this incarnation, and those that an operator has.
        public var sent: Set<Signal> = []
        public var asked: Set<Signal> = []
        public var drainedFrom: InstanceState?
        public var holdings: Holdings?
        public var watchdog: Interval?
        public var aliveAt: Instant?
        public var healthyAt: Instant?
        public var wasHung = false

        public init(state: InstanceState, incarnation: Int, cause: String) {
            self.state = state
            self.incarnation = incarnation
            self.cause = cause
        }
    }

    /// Whether nothing is on its way: neither a start nor an end, and no drain that jobs hold up.
    public var isAtRest: Bool {
        switch state {
        case .ready, .degraded, .blocked, .backingOff, .crashLooping, .stopped, .failed, .finished: true
        case .waiting: !isQueued
        case .draining: drainedHoldings != nil
        case .starting, .recovering, .stopping: false
        }
    }

    /// What ``init(policy:drains:reportsReady:memory:seed:)`` makes the same machine of, if it is at rest.
    public var memory: Memory {
        var memory = Memory(state: state, incarnation: incarnation, cause: cause)
        memory.pid = pid
        memory.restarts = restarts
        memory.lastExit = lastExit
        memory.lastExitWords = lastExitWords
        memory.startedAt = startedAt
        memory.readyTimeouts = readyTimeouts
        memory.diedAt = diedAt
        memory.wantedDrain = wantedDrain
        memory.isWanted = isWanted
        memory.hasEverBeenReady = hasEverBeenReady
        memory.deaths = history.deaths
        memory.backoffStep = history.step
        memory.deadline = deadline
        memory.readyAt = life.readyAt
        memory.sent = life.sent
        memory.asked = life.asked
        memory.drainedFrom = life.drainedFrom
        memory.holdings = life.holdings
        memory.watchdog = life.watchdog
        memory.aliveAt = life.aliveAt
        memory.healthyAt = life.healthyAt
        memory.wasHung = wasHung
        return memory
    }

    /// A machine that goes on where another one was.
    ///
    /// - Parameters:
    ///   - policy: What it decides by from now on.
    ///   - drains: As for a new one.
    ///   - reportsReady: As for a new one.
    ///   - memory: Of a machine that was at rest.
    ///   - seed: For the jitter of the waits.
    public init(policy: Policy, drains: Bool, reportsReady: Bool, memory: Memory, seed: UInt64) {
        self.init(
            policy: policy, drains: drains, reportsReady: reportsReady, incarnation: memory.incarnation, seed: seed)
        state = memory.state
        cause = memory.cause
        pid = memory.pid
        restarts = memory.restarts
        lastExit = memory.lastExit
        lastExitWords = memory.lastExitWords
        startedAt = memory.startedAt
        readyTimeouts = memory.readyTimeouts
        diedAt = memory.diedAt
        wantedDrain = memory.wantedDrain
        isWanted = memory.isWanted
        hasEverBeenReady = memory.hasEverBeenReady
        history = RestartHistory(seed: seed, deaths: memory.deaths, step: memory.backoffStep)
        deadline = memory.deadline
        life.readyAt = memory.readyAt
        life.sent = memory.sent
        life.asked = memory.asked
        life.drainedFrom = memory.drainedFrom
        life.holdings = memory.holdings
        life.watchdog = memory.watchdog
        life.aliveAt = memory.aliveAt
        life.healthyAt = memory.healthyAt
        wasHung = memory.wasHung
    }

    /// Arms the timer that its predecessor had armed; nil where there was none.
    public var armedTimer: InstanceAction? { deadline.map { .armTimer(serial: timerSerial, at: $0) } }
}

extension ClusterMachine {
    /// Positions of those that are not at rest.
    public var inMotion: [Int] { members.indices.filter { !members[$0].machine.isAtRest } }
}

extension Plan {
    /// Takes over what ran: these places are there, and no others, however many the manifest has.
    ///
    /// - Parameter places: Of entries that are in the manifest.
    public mutating func goOn(with places: [Place]) {
        let wanted = Set(places)
        let planned = Set(instances.map(\.place))
        for place in places where !planned.contains(place) {
            guard let entry = manifest.entry(named: place.entry) else { continue }
            instances.append(Plan.instance(entry, place.index, surroundings))
        }
        instances.removeAll { !wanted.contains($0.place) }
        connect()
    }

    /// Which instance of which entry.
    public struct Place: Sendable, Hashable {
        public var entry: String
        public var index: Int

        public init(entry: String, index: Int) {
            self.entry = entry
            self.index = index
        }
    }

    /// The cluster of this plan as it was handed over, one memory for each place.
    ///
    /// - Parameters:
    ///   - memories: By the names of the instances.
    ///   - seed: For the jitter of the waits.
    ///   - startsAtOnce: How many nodes start at once.
    public func cluster(
        memories: [String: InstanceMachine.Memory], seed: UInt64, startsAtOnce: Int = .max
    ) -> ClusterMachine {
        var random = SeededRandom(seed: seed)
        let members = instances.indices.map { position in
            var member = member(position, incarnation: 0, seed: random.next())
            guard let memory = memories[instances[position].name] else { return member }
            let before = member.machine
            member.machine = InstanceMachine(
                policy: before.policy, drains: before.drains, reportsReady: before.reportsReady, memory: memory,
                seed: random.next())
            return member
        }
        return ClusterMachine(members: members, startsAtOnce: startsAtOnce)
    }
}

extension Plan.Instance {
    public var place: Plan.Place { Plan.Place(entry: entry.name, index: index) }
}
