import JRBase
import JRWire

/// The question `watch`: what the cluster looks like, at once, or as soon as that is not what the asker has seen.
///
/// Nothing is asked while nobody waits, and nothing is said while nothing changes: a node keeps the question `changes`
/// until it has something to answer. Who asks again sets the pace, so that a slow reader slows nobody down.
struct Watching: Sendable {
    /// An application that has seen `mark` and wants to know what comes next.
    struct Wait: Sendable {
        var client: LinkID
        var number: UInt32
        var mark: [String: Value]
    }

    /// All that the distributor shows of itself: when it differs, there is something new to see.
    struct Figures: Sendable, Equatable {
        var counters: DistributorCounters
        var jobs: Int
        var onTheWire: Int
        var applications: Int
        var nodes: [Node]
    }

    struct Node: Sendable, Equatable {
        var link: LinkID
        var isDraining: Bool
        var isFull: Bool
    }

    /// More than these of one application at once are a mistake.
    static let mostWaits = 64

    var waits: [Wait] = []
    /// Nodes that will say when they change, and the number of the question.
    var asked: [LinkID: UInt32] = [:]
    /// What each node last said of itself.
    var views: [LinkID: [String: Value]] = [:]
    var figures: Figures?
    var version: Int64 = 0

    mutating func nodeClosed(_ node: LinkID) {
        asked[node] = nil
        views[node] = nil
    }
}

extension DistributorEngine {
    mutating func watch(_ client: LinkID, _ number: UInt32, _ parameters: [String: Value]) {
        guard let mark = parameters["mark"]?.map else {
            // Every node says what it is like now, those too that have not changed.
            return askNodes(client, number, "watch", parameters, asking: "view")
        }
        let own = watching.waits.filter { $0.client == client }
        if own.count >= Watching.mostWaits, let oldest = own.first {
            watching.waits.removeAll { $0.client == client && $0.number == oldest.number }
            let text = "\(own.count) questions 'watch' wait over one connection, which is the limit"
            send(client, .replyFailure(number: oldest.number, code: .unavailable, text: text))
        }
        watching.waits.append(Watching.Wait(client: client, number: number, mark: mark))
    }

    /// An answer of a node to `changes`, or to `view`.
    mutating func heardView(_ number: UInt32, _ result: Value, from node: LinkID) {
        if watching.asked[node] == number {
            watching.asked[node] = nil
        } else if questions.verb(of: number) != "watch" {
            return
        }
        if router.nodes[node] != nil, let view = result.map { watching.views[node] = view }
    }

    /// Called at the end of a turn, when all that it brought is under way.
    mutating func answerWatches() {
        guard !watching.waits.isEmpty else { return }
        noteChange()
        let waits = watching.waits
        watching.waits = waits.filter { !isNews(to: $0.mark) }
        for wait in waits where isNews(to: wait.mark) {
            send(wait.client, .reply(number: wait.number, result: clusterView))
        }
        // All who waited have something to look at; a node is asked when they come again.
        guard !watching.waits.isEmpty else { return }
        for node in router.nodes.keys.sorted() where watching.asked[node] == nil {
            let number = questions.freshNumber()
            watching.asked[node] = number
            // One that has just connected has not been seen, and answers at once.
            let mark = watching.views[node]?["mark"] ?? .null
            send(node, .request(number: number, verb: "changes", parameters: ["mark": mark]))
        }
    }

    private mutating func noteChange() {
        let figures = Watching.Figures(
            counters: counters, jobs: heldJobs, onTheWire: onTheWire, applications: clients.count,
            nodes: router.nodes.keys.sorted().compactMap { link in
                router.nodes[link].map {
                    Watching.Node(link: link, isDraining: $0.isDraining, isFull: $0.isFull)
                }
            })
        guard figures != watching.figures else { return }
        watching.figures = figures
        watching.version += 1
    }

    private func isNews(to mark: [String: Value]) -> Bool {
        if mark["distributor"] != ownMark { return true }
        let seen = mark["nodes"]?.map ?? [:]
        return watching.views.contains { link, view in
            router.nodes[link].map { view["mark"] != seen[$0.name] } ?? false
        }
    }

    private var ownMark: Value { [.bytes(session.bytes), .int(watching.version)] }

    mutating func finishWatch(_ question: Questions.Pending) {
        noteChange()
        send(question.client, .reply(number: question.clientNumber, result: clusterView))
    }

    private var clusterView: Value {
        var nodes: [Value] = []
        var marks: [String: Value] = [:]
        for (link, node) in router.nodes.sorted(by: { $0.key < $1.key }) {
            var row = row(of: node)
            if var view = watching.views[link] {
                marks[node.name] = view.removeValue(forKey: "mark")
                row["view"] = .map(view)
            }
            nodes.append(.map(row))
        }
        var distributor = statistics.map ?? [:]
        if let oldest = oldestWaiting { distributor["oldest"] = .map(oldest.waitingRow) }
        return [
            "distributor": .map(distributor), "nodes": .array(nodes),
            "mark": ["distributor": ownMark, "nodes": .map(marks)],
        ]
    }
}

extension JobRequest {
    /// A job as the oldest of those that wait.
    var waitingRow: [String: Value] {
        ["id": .string(id.description), "name": .string(name), "since": .date(created)]
    }
}
