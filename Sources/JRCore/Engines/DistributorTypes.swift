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

/// The last ids that were stored, and by which node: `limit` of them at least, and twice as many at the most.
///
/// Two generations: when the younger one is full the older one goes as a whole, so that no job pays for the removal of
/// another.
struct RecentJobs: Sendable {
    private let limit: Int
    private var younger: [JobID: String] = [:]
    private var older: [JobID: String] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    func node(of id: JobID) -> String? {
        if let node = younger[id] { return node }
        return older.isEmpty ? nil : older[id]
    }

    mutating func insert(_ id: JobID, node: String) {
        if younger.count >= limit {
            swap(&younger, &older)
            younger.removeAll(keepingCapacity: true)
        }
        younger[id] = node
    }
}
