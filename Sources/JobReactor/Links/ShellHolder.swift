import JRReactor
import Synchronization

/// The way from a Sendable object to the shell that does its work on a reactor's thread.
///
/// Calls made before the shell exists are kept in order behind its start. A shell holds itself while it runs, so that
/// it lives until it is stopped, whether or not anybody still holds the object.
final class ShellHolder<Shell: AnyObject>: Sendable {
    private struct State: Sendable {
        let reactor: Reactor
        var shell: LoopBound<Shell>?
    }

    private let state = Mutex<State?>(nil)

    /// Makes the shell on the reactor's thread, and then calls `then` with it there.
    func start(
        on reactor: Reactor, _ make: @escaping @Sendable (Loop) -> Shell,
        then: @escaping @Sendable (Shell, Loop) -> Void
    ) {
        state.withLock { $0 = State(reactor: reactor) }
        reactor.execute { [self] loop in
            let made = make(loop)
            state.withLock { $0?.shell = LoopBound(made, loop) }
            then(made, loop)
        }
    }

    /// Calls `body` on the reactor's thread. Does nothing if there was no start; false if it will never be called.
    @discardableResult
    func call(_ body: @escaping @Sendable (Shell, Loop) -> Void) -> Bool {
        guard let state = state.withLock({ $0 }) else { return false }
        if let shell = state.shell {
            return state.reactor.execute { loop in body(shell.open(loop), loop) }
        }
        // It will be there by then.
        return state.reactor.execute { [self] loop in
            if let shell = self.state.withLock({ $0?.shell }) { body(shell.open(loop), loop) }
        }
    }

    /// Calls `body` at once where this is the reactor's thread and the shell is there; else it gives false.
    func callHere(_ body: (Shell) -> Void) -> Bool {
        guard let shell = state.withLock({ $0?.shell }) else { return false }
        return shell.openHere(body)
    }
}
