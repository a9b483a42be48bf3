import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import Synchronization

@testable import JobReactor

/// The way of jobs from enqueue to feedback and back, many in a turn, as the shells make it: engines, messages, bytes
/// and the attempt, without sockets and threads, so that every run takes the same memory.
struct Turn {
    private let queue = KeptQueue()
    private let host: NoHost
    private let definition = Handler("bench") { (_: inout JobArguments) in }.definition
    private let arguments: JobArguments = ["payload": .string(String(repeating: "x", count: 88))]
    private let now = SystemClock.now()
    private var client = ClientEngine(name: "application", session: JobID(high: 1, low: 1))
    private var distributor = DistributorEngine(name: "distributor", session: JobID(high: 2, low: 2))
    private var node: NodeEngine
    private var (toNode, toDistributor) = (ByteWriter(), ByteWriter())
    private var (atNode, atDistributor) = (FrameDecoder(), FrameDecoder())
    private var events: [ClientEngine.Event] = []
    private(set) var ended = 0

    private static let application = LinkID(1)
    private static let nodes = LinkID(2)

    init() throws {
        host = NoHost(reactor: try Reactor(name: "none"))
        var settings = NodeSettings(name: "bench.1")
        settings.credit = 1_000
        node = NodeEngine(
            settings: settings, session: JobID(high: 3, low: 3), incarnation: 1, promise: "memory",
            lanes: ["bench": .loop])
        node.recovered([], at: now)
        while let batch = node.takeBatch(at: now) { node.committed(batch.number, at: now) }
        distributor.linkOpened(Self.application, client.hello, at: now)
        client.linkOpened(Self.application, distributor.hello)
        node.linkOpened(Self.nodes, distributor.hello, at: now)
        distributor.linkOpened(Self.nodes, node.hello, at: now)
        passOn()
        runNode()
        passOn()
    }

    /// In the application, up to the bytes for the node.
    mutating func enqueue(_ count: Int) throws {
        let heard: JobObserver = { _ in }
        for _ in 0..<count { try queue.enqueue("bench", arguments, feedback: .both, observe: heard) }
        queue.requests.withLock { requests in
            for request in requests { client.enqueue(request) }
            requests.removeAll(keepingCapacity: true)
        }
        passOn()
    }

    /// In the node: what came is stored, run and told.
    mutating func runNode() {
        atNode.append(toNode.bytes)
        toNode.removeAll()
        while let body = try? atNode.next(), let message = try? Message(body: body) {
            node.received(message, from: Self.nodes, at: now)
        }
        for _ in 0..<2 {
            commit()
            while let order = node.nextRun(at: now) {
                guard let (record, _) = node.job(of: order.attempt) else { continue }
                node.attemptEnded(order.attempt, AttemptRunner(definition, record, host: host).run(), at: now)
            }
        }
        for case .send(_, let message) in node.takeActions() { toDistributor.write(message) }
    }

    private mutating func commit() {
        if let batch = node.takeBatch(at: now, keepsRecords: false) { node.committed(batch.number, at: now) }
    }

    /// In the application: what the node has said, and what is said back.
    mutating func passOn() {
        atDistributor.append(toDistributor.bytes)
        toDistributor.removeAll()
        while let body = try? atDistributor.next(), let message = try? Message(body: body) {
            distributor.received(message, from: Self.nodes, at: now)
        }
        for _ in 0..<2 {
            for case .send(_, let message) in client.takeActions() {
                distributor.received(message, from: Self.application, at: now)
            }
            for case .send(let link, let message) in distributor.takeActions() {
                if link == Self.application {
                    client.received(message, from: Self.application)
                } else {
                    toNode.write(message)
                }
            }
        }
        client.takeEvents(into: &events)
        var ended = 0
        events.takeEach { event in if case .ended = event { ended += 1 } }
        self.ended += ended
    }
}

/// Keeps what is enqueued.
private final class KeptQueue: JobQueue {
    let requests = Mutex<[JobRequest]>([])

    func submit(_ request: JobRequest, _ observer: JobObserver?) throws(JobReactorError) {
        requests.withLock { $0.append(request) }
    }

    func ask(
        _ verb: String, _ parameters: [String: Value],
        _ answer: @escaping @Sendable (Result<Value, JobReactorError>) -> Void
    ) {}

    var wallTime: WallTime { WallTime(milliseconds: 1_700_000_000_000) }
}

private struct NoHost: JobHost {
    let node = "bench.1"
    let reactor: Reactor
    var queue: any JobQueue { KeptQueue() }
}
