import JRBase

/// The table. Defaults stand here and nowhere else in words; tests compare them to what the engines start with.
enum SettingTable {
    struct Group: Sendable {
        let title: String
        let rows: [SettingSpec]
    }

    static let groups = [
        Group(title: "Jobs", rows: jobs), Group(title: "How much at once", rows: amounts),
        Group(title: "Storage", rows: storage), Group(title: "Names and connections", rows: connections),
        Group(title: "Logs", rows: logs),
    ]

    static let rows: [Setting: SettingSpec] = {
        var rows: [Setting: SettingSpec] = [:]
        for row in groups.flatMap(\.rows) { rows[row.setting] = row }
        return rows
    }()

    static let byEnvironment: [String: Setting] = {
        var found: [String: Setting] = [:]
        for setting in Setting.allCases { found[setting.spec.environment] = setting }
        return found
    }()

    // MARK: Rows

    private static let second = Interval.seconds(Int64(1))
    private static let year = Limits.furthestDelay

    private static let jobs: [SettingSpec] = [
        SettingSpec(
            .jobDirectory, .text("the path of a directory"), default: "reactor_jobs", [.application, .node],
            manifest: .place("jobs"), environment: "JR_JOBS", option: "jobs", placeholder: "DIR", "The job directory"),
        SettingSpec(
            .maxAttempts, .int(1...1_000_000), default: "10", [.application, .node],
            "Attempts before a job counts as failed"),
        SettingSpec(
            .retryMultiplier, .seconds(Interval.zero...second * 86_400), default: "5s", [.application, .node],
            "After the failure of attempt n a job waits n times this"),
        SettingSpec(
            .retryJobsAtStart, .bool, default: "true", [.application, .node],
            "Whether a node that starts runs the unfinished jobs of its storage"),
        SettingSpec(
            .poisonDeaths, .int(1...1_000), default: "3", [.application, .node],
            "Deaths of the node during a job's attempts, in a row, after which the job is failed"),
        SettingSpec(
            .timeout, .limit(.milliseconds(1)...year), default: "none", [.application, .node],
            "The longest an attempt of a job may take"),
        SettingSpec(
            .cancelGrace, .duration(.zero...second * 3_600), default: "5s", [.application, .node],
            "How long a job that is cancelled has to end by itself"),
        SettingSpec(
            .programTimeout, .limit(.milliseconds(1)...year), default: "none", [.application, .node],
            "The longest an attempt of a program job may take"),
        SettingSpec(
            .mergeJobItselfToArgs, .bool, default: "false", [.application, .node],
            "Whether a job finds its own facts as `job_itself` in its arguments"),
        SettingSpec(
            .removeDoneJobs, .bool, default: "true", [.application, .node],
            "Whether completed jobs are removed from storage"),
        SettingSpec(
            .removeCancelledJobs, .bool, default: "true", [.application, .node],
            "Whether cancelled jobs are removed from storage"),
        SettingSpec(
            .removeFailedJobs, .bool, default: "false", [.application, .node],
            "Whether failed jobs are removed from storage"),
        SettingSpec(
            .outcomeLife, .duration(second...year), default: "24h", [.application, .node],
            "How long an outcome is kept for an application that does not come for it"),
    ]

    private static let amounts: [SettingSpec] = [
        SettingSpec(
            .credit, .int(1...1_000_000), default: "256", [.application, .node], manifest: .place("credit"),
            "How many jobs may be ready or running at a node at once"),
        SettingSpec(
            .poolThreads, .int(1...1_000), default: "20", [.application, .node],
            "How many jobs run on threads at once"),
        SettingSpec(
            .programJobs, .int(1...1_000), default: "4", [.application, .node],
            "How many jobs run as programs at once"),
        SettingSpec(
            .scheduledJobs, .int(1...1_000_000_000), default: String(Limits.scheduledJobs), [.application, .node],
            "Jobs a node keeps for a later time; past them it refuses more"),
        SettingSpec(
            .scheduledBytes, .size(65_536...(1 << 40)), default: Sizes.formatExactly(Limits.scheduledBytes),
            [.application, .node], "Arguments of the jobs a node keeps for a later time; past them it refuses more"),
        SettingSpec(
            .backlogJobs, .int(1...1_000_000_000), default: String(Limits.backlogJobs), [.application, .distributor],
            "Jobs that wait in a distributor; past them it refuses more"),
        SettingSpec(
            .backlogBytes, .size(65_536...(1 << 40)), default: Sizes.formatExactly(Limits.backlogBytes),
            [.application, .distributor], "Arguments of the jobs that wait in a distributor; past them it refuses more"
        ),
    ]

    private static let storage: [SettingSpec] = [
        SettingSpec(
            .storage, .text("memory, journal:DIR, redis or the address of a Redis server"), default: "memory",
            [.application, .node], manifest: .place("storage"), letter: "s", placeholder: "STORAGE",
            "memory, redis, redis://HOST:PORT/DB, redis+unix:/PATH?db=N, or journal:DIR with ?sync=always, "
                + "?sync=interval:50ms or ?sync=never"),
        SettingSpec(
            .redisHost, .text("a name or address of a machine"), default: "localhost", [.application, .node],
            placeholder: "HOST", "Where the Redis server is"),
        SettingSpec(
            .redisPort, .int(1...65_535), default: "6379", [.application, .node], placeholder: "PORT",
            "The port of the Redis server"),
        SettingSpec(
            .redisURL, .text("an address such as redis://localhost:6379/0"),
            note: "made of `redisHost` and `redisPort`", [.application, .node], manifest: .place("storage.url"),
            placeholder: "URL", "The Redis server in one text, instead of the two"),
        SettingSpec(
            .redisLease, .duration(second...second * 3_600), default: "30s", [.application, .node],
            "How long a node that is silent keeps its jobs on a Redis server; then another node may take them over"),
        SettingSpec(
            .redisTakeOver, .bool, default: "true", [.application, .node],
            "Whether a node takes over jobs on its Redis server whose node died, and others may take over its own"),
        SettingSpec(
            .cache, .text("the path of a directory"), default: ".jr/cache", [.application, .node],
            manifest: .supervisor, placeholder: "DIR", "Where compiled job files are kept"),
    ]

    private static let connections: [SettingSpec] = [
        SettingSpec(
            .name, .name, note: "made of the program's name and process", [.application, .distributor, .node],
            manifest: .place("the entry's name"), letter: "n",
            "What it is called; to a node's name its stored jobs belong"),
        SettingSpec(
            .distributors, .addresses, default: "127.0.0.1:5000", [.application, .node, .program],
            manifest: .place("distributors"), letter: "d", "The distributors to dial"),
        SettingSpec(
            .url, .text("an address such as jr://127.0.0.1:5000"), note: "the cluster in .jr",
            [.application, .program], manifest: .supervisor, placeholder: "URL", "Where the distributor listens"),
        SettingSpec(
            .listen, .address, note: "127.0.0.1:5000 for a distributor; a node only dials",
            [.application, .distributor, .node], manifest: .place("listen"),
            "Where to listen, a node for distributors that dial it; port 0 is any free one"),
        SettingSpec(
            .advertise, .address, note: "where it listens", [.application, .distributor],
            "The address that others are told to dial"),
        SettingSpec(
            .heartbeat, .duration(.milliseconds(100)...second * 3_600), default: "5s",
            [.application, .distributor, .node],
            "How often a connection that is silent says that it lives; after three that are missed it is closed"),
        SettingSpec(
            .alwaysUseSpecifiedNode, .bool, default: "false", [.application, .distributor],
            "Whether a job that names a node waits for it, and is not given to another"),
        SettingSpec(
            .drain, .duration(.zero...second * 86_400), default: "30s", [.application, .node],
            manifest: .place("stop.drain"), "How long running jobs may take to end when the node is told to stop"),
    ]

    private static let logs: [SettingSpec] = [
        SettingSpec(
            .logJobProcessing, .bool, default: "true", [.application, .node],
            "Whether start and end of each attempt are logged"),
        SettingSpec(
            .logArguments, .bool, default: "false", [.application, .node],
            "Whether arguments are logged with jobs; they may hold what should not be in a log"),
        SettingSpec(
            .slowTurn, .limit(.milliseconds(1)...second * 3_600), default: "100ms", [.application, .node],
            "A synchronous job that holds the reactor longer is named in the log"),
    ]
}
