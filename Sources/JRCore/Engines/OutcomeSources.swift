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

    /// Forgets who has reported this, and adds it to what these are told.
    mutating func take(_ key: OutcomeKey, into keys: inout KeysByNode) {
        if let source = sources.remove(key.id) {
            if source.run == key.run { return keys.add(key, of: source.node) }
            sources.insert(source, for: key.id)
        }
        guard !more.isEmpty, let found = more.removeValue(forKey: key) else { return }
        for node in found.nodes { keys.add(key, of: node) }
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

/// Outcomes that were heard, to be told to the nodes that have reported them: a message for each of few nodes.
struct KeysByNode: Sendable {
    private var nodes: [(node: LinkID, keys: [OutcomeKey])] = []
    /// Where the last one went, and the next one mostly goes too.
    private var latest = 0
    /// How many the last message had: so many the next one may have.
    private var room = 0

    mutating func add(_ key: OutcomeKey, of node: LinkID) {
        if latest >= nodes.count || nodes[latest].node != node {
            latest = nodes.firstIndex { $0.node == node } ?? nodes.count
            if latest == nodes.count {
                nodes.append((node, []))
                nodes[latest].keys.reserveCapacity(latest == 0 ? room : 1)
            }
        }
        nodes[latest].keys.append(key)
    }

    /// In the order of the nodes.
    mutating func takeEach(_ body: (LinkID, [OutcomeKey]) -> Void) {
        if nodes.isEmpty { return }
        if nodes.count > 1 { nodes.sort { $0.node < $1.node } }
        for (node, keys) in nodes { body(node, keys) }
        room = nodes[0].keys.count
        nodes.removeAll(keepingCapacity: true)
    }
}
