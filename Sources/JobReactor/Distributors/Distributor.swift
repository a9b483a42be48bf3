public import JRReactor
public import JRSystem
import Synchronization

/// A distributor: takes jobs from applications and hands each to a node.
///
/// Safe to use from any thread. An application in the same process talks to it through ``JobClient``.
public final class Distributor: Sendable {
    public let name: String
    private let log: LogHandler?
    let shell = Mutex<(reactor: Reactor, shell: LoopBound<DistributorShell>)?>(nil)

    public init(name: String = "distributor", log: LogHandler? = nil) {
        self.name = name
        self.log = log
    }

    /// Listens, and tells the address with the real port (port 0 asks for any free one), on the reactor's thread.
    public func start(
        on reactor: Reactor, listen address: SocketAddress,
        _ started: @escaping @Sendable (Result<SocketAddress, SystemError>) -> Void
    ) {
        reactor.execute { [self] loop in
            let shell = DistributorShell(name: name, on: loop, log: log)
            do throws(SystemError) {
                let real = try shell.listen(on: address)
                self.shell.withLock { $0 = (reactor, LoopBound(shell, loop)) }
                started(.success(real))
            } catch {
                started(.failure(error))
            }
        }
    }

    /// Stops listening and closes all connections once what is under way is sent.
    public func stop() {
        guard let (reactor, shell) = shell.withLock({ $0 }) else { return }
        reactor.execute { loop in shell.open(loop).stop() }
    }
}
