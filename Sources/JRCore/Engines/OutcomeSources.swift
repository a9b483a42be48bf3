import JRBase
import JRWire

/// From where each outcome that was passed on came, until it is acknowledged or one of the two goes.
///
/// Nearly always a job has one outcome, from one node: that one is noted in a table by the job. Further runs of a
/// periodic job, and the outcomes of a job that ran twice, are where there is room for all that they need.
struct OutcomeSources: Sendable {
    private struct Source: BitwiseCopyable, Sendable {
        var run: Int
        var node: LinkID
        var client: JobID
    }

    private struct More: Sendable {
        var client: JobID
        var nodes: [LinkID]
    }

    private var sources = JobTable<Source>()
    /// No key is here and in the table as well.
    private var more: [OutcomeKey: More] = [:]

    var count: Int { sources.count + more.count }
    var isEmpty: Bool { count == 0 }

    /// Several nodes may report the same.
    mutating func note(_ key: OutcomeKey, from node: LinkID, for client: JobID) {
        let source = Source(run: key.run, node: node, client: client)
        if !more.isEmpty, let known = more[key] {
            more[key] = More(client: client, nodes: known.nodes.contains(node) ? known.nodes : known.nodes + [node])
            return
        }
        guard let known = sources.insert(source, for: key.id) else { return }
        if known.run != key.run {
            more[key] = More(client: client, nodes: [node])
        } else if known.node != node {
            sources.remove(key.id)
            more[key] = More(client: client, nodes: [known.node, node])
        } else {
            sources[key.id] = source
        }
    }

    /// Calls `body` with each node that has reported this, and forgets them.
    mutating func take(_ key: OutcomeKey, _ body: (LinkID) -> Void) {
        if let source = sources.remove(key.id) {
            if source.run == key.run { return body(source.node) }
            sources.insert(source, for: key.id)
        }
        guard !more.isEmpty, let found = more.removeValue(forKey: key) else { return }
        for node in found.nodes { body(node) }
    }

    mutating func clientGone(_ client: JobID) {
        sources.keep { _, source in source.client != client }
        more = more.filter { $0.value.client != client }
    }

    mutating func nodeGone(_ node: LinkID) {
        sources.keep { _, source in source.node != node }
        more = more.compactMapValues { known in
            let left = known.nodes.filter { $0 != node }
            return left.isEmpty ? nil : More(client: known.client, nodes: left)
        }
    }
}
