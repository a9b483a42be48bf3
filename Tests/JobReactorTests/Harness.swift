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
    let distributor: Distributor

    var address: SocketAddress { distributor.address }

    init() throws {
        reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        distributor = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
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
        _ name: String, storage: StorageChoice = .memory, log: LogHandler? = nil,
        _ change: (inout NodeSettings) -> Void = { _ in }, configure: (inout NodeConfiguration) -> Void = { _ in }
    ) throws -> RunningNode {
        var settings = NodeSettings(name: name)
        change(&settings)
        var configuration = NodeConfiguration(
            settings: settings, storage: storage, distributors: [address], registry: registry, log: log)
        configure(&configuration)
        let node = try Node(configuration, on: reactor)
        let events = Monitor<[NodeEvent]>([])
        node.start { event in events.update { $0.append(event) } }
        let running = RunningNode(node: node, events: events)
        let isConnected = running.wait { if case .connected = $0 { true } else { false } }
        #expect(isConnected, "the node did not start: \(events.update { $0 })")
        return running
    }

    func client() throws -> JobClient {
        try JobClient("\(address)", name: "test", on: reactor)
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
