import CJRLinux
import Glibc

/// Signals by number and by name.
public enum Signals {
    public static let hangup: Int32 = SIGHUP
    public static let interrupt: Int32 = SIGINT
    public static let quit: Int32 = SIGQUIT
    public static let kill: Int32 = SIGKILL
    public static let user1: Int32 = SIGUSR1
    public static let user2: Int32 = SIGUSR2
    public static let terminate: Int32 = SIGTERM
    public static let stop: Int32 = SIGSTOP
    public static let `continue`: Int32 = SIGCONT
    public static let windowChanged: Int32 = SIGWINCH
    /// Ctrl-Z.
    public static let stopKey: Int32 = SIGTSTP

    /// `TERM` for 15; the bare number for a signal without a name.
    public static func name(_ signal: Int32) -> String {
        jr_signal_name(signal).map { String(cString: $0) } ?? "\(signal)"
    }

    /// 15 for `TERM`, `SIGTERM`, `term` and `15`; nil for what is no signal.
    public static func number(_ name: String) -> Int32? {
        if let number = Int32(name) { return (1...64).contains(number) ? number : nil }
        let upper = name.uppercased()
        let bare = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        return (1...31).first { Signals.name($0) == bare }
    }

    /// The names that ``number(_:)`` knows, for suggestions.
    public static var allNames: [String] { (1...31).map { name($0) } }

    /// From here on every `signal` that reaches this process is written to `raw` as one byte, its number, and has no
    /// other effect. `raw` must not block and stay open until ``endRoute(_:to:)``; a later route replaces this one.
    ///
    /// A handler does it, not signalfd, because signalfd needs the signal blocked in every thread, and threads of the
    /// Swift runtime or of a library may have started before anyone could block it.
    public static func route(_ signal: Int32, to raw: Int32) throws(SystemError) {
        _ = try check(jr_route_signal(signal, raw), "sigaction", name(signal))
    }

    /// Sends the signal to this thread: where it is held here, it waits, whatever other threads would do with it.
    public static func raise(_ signal: Int32) throws(SystemError) {
        _ = try check(Glibc.raise(signal), "raise", name(signal))
    }

    /// From here on the signal waits, as far as this thread goes. What waits is still there when this process becomes
    /// another program, which finds the signal held.
    public static func hold(_ signal: Int32) throws(SystemError) {
        _ = try check(jr_hold_signal(signal, 1), "pthread_sigmask", name(signal))
    }

    /// The end of ``hold(_:)``.
    public static func release(_ signal: Int32) throws(SystemError) {
        _ = try check(jr_hold_signal(signal, 0), "pthread_sigmask", name(signal))
    }

    /// Gives the signal its default effect again, unless it is routed elsewhere meanwhile.
    public static func endRoute(_ signal: Int32, to raw: Int32) {
        jr_end_route(signal, raw)
    }
}
