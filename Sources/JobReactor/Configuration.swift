import JRBase
import JRCore
import JRSystem
import JRWire
import Synchronization

/// What applies to everything that a program starts afterwards: `JR.config`, or a value given to a ``Node``, a
/// ``Distributor`` or a ``JobClient``.
///
///     JR.config.maxAttempts = 3
///     JR.config.log = nil
///
/// A new one is read from the environment (`JR_MAX_ATTEMPTS=3`), so that a program needs no code for what is set from
/// outside. `docs/configuration.md` lists every setting with its names, default and limits.
public struct Configuration: Sendable {
    // MARK: Who and where

    /// The node's name, to which its stored jobs belong.
    public var name: String?
    /// The distributors that nodes dial, as `HOST:PORT`.
    public var distributors: [String] = []
    /// Where applications connect that have no distributor of their own, as `jr://HOST:PORT`.
    public var url: String?
    /// Where a distributor, or a node that is to be dialled, listens.
    public var listen: String?
    /// The address under which others reach it, where that is another than ``listen``.
    public var advertise: String?
    /// Where nodes keep their jobs.
    public var storage = StorageChoice.memory
    /// The job directory of `jr-node` and of nodes that are told to use one.
    public var jobDirectory = "reactor_jobs"
    /// For storage in Redis; ``redisURL`` wins over the other two.
    public var redisHost = "localhost"
    public var redisPort = 6379
    public var redisURL: String?

    /// Given by a supervisor: rises with each start of the same node.
    var incarnation = 0

    // MARK: How jobs run

    /// Attempts before a job counts as failed.
    public var maxAttempts = 10
    /// The wait before the next attempt: so many seconds times the number of the one that failed.
    public var retryMultiplier: Double = 5
    /// Whether a node runs the unfinished jobs that it finds in storage.
    public var retryJobsAtStart = true
    /// Deaths of the node during a job's attempts, in a row, after which the job is set aside as failed.
    public var poisonDeaths = 3
    /// Whether bodies find `job_itself` in their arguments.
    public var mergeJobItselfToArgs = false
    /// Whether a job that names nodes waits for one of them; for distributors.
    public var alwaysUseSpecifiedNode = false
    /// Whether a job that is complete is forgotten.
    public var removeDoneJobs = true
    public var removeCancelledJobs = true
    public var removeFailedJobs = false
    /// The longest that an attempt may take, unless its job says otherwise; nil is for ever.
    public var timeout: Duration?
    /// Jobs that a node may hold ready or running.
    public var credit = 256
    /// Attempts at once on the thread pool, and as programs.
    public var poolJobs = 20
    public var programJobs = 4
    /// A synchronous body that holds the reactor longer than this is named in the log; nil for never.
    public var slowTurn: Duration? = .milliseconds(100)
    /// How long running jobs may take to end when a program is told to stop.
    public var drain = Duration.seconds(30)

    // MARK: Logs

    /// Where log entries go; nil is silent. Warnings and errors to standard error by default.
    public var log: LogHandler? = Log.standardError(from: .warning)
    /// Whether the beginning and end of every attempt is logged, at the level `debug`.
    public var logJobProcessing = true
    /// Whether those entries show the arguments.
    public var logArguments = false

    /// As the environment of this process says.
    public init() {
        self.init(environment: SystemProgram.environment)
    }

    /// As an environment says; what it does not say has its default.
    public init(environment: [String: String]) {
        name = environment["JR_NAME"]
        distributors = environment["JR_DISTRIBUTORS"].map { $0.split(separator: ",").map(String.init) } ?? []
        url = environment["JR_URL"]
        incarnation = environment["JR_INCARNATION"].flatMap { Int($0) } ?? 0
    }

    /// The settings of a node's engine.
    func nodeSettings(name: String) -> NodeSettings {
        var settings = NodeSettings(name: name)
        settings.credit = credit
        settings.maxAttempts = maxAttempts
        settings.retry = RetrySchedule(shape: .linear, base: .seconds(retryMultiplier))
        settings.removeDoneJobs = removeDoneJobs
        settings.removeCancelledJobs = removeCancelledJobs
        settings.removeFailedJobs = removeFailedJobs
        settings.retryJobsAtStart = retryJobsAtStart
        settings.poisonDeaths = poisonDeaths
        settings.poolJobs = poolJobs
        settings.programJobs = programJobs
        return settings
    }
}
