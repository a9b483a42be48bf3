import JRBase
package import JRCore
package import JRSettings
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
///
/// What is wrong in the environment is thrown by whatever is started with the configuration.
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
    /// The job directory of `jr-node`.
    public var jobDirectory = "reactor_jobs"
    /// Where compiled job files are kept.
    public var cache = JobDirectory.defaultCache
    /// The machine of the Redis server, for storage there.
    public var redisHost = "localhost"
    /// The port of the Redis server.
    public var redisPort = 6379
    /// The Redis server in one text, instead of ``redisHost`` and ``redisPort``.
    public var redisURL: String?
    /// How long a node that is silent keeps its jobs on a Redis server; it says three times as often that it lives.
    public var redisLease = Duration.seconds(30)
    /// Whether a node takes over jobs on its Redis server whose node died, and others may take over its own.
    public var redisTakeOver = true
    /// How often a silent connection says that it lives; after three that are missed the other side counts as gone.
    public var heartbeat = Duration.seconds(5)

    // MARK: How jobs run

    /// Attempts before a job counts as failed.
    public var maxAttempts = 10
    /// The wait before the next attempt: so many seconds times the number of the one that failed.
    public var retryMultiplier: Double = 5
    /// Another shape of these waits, for all jobs that do not say their own; nil is as ``retryMultiplier`` says.
    public var retry: RetrySchedule?
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
    /// Whether a job that was cancelled is forgotten.
    public var removeCancelledJobs = true
    /// Whether a job that has failed is forgotten, and so cannot be retried by hand.
    public var removeFailedJobs = false
    /// The longest that an attempt may take, unless its job says otherwise; nil is for ever.
    public var timeout: Duration?
    /// How long an attempt whose time is over has to end by itself.
    public var cancelGrace = Duration.seconds(5)
    /// The longest that an attempt of a program may take; nil is for ever.
    public var programTimeout: Duration?
    /// How long the end of a job is kept for an application that does not come for it.
    public var outcomeLife = Duration.seconds(86_400)
    /// How long running jobs may take to end when a program is told to stop.
    public var drain = Duration.seconds(30)

    // MARK: How much

    /// Jobs that a node may hold ready or running.
    public var credit = 256
    /// Attempts at once on the thread pool.
    public var poolThreads = 20
    /// Attempts at once as programs.
    public var programJobs = 4
    /// Jobs that a node keeps for a later time; past them it refuses more.
    public var scheduledJobs = Limits.scheduledJobs
    /// Bytes of their arguments.
    public var scheduledBytes = Limits.scheduledBytes
    /// Jobs that wait in a distributor; past them an enqueue is refused as `backlog_full`.
    public var backlogJobs = Limits.backlogJobs
    /// Bytes of their arguments.
    public var backlogBytes = Limits.backlogBytes

    // MARK: Logs

    /// Where log entries go; nil is silent. Warnings and errors to standard error by default.
    public var log: LogHandler? = Log.standardError(from: .warning)
    /// Whether the beginning and end of every attempt is logged, at the level `debug`.
    public var logJobProcessing = true
    /// Whether those entries show the arguments.
    public var logArguments = false
    /// A body that holds the reactor longer than this is named in the log; nil for never.
    public var slowTurn: Duration? = .milliseconds(100)

    // MARK: Reading

    /// Given by a supervisor: rises with each start of the same node.
    var incarnation = 0
    /// What was wrong in the environment.
    var problems: [String] = []

    /// As the environment of this process says.
    public init() {
        self.init(environment: SystemProgram.environment)
    }

    /// As an environment says; what it does not say has its default.
    public init(environment: [String: String]) {
        let (values, problems) = Setting.read(environment: environment)
        self.init(values)
        self.problems += problems.map(\.description)
        incarnation = environment["JR_INCARNATION"].flatMap { Int($0) } ?? 0
    }

    /// With these settings; the others have their defaults.
    package init(_ values: [Setting: SettingValue]) {
        for setting in Setting.allCases {
            guard let value = values[setting] else { continue }
            do {
                try apply(setting, value)
            } catch {
                problems.append("\(error)")
            }
        }
    }

    /// Sets one by its key, from text as the environment and manifests have it.
    ///
    ///     try JR.config.set("maxAttempts", to: "3")
    ///
    /// - Throws: ``JobReactorError`` with code `configuration`: a key that is none, with the nearest one, or a value
    ///   that is not allowed, with what is.
    public mutating func set(_ key: String, to text: String) throws(JobReactorError) {
        do throws(SettingError) {
            let setting = try Setting.named(key)
            try apply(setting, try setting.parse(text))
        } catch {
            throw JobReactorError(
                .configuration, what: "the configuration was not changed", why: "\(error)", exitCode: 78)
        }
    }

    /// Throws what was wrong in the environment, if anything was.
    func check() throws(JobReactorError) {
        guard !problems.isEmpty else { return }
        throw JobReactorError(
            .configuration, what: "the settings in the environment are wrong", why: problems.joined(separator: "; "),
            exitCode: 78)
    }

    /// The settings of a node's engine.
    package func nodeSettings(name: String) -> NodeSettings {
        var settings = NodeSettings(name: name)
        settings.credit = credit
        settings.maxAttempts = maxAttempts
        settings.retry = retry ?? RetrySchedule(shape: .linear, base: .seconds(retryMultiplier))
        settings.removeDoneJobs = removeDoneJobs
        settings.removeCancelledJobs = removeCancelledJobs
        settings.removeFailedJobs = removeFailedJobs
        settings.retryJobsAtStart = retryJobsAtStart
        settings.poisonDeaths = poisonDeaths
        settings.outcomeLife = Interval(outcomeLife)
        settings.poolJobs = poolThreads
        settings.programJobs = programJobs
        settings.timeout = timeout.map { Interval($0) }
        settings.cancelGrace = Interval(cancelGrace)
        settings.scheduledJobs = scheduledJobs
        settings.scheduledBytes = scheduledBytes
        return settings
    }
}
