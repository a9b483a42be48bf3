import Synchronization

/// A value that comes once, later: whoever waits is told, and whoever comes late finds it. Safe from any thread.
final class Promise<Value: Sendable>: Sendable {
    private struct State: Sendable {
        var value: Value?
        var nextWaiter: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        var callbacks: [@Sendable (Value) -> Void] = []
    }

    private let state = Mutex(State())

    /// The value, if it has come.
    var current: Value? { state.withLock(\.value) }

    /// Only the first value counts.
    func resolve(_ value: Value) {
        let found: (waiters: [CheckedContinuation<Value?, Never>], callbacks: [@Sendable (Value) -> Void])? =
            state.withLock { state in
                guard state.value == nil else { return nil }
                state.value = value
                defer {
                    state.waiters = [:]
                    state.callbacks = []
                }
                return (Array(state.waiters.values), state.callbacks)
            }
        guard let found else { return }
        for waiter in found.waiters { waiter.resume(returning: value) }
        for callback in found.callbacks { callback(value) }
    }

    /// Waits for the value. Throws `CancellationError` when the waiting task is cancelled first.
    func get() async throws(CancellationError) -> Value {
        if let value = current { return value }
        let number = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let value = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
                let now: Value?? = state.withLock { state in
                    if let value = state.value { return .some(value) }
                    // Looked at behind the lock: a task that is cancelled later finds the waiter.
                    if Task.isCancelled { return .some(nil) }
                    state.waiters[number] = continuation
                    return .none
                }
                if let now { continuation.resume(returning: now) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: nil)
        }
        guard let value else { throw CancellationError() }
        return value
    }

    /// Calls `body` once with the value: at once if it is there, else on the thread that brings it.
    func whenResolved(_ body: @escaping @Sendable (Value) -> Void) {
        let value: Value? = state.withLock { state in
            if state.value == nil { state.callbacks.append(body) }
            return state.value
        }
        if let value { body(value) }
    }
}
