public import JRBase

/// What an instance's past lives say about the next one: how long to wait, and whether this is a crash loop.
public struct RestartHistory: Sendable {
    /// Deaths that count, within the crash loop's window.
    private(set) var deaths: [Instant] = []
    /// Where on the curve the next wait is: 0 = nothing used since the last healthy life, 1 = only the first.
    private(set) var step = 0
    private var random: SeededRandom

    public init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    /// One that goes on.
    init(seed: UInt64, deaths: [Instant], step: Int) {
        self.init(seed: seed)
        self.deaths = deaths
        self.step = step
    }

    /// An operator's start: the past no longer counts.
    public mutating func forget() {
        deaths = []
        step = 0
    }

    /// Called when an instance has been ready for `resetAfter`.
    public mutating func wasHealthy() {
        step = 0
    }

    /// Notes a death and says how long the next start waits.
    ///
    /// - Parameters:
    ///   - wasReady: This incarnation had been ready: only then may the first restart come at once.
    ///   - counts: False for an end that asks for another try by itself (exit 75), which is no crash.
    public mutating func died(wasReady: Bool, counts: Bool, policy: Policy, at now: Instant) -> Interval {
        if counts {
            deaths.append(now)
            deaths.removeAll { now - $0 > policy.crashLoop.within }
            if deaths.count > policy.crashLoop.count { deaths.removeFirst(deaths.count - policy.crashLoop.count) }
        }
        if step == 0, wasReady, counts {
            step = 1
            return policy.backoff.first
        }
        let doublings = max(0, step - 1)
        step = max(step, 1) + 1
        var delay = policy.backoff.then
        for _ in 0..<doublings where delay < policy.backoff.max { delay = delay * 2 }
        return random.jittered(min(delay, policy.backoff.max), by: 0.2)
    }

    /// Whether the deaths noted make a crash loop: the last `count` of them all within the window.
    public func isCrashLoop(_ policy: Policy, at now: Instant) -> Bool {
        deaths.count(where: { now - $0 <= policy.crashLoop.within }) >= policy.crashLoop.count
    }
}
