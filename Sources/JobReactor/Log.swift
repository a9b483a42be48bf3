public import JRBase
import JRSystem
public import JRWire

/// A line of the log, for a handler of the application's.
public struct LogEntry: Sendable {
    /// How much it matters, least first.
    public enum Level: String, Sendable, Comparable, CaseIterable {
        /// What is of use while looking for a mistake: each attempt, for instance.
        case debug
        /// What is as it should be.
        case info
        /// What mends itself, or harms one job: an attempt that failed, a connection that broke.
        case warning
        /// What needs somebody.
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

    /// How much it matters.
    public var level: Level
    /// When it happened.
    public var time: WallTime
    /// The distributor or node that says it.
    public var source: String
    /// The job it is about, if it is about one.
    public var job: JobID?
    /// What happened, in words, without the job's arguments.
    public var text: String

    /// An entry with these parts.
    public init(level: Level, time: WallTime, source: String, job: JobID? = nil, text: String) {
        self.level = level
        self.time = time
        self.source = source
        self.job = job
        self.text = text
    }
}

/// Where log entries go. Called on the reactor's thread: it must not block.
public struct LogHandler: Sendable {
    /// Entries below it are not even made.
    public var level: LogEntry.Level
    let body: @Sendable (LogEntry) -> Void

    /// A handler for entries that matter so much.
    ///
    /// - Parameters:
    ///   - level: entries below it are not even made.
    ///   - body: takes an entry; on the reactor's thread.
    public init(from level: LogEntry.Level = .info, _ body: @escaping @Sendable (LogEntry) -> Void) {
        self.level = level
        self.body = body
    }

    func callAsFunction(_ entry: LogEntry) {
        if entry.level >= level { body(entry) }
    }
}

/// Ready-made handlers.
public enum Log {
    /// A line an entry on standard error: time, level, source, job, text.
    public static func standardError(from level: LogEntry.Level = .info) -> LogHandler {
        LogHandler(from: level) { entry in
            let job = entry.job.map { " job=\($0)" } ?? ""
            let time = Dates.format(entry.time)
            _ = Standard.write(
                Standard.error, "\(time) \(entry.level.rawValue) \(entry.source):\(job) \(entry.text)\n")
        }
    }
}
