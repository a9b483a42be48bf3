public import JRBase
public import JRCore
public import JRReactor
public import JRWire

/// When what was written is made to reach the disk.
public enum StorageSync: Sendable, Hashable {
    /// Before a commit is answered: survives a power cut.
    case always
    /// At most this long after it was written: survives the death of the process; a power cut takes what is younger.
    case interval(Interval)
    /// When the operating system likes, and when a segment ends: survives the death of the process.
    case never
}

/// What "stored" means.
public enum StoragePromise: Sendable, Hashable {
    /// As long as the process lives.
    case memory
    case journal(sync: StorageSync)
    /// On a Redis server, and as long as that keeps it.
    case redis(RedisPromise)

    /// A stable word for receipts, logs and status.
    public var word: String {
        switch self {
        case .memory: "memory"
        case .journal(sync: .always): "journal_always"
        case .journal(sync: .interval): "journal_interval"
        case .journal(sync: .never): "journal_never"
        case .redis(let promise): "redis_\(promise.rawValue)"
        }
    }

    /// Whether stored jobs are there again when the node is started again.
    public var survivesRestart: Bool { self != .memory }
}

/// What was found in a storage when it was opened.
public struct StorageContents: Sendable {
    /// Every live job, in the order of their first put, and whether an attempt of it was under way when the last
    /// process that had this storage died.
    public var jobs: [RecoveredJob]
    /// Those of them that wait for their time, as far as the storage gives them packed; they are not among ``jobs``.
    public var waiting = WaitingJobs()
    public var report: StorageReport

    public init(jobs: [RecoveredJob] = [], report: StorageReport = StorageReport()) {
        self.jobs = jobs
        self.report = report
    }
}

/// How the opening of a storage went.
public struct StorageReport: Sendable, Equatable {
    /// Bytes at the journal's end that were cut: the torn end of a write that was never answered.
    public var tornBytes = 0
    /// Where the cut bytes were put, if there were any: a file in the store's directory.
    public var quarantine: String?
    /// Records of all kinds that were read, live or not.
    public var recordsRead = 0
    public var segments = 0
    /// Attempts of earlier processes of this node whose results were refused, because its jobs had been taken over.
    public var lateResults = 0
    /// What a person should know of where the jobs are kept, each a sentence.
    public var warnings: [String] = []
    /// The time from the call to the answer.
    public var time = Interval.zero

    public init() {}
}

/// What an open storage says unasked.
public enum StorageEvent: Sendable, Equatable {
    /// It cannot be reached: commits fail until ``back``.
    case away(StorageError)
    /// Commits succeed again.
    case back
    /// It no longer has what was stored: the owner's next commit puts everything that it knows again, and what it does
    /// not put is gone.
    case lost(StorageError)
    /// It will never store anything again, and the process should end.
    case failed(StorageError)
    /// It stores as before, but something of it needs a person. Told once for each such thing.
    case trouble(StorageError)
    /// These jobs of a node that died are the owner's from now on, as it has chosen.
    case tookOver([RecoveredJob], from: String)
    /// That was all there is to take from this node for now.
    case takeOverEnded(TakeOverReport)
}

/// Where a node keeps its jobs: written during life, read only at the start.
///
/// Everything is called and answered on the loop's thread. The order is `open`, once its answer has come any number of
/// commits, `close`.
public protocol JobStorage: AnyObject {
    var promise: StoragePromise { get }

    /// Opens and recovers, off the loop. After an error the storage holds nothing open and may be opened again.
    func open(on loop: Loop, _ done: @escaping (Loop, Result<StorageContents, StorageError>) -> Void)

    /// Makes changes durable as ``promise`` says: all or none, and in the order of calls.
    ///
    /// At most one commit is under way: the next one begins after `done`. What ``StorageError/isRetryable`` is worth
    /// another try, and with ``StorageError/Code-swift.enum/full`` changes that put no new job may succeed where others
    /// do not. New jobs of a commit that failed are not stored, or no longer once the next one has been made. After any
    /// other error nothing will ever be stored again and the process should end.
    func commit(_ changes: StorageChanges, on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void)

    /// Whether it looks at the changes of a commit at all.
    var keepsRecords: Bool { get }

    /// Notes, so that it survives the death of this process (not of the machine), that an attempt of the job runs.
    /// Does not wait and cannot fail: with too many at once, or a storage that is away, some are not noted, and their
    /// attempt is not counted should the process die.
    func markRunning(_ id: JobID)
    func unmarkRunning(_ id: JobID)
    /// Forgets the marks of the process before this one, once what follows from them is committed. Until then they
    /// stay, so that a death during recovery loses none.
    func clearInheritedMarks()

    /// Ends in good order; `done` comes after the last commit's. Calling it twice does nothing more.
    func close(on loop: Loop, _ done: @escaping (Loop) -> Void)

    /// `body` is called with what happens to an open storage outside of commits, on the loop's thread.
    func observe(_ body: @escaping (Loop, StorageEvent) -> Void)

    /// Whether the jobs are this process's alone at that time, so that attempts may begin. It says
    /// ``StorageEvent/back`` when they are again.
    func mayRun(at instant: Instant) -> Bool

    /// The storage may take over jobs of nodes that died: `choose` says which, in the order of the records it is
    /// given, or nil for none now. ``StorageEvent/tookOver(_:from:)`` hands them over.
    func takeOver(choosing choose: @escaping (Loop, [JobRecord]) -> [TakeOverChoice]?)
}

extension JobStorage {
    /// For all that store anything.
    public var keepsRecords: Bool { true }

    /// For storages to which nothing happens by itself.
    public func observe(_ body: @escaping (Loop, StorageEvent) -> Void) {}

    /// For storages that nobody else can have at the same time.
    public func mayRun(at instant: Instant) -> Bool { true }

    /// For storages that hold the jobs of one node only.
    public func takeOver(choosing choose: @escaping (Loop, [JobRecord]) -> [TakeOverChoice]?) {}
}
