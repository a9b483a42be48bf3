import JRBase
public import JRReactor
public import JRSystem

/// What a program of the cluster and its supervisor tell each other, over descriptors named in the environment.
///
/// Without those variables everything here does nothing, so that the same program runs by hand.
public enum SupervisedProcess {
    /// Writes `READY=1` and facts such as `port=5000` on the descriptor of `JR_READY_FD`, once.
    public static func tellReady(_ facts: [String] = [], environment: [String: String] = SystemProgram.environment) {
        guard let raw = environment["JR_READY_FD"].flatMap({ Int32($0) }), raw > 2 else { return }
        _ = Standard.write(raw, (["READY=1"] + facts).joined(separator: " ") + "\n")
        _ = Descriptor(owning: raw)
    }

    /// Calls `body` when the process is to end: on SIGTERM or SIGINT, or when the supervisor closes the other end of
    /// the descriptor of `JR_LIFE_FD`: after a word when it tells the process to leave, without one when it dies. It
    /// may be called more than once.
    public static func onEnd(
        _ loop: Loop, environment: [String: String] = SystemProgram.environment,
        _ body: @escaping (Loop, _ reason: String) -> Void
    ) throws(SystemError) {
        try loop.onSignals([Signals.terminate, Signals.interrupt]) { loop, signal in
            body(loop, "SIG\(Signals.name(signal))")
        }
        guard let raw = environment["JR_LIFE_FD"].flatMap({ Int32($0) }), raw > 2 else { return }
        try IO.setNonBlocking(raw)
        let watch = WatchedEnd()
        watch.handle = try loop.watchReadable(raw) { loop in
            if let handle = watch.handle { loop.unwatch(handle) }
            watch.handle = nil
            var word = [UInt8](repeating: 0, count: 16)
            if case .moved(1...) = word.withUnsafeMutableBytes({ IO.read(raw, into: $0) }) {
                body(loop, "the supervisor says to leave")
            } else {
                body(loop, "the supervisor is gone")
            }
        }
    }

    private final class WatchedEnd {
        var handle: Handle?
    }
}
