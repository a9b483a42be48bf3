import JRReactor
import JRSystem
import Synchronization

/// What the jobs of one node can reach: its reactor, and a connection to its distributors that is made when a job first
/// enqueues another.
final class NodeHost: JobHost {
    let node: String
    let reactor: Reactor
    private let distributors: [SocketAddress]
    private let client = Mutex<JobClient?>(nil)
    private let unstored: LoopBound<UnstoredJobs>

    /// - Parameter unstored: is told how many jobs that those here have enqueued are not stored anywhere.
    init(node: String, reactor: Reactor, distributors: [SocketAddress], unstored: LoopBound<UnstoredJobs>) {
        self.unstored = unstored
        self.node = node
        self.reactor = reactor
        self.distributors = distributors
    }

    var queue: any JobQueue {
        // A node that is dialled knows no address: its jobs enqueue where the program does.
        guard !distributors.isEmpty else { return JR.queueOrRefusal }
        return client.withLock { client in
            let made =
                client
                ?? JobClient(
                    distributors, name: "\(node), its jobs", on: reactor, unstored: unstored)
            client = made
            return made
        }
    }

    func stop() {
        client.withLock { $0.take() }?.stop()
    }
}
