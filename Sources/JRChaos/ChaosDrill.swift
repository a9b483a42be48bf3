public import JRBase
public import JRSupervision

/// What `chaos` is to do to the instances of a cluster, as it is written on a command line.
public struct ChaosDrill: Sendable, Equatable {
    /// What is done.
    public enum Kind: Sendable, Equatable {
        /// One signal.
        case kill(Signal)
        /// STOP, and CONT after this long.
        case pause(Interval)
    }

    /// What is done.
    public var kind: Kind
    /// An instance, or an entry of which one is chosen each time.
    public var target: String
    /// On average; nil for once.
    public var every: Interval?

    /// How long a pause or the time between two drills may be.
    static let lengths = Interval.milliseconds(10)...Interval.seconds(86_400 as Int64)

    static let killForm = "NAME[:every=2s][,signal=TERM], such as worker:every=2s or worker.1"
    static let pauseForm = "NAME:LENGTH[,every=10s], such as worker.2:3s, with lengths from 10ms to 1d"

    /// Reads `worker:every=2s`, `worker.1:signal=TERM` or `worker.1`.
    ///
    /// - Parameter text: What was given after `--kill`.
    public static func kill(_ text: String) throws(ValueError) -> ChaosDrill {
        let (target, parts) = try split(text, killForm)
        var drill = ChaosDrill(kind: .kill(.kill), target: target)
        for (key, value) in parts {
            switch key {
            case "every" where drill.every == nil: drill.every = try length(value, of: text, killForm)
            case "signal":
                guard let signal = Signal(value) else { throw ValueError(text, expected: killForm) }
                drill.kind = .kill(signal)
            default: throw ValueError(text, expected: killForm)
            }
        }
        return drill
    }

    /// Reads `worker.2:3s` or `worker:500ms,every=10s`.
    ///
    /// - Parameter text: What was given after `--pause`.
    public static func pause(_ text: String) throws(ValueError) -> ChaosDrill {
        let (target, parts) = try split(text, pauseForm)
        var found: Interval?
        var every: Interval?
        for (key, value) in parts {
            switch key {
            case nil where found == nil: found = try length(value, of: text, pauseForm)
            case "every" where every == nil: every = try length(value, of: text, pauseForm)
            default: throw ValueError(text, expected: pauseForm)
            }
        }
        guard let found else { throw ValueError(text, expected: pauseForm) }
        return ChaosDrill(kind: .pause(found), target: target, every: every)
    }

    private init(kind: Kind, target: String, every: Interval? = nil) {
        self.kind = kind
        self.target = target
        self.every = every
    }

    private static func split(
        _ text: String, _ form: String
    ) throws(ValueError) -> (target: String, parts: [(key: String?, value: String)]) {
        let halves = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let target = halves.first, Names.isValid(target) else { throw ValueError(text, expected: form) }
        guard halves.count > 1 else { return (target, []) }
        let parts = halves[1].split(separator: ",", omittingEmptySubsequences: false).map { part in
            let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return words.count > 1 ? (key: words[0], value: words[1]) : (key: nil, value: words[0])
        }
        return (target, parts)
    }

    private static func length(_ word: String, of text: String, _ form: String) throws(ValueError) -> Interval {
        guard let length = try? Durations.parse(word), lengths.contains(length) else {
            throw ValueError(text, expected: form)
        }
        return length
    }

    /// For people: `kill worker every 2s`.
    public var words: String {
        let often = every.map { " every \(Durations.format($0))" } ?? ""
        switch kind {
        case .kill(let signal): return "kill \(target)\(signal == .kill ? "" : " with \(signal)")\(often)"
        case .pause(let length): return "pause \(target) for \(Durations.format(length))\(often)"
        }
    }
}

/// All drills of a run, made from its seed before it begins: the same seed, drills and instances give the same ones.
public struct ChaosSchedule: Sendable, Equatable {
    /// One drill at its time.
    public struct Step: Sendable, Equatable {
        /// From the beginning.
        public var at: Interval
        /// To whom.
        public var instance: String
        /// What is done.
        public var kind: ChaosDrill.Kind
    }

    /// More would not be told apart by anybody.
    public static let most = 100_000

    /// In the order in which they come.
    public private(set) var steps: [Step] = []
    /// How long it goes on.
    public let length: Interval

    /// - Parameters:
    ///   - seed: What all chances come from.
    ///   - drills: What is to be done, each with the instances of which one is chosen.
    ///   - length: How long it goes on; pauses have ended by then.
    public init(seed: UInt64, _ drills: [(drill: ChaosDrill, instances: [String])], length: Interval) {
        self.length = length
        var found: [(order: Int, step: Step)] = []
        for (order, drill) in drills.enumerated() {
            // A chance of its own for each: one more drill changes none of the others.
            var random = SeededRandom(seed: seed &+ UInt64(order) &* 0x9E37_79B9_7F4A_7C15)
            found += Self.steps(drill.drill, drill.instances, length, &random).map { (order, $0) }
        }
        found.sort { ($0.step.at, $0.order) < ($1.step.at, $1.order) }
        var pausedUntil: [String: Interval] = [:]
        for (_, step) in found {
            if case .pause(let length) = step.kind {
                // One that is paused already cannot be paused.
                if let end = pausedUntil[step.instance], end >= step.at { continue }
                pausedUntil[step.instance] = step.at + length
            }
            steps.append(step)
        }
    }

    private static func steps(
        _ drill: ChaosDrill, _ instances: [String], _ length: Interval, _ random: inout SeededRandom
    ) -> [Step] {
        guard !instances.isEmpty else { return [] }
        var last = length
        if case .pause(let pause) = drill.kind { last = max(.zero, length - pause) }
        guard let every = drill.every else {
            let at = Interval.milliseconds(Int64(random.below(Int(max(1, last.millisecondsRoundedUp)))))
            return [Step(at: at, instance: instances[random.below(instances.count)], kind: drill.kind)]
        }
        var steps: [Step] = []
        // Whole milliseconds, as they are told.
        var at = wait(every, &random)
        while at <= last, steps.count < most {
            steps.append(Step(at: at, instance: instances[random.below(instances.count)], kind: drill.kind))
            at = at + wait(every, &random)
        }
        return steps
    }

    private static func wait(_ every: Interval, _ random: inout SeededRandom) -> Interval {
        .milliseconds(random.jittered(every, by: 0.5).millisecondsRoundedUp)
    }
}
