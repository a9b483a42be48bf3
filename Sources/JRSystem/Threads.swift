import CJRLinux
public import JRBase

/// Threads of the system.
public enum Threads {
    /// Runs `body` on a new thread, which nobody has to join.
    ///
    /// - Parameters:
    ///   - name: shown by `ps -T` and debuggers; the system keeps 15 bytes of it.
    ///   - takesSignals: Whether signals to this process may be handled on it.
    /// - Throws: `EAGAIN` when the system or the user's limit has no room for another thread.
    public static func start(
        name: String, takesSignals: Bool = true, _ body: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        let context = Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        let result = jr_start_thread(
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                _ = jr_set_thread_name(start.name)
                start.body()
                return nil
            }, context, takesSignals ? 1 : 0)
        if result < 0 { Unmanaged<Start>.fromOpaque(context).release() }
        _ = try check(result, "pthread_create", name)
    }

    /// Tells threads apart; never zero.
    @inline(__always)
    public static var currentID: UInt { jr_thread_id() }

    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
}

/// A value behind a lock, with a condition to wait for: for the few places where a thread has to sleep.
public final class Monitor<State>: @unchecked Sendable {
    // SAFETY: `state` is only touched between lock and unlock of `monitor`, whose functions may be called by any
    // thread.
    private let monitor = jr_monitor_make()
    private var state: State

    public init(_ state: sending State) {
        self.state = state
    }

    deinit {
        jr_monitor_free(monitor)
    }

    /// Looks at the state or changes it, and wakes nobody: where nobody waits.
    ///
    /// Where the thread sanitizer is to understand what orders two threads, this is the lock to take: on Linux it does
    /// not see that of `Synchronization.Mutex`, which is made of a futex.
    public func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        jr_monitor_lock(monitor)
        defer { jr_monitor_unlock(monitor) }
        return body(&state)
    }

    /// Changes the state and wakes every waiter to look at it again.
    public func update<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        jr_monitor_lock(monitor)
        defer { jr_monitor_unlock(monitor) }
        let result = body(&state)
        jr_monitor_wake_all(monitor)
        return result
    }

    /// Changes the state and wakes one waiter: enough where one change serves one of them.
    public func updateForOne<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        jr_monitor_lock(monitor)
        defer { jr_monitor_unlock(monitor) }
        let result = body(&state)
        jr_monitor_wake_one(monitor)
        return result
    }

    /// Sleeps until `body` gives a value. It is asked at once and after every update; nil when the time was over.
    public func wait<Result: Sendable>(
        timeout: Interval? = nil, until body: (inout State) -> Result?
    ) -> Result? {
        let deadline = timeout.map { SystemClock.instant() + $0 }
        jr_monitor_lock(monitor)
        defer { jr_monitor_unlock(monitor) }
        while true {
            if let result = body(&state) { return result }
            var left: Int64 = -1
            if let deadline {
                left = (deadline - SystemClock.instant()).nanoseconds
                if left <= 0 { return nil }
            }
            _ = jr_monitor_wait(monitor, left)
        }
    }
}
