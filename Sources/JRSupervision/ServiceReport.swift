public import JRBase

/// What a supervisor that is itself a service tells whoever runs it, as systemd wants it of `Type=notify`.
public struct ServiceReport: Sendable {
    /// What the cluster as a whole is doing.
    public enum Phase: Sendable, Equatable {
        /// Not everything was ready yet.
        case starting
        /// Everything was; what dies meanwhile comes back.
        case ready
        case reloading
        case stopping
    }

    /// When something is to be told.
    public enum Moment: Sendable, Equatable {
        case now
        case later(Instant)
    }

    /// How often a status alone is told, at most.
    static let pause = Interval.seconds(1 as Int64)

    /// How often whoever runs this wants to be told that it is alive: half of what it allows; nil where it does not.
    ///
    /// - Parameters:
    ///   - microseconds: `WATCHDOG_USEC`.
    ///   - watched: `WATCHDOG_PID`: whose word is waited for; nil for whoever says it.
    ///   - pid: That of this process.
    public static func watchdogPause(_ microseconds: String?, watched: String?, pid: Int32) -> Interval? {
        guard let time = microseconds.flatMap({ Int64($0) }), time > 1, time <= .max / 1_000,
            watched == nil || watched == String(pid)
        else { return nil }
        return Interval(nanoseconds: time * 1_000 / 2)
    }

    private var phase: Phase?
    private var status = ""
    private var lastTold: Instant?

    /// - Parameter phase: What was told before, by a program that this process was; nil for nothing.
    public init(_ phase: Phase? = nil) {
        self.phase = phase
    }

    /// When what may have changed is to be told: at once when the phase is another one.
    ///
    /// - Parameters:
    ///   - phase: What it is now.
    ///   - now: The time.
    public func moment(_ phase: Phase, at now: Instant) -> Moment {
        guard phase == self.phase, let lastTold, now < lastTold + Self.pause else { return .now }
        return .later(lastTold + Self.pause)
    }

    /// The datagram; nil when nothing has changed.
    ///
    /// - Parameters:
    ///   - phase: What it is now.
    ///   - status: The same in words.
    ///   - now: The time.
    ///   - microseconds: That of the clock `CLOCK_MONOTONIC`, which only a reload needs.
    public mutating func text(
        _ phase: Phase, status: String, at now: Instant, microseconds: () -> Int64
    ) -> String? {
        // Looked at, if not told: to put a status together takes a look at every instance.
        lastTold = now
        let isNew = phase != self.phase
        guard isNew || status != self.status else { return nil }
        self.phase = phase
        self.status = status
        var lines: [String] = []
        if isNew {
            switch phase {
            case .starting: break
            case .ready: lines = ["READY=1"]
            case .reloading: lines = ["RELOADING=1", "MONOTONIC_USEC=\(microseconds())"]
            case .stopping: lines = ["STOPPING=1"]
            }
        }
        return (lines + ["STATUS=\(status)"]).joined(separator: "\n")
    }

    /// `shop: 3/5 ready; worker.2 is backingOff: …`
    ///
    /// - Parameters:
    ///   - phase: What it is.
    ///   - cluster: The cluster's name.
    ///   - instances: All of them.
    public static func status(
        _ phase: Phase, cluster: String, _ instances: [(name: String, state: InstanceState, cause: String)]
    ) -> String {
        if phase == .stopping {
            let left = instances.filter { !$0.state.isSettled }
            let names = left.prefix(5).map(\.name).joined(separator: ", ") + (left.count > 5 ? ", …" : "")
            return left.isEmpty ? "\(cluster): all stopped" : "\(cluster): stopping \(names)"
        }
        let ready = instances.count { $0.state.allowsDependents }
        var text = "\(cluster): \(ready)/\(instances.count) ready"
        if phase == .reloading { text += "; reloading" }
        let lost: [InstanceState] = [.failed, .crashLooping, .blocked, .backingOff]
        if let first = instances.first(where: { lost.contains($0.state) }) {
            text += "; \(first.name) is \(first.state.rawValue): \(first.cause.harmless)"
        }
        return text
    }
}
