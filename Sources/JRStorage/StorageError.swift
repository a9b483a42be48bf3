/// Why a storage could not do something, in words for people, with a stable code for programs.
public struct StorageError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// No room. Retryable: the storage goes on as soon as there is room again.
        case full = "storage_full"
        /// Writing failed in a way that leaves nobody sure of what is on the disk. Final for this process.
        case failed = "storage_failed"
        /// What was stored is damaged or missing. Nothing was changed.
        case corrupt = "storage_corrupt"
        /// Another process has the directory, or the node's jobs.
        case locked = "storage_locked"
        /// The directory may not be used, or may be used by too many.
        case permission = "storage_permission"
        /// One change is too large to be stored.
        case tooLarge = "storage_too_large"
        /// The server is away, or refuses for now. Retryable.
        case unavailable = "storage_unavailable"
        /// The server no longer has what was stored. Retryable, with everything.
        case lost = "storage_lost"
        /// Another process took the jobs over. Final for this process.
        case fenced = "storage_fenced"
    }

    public var code: Code
    /// What could not be done, with the file or directory.
    public var what: String
    public var why: String
    /// What a person can do about it.
    public var mend: String
    /// The process that has the directory or the jobs, when ``code-swift.property`` is `locked` and it is known.
    public var pid: Int32?

    public init(_ code: Code, what: String, why: String, mend: String, pid: Int32? = nil) {
        self.code = code
        self.what = what
        self.why = why
        self.mend = mend
        self.pid = pid
    }

    public var isRetryable: Bool {
        switch code {
        case .full, .unavailable, .lost: true
        case .failed, .corrupt, .locked, .permission, .tooLarge, .fenced: false
        }
    }

    /// The exit code, as in sysexits.h, of a process that cannot go on because of this.
    public var exitCode: Int32 {
        switch code {
        case .corrupt, .tooLarge: 65
        case .unavailable: 69
        case .full, .failed, .lost: 74
        case .locked, .fenced: 75
        case .permission: 77
        }
    }

    public var description: String { "\(what): \(why). \(mend) [\(code.rawValue)]" }
}
