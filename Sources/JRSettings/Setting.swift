import JRBase

/// Everything that can be set, by the key that `JR.config`, manifests and the documentation use.
///
/// ``spec`` says all about one: environment names, options of the programs, manifest keys, defaults, limits, help and
/// `docs/configuration.md` are made from it.
public enum Setting: String, CaseIterable, Sendable, Hashable {
    // Jobs
    case jobDirectory
    case maxAttempts
    case retryMultiplier
    case retryJobsAtStart
    case poisonDeaths
    case timeout
    case cancelGrace
    case programTimeout
    case mergeJobItselfToArgs
    case removeDoneJobs
    case removeCancelledJobs
    case removeFailedJobs
    case outcomeLife
    // How much at once
    case credit
    case poolThreads
    case programJobs
    case scheduledJobs
    case scheduledBytes
    case backlogJobs
    case backlogBytes
    // Storage
    case storage
    case redisHost
    case redisPort
    case redisURL
    case redisLease
    case redisTakeOver
    case cache
    // Names and connections
    case name
    case distributors
    case url
    case listen
    case advertise
    case heartbeat
    case alwaysUseSpecifiedNode
    case drain
    // Logs
    case logJobProcessing
    case logArguments
    case slowTurn

    /// What the table says about it.
    public var spec: SettingSpec {
        guard let spec = SettingTable.rows[self] else { preconditionFailure("no row for \(self) in the table") }
        return spec
    }

    /// The setting of this key, as `JR.config` and manifests have it.
    ///
    /// - Throws: ``SettingError`` with the nearest key.
    public static func named(_ key: String) throws(SettingError) -> Setting {
        if let setting = Setting(rawValue: key) { return setting }
        throw SettingError(unknown: key, nearest: Names.nearest(to: key, among: allCases.map(\.rawValue)))
    }

    /// The setting of this environment variable; nil for a variable of the project that is no setting, and for one that
    /// does not begin with `JR_`.
    ///
    /// - Throws: ``SettingError`` with the nearest name when it begins with `JR_` and is nothing that is known.
    public static func forEnvironment(_ name: String) throws(SettingError) -> Setting? {
        if let setting = SettingTable.byEnvironment[name] { return setting }
        if !name.hasPrefix("JR_") || OtherVariable.isKnown(name) { return nil }
        let candidates = allCases.map(\.spec.environment) + OtherVariable.all.filter { !$0.isInternal }.map(\.name)
        throw SettingError(unknown: name, nearest: Names.nearest(to: name, among: candidates))
    }

    /// The settings that apply to any of `scope`, in the order of the table.
    public static func applying(to scope: SettingScope) -> [Setting] {
        allCases.filter { !$0.spec.scope.isDisjoint(with: scope) }
    }

    /// Reads a value as people write it.
    ///
    /// - Parameter name: What the value was given under, for the error: an environment variable, an option, a place in
    ///   a manifest. Nil is the key.
    public func parse(_ text: String, as name: String? = nil) throws(SettingError) -> SettingValue {
        do {
            return try spec.kind.parse(text)
        } catch {
            throw SettingError(self, given: error.text, as: name ?? rawValue, expected: error.expected)
        }
    }

    /// The value when nothing is said; nil when there is none, or one that only the program can know.
    public var defaultValue: SettingValue? { spec.defaultText.flatMap { try? spec.kind.parse($0) } }

    /// Every setting that `environment` has, and everything wrong in it at once: bad values in the order of the table,
    /// then unknown `JR_…` names, sorted. An empty variable counts as none.
    public static func read(
        environment: [String: String]
    ) -> (values: [Setting: SettingValue], problems: [SettingError]) {
        var values: [Setting: SettingValue] = [:]
        var problems: [SettingError] = []
        for setting in allCases {
            let name = setting.spec.environment
            guard let text = environment[name], !text.isEmpty else { continue }
            do {
                values[setting] = try setting.parse(text, as: name)
            } catch {
                problems.append(error)
            }
        }
        for name in environment.keys.sorted() {
            do {
                _ = try forEnvironment(name)
            } catch {
                problems.append(error)
            }
        }
        return (values, problems)
    }
}
