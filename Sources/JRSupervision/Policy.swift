public import JRBase

/// How one entry of the manifest is started, stopped, restarted and logged: `defaults` with the entry's own values laid
/// over them.
public struct Policy: Sendable, Equatable {
    /// When an exit that nobody asked for is answered by a new start.
    public enum Restart: String, Sendable, CaseIterable {
        case always, onFailure, never
    }

    /// The wait before a restart: ``first`` after a healthy life, then ``then``, doubling up to ``max``.
    public struct Backoff: Sendable, Equatable {
        public var first: Interval
        public var then: Interval
        public var max: Interval
        /// How long an instance must have been ready for its next death to count as the first again.
        public var resetAfter: Interval

        public init(first: Interval, then: Interval, max: Interval, resetAfter: Interval) {
            self.first = first
            self.then = then
            self.max = max
            self.resetAfter = resetAfter
        }
    }

    /// `count` deaths within `within` are shown as a crash loop. The retries go on.
    public struct CrashLoop: Sendable, Equatable {
        public var count: Int
        public var within: Interval

        public init(count: Int, within: Interval) {
            self.count = count
            self.within = within
        }
    }

    /// The steps of a stop: drain for at most ``drain``, then ``signal``, after ``kill`` more KILL.
    public struct Stop: Sendable, Equatable {
        public var drain: Interval
        public var signal: Signal
        public var kill: Interval

        public init(drain: Interval, signal: Signal, kill: Interval) {
            self.drain = drain
            self.signal = signal
            self.kill = kill
        }
    }

    /// What a process may use of the machine; nil leaves the supervisor's own limit.
    public struct Limits: Sendable, Equatable {
        public static let unlimited = Int.max

        /// Seconds between the XCPU and the KILL of a process whose time is used up.
        public static let cpuGrace = 5

        /// The soft limit of open files.
        public var openFiles: Int?
        /// The largest core file, in bytes.
        public var core: Int?
        /// Virtual memory, in bytes.
        public var addressSpace: Int?
        /// Processes and threads of its user, all together.
        public var processes: Int?
        /// Time on a CPU, in whole seconds: then it gets XCPU, and five seconds later KILL.
        public var cpuTime: Int?

        public init() {}

        /// The keys under which they are written, each with what is said.
        public var said: [(key: String, value: Int)] {
            let all = [
                ("openFiles", openFiles), ("core", core), ("addressSpace", addressSpace), ("processes", processes),
                ("cpuTime", cpuTime),
            ]
            return all.compactMap { key, value in value.map { (key, $0) } }
        }

        /// The keys of those that are not the same.
        public func differences(from other: Limits) -> [String] {
            let mine = Dictionary(uniqueKeysWithValues: said.map { ($0.key, $0.value) })
            let others = Dictionary(uniqueKeysWithValues: other.said.map { ($0.key, $0.value) })
            return Set(mine.keys).union(others.keys).filter { mine[$0] != others[$0] }.sorted()
        }
    }

    public struct Logs: Sendable, Equatable {
        public enum Format: String, Sendable, CaseIterable {
            case text, json
        }

        /// Relative to the runtime directory, or absolute.
        public var directory: String
        /// Bytes after which a file is put aside by a rename.
        public var maxSize: Int
        /// How many files that were put aside are kept.
        public var keep: Int
        public var format: Format

        public init(directory: String, maxSize: Int, keep: Int, format: Format) {
            self.directory = directory
            self.maxSize = maxSize
            self.keep = keep
            self.format = format
        }
    }

    public var restart: Restart = .always
    public var backoff = Backoff(
        first: .zero, then: .milliseconds(100), max: .seconds(30 as Int64), resetAfter: .seconds(30 as Int64))
    public var crashLoop = CrashLoop(count: 5, within: .seconds(60 as Int64))
    /// How long a start may take. When it is over the instance is stopped and started again: it is never ready by
    /// waiting.
    public var ready: Interval = .seconds(30 as Int64)
    public var stop = Stop(drain: .seconds(30 as Int64), signal: .terminate, kill: .seconds(10 as Int64))
    public var limits = Limits()
    /// The permissions that its new files do not get; nil leaves the supervisor's own.
    public var umask: Int?
    /// Whether its output is a terminal, so that programs print each line when it is made.
    public var tty = false
    /// Whether it has a control group of its own, in which all that it starts stays.
    public var controlGroup = false
    public var logs = Logs(directory: "logs", maxSize: 16 << 20, keep: 5, format: .text)

    public init() {}

    /// `0027`
    ///
    /// - Parameter umask: The permissions that are not given.
    public static func octal(_ umask: Int) -> String {
        let digits = String(umask, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
