import JRWire

/// What went wrong, why, and how to mend it. Thrown at the public edge of the library.
public struct JobReactorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A stable word, the same on the wire and in logs. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        init(_ word: String) {
            description = word
        }

        public static let backlogFull = Code("backlog_full")
        public static let invalidJob = Code("invalid_job")
        public static let jobFailed = Code("job_failed")
        public static let jobCancelled = Code("job_cancelled")
        public static let unavailable = Code("unavailable")
        public static let storageFailed = Code("storage_failed")
        public static let storageLocked = Code("storage_locked")
        public static let storageCorrupt = Code("storage_corrupt")
        public static let configuration = Code("configuration")
    }

    public var code: Code
    public var what: String
    public var why: String
    /// An action; empty when nothing needs doing.
    public var mend: String
    /// For programs: the exit code of sysexits that fits, such as 75 for a storage that is in use.
    public var exitCode: Int32

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
    init(_ code: RefusalCode) {
        self.init(code.rawValue)
    }
}
