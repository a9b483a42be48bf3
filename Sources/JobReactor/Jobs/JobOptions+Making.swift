public import JRBase
public import JRWire

extension JobOptions {
    /// What an enqueue asks for; everything left out is as the node is set.
    ///
    ///     try JR.enqueue("report", ["month": 11], JobOptions(after: .seconds(20), notNode: "mailer"))
    ///
    /// - Parameters:
    ///   - isDeferred: run on the thread pool, for work that blocks or takes long.
    ///   - after: not before this much later than the call; fractions of seconds count, down to a millisecond.
    ///   - runAt: not before this moment; one that has passed is now. Of `after` and `runAt` the later one counts.
    ///   - period: run again and again, this long after the end of each run.
    ///   - node: nodes that are tried first; with `strict` no others run it.
    ///   - notNode: nodes that never get it.
    ///   - strict: wait for a node of `node`, however long it is busy or away.
    ///   - maxAttempts: attempts before the job counts as failed.
    ///   - retry: how long to wait after a failed attempt.
    ///   - timeout: the longest that one attempt may take.
    public init(
        defer isDeferred: Bool = false, after: Duration? = nil, runAt: WallTime? = nil, period: Duration? = nil,
        node: String..., notNode: String..., strict: Bool = false, maxAttempts: Int? = nil,
        retry: RetrySchedule? = nil, timeout: Duration? = nil
    ) {
        self.init()
        self.isDeferred = isDeferred
        delay = after.map { Interval($0) }
        due = runAt
        self.period = period.map { Interval($0) }
        placement = Placement(preferred: node, isStrict: strict, excluded: notNode)
        self.maxAttempts = maxAttempts
        self.retry = retry
        self.timeout = timeout.map { Interval($0) }
    }

    /// With the delay turned into a moment.
    func fixed(at now: WallTime) -> JobOptions {
        guard let delay, delay >= .zero else { return self }
        var options = self
        options.due = max(now + delay, due ?? now)
        return options
    }
}

extension Placement {
    /// These nodes first; others when none of them is there and free.
    public static func prefer(_ nodes: String...) -> Placement { Placement(preferred: nodes) }

    /// These nodes only; the job waits for one of them.
    public static func require(_ nodes: String...) -> Placement { Placement(preferred: nodes, isStrict: true) }

    /// Any node but these.
    public static func not(_ nodes: String...) -> Placement { Placement(excluded: nodes) }
}

extension RetrySchedule {
    /// Always the same wait.
    ///
    /// - Parameters:
    ///   - wait: the wait.
    ///   - jitter: by what part a wait may be longer or shorter, 0 to 1.
    public static func fixed(_ wait: Duration, jitter: Double = 0) -> RetrySchedule {
        RetrySchedule(shape: .fixed, base: Interval(wait), jitterPercent: percent(jitter))
    }

    /// Attempt times `step`, at most `cap`.
    ///
    /// - Parameters:
    ///   - step: the wait after the first failure.
    ///   - cap: the longest wait.
    ///   - jitter: by what part a wait may be longer or shorter, 0 to 1.
    public static func linear(
        _ step: Duration, cap: Duration = .seconds(86_400), jitter: Double = 0
    ) -> RetrySchedule {
        RetrySchedule(shape: .linear, base: Interval(step), cap: Interval(cap), jitterPercent: percent(jitter))
    }

    /// `first`, then twice as long after each further failure, at most `cap`.
    ///
    /// - Parameters:
    ///   - first: the wait after the first failure.
    ///   - cap: the longest wait.
    ///   - jitter: by what part a wait may be longer or shorter, 0 to 1.
    public static func exponential(
        _ first: Duration, cap: Duration = .seconds(86_400), jitter: Double = 0
    ) -> RetrySchedule {
        RetrySchedule(shape: .exponential, base: Interval(first), cap: Interval(cap), jitterPercent: percent(jitter))
    }

    /// Out of range stays out of range, so that the enqueue is refused.
    private static func percent(_ part: Double) -> Int {
        Int(exactly: (min(max(part, -1), 2) * 100).rounded()) ?? -1
    }
}

extension Interval {
    /// A standard duration, cut to whole nanoseconds; one that does not fit becomes the nearest that does.
    public init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
    }

    /// The same length as the standard library has it.
    public var duration: Duration { .nanoseconds(nanoseconds) }
}
