public import JRJSON

/// How many jobs a node has, as it says itself.
public struct JobCounts: Sendable, Equatable {
    public var running: Int
    public var waiting: Int
    public var scheduled: Int
    /// All that its storage holds, those that have ended and are kept with them.
    public var stored: Int

    public init(running: Int = 0, waiting: Int = 0, scheduled: Int = 0, stored: Int = 0) {
        self.running = running
        self.waiting = waiting
        self.scheduled = scheduled
        self.stored = stored
    }

    /// `2 running, 1 scheduled`: those that have not ended; empty when there is none.
    public var open: String {
        [(running, "running"), (waiting, "waiting"), (scheduled, "scheduled")]
            .filter { $0.0 > 0 }.map { "\(Words.grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }

    public var json: JSON {
        [
            "running": .int(Int64(running)), "waiting": .int(Int64(waiting)), "scheduled": .int(Int64(scheduled)),
            "stored": .int(Int64(stored)),
        ]
    }

    public init?(_ json: JSON) {
        let number = { (key: String) in json[key]?.int.flatMap { Int(exactly: $0) } }
        guard let running = number("running"), let waiting = number("waiting"), let scheduled = number("scheduled"),
            let stored = number("stored")
        else { return nil }
        self.init(running: running, waiting: waiting, scheduled: scheduled, stored: stored)
    }
}

/// What a drained node keeps that would be missed if it never came back.
public struct Holdings: Sendable, Equatable {
    public var waiting: Int
    public var scheduled: Int
    public var failed: Int
    /// Jobs that ended with an outcome that their application has not acknowledged.
    public var unacknowledged: Int

    public init(waiting: Int = 0, scheduled: Int = 0, failed: Int = 0, unacknowledged: Int = 0) {
        self.waiting = waiting
        self.scheduled = scheduled
        self.failed = failed
        self.unacknowledged = unacknowledged
    }

    public var isEmpty: Bool { waiting + scheduled + failed + unacknowledged == 0 }

    /// `2 waiting jobs, 3 scheduled jobs`; `no job` for nothing.
    public var words: String {
        let parts = [
            (waiting, "waiting job"), (scheduled, "scheduled job"), (failed, "failed job"),
            (unacknowledged, "unacknowledged outcome"),
        ].filter { $0.0 > 0 }.map { Words.count($0.0, $0.1) }
        return parts.isEmpty ? "no job" : parts.joined(separator: ", ")
    }
}

/// How a node is to drain: what it does with the jobs that it has and that wait for a place.
public enum DrainKind: Sendable, Equatable {
    /// They stay in its storage.
    case keepingReady
    /// They are run first, so that storage is left with nothing that could run now.
    case finishingReady

    /// The word on the life line.
    public var word: String {
        switch self {
        case .keepingReady: "drain"
        case .finishingReady: "finish"
        }
    }
}
