public import JRBase

/// Where a job may run (`node`, `not_node` of an enqueue).
public struct Placement: Sendable, Hashable {
    /// Nodes that are tried first; with ``isStrict`` the only ones.
    public var preferred: [String] = []
    /// Whether the job waits for one of ``preferred``, however long it is busy or away.
    public var isStrict = false
    /// Nodes that never get the job.
    public var excluded: [String] = []

    /// A placement by names of nodes; left out, the job runs anywhere.
    public init(preferred: [String] = [], isStrict: Bool = false, excluded: [String] = []) {
        self.preferred = preferred
        self.isStrict = isStrict
        self.excluded = excluded
    }

    /// Any node that knows the job.
    public static let anywhere = Placement()
}

/// How long to wait after a failed attempt.
public struct RetrySchedule: Sendable, Hashable {
    /// How the wait grows with the attempts.
    public enum Shape: UInt8, Sendable, Hashable {
        /// Always the base.
        case fixed = 0
        /// Attempt times the base.
        case linear = 1
        /// The base doubled with each attempt.
        case exponential = 2
    }

    /// How the wait grows with the attempts.
    public var shape: Shape
    /// The wait after the first failure.
    public var base: Interval
    /// No wait is longer.
    public var cap: Interval
    /// By how many percent a wait may be longer or shorter, so that jobs which failed together do not all come back
    /// together; 0 to 100.
    public var jitterPercent: Int

    /// A schedule; the longest wait is a day unless said otherwise.
    public init(
        shape: Shape, base: Interval, cap: Interval = .seconds(Int64(24 * 3600)), jitterPercent: Int = 0
    ) {
        self.shape = shape
        self.base = base
        self.cap = cap
        self.jitterPercent = jitterPercent
    }

    /// Attempt times five seconds, as the original had it.
    public static let standard = RetrySchedule(shape: .linear, base: .seconds(Int64(5)))

    /// The wait after the failure of attempt `attempt`, counted from 1.
    public func delay(afterAttempt attempt: Int) -> Interval {
        let wait: Interval
        switch shape {
        case .fixed: wait = base
        case .linear: wait = base * Int64(attempt)
        case .exponential: wait = base * (1 << Int64(min(max(attempt - 1, 0), 40)))
        }
        return min(wait, cap)
    }

    /// The same with jitter, which for one attempt of one job is always the same.
    public func delay(afterAttempt attempt: Int, of id: JobID) -> Interval {
        let wait = delay(afterAttempt: attempt)
        guard jitterPercent > 0 else { return wait }
        var random = SeededRandom(seed: id.low ^ id.high ^ UInt64(truncatingIfNeeded: attempt))
        return min(random.jittered(wait, by: Double(min(jitterPercent, 100)) / 100), cap)
    }
}

/// What an enqueue asks for beyond name and arguments. Nil means: as the node is set.
///
/// Most jobs ask for nothing. So what is asked for lies in a box that those do not have, and a job that is handed on
/// carries one word for it.
public struct JobOptions: Sendable {
    /// What can be asked for, in one piece: each setter of the options makes a new box.
    struct Fields: Sendable, Hashable {
        var due: WallTime?
        var delay: Interval?
        var period: Interval?
        var isDeferred = false
        var placement = Placement.anywhere
        var maxAttempts: Int?
        var retry: RetrySchedule?
        var timeout: Interval?
    }

    private final class Box: Sendable {
        let fields: Fields

        init(_ fields: Fields) {
            self.fields = fields
        }
    }

    private var box: Box?

    private var fields: Fields { box?.fields ?? Fields() }

    init(_ fields: Fields) {
        box = Box(fields)
    }

    private mutating func change(_ change: (inout Fields) -> Void) {
        var fields = fields
        change(&fields)
        box = Box(fields)
    }

    public init() {}

    /// Nothing asked for: at once, once, anywhere, and else as the node is set.
    public static let standard = JobOptions()

    /// Whether surely nothing is asked for; what asks for nothing in many words is not known to be so.
    public var isPlain: Bool { box == nil }

    /// Whether nothing at all is asked for.
    public var isStandard: Bool { box == nil || fields == Fields() }

    /// When the job is due; nil is now.
    public var due: WallTime? {
        get { box?.fields.due }
        set { change { $0.due = newValue } }
    }

    /// For `after`: how far ``due`` lay ahead when the job was enqueued. A clock that is set back cannot put the job
    /// off further than this.
    public var delay: Interval? {
        get { box?.fields.delay }
        set { change { $0.delay = newValue } }
    }

    /// A periodic job: run again this long after the end of each run.
    public var period: Interval? {
        get { box?.fields.period }
        set { change { $0.period = newValue } }
    }

    /// Run on the thread pool.
    public var isDeferred: Bool {
        get { box?.fields.isDeferred ?? false }
        set { change { $0.isDeferred = newValue } }
    }

    /// Where it may run.
    public var placement: Placement {
        get { box?.fields.placement ?? .anywhere }
        set { change { $0.placement = newValue } }
    }

    /// Attempts before it counts as failed, from 1.
    public var maxAttempts: Int? {
        get { box?.fields.maxAttempts }
        set { change { $0.maxAttempts = newValue } }
    }

    /// How long to wait after a failed attempt.
    public var retry: RetrySchedule? {
        get { box?.fields.retry }
        set { change { $0.retry = newValue } }
    }

    /// The longest that an attempt may take.
    public var timeout: Interval? {
        get { box?.fields.timeout }
        set { change { $0.timeout = newValue } }
    }
}

extension JobOptions: Hashable {
    public static func == (left: JobOptions, right: JobOptions) -> Bool {
        left.box === right.box || left.fields == right.fields
    }

    public func hash(into hasher: inout Hasher) { fields.hash(into: &hasher) }
}

/// Which outcomes the application wants to be told.
public struct Feedback: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Tell of success.
    public static let success = Feedback(rawValue: 1)
    /// Tell when the last attempt has failed.
    public static let error = Feedback(rawValue: 2)
    /// Tell of either.
    public static let both: Feedback = [.success, .error]
}

/// A job as it travels: made by an application, routed by a distributor, stored by a node.
///
/// The arguments are encoded MessagePack and are read by nobody but the job.
public struct JobRequest: Sendable, Hashable {
    /// Its name among all jobs; two requests with the same id are one job.
    public var id: JobID
    /// What it is called by the nodes that define it.
    public var name: String
    /// A MessagePack map.
    public var arguments: [UInt8]
    /// When it was enqueued, by the clock of the application.
    public var created: WallTime
    /// Which outcomes the application wants to be told.
    public var feedback: Feedback
    /// The application that is to hear of the outcome; the distributor fills it in.
    public var client: JobID
    /// What it asks for beyond name and arguments.
    public var options: JobOptions

    /// A request that no distributor has seen yet.
    public init(
        id: JobID, name: String, arguments: [UInt8], created: WallTime, feedback: Feedback = [],
        client: JobID = .none, options: JobOptions = .standard
    ) {
        self.id = id
        self.name = name
        self.arguments = arguments
        self.created = created
        self.feedback = feedback
        self.client = client
        self.options = options
    }
}

extension JobID {
    /// All zeros: no one.
    public static let none = JobID(high: 0, low: 0)
}

/// How a job, or one run of a periodic job, ended.
public struct JobOutcome: Sendable, Hashable {
    /// The three ways for a job to end.
    public enum Ending: UInt8, Sendable, Hashable, CaseIterable {
        /// The job and its callbacks have succeeded.
        case complete = 0
        /// The last attempt has failed, or the first for good.
        case failed = 1
        /// A body threw `Cancel`, or the job was cancelled from outside.
        case cancelled = 2
    }

    /// The job.
    public var id: JobID
    /// Counts the reports of one job, from 1: a periodic job makes one after each run.
    public var run: Int
    /// How it ended.
    public var ending: Ending
    /// False when a periodic job goes on.
    public var isFinal: Bool
    /// The arguments with all that the job and its callbacks, or its errbacks, added.
    public var arguments: [UInt8]
    /// What went wrong in the attempt that failed.
    public var error: String?
    /// The attempt that ended it, from 1.
    public var attempt: Int
    /// Where it ran.
    public var node: String
    /// The application that is to hear of it.
    public var client: JobID

    /// What is acknowledged: one report of one job.
    public var key: OutcomeKey { OutcomeKey(id: id, run: run) }
}

extension JobOutcome {
    /// An outcome as a node reports it.
    public init(
        id: JobID, run: Int, ending: Ending, arguments: [UInt8], error: String?, attempt: Int, node: String,
        client: JobID, isFinal: Bool
    ) {
        // By the initializer that the compiler makes, which is therefore not to be hidden by this one: where each part
        // is set by itself, the whole is copied once more, and a job has two of these.
        self.init(
            id: id, run: run, ending: ending, isFinal: isFinal, arguments: arguments, error: error, attempt: attempt,
            node: node, client: client)
    }
}

public struct OutcomeKey: Sendable, Hashable {
    public var id: JobID
    public var run: Int

    public init(id: JobID, run: Int) {
        self.id = id
        self.run = run
    }

    /// See ``JRBase/FastHash``.
    ///
    /// - Parameter seed: of the dictionary or set.
    @inlinable
    public func _rawHashValue(seed: Int) -> Int {
        FastHash.hash(id.high ^ UInt64(truncatingIfNeeded: run) << 32, id.low, seed: seed)
    }
}
