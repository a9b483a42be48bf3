import JRReactor
import JRWire
import Synchronization

/// What other threads want of a ``ClientShell``, in their order. However much comes before the reactor looks, it is one
/// wake-up, and a job costs no closure of its own.
final class ClientInbox: Sendable {
    enum Call: Sendable {
        case enqueue(JobRequest, JobObserver?)
        case other(@Sendable (ClientShell, Loop) -> Void)
    }

    private struct State: Sendable {
        var calls: [Call] = []
        /// Emptied, and kept for its memory.
        var spare: [Call] = []
        /// The shell is going to look.
        var isPlanned = false
    }

    let shell = ShellHolder<ClientShell>()
    private let state = Mutex(State())

    /// On the reactor's own thread a job goes to the shell at once, unless others wait before it.
    func enqueue(_ request: consuming JobRequest, _ observer: JobObserver?) {
        if isEmpty, shell.callHere({ shell in shell.enqueue(&request, observer) }) { return }
        add(.enqueue(request, observer))
    }

    func call(_ body: @escaping @Sendable (ClientShell, Loop) -> Void) {
        add(.other(body))
    }

    private var isEmpty: Bool { state.withLock { !$0.isPlanned } }

    private func add(_ call: Call) {
        let isFirst = state.withLock { state in
            state.calls.append(call)
            defer { state.isPlanned = true }
            return !state.isPlanned
        }
        guard isFirst else { return }
        let isTaken = shell.call { [self] shell, loop in deliver(to: shell, loop) }
        // The reactor has stopped: nothing is heard of any of these.
        if !isTaken { _ = take() }
    }

    private func deliver(to shell: ClientShell, _ loop: Loop) {
        var calls = take()
        for call in calls {
            switch call {
            case .enqueue(var request, let observer): shell.enqueue(&request, observer)
            case .other(let body): body(shell, loop)
            }
        }
        calls.removeAll(keepingCapacity: calls.capacity <= 4_096)
        state.withLock { if $0.spare.capacity < calls.capacity { $0.spare = calls } }
    }

    private func take() -> [Call] {
        state.withLock { state in
            state.isPlanned = false
            var taken: [Call] = []
            swap(&taken, &state.spare)
            swap(&taken, &state.calls)
            return taken
        }
    }
}
