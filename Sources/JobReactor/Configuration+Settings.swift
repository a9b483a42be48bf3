import JRBase
import JRSettings

extension Configuration {
    /// One line for each setting of the table: the compiler sees to it that none is forgotten.
    mutating func apply(_ setting: Setting, _ value: SettingValue) throws(SettingError) {
        let given = GivenValue(setting, value)
        switch setting {
        case .jobDirectory: jobDirectory = given.text
        case .maxAttempts: maxAttempts = given.int
        case .retryMultiplier: retryMultiplier = given.interval.seconds
        case .retryJobsAtStart: retryJobsAtStart = given.bool
        case .poisonDeaths: poisonDeaths = given.int
        case .timeout: timeout = given.limit?.duration
        case .cancelGrace: cancelGrace = given.interval.duration
        case .programTimeout: programTimeout = given.limit?.duration
        case .mergeJobItselfToArgs: mergeJobItselfToArgs = given.bool
        case .removeDoneJobs: removeDoneJobs = given.bool
        case .removeCancelledJobs: removeCancelledJobs = given.bool
        case .removeFailedJobs: removeFailedJobs = given.bool
        case .outcomeLife: outcomeLife = given.interval.duration
        case .credit: credit = given.int
        case .poolThreads: poolThreads = given.int
        case .programJobs: programJobs = given.int
        case .scheduledJobs: scheduledJobs = given.int
        case .scheduledBytes: scheduledBytes = given.int
        case .backlogJobs: backlogJobs = given.int
        case .backlogBytes: backlogBytes = given.int
        case .storage: storage = try given.storage()
        case .redisHost: redisHost = given.text
        case .redisPort: redisPort = given.int
        case .redisURL: redisURL = given.text
        case .redisLease: redisLease = given.interval.duration
        case .redisTakeOver: redisTakeOver = given.bool
        case .cache: cache = given.text
        case .name: name = given.text
        case .distributors: distributors = given.list
        case .url: url = given.text
        case .listen: listen = given.text
        case .advertise: advertise = given.text
        case .heartbeat: heartbeat = given.interval.duration
        case .alwaysUseSpecifiedNode: alwaysUseSpecifiedNode = given.bool
        case .drain: drain = given.interval.duration
        case .logJobProcessing: logJobProcessing = given.bool
        case .logArguments: logArguments = given.bool
        case .slowTurn: slowTurn = given.limit?.duration
        }
    }
}

/// A value as the type that its setting has. Another type cannot come: the table's own reader made it.
private struct GivenValue {
    let setting: Setting
    let value: SettingValue

    init(_ setting: Setting, _ value: SettingValue) {
        self.setting = setting
        self.value = value
    }

    private var values: [Setting: SettingValue] { [setting: value] }
    var text: String { values.text(setting) ?? "" }
    var int: Int { values.int(setting) }
    var bool: Bool { values.bool(setting) }
    var interval: Interval { values.duration(setting) }
    var limit: Interval? { values.limit(setting) }
    var list: [String] { values.list(setting) }

    func storage() throws(SettingError) -> StorageChoice {
        do throws(ValueError) {
            return try StorageChoice(parsing: text)
        } catch {
            throw SettingError(setting, given: error.text, as: setting.spec.environment, expected: error.expected)
        }
    }
}
