import JRBase
import JRReactor
import JRSupervision
import JRSystem
import JRWire

/// The shell of ``IdleWatch``: connections to all distributors of a cluster, on which they are asked to say when they
/// are idle. Nothing is asked twice without an answer: it is pushed.
final class JobsWatch {
    private var machine: IdleWatch
    private var links: [DistributorLink] = []
    /// The nodes that a distributor must have a connection to before its answer counts.
    private let nodes: [[String]]
    /// Called each time the cluster is found idle, with the jobs that failed for good by node.
    var becameIdle: (([String: Int]) -> Void)?

    init(_ distributors: [(address: ListenAddress, nodes: [String])], _ loop: Loop) {
        machine = IdleWatch(distributors: distributors.count)
        nodes = distributors.map(\.nodes)
        for (place, distributor) in distributors.enumerated() {
            let address = SocketAddress.tcp(host: distributor.address.host, port: UInt16(distributor.address.port))
            let link = DistributorLink(to: address, loop)
            link.opened = { [weak self] in self?.perform { $0.opened(place) } }
            link.lost = { [weak self] in
                self?.perform {
                    $0.closed(place)
                    return []
                }
            }
            links.append(link)
        }
    }

    func begin() {
        for link in links { link.dial() }
        perform { $0.begin() }
    }

    func end() {
        machine.end()
        for link in links { link.close() }
    }

    private func perform(_ step: (inout IdleWatch) -> [IdleWatch.Action]) {
        for action in step(&machine) {
            switch action {
            case .ask(let place, let round):
                let parameters: [String: Value] = ["nodes": .array(nodes[place].map(Value.string))]
                links[place].ask("idle", parameters) { [weak self] answer in
                    guard let answer = IdleWatch.Answer(answer) else { return }
                    self?.perform { $0.answered(place, round: round, answer) }
                }
            case .idle: becameIdle?(machine.failedJobs)
            }
        }
    }
}

extension IdleWatch.Answer {
    /// Nil for what a distributor of this version does not send.
    fileprivate init?(_ value: Value) {
        guard let map = value.map, let session = map["session"]?.bytes, let enqueued = map["enqueued"]?.int,
            let sent = map["sent"]?.int, let nodes = map["nodes"]?.array
        else { return nil }
        self.init(
            session: session, enqueued: enqueued, sent: sent,
            nodes: nodes.compactMap(\.map).map { node in
                Node(
                    name: node["name"]?.string ?? "", stored: node["stored"]?.int ?? 0,
                    started: node["started"]?.int ?? 0, failed: node["failed"]?.int ?? 0)
            }.sorted { $0.name < $1.name })
    }
}
