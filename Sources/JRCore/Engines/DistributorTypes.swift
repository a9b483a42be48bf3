import JRBase
import JRWire

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

/// The last ids that something became of, and what: `limit` of them at least, and twice as many at the most.
///
/// Two generations: when the younger one is full the older one goes as a whole, so that no job pays for the removal of
/// another.
struct RecentJobs<End: Sendable>: Sendable {
    private let limit: Int
    private var younger: [JobID: End] = [:]
    private var older: [JobID: End] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    subscript(id: JobID) -> End? {
        if !younger.isEmpty, let end = younger[id] { return end }
        return older.isEmpty ? nil : older[id]
    }

    mutating func insert(_ id: JobID, _ end: End) {
        if younger.count >= limit {
            swap(&younger, &older)
            younger.removeAll(keepingCapacity: true)
        }
        younger[id] = end
    }
}
