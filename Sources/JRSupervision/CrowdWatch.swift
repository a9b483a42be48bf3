public import JRBase

/// Sees when many instances of an entry die together, so that people are told once and not once for each.
///
/// What is said of a death is held back for a moment. If by then at least half of the entry has died within two
/// seconds, one line takes the place of all; and until they are back, so does one for their return. Of an entry with
/// fewer than three instances nothing is held back.
public struct CrowdWatch: Sendable {
    /// One thing to show, in order.
    public enum Output: Sendable, Equatable {
        case line(Int, String)
        case note(String)
    }

    /// A change that is about to be shown.
    public struct Sight: Sendable {
        public var position: Int
        public var entry: String
        /// How many instances the entry has.
        public var count: Int
        public var state: InstanceState
        /// How its last process ended.
        public var exit: String
        public var text: String

        public init(position: Int, entry: String, count: Int, state: InstanceState, exit: String, text: String) {
            self.position = position
            self.entry = entry
            self.count = count
            self.state = state
            self.exit = exit
            self.text = text
        }
    }

    private struct Death {
        var at: Instant
        var exit: String
        /// Whether it was shown to be back, or to stay away, since.
        var isOver = false
    }

    private struct Crowd {
        var firstDeath: Instant
        /// Those that have not come back.
        var away: Set<Int>
    }

    /// How long nobody else must have died.
    static let hold = Interval.milliseconds(20)
    static let longestHold = Interval.milliseconds(200)
    static let window = Interval.seconds(2 as Int64)
    static let least = 3

    private var held: [Sight] = []
    private var heldSince = Instant.zero
    private var deaths: [String: [Int: Death]] = [:]
    private var crowds: [String: Crowd] = [:]
    /// When ``flush(at:)`` is to be called, which another death puts off a little; nil while nothing is held back.
    public private(set) var deadline: Instant?

    public init() {}

    /// - Returns: what is to be shown now.
    public mutating func show(_ sight: Sight, at now: Instant) -> [Output] {
        let isDeath = sight.state == .backingOff || sight.state == .crashLooping
        if isDeath {
            deaths[sight.entry, default: [:]] = deaths[sight.entry, default: [:]]
                .filter { now - $0.value.at <= CrowdWatch.window }
            deaths[sight.entry]?[sight.position] = Death(at: now, exit: sight.exit)
        }
        if crowds[sight.entry] != nil { return inCrowd(sight, at: now) }
        let isHeld = held.contains { $0.position == sight.position }
        guard isHeld || isDeath && sight.count >= CrowdWatch.least else {
            noteAbsence(of: sight)
            return [.line(sight.position, sight.text)]
        }
        if held.isEmpty { heldSince = now }
        held.append(sight)
        if isDeath || deadline == nil { deadline = min(now + CrowdWatch.hold, heldSince + CrowdWatch.longestHold) }
        return []
    }

    private mutating func inCrowd(_ sight: Sight, at now: Instant) -> [Output] {
        guard var crowd = crowds.removeValue(forKey: sight.entry) else { return [] }
        switch sight.state {
        case .backingOff:
            crowd.away.insert(sight.position)
            crowds[sight.entry] = crowd
            return []
        case .ready:
            let wasAway = crowd.away.remove(sight.position) != nil
            if crowd.away.isEmpty { return [.note(Self.end(crowd, sight.entry, at: now))] }
            crowds[sight.entry] = crowd
            return wasAway ? [] : [.line(sight.position, sight.text)]
        case .waiting, .starting, .recovering, .degraded, .blocked, .draining, .stopping:
            crowds[sight.entry] = crowd
            return [.line(sight.position, sight.text)]
        case .crashLooping, .stopped, .failed, .finished:
            // It is not to be expected back with the others.
            crowd.away.remove(sight.position)
            if !crowd.away.isEmpty { crowds[sight.entry] = crowd }
            return [.line(sight.position, sight.text)]
        }
    }

    private mutating func noteAbsence(of sight: Sight) {
        switch sight.state {
        case .ready, .stopped, .failed, .finished: deaths[sight.entry]?[sight.position]?.isOver = true
        case .waiting, .starting, .recovering, .degraded, .blocked, .draining, .stopping, .backingOff, .crashLooping:
            break
        }
    }

    private static func end(_ crowd: Crowd, _ entry: String, at now: Instant) -> String {
        let time = Durations.format(now - crowd.firstDeath)
        return "\(entry): those that died together are ready again, \(time) after the first death"
    }

    /// Decides on what was held back.
    ///
    /// - Returns: what is to be shown now.
    public mutating func flush(at now: Instant) -> [Output] {
        let sights = held
        held = []
        deadline = nil
        var outputs: [Output] = []
        for entry in Set(sights.map(\.entry)).sorted() {
            let count = sights.last { $0.entry == entry }?.count ?? 0
            let recent = (deaths[entry] ?? [:]).filter { now - $0.value.at <= CrowdWatch.window }
            guard recent.count >= CrowdWatch.least, 2 * recent.count >= count else { continue }
            let first = recent.values.map(\.at).min() ?? now
            let last = recent.values.map(\.at).max() ?? now
            let away = recent.filter { !$0.value.isOver }.keys
            crowds[entry] = Crowd(firstDeath: first, away: Set(away))
            let time = Durations.format(last - first)
            outputs.append(
                .note(
                    "\(entry): \(recent.count) of \(count) died within \(time), \(Self.causes(recent.values)):"
                        + " a common cause; they are started a few at a time"))
        }
        for sight in sights {
            if crowds[sight.entry] == nil {
                noteAbsence(of: sight)
                outputs.append(.line(sight.position, sight.text))
            } else {
                outputs += inCrowd(sight, at: now)
            }
        }
        return outputs
    }

    /// `48 times SIGKILL (not by us), once exit 1`, the most frequent first.
    private static func causes(_ deaths: some Collection<Death>) -> String {
        let counts = Dictionary(deaths.map { ($0.exit, 1) }, uniquingKeysWith: +)
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(3).map { $0.value == 1 ? "once \($0.key)" : "\($0.value) times \($0.key)" }
        return shown.joined(separator: ", ") + (sorted.count > 3 ? ", and others" : "")
    }
}
