public import JRBase
public import JRCore
import JRStorage
public import JRSystem

/// How a node is set up.
public struct NodeConfiguration: Sendable {
    /// Name, credit, attempts, what is removed when: see ``NodeSettings``.
    public var settings: NodeSettings
    public var storage: StorageChoice
    /// The distributors it dials and keeps dialling.
    public var distributors: [SocketAddress]
    public var registry: JobRegistry
    /// Rises with each start of the same name; a distributor turns the older of two away.
    public var incarnation: Int
    /// Where programs of the job directory run; nil for the current directory.
    public var workingDirectory: String?
    /// The longest that an attempt of a program may take; nil for no limit.
    public var programTimeout: Interval?
    public var log: LogHandler?

    public init(
        settings: NodeSettings, storage: StorageChoice = .memory, distributors: [SocketAddress],
        registry: JobRegistry = .shared, incarnation: Int = 0, log: LogHandler? = nil
    ) {
        self.settings = settings
        self.storage = storage
        self.distributors = distributors
        self.registry = registry
        self.incarnation = incarnation
        self.log = log
    }
}

/// Where a node keeps its jobs.
public enum StorageChoice: Sendable, Equatable {
    /// Nothing on disk: jobs do not outlive the node.
    case memory
    /// An append-only file of our own in this directory.
    case journal(directory: String, sync: Sync)

    /// When a journal makes what was written reach the disk.
    public enum Sync: Sendable, Equatable {
        /// Before anything is acknowledged.
        case always
        /// At most this long after it was written: a power cut takes what is younger.
        case interval(Interval)
        /// When the operating system likes.
        case never
    }

    func make() -> any JobStorage {
        switch self {
        case .memory: MemoryStorage()
        case .journal(let directory, let sync):
            switch sync {
            case .always: JournalStorage(directory: directory, sync: .always)
            case .interval(let interval): JournalStorage(directory: directory, sync: .interval(interval))
            case .never: JournalStorage(directory: directory, sync: .never)
            }
        }
    }
}

extension JobReactorError {
    init(_ error: StorageError) {
        let code: Code =
            switch error.code {
            case .locked: .storageLocked
            case .corrupt: .storageCorrupt
            default: .storageFailed
            }
        self.init(code, what: error.what, why: error.why, mend: error.mend, exitCode: error.exitCode)
    }
}

/// What a node tells the program that runs it.
public enum NodeEvent: Sendable {
    /// What storage held has been taken over; jobs are taken and run from now on.
    case recovered(RecoveryReport)
    case connected(distributor: String)
    case disconnected(distributor: String, reason: String, retryAfter: Interval)
    /// All that ran has ended, or was cut off at the limit, and storage is closed.
    case drained
    /// Storage could not be opened, or failed: the process should end with the error's exit code.
    case failed(JobReactorError)
}
