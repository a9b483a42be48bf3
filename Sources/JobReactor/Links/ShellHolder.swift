import JRReactor
import Synchronization

/// The way from a Sendable object to the shell that does its work on a reactor's thread.
///
/// Calls made before the shell exists are kept in order behind its start. A shell holds itself while it runs, so that
/// it lives until it is stopped, whether or not anybody still holds the object.
final class ShellHolder<Shell: AnyObject>: Sendable {
    private let reactor = Mutex<Reactor?>(nil)
    private let shell = Mutex<LoopBound<Shell>?>(nil)

    /// Makes the shell on the reactor's thread, and then calls `then` with it there.
    func start(
        on reactor: Reactor, _ make: @escaping @Sendable (Loop) -> Shell,
        then: @escaping @Sendable (Shell, Loop) -> Void
    ) {
        self.reactor.withLock { $0 = reactor }
        reactor.execute { [self] loop in
            let made = make(loop)
            shell.withLock { $0 = LoopBound(made, loop) }
            then(made, loop)
        }
    }

    /// Calls `body` on the reactor's thread. Does nothing if there was no start.
    func call(_ body: @escaping @Sendable (Shell, Loop) -> Void) {
        guard let reactor = reactor.withLock({ $0 }) else { return }
        reactor.execute { [self] loop in
            if let shell = shell.withLock({ $0 }) { body(shell.open(loop), loop) }
        }
    }
}
