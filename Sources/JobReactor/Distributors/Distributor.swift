public import JRReactor
public import JRSystem

/// A distributor: takes jobs from applications and hands each to a node.
///
/// Safe to use from any thread. An application in the same process talks to it through ``JobClient``.
public final class Distributor: Sendable {
    public let name: String
    private let log: LogHandler?
    let shell = ShellHolder<DistributorShell>()

    public init(name: String = "distributor", log: LogHandler? = nil) {
        self.name = name
        self.log = log
    }

    /// Listens, and tells the address with the real port (port 0 asks for any free one), on the reactor's thread.
    public func start(
        on reactor: Reactor, listen address: SocketAddress,
        _ started: @escaping @Sendable (Result<SocketAddress, SystemError>) -> Void
    ) {
        let (name, log) = (name, log)
        shell.start(on: reactor) { loop in
            DistributorShell(name: name, on: loop, log: log)
        } then: { shell, _ in
            do throws(SystemError) {
                started(.success(try shell.listen(on: address)))
            } catch {
                started(.failure(error))
            }
        }
    }

    /// Stops listening and closes all connections once what is under way is sent.
    public func stop() {
        shell.call { shell, _ in shell.stop() }
    }
}
