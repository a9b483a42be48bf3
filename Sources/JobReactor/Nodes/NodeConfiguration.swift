public import JRBase
public import JRCore
import JRStorage
public import JRSystem

/// How a node is set up, down to the last setting; ``Configuration`` is the way there for most programs.
public struct NodeConfiguration: Sendable {
    /// Name, credit, attempts, what is removed when: see ``NodeSettings``.
    public var settings: NodeSettings
    /// Where it keeps its jobs.
    public var storage: StorageChoice
    /// On a Redis server: how long a node that is silent keeps its jobs.
    public var redisLease = RedisStorage.standardLease
    /// On a Redis server: whether the node takes over jobs of nodes that died, and others may take over its own.
    public var redisTakeOver = true
    /// The distributors it dials and keeps dialling.
    public var distributors: [SocketAddress]
    /// Where it listens for distributors that dial it, as `HOST:PORT`; nil for not at all.
    public var listen: String?
    /// The jobs it can run; looked at once, when it starts.
    public var registry: JobRegistry
    /// Rises with each start of the same name; a distributor turns the older of two away.
    public var incarnation: Int
    /// Where programs of the job directory run; nil for the current directory.
    public var workingDirectory: String?
    /// The longest that an attempt of a program may take; nil for no limit.
    public var programTimeout: Interval?
    /// Whether bodies find `job_itself` in their arguments.
    public var mergesJobItself = false
    /// A body that holds the reactor longer is named in the log; nil for never.
    public var slowTurn: Interval? = .milliseconds(100)
    /// Whether each attempt's beginning and end is logged, at the level `debug`, and its arguments with them.
    public var logsJobs = true
    /// Whether those entries show the arguments of the job.
    public var logsArguments = false
    /// How often a silent connection says that the node lives.
    public var heartbeat = Interval.seconds(5)
    /// Where log entries go; nil is silent.
    public var log: LogHandler?
    /// Its storage, where that is being opened already.
    var storageAhead: JournalAhead?

    /// A node that only dials, with these settings.
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

    /// Begins to open a journal now, for a program that has something else to do before its node starts. The node is
    /// made of this configuration and of no other one; a program that ends before is a node that died at its start.
    package mutating func openStorageAhead() {
        guard case .journal(let directory, let sync) = storage else { return }
        storageAhead = JournalAhead(directory: directory, sync: sync.storageSync)
    }

    /// As a configuration says.
    package init(_ configuration: Configuration, name: String, registry: JobRegistry) throws(JobReactorError) {
        try configuration.check()
        var distributors: [SocketAddress] = []
        for text in configuration.distributors { distributors += try Addresses.parse(text) }
        self.init(
            settings: configuration.nodeSettings(name: name),
            storage: try configuration.storage.resolved(configuration),
            distributors: distributors, registry: registry, incarnation: configuration.incarnation,
            log: configuration.log)
        redisLease = Interval(configuration.redisLease)
        redisTakeOver = configuration.redisTakeOver
        listen = configuration.listen
        mergesJobItself = configuration.mergeJobItselfToArgs
        slowTurn = configuration.slowTurn.map { Interval($0) }
        logsJobs = configuration.logJobProcessing
        logsArguments = configuration.logArguments
        heartbeat = Interval(configuration.heartbeat)
        programTimeout = configuration.programTimeout.map { Interval($0) }
    }
}

extension JobReactorError {
    init(_ error: StorageError) {
        let code: Code =
            switch error.code {
            case .locked: .storageLocked
            case .corrupt: .storageCorrupt
            case .fenced: .storageFenced
            default: .storageFailed
            }
        self.init(code, what: error.what, why: error.why, mend: error.mend, exitCode: error.exitCode)
    }
}

/// What a node tells the program that runs it.
public enum NodeEvent: Sendable {
    /// What storage held has been taken over; jobs are taken and run from now on.
    case recovered(RecoveryReport)
    /// The distributor of that name has answered.
    case connected(distributor: String)
    /// A connection broke or could not be made; the next try is made after the wait.
    case disconnected(distributor: String, reason: String, retryAfter: Interval)
    /// No job runs any more, and none is taken or begun before ``Node/resume()``: what it keeps meanwhile.
    case paused(NodeHoldings)
    /// All that ran has ended, or was cut off at the limit, and storage is closed.
    case drained
    /// Storage could not be opened, or failed: the process should end with the error's exit code.
    case failed(JobReactorError)
}
