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
}

/// The last ids that were stored, and by which node; the oldest goes when there are too many.
struct RecentJobs: Sendable {
    private let limit: Int
    private var order = Ring<JobID>()
    private var nodes: [JobID: String] = [:]

    init(limit: Int) {
        self.limit = limit
    }

    func node(of id: JobID) -> String? { nodes[id] }

    mutating func insert(_ id: JobID, node: String) {
        guard nodes.updateValue(node, forKey: id) == nil else { return }
        order.append(id)
        if order.count > limit, let oldest = order.popFirst() { nodes[oldest] = nil }
    }
}
