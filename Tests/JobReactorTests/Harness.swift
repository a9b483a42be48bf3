import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import Testing

@testable import JobReactor

/// A distributor, nodes and an application on one reactor, joined by real sockets.
final class Harness: Sendable {
    let reactor: Reactor
    let registry = JobRegistry()
    let distributor = Distributor()
    let address: SocketAddress

    init() throws {
        let reactor = try Reactor(name: "test")
        self.reactor = reactor
        try reactor.start { _ in }
        let found = Monitor<Result<SocketAddress, SystemError>?>(nil)
        distributor.start(on: reactor, listen: try SocketAddress(parsing: "127.0.0.1:0")) { result in
            found.update { $0 = result }
        }
        address = try #require(found.wait(timeout: .seconds(Int64(30))) { $0 }).get()
    }

    deinit {
        reactor.stop()
        reactor.waitUntilStopped()
    }

    func define(_ name: String, _ body: @escaping JobBody) {
        registry.define(JobDefinition(name: name, work: .step(.synchronous(body))))
    }

    /// Starts a node and waits until it has connected.
    func startNode(
        _ name: String, storage: StorageChoice = .memory, _ change: (inout NodeSettings) -> Void = { _ in }
    ) -> RunningNode {
        var settings = NodeSettings(name: name)
        change(&settings)
        let node = Node(
            NodeConfiguration(settings: settings, storage: storage, distributors: [address], registry: registry))
        let events = Monitor<[NodeEvent]>([])
        node.start(on: reactor) { event in events.update { $0.append(event) } }
        let running = RunningNode(node: node, events: events)
        running.wait { if case .connected = $0 { true } else { false } }
        return running
    }

    func client() -> JobClient {
        let client = JobClient(name: "test", distributor: address)
        client.start(on: reactor)
        return client
    }
}

struct RunningNode {
    let node: Node
    let events: Monitor<[NodeEvent]>

    @discardableResult
    func wait(for wanted: (NodeEvent) -> Bool) -> Bool {
        events.wait(timeout: .seconds(Int64(30))) { events in events.contains(where: wanted) ? true : nil } ?? false
    }

    func drain() {
        node.drain(limit: .seconds(Int64(10)))
        #expect(wait { if case .drained = $0 { true } else { false } })
    }
}

/// Collects the events of jobs.
final class Outcomes: Sendable {
    let results = Monitor<[JobResult]>([])
    let stored = Monitor<[String]>([])
    let waiting = Monitor<[String]>([])

    func observe(_ event: JobEvent) {
        switch event {
        case .accepted(let reason): waiting.update { $0.append(reason) }
        case .stored(let node): stored.update { $0.append(node) }
        case .ended(let result): results.update { $0.append(result) }
        case .refused: break
        }
    }

    func wait(_ count: Int) -> [JobResult] {
        results.wait(timeout: .seconds(Int64(60))) { $0.count >= count ? $0 : nil } ?? []
    }
}
