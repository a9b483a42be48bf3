/// Some instances of an entry are to go for good: those that run the fewest jobs, once they hold none.
///
/// Pure: told what the instances are like now, as often as that changes; what it wants done comes out. Either all that
/// were chosen go, or all stay and it says what they hold.
public struct ShrinkMachine: Sendable {
    /// An instance as it is now.
    public struct Sight: Sendable, Equatable {
        public var state: InstanceState
        public var cause: String
        public var index: Int
        public var jobs: JobCounts?
        /// What it keeps, when it is drained and has said so.
        public var holdings: Holdings?
        /// Whether it can hold jobs: a node does, a program does not.
        public var holdsJobs: Bool
        /// Whether jobs that it holds are lost with its process anyway.
        public var isInMemory: Bool
        /// Whether it can be told to run what it has and to take no more.
        public var canFinish: Bool
        /// Whether somebody has asked it to drain.
        public var isAskedToDrain: Bool

        public init(state: InstanceState, cause: String, index: Int, holdsJobs: Bool) {
            self.state = state
            self.cause = cause
            self.index = index
            self.holdsJobs = holdsJobs
            isInMemory = false
            canFinish = holdsJobs
            isAskedToDrain = false
        }
    }

    public enum Action: Sendable, Equatable {
        /// Ask the nodes how many jobs they have, and call ``counted()`` when they have said so.
        case count
        /// Let them run what they have and take no more.
        case drain([Int])
        case resume([Int])
        case stop([Int])
        case start([Int])
    }

    public enum Outcome: Sendable, Equatable {
        case gone([Int])
        /// Why each of these cannot go.
        case refused([Refusal])
    }

    public struct Refusal: Sendable, Equatable {
        public var position: Int
        public var why: String

        public init(_ position: Int, _ why: String) {
            self.position = position
            self.why = why
        }
    }

    /// Those that were up and have been told to stop: they start again if it comes to nothing.
    private var stopped: [Int] = []

    private enum Step { case counting, choosing, draining, stopping, over }

    public let candidates: [Int]
    public let count: Int
    public private(set) var outcome: Outcome?
    /// Those that are to go.
    public private(set) var chosen: [Int] = []
    /// Those of them that were drained for it, and not before by somebody else: they go on if it comes to nothing.
    public private(set) var paused: [Int] = []
    private var step = Step.counting
    private var hasBegun = false

    /// - Parameter count: How many of the candidates are to go.
    public init(candidates: [Int], count: Int) {
        self.candidates = candidates
        self.count = min(count, candidates.count)
        if self.count <= 0 { outcome = .gone([]) }
    }

    public mutating func counted() {
        if step == .counting { step = .choosing }
    }

    /// Called whenever something has changed, until there is an ``outcome``.
    public mutating func look(_ sights: [Int: Sight]) -> [Action] {
        guard outcome == nil else { return [] }
        if !hasBegun {
            hasBegun = true
            return [.count]
        }
        switch step {
        case .counting, .over: return []
        case .choosing: return choose(sights)
        case .draining: return draining(sights)
        case .stopping:
            let isGone = chosen.allSatisfy { sights[$0]?.state.isSettled ?? true }
            if isGone { end(.gone(chosen)) }
            return []
        }
    }

    /// They had as long as they may take: those that are not empty stay.
    public mutating func timedOut(_ sights: [Int: Sight]) -> [Action] {
        guard outcome == nil, step == .draining else { return [] }
        return refuse(chosen.compactMap { position in sights[position].flatMap { late(position, $0) } })
    }

    private func late(_ position: Int, _ sight: Sight) -> Refusal? {
        guard sight.holdsJobs else { return nil }
        guard let holdings = sight.holdings else {
            let running = sight.jobs.map { Words.count($0.running, "job") } ?? "jobs"
            return Refusal(position, "still runs \(running)")
        }
        return holdings.isEmpty ? nil : Refusal(position, "holds \(holdings.words)")
    }

    private mutating func choose(_ sights: [Int: Sight]) -> [Action] {
        let order = candidates.sorted { left, right in
            guard let first = sights[left], let second = sights[right] else { return left < right }
            return first.reluctance.lexicographicallyPrecedes(second.reluctance)
        }
        chosen = Array(order.prefix(count)).sorted()
        let refusals = chosen.compactMap { position in sights[position].flatMap { refusal(position, $0) } }
        guard refusals.isEmpty else { return refuse(refusals) }
        let running = chosen.filter { sights[$0]?.mustDrain == true }
        step = .draining
        return running.isEmpty ? draining(sights) : drain(running, sights)
    }

    /// What cannot be asked what it holds cannot go.
    private func refusal(_ position: Int, _ sight: Sight) -> Refusal? {
        guard sight.holdsJobs else { return nil }
        if sight.state.hasProcess {
            if sight.canFinish || !sight.mustDrain { return nil }
            return Refusal(position, "does not say what jobs it holds")
        }
        return sight.isInMemory
            ? nil : Refusal(position, "is \(sight.state.rawValue), and nobody can say what jobs its storage holds")
    }

    private mutating func draining(_ sights: [Int: Sight]) -> [Action] {
        var refusals: [Refusal] = []
        for position in chosen {
            guard let sight = sights[position], sight.mustDrain else { continue }
            if sight.state.isSettled {
                return refuse([Refusal(position, "is \(sight.state.rawValue): \(sight.cause)")])
            }
            // One that died, or was not up yet, when it was told to drain is told once more.
            if sight.state == .ready || sight.state == .degraded { return drain([position], sights) }
            guard let holdings = sight.holdings else { return [] }
            var stranded = holdings
            stranded.unacknowledged = 0
            if !stranded.isEmpty { refusals.append(Refusal(position, "holds \(holdings.words)")) }
        }
        guard refusals.isEmpty else { return refuse(refusals) }
        // An outcome is on its way to an application that may well acknowledge it: waited for.
        guard chosen.allSatisfy({ sights[$0]?.holdings?.isEmpty ?? true }) else { return [] }
        step = .stopping
        stopped = chosen.filter { sights[$0]?.state.isSettled == false }
        return [.stop(chosen)]
    }

    private mutating func drain(_ positions: [Int], _ sights: [Int: Sight]) -> [Action] {
        paused += positions.filter { sights[$0]?.isAskedToDrain == false && !paused.contains($0) }
        return [.drain(positions)]
    }

    private mutating func refuse(_ refusals: [Refusal]) -> [Action] {
        end(.refused(refusals))
        return paused.isEmpty ? [] : [.resume(paused)]
    }

    /// It is over, whatever it had come to: all stay.
    public mutating func cut() -> [Action] {
        step = .over
        return (paused.isEmpty ? [] : [.resume(paused)]) + (stopped.isEmpty ? [] : [.start(stopped)])
    }

    private mutating func end(_ outcome: Outcome) {
        step = .over
        self.outcome = outcome
    }
}

extension ShrinkMachine.Sight {
    /// Whether it must be empty before it stops. What is in memory only is run to its end by the stop itself.
    var mustDrain: Bool { holdsJobs && !(isInMemory && !state.hasProcess) }

    /// The least reluctant goes first: those known to hold nothing for later, then the idle, then the highest number.
    var reluctance: [Int] {
        let isUnknown = holdsJobs && (!state.hasProcess && !isInMemory || state.hasProcess && !canFinish)
        return [isUnknown ? 1 : 0, min(jobs?.scheduled ?? 0, 1), jobs?.running ?? 0, -index]
    }
}
