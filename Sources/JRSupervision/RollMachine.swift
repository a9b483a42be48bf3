public import JRBase

/// A rolling restart: one instance after the other, the idle ones first, each ready again before the next is touched.
/// The first that does not come up ends it: that one goes back to what ran before, the others stay as they are.
///
/// Pure: told what the instances are like now, as often as that changes; what it wants done comes out.
public struct RollMachine: Sendable {
    /// An instance as the roll sees it now.
    public struct Sight: Sendable, Equatable {
        public var state: InstanceState
        public var cause: String
        public var incarnation: Int
        public var runningJobs: Int
        public var startedAt: Instant?
        /// Whether what ran last, and was ready, is kept.
        public var canGoBack: Bool
        /// Whether it waits for something that does not come by itself.
        public var waitsInVain = false

        public init(state: InstanceState, cause: String, incarnation: Int, runningJobs: Int, startedAt: Instant?) {
            self.state = state
            self.cause = cause
            self.incarnation = incarnation
            self.runningJobs = runningJobs
            self.startedAt = startedAt
            canGoBack = true
        }
    }

    public enum Action: Sendable, Equatable {
        /// Ask the nodes how many jobs they run, and call ``counted()`` when they have said so.
        case count
        /// Let it end its work and start it anew, as the plan says now.
        case restart(Int)
        /// Start what ran there before.
        case goBack(Int)
        /// Something to tell of one of them.
        case say(Int, String)
    }

    public enum Outcome: Sendable, Equatable {
        case succeeded
        case aborted(Abort)
    }

    public struct Abort: Sendable, Equatable {
        public var position: Int
        public var cause: String
        /// What came of the way back; nil when there was none to go.
        public var wentBack: Bool?
        /// Those that were not touched.
        public var untouched: [Int]

        public init(position: Int, cause: String, wentBack: Bool?, untouched: [Int]) {
            self.position = position
            self.cause = cause
            self.wentBack = wentBack
            self.untouched = untouched
        }
    }

    private enum Step: Equatable {
        case counting
        case choosing
        /// The incarnation that it had before.
        case restarting(Int, from: Int)
        case goingBack(Int, from: Int, cause: String)
        case over
    }

    public let positions: [Int]
    public private(set) var outcome: Outcome?
    private var remaining: [Int]
    private var step = Step.counting
    private var hasBegun = false
    private var saidToWait: Int?

    public init(positions: [Int]) {
        self.positions = positions
        remaining = positions
        if positions.isEmpty { outcome = .succeeded }
    }

    /// The one that is being restarted or taken back.
    public var current: Int? {
        switch step {
        case .restarting(let position, _), .goingBack(let position, _, _): position
        case .counting, .choosing, .over: nil
        }
    }

    /// Those whose turn has not come.
    public var untouched: [Int] { remaining }

    /// Those that have been restarted and were ready.
    public var done: [Int] { positions.filter { !remaining.contains($0) && $0 != current } }

    /// The nodes have said how many jobs they run; what they said is in the next sight.
    public mutating func counted() {
        if step == .counting { step = .choosing }
    }

    /// Called whenever something has changed, until there is an ``outcome``.
    ///
    /// - Parameter sights: one for each of ``positions``.
    public mutating func look(_ sights: [Int: Sight]) -> [Action] {
        guard outcome == nil else { return [] }
        if !hasBegun {
            hasBegun = true
            return [.count]
        }
        switch step {
        case .counting, .over: return []
        case .choosing: return choose(sights)
        case .restarting(let position, let before):
            guard let sight = sights[position] else { return [] }
            return restarting(position, before, sight)
        case .goingBack(let position, let before, let cause):
            guard let sight = sights[position] else { return [] }
            goingBack(position, before, sight, cause)
            return []
        }
    }

    // MARK: Whose turn it is

    private mutating func choose(_ sights: [Int: Sight]) -> [Action] {
        guard let next = next(sights) else { return finish(sights) }
        guard let sight = sights[next] else { return [] }
        // What does not work anyway is restarted without another thought; for the rest, all others must work.
        if sight.state.isUp, let other = firstDown(sights, but: next) { return waitFor(other, sights) }
        remaining.removeAll { $0 == next }
        step = .restarting(next, from: sight.incarnation)
        let jobs = sight.runningJobs == 0 ? "idle" : Words.count(sight.runningJobs, "job") + " in progress"
        return [.say(next, "\(positions.count - remaining.count) of \(positions.count): \(jobs)"), .restart(next)]
    }

    private func next(_ sights: [Int: Sight]) -> Int? {
        remaining.min { left, right in
            guard let first = sights[left], let second = sights[right] else { return left < right }
            if first.state.isUp != second.state.isUp { return !first.state.isUp }
            if first.runningJobs != second.runningJobs { return first.runningJobs < second.runningJobs }
            if first.startedAt != second.startedAt {
                return first.startedAt ?? .zero < second.startedAt ?? .zero
            }
            return left < right
        }
    }

    private func firstDown(_ sights: [Int: Sight], but position: Int) -> Int? {
        positions.first { $0 != position && sights[$0]?.state.isUp == false }
    }

    /// Of those that were rolled one is down again: waited for, unless it will not come back by itself.
    private mutating func waitFor(_ position: Int, _ sights: [Int: Sight]) -> [Action] {
        guard let sight = sights[position] else { return [] }
        switch sight.state {
        case .failed, .crashLooping, .blocked, .stopped:
            return fail(position, sight)
        case .waiting where sight.waitsInVain:
            return fail(position, sight)
        case .waiting, .starting, .recovering, .ready, .degraded, .backingOff, .draining, .stopping, .finished:
            guard saidToWait != position else { return [] }
            saidToWait = position
            return [.say(position, "waiting for it: \(sight.state.rawValue): \(sight.cause)")]
        }
    }

    private mutating func finish(_ sights: [Int: Sight]) -> [Action] {
        // The last one may have died again already.
        if let down = firstDown(sights, but: -1) { return waitFor(down, sights) }
        step = .over
        outcome = .succeeded
        return []
    }

    // MARK: What became of it

    private mutating func restarting(_ position: Int, _ before: Int, _ sight: Sight) -> [Action] {
        if sight.isHeldUp { return fail(position, sight) }
        guard sight.incarnation > before else { return [] }
        switch sight.state {
        case .ready, .finished:
            // A second start means that the first one died.
            if sight.incarnation > before + 1 { return fail(position, sight) }
            saidToWait = nil
            step = .counting
            return [.count]
        case .waiting, .starting, .recovering:
            return sight.incarnation > before + 1 ? fail(position, sight) : []
        case .degraded, .blocked, .backingOff, .crashLooping, .draining, .stopping, .stopped, .failed:
            return fail(position, sight)
        }
    }

    private mutating func fail(_ position: Int, _ sight: Sight) -> [Action] {
        let cause = "\(sight.state.rawValue): \(sight.cause)"
        // Somebody stopped it, or something outside holds it up: what ran before would do no better.
        guard sight.canGoBack, !sight.isHeldUp else {
            end(position, cause, wentBack: nil)
            return []
        }
        step = .goingBack(position, from: sight.incarnation, cause: cause)
        return [.say(position, "\(cause); going back to what ran before"), .goBack(position)]
    }

    private mutating func goingBack(_ position: Int, _ before: Int, _ sight: Sight, _ cause: String) {
        if sight.isHeldUp { return end(position, cause, wentBack: false) }
        guard sight.incarnation > before else { return }
        switch sight.state {
        case .ready, .finished: end(position, cause, wentBack: sight.incarnation == before + 1)
        case .waiting, .starting, .recovering: break
        case .degraded, .blocked, .backingOff, .crashLooping, .draining, .stopping, .stopped, .failed:
            end(position, cause, wentBack: false)
        }
    }

    private mutating func end(_ position: Int, _ cause: String, wentBack: Bool?) {
        step = .over
        outcome = .aborted(Abort(position: position, cause: cause, wentBack: wentBack, untouched: remaining))
    }
}

extension RollMachine.Sight {
    /// Whether it does not come up for a reason that is not in it.
    fileprivate var isHeldUp: Bool { state == .stopped || state == .blocked || waitsInVain }
}

extension InstanceState {
    /// Whether it does its work, as a roll counts it.
    fileprivate var isUp: Bool { self == .ready || self == .finished }
}
