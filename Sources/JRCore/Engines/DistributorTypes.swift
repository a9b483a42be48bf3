import JRBase

/// Counted since the start; shown by `jr stats`.
public struct DistributorCounters: Sendable, Equatable {
    public var enqueued = 0
    public var refused = 0
    public var sent = 0
    public var stored = 0
    public var resent = 0
    public var maybeDuplicate = 0
    public var outcomes = 0
    public var outcomesWithoutClient = 0
    public var cancelled = 0
    /// Wrong, as their nodes found.
    public var rejected = 0
}
