public import JRBase
public import JRReactor

/// A node: stores the jobs that its distributors send, and runs them.
///
///     let node = Node(NodeConfiguration(settings: NodeSettings(name: "worker_1"), distributors: [address]))
///     node.start(on: reactor) { event in … }
///
/// Safe to use from any thread. Several nodes, and a distributor beside them, may share a reactor.
public final class Node: Sendable {
    private let configuration: NodeConfiguration
    private let shell = ShellHolder<NodeShell>()

    public init(_ configuration: NodeConfiguration) {
        self.configuration = configuration
    }

    /// Opens storage, takes over what it holds, then dials the distributors.
    ///
    /// - Parameter observe: hears what happens, on the reactor's thread.
    public func start(on reactor: Reactor, _ observe: @escaping @Sendable (NodeEvent) -> Void) {
        let configuration = configuration
        shell.start(on: reactor) { loop in
            NodeShell(configuration, on: loop, observe)
        } then: { shell, _ in
            shell.start()
        }
    }

    /// Takes and starts no more jobs, lets running ones end for at most `limit`, closes storage; ends with
    /// ``NodeEvent/drained``. What had to be cut off runs again at the next start, unless storage is memory.
    public func drain(limit: Interval) {
        shell.call { shell, _ in shell.drain(limit: limit) }
    }
}
