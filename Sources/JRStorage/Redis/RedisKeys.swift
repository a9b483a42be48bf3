/// The keys of one node, as docs/redis-layout.md describes them.
///
/// The node's name is their hash tag: all of them are on one server of a cluster, as scripts need. It stands between
/// braces, which no name has, so that no node's keys are those of another whose name begins or ends alike.
struct RedisKeys: Sendable, Equatable {
    /// Of the layout. Changed only when older programs cannot read what newer ones write.
    static let format = "1"
    /// Of all nodes on the server: each one's name, and when its hold ends on the server's clock, in milliseconds. Only
    /// a hint where to look: the leases decide.
    static let registry = "jr:nodes"

    let meta: String
    let jobs: String
    let order: String
    let running: String
    let lease: String

    init(node: String) {
        let prefix = "jr:{\(node)}:"
        meta = prefix + "meta"
        jobs = prefix + "jobs"
        order = prefix + "order"
        running = prefix + "running"
        lease = prefix + "lease"
    }

    var all: [String] { [meta, jobs, order, running, lease] }
}
