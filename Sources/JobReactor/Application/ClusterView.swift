public import JRBase
public import JRWire

/// What a distributor and its nodes look like at one moment.
public struct ClusterView: Sendable {
    /// A node that is connected.
    public struct Node: Sendable {
        /// The node's name.
        public let name: String
        /// `ready`, `full`, `draining`, `recovering`, `storage full` or `storage away`.
        public let state: String
        /// When it connected, by the distributor's clock.
        public let since: WallTime?
        /// Rises with each start of the node.
        public let incarnation: Int
        /// Which storage it has, and what it promises, in words such as `journal, sync always`.
        public let promise: String
        /// The names of the jobs that it can run.
        public let jobNames: [String]
        /// Jobs in line to run.
        public let ready: Int
        /// Attempts under way.
        public let running: Int
        /// Jobs for a later time: a retry, a delay, a period.
        public let scheduled: Int
        /// Jobs that have ended and are kept, for their application or for people.
        public let kept: Int
        /// Since its start: attempts that succeeded.
        public let completed: Int
        /// Since its start: jobs that failed for good.
        public let failed: Int
        /// Since its start: attempts that failed and that another one follows.
        public let retried: Int
        /// The job that has been in line longest.
        public let oldest: Waiting?
        /// The last attempts that failed, oldest first; a few.
        public let failures: [Failure]
    }

    /// A job that waits.
    public struct Waiting: Sendable {
        /// The job's id.
        public let id: JobID
        /// The job's name.
        public let name: String
        /// Since when it waits.
        public let since: WallTime
    }

    /// An attempt that failed.
    public struct Failure: Sendable {
        /// The job's id.
        public let id: JobID
        /// The job's name.
        public let name: String
        /// Which attempt it was, from 1.
        public let attempt: Int
        /// What went wrong, shortened.
        public let error: String
        /// When.
        public let at: WallTime
        /// No other attempt follows.
        public let isFinal: Bool
    }

    /// What the distributor calls itself.
    public let distributor: String
    /// Jobs that wait in the distributor for a node.
    public let waiting: Int
    /// Jobs on their way to a node that has not stored them yet.
    public let onTheWire: Int
    /// Applications that are connected.
    public let applications: Int
    /// Jobs that were enqueued since the distributor's start.
    public let enqueued: Int
    /// The job that waits longest in the distributor.
    public let oldest: Waiting?
    /// The connected nodes, by name.
    public let nodes: [Node]
    /// Every field by its name, as `jr monitor --json` prints them.
    public let fields: [String: Value]
    /// What has been seen, in the distributor's words.
    package let mark: Value

    package init(_ answer: Value) {
        var fields = answer.map ?? [:]
        mark = fields.removeValue(forKey: "mark") ?? .null
        self.fields = fields
        let own = fields["distributor"]?.map ?? [:]
        distributor = own["name"]?.string ?? ""
        waiting = own["waiting"]?.int ?? 0
        onTheWire = own["onTheWire"]?.int ?? 0
        applications = own["clients"]?.int ?? 0
        enqueued = own["enqueued"]?.int ?? 0
        oldest = own["oldest"].flatMap(Waiting.init)
        nodes = (fields["nodes"]?.array ?? []).compactMap(\.map).map(Node.init).sorted { $0.name < $1.name }
    }
}

extension ClusterView.Node {
    fileprivate init(_ row: [String: Value]) {
        let view = row["view"]?.map ?? [:]
        let count = { (key: String) in view[key]?.int ?? 0 }
        name = row["name"]?.string ?? ""
        let seen = row["state"]?.string ?? ""
        state = seen == "ready" ? view["state"]?.string ?? seen : seen
        since = row["since"]?.date
        incarnation = row["incarnation"]?.int ?? 0
        // The storage's promise may have changed since the node connected.
        promise = view["promise"]?.string ?? row["promise"]?.string ?? ""
        jobNames = (row["jobs"]?.array ?? []).compactMap(\.string)
        ready = count("ready")
        running = count("running")
        scheduled = count("scheduled")
        kept = count("kept")
        completed = count("completed")
        failed = count("failed")
        retried = count("retried")
        oldest = view["oldest"].flatMap(ClusterView.Waiting.init)
        failures = (view["failures"]?.array ?? []).compactMap(ClusterView.Failure.init)
    }
}

extension ClusterView.Waiting {
    fileprivate init?(_ row: Value) {
        guard let row = row.map, let id = row["id"]?.string.flatMap(JobID.init(hexadecimal:)),
            let since = row["since"]?.date
        else { return nil }
        self.id = id
        self.since = since
        name = row["name"]?.string ?? ""
    }
}

extension ClusterView.Failure {
    fileprivate init?(_ row: Value) {
        guard let row = row.map, let id = row["id"]?.string.flatMap(JobID.init(hexadecimal:)), let at = row["at"]?.date
        else { return nil }
        self.id = id
        self.at = at
        name = row["name"]?.string ?? ""
        attempt = row["attempt"]?.int ?? 0
        error = row["error"]?.string ?? ""
        isFinal = row["final"] == .bool(true)
    }
}

extension JobQueue {
    /// The distributor and its nodes: at once, or as soon as they look otherwise than in `seen`.
    ///
    ///     var cluster = try await jobs.cluster()
    ///     while true {
    ///         print(cluster.nodes.map { "\($0.name): \($0.running) running" })
    ///         cluster = try await jobs.cluster(after: cluster)
    ///     }
    ///
    /// Nothing is asked or sent while nothing changes. In a busy cluster something always does: wait a while between
    /// two calls to see less of it.
    ///
    /// - Parameter seen: what the caller has seen; nil to be answered at once.
    /// - Throws: ``JobReactorError`` when the distributor does not know the question.
    public func cluster(after seen: ClusterView? = nil) async throws -> ClusterView {
        ClusterView(try await ask("watch", seen.map { ["mark": $0.mark] } ?? [:]))
    }
}
