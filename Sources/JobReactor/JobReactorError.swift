package import JRWire

/// What went wrong, why, and how to mend it. Thrown at the public edge of the library.
public struct JobReactorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A stable word, the same on the wire and in logs. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        package init(_ word: String) {
            description = word
        }

        /// The distributor holds as many jobs as it may.
        public static let backlogFull = Code("backlog_full")
        /// A name, options or arguments that no node would take.
        public static let invalidJob = Code("invalid_job")
        /// The last attempt failed.
        public static let jobFailed = Code("job_failed")
        /// The job was cancelled, by itself or from outside.
        public static let jobCancelled = Code("job_cancelled")
        /// Nobody by that id: it was never enqueued, or has ended and is forgotten.
        public static let notFound = Code("not_found")
        /// A question or wish that makes no sense now, such as to retry a job that runs.
        public static let invalidRequest = Code("invalid_request")
        /// Something that is needed is not there: a distributor, a free port.
        public static let unavailable = Code("unavailable")
        /// A storage that cannot be used.
        public static let storageFailed = Code("storage_failed")
        /// A storage that another process uses.
        public static let storageLocked = Code("storage_locked")
        /// A storage whose jobs another process has taken over.
        public static let storageFenced = Code("storage_fenced")
        /// A storage that was damaged.
        public static let storageCorrupt = Code("storage_corrupt")
        /// A setting that is wrong or missing.
        public static let configuration = Code("configuration")
    }

    /// Which kind of error, for programs.
    public var code: Code
    /// What happened, and where.
    public var what: String
    /// Why; empty when that is not known.
    public var why: String
    /// An action; empty when nothing needs doing.
    public var mend: String
    /// For programs: the exit code of sysexits that fits, such as 75 for a storage that is in use.
    public var exitCode: Int32

    /// An error in these words.
    public init(_ code: Code, what: String, why: String = "", mend: String = "", exitCode: Int32 = 1) {
        self.code = code
        self.what = what
        self.why = why
        self.mend = mend
        self.exitCode = exitCode
    }

    public var description: String {
        var text = what
        if !why.isEmpty { text += ": \(why)" }
        if !mend.isEmpty { text += ". \(mend)" }
        return "\(text) [\(code)]"
    }
}

extension JobReactorError.Code {
    package init(_ code: RefusalCode) {
        self.init(code.rawValue)
    }
}
