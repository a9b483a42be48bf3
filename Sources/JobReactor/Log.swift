public import JRBase

/// A line of the log, for a handler of the application's.
public struct LogEntry: Sendable {
    public enum Level: String, Sendable, Comparable {
        case debug
        case info
        case warning
        case error

        public static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .debug: 0
            case .info: 1
            case .warning: 2
            case .error: 3
            }
        }
    }

    public var level: Level
    public var time: WallTime
    /// The distributor or node that says it.
    public var source: String
    public var text: String
}

/// Where log entries go. Called on the reactor's thread: it must not block.
public typealias LogHandler = @Sendable (LogEntry) -> Void
