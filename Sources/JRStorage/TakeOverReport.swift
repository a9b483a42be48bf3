public import JRBase

/// How the taking over of a dead node's jobs went.
public struct TakeOverReport: Sendable, Equatable, CustomStringConvertible {
    /// The node that died; empty where none can be found out.
    public var node: String
    public var taken = 0
    /// Of those, the ones whose attempt was under way.
    public var wereRunning = 0
    /// Jobs that stay where they are, because they are not for this node.
    public var left = 0
    /// Copies of jobs that this node had.
    public var dropped = 0
    /// Why there was no going on, if there was more.
    public var stopped: String?
    /// From the end of the dead node's hold to the taking of it, on the server's clock.
    public var delay = Interval.zero
    /// From the taking of the hold to the last job.
    public var time = Interval.zero

    public init(node: String) { self.node = node }

    public var description: String {
        guard !node.isEmpty else { return "jobs of nodes that die are not taken over: \(stopped ?? "")" }
        var parts: [String] = []
        if taken > 0 {
            let running = wereRunning > 0 ? ", \(wereRunning) of them in progress" : ""
            parts.append("\(Self.jobs(taken)) taken over in \(Durations.format(time))\(running)")
        }
        if left > 0 { parts.append("\(Self.jobs(left)) left there, which are not for this node") }
        if let stopped { parts.append("the rest stays there for now: \(stopped)") }
        return "the node '\(node)' is dead: " + parts.joined(separator: "; ")
    }

    private static func jobs(_ count: Int) -> String { count == 1 ? "one job" : "\(count) jobs" }
}
