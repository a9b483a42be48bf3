import Glibc
public import JRBase

/// Settings of this process that its children inherit.
public enum ProcessSettings {
    /// How many descriptors a process may have open: the limit that counts, and the most it may be raised to.
    public struct OpenFileLimit: Sendable, Equatable {
        public var soft: UInt64
        public var hard: UInt64

        public init(soft: UInt64, hard: UInt64) {
            self.soft = soft
            self.hard = hard
        }
    }

    public static func openFileLimit() throws(SystemError) -> OpenFileLimit {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            throw SystemError(call: "getrlimit", code: errno, subject: "open files")
        }
        return OpenFileLimit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
    }

    /// - Throws: `EPERM` above the hard limit for all but root.
    public static func setOpenFileLimit(_ limit: OpenFileLimit) throws(SystemError) {
        var value = rlimit(rlim_cur: rlim_t(limit.soft), rlim_max: rlim_t(limit.hard))
        guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &value) == 0 else {
            throw SystemError(call: "setrlimit", code: errno, subject: "\(limit.soft) open files")
        }
    }

    /// Leaves the terminal and the process group: the process is the first of a session of its own.
    ///
    /// - Throws: `EPERM` for a process that leads a group already.
    public static func beginSession() throws(SystemError) {
        guard setsid() >= 0 else { throw SystemError(call: "setsid", code: errno) }
    }
}

extension SystemClock {
    /// How far the local time of `TZ` is ahead of UTC at a date.
    public static func localOffset(at date: WallTime) -> Interval {
        var seconds = time_t(date.milliseconds / 1_000)
        var local = tm()
        guard localtime_r(&seconds, &local) != nil else { return .zero }
        return .seconds(Int64(local.tm_gmtoff))
    }
}
