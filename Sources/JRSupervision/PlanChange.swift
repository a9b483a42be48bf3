/// What a manifest that was read again would change in the plan of a running cluster.
public struct PlanChange: Sendable, Equatable {
    /// More instances of an entry, of one that is new in particular.
    public struct Growth: Sendable, Equatable {
        public var entry: String
        public var count: Int
        public var isNew: Bool
    }

    /// Fewer instances of an entry, or none any more.
    public struct Loss: Sendable, Equatable {
        public var entry: String
        public var count: Int
        public var isWhole: Bool
    }

    /// Instances of an entry that are to be other than they are.
    public struct Difference: Sendable, Equatable {
        public var entry: String
        public var positions: [Int]
        /// The keys and variables that differ.
        public var keys: [String]
        /// Whether a process that runs has to be replaced; the rest counts for what is decided from now on.
        public var needsRestart: Bool
    }

    public private(set) var growths: [Growth] = []
    public private(set) var losses: [Loss] = []
    public private(set) var differences: [Difference] = []
    /// Why it cannot be done while the cluster runs, a sentence each.
    public private(set) var refusals: [String] = []

    public init(from plan: Plan, to new: Plan) {
        if plan.surroundings.runtimeDirectory != new.surroundings.runtimeDirectory {
            refusals.append("runtimeDirectory is another one")
        }
        if plan.manifest.name != new.manifest.name {
            refusals.append("the cluster's name is \(new.manifest.name) now, and \(plan.manifest.name) runs")
        }
        for entry in new.manifest.entries { compare(entry, plan, new) }
        for name in Self.names(plan) where new.manifest.entry(named: name) == nil {
            let count = plan.positions(ofEntry: name).count
            losses.append(Loss(entry: name, count: count, isWhole: true))
        }
    }

    /// The entries that run, in the order of their places.
    private static func names(_ plan: Plan) -> [String] {
        var names: [String] = []
        for position in plan.live {
            let name = plan.instances[position].entry.name
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    private mutating func compare(_ entry: Entry, _ plan: Plan, _ new: Plan) {
        let wanted = new.instances.count { $0.entry.name == entry.name }
        let positions = plan.positions(ofEntry: entry.name)
        if wanted > positions.count {
            growths.append(
                Growth(entry: entry.name, count: wanted - positions.count, isNew: positions.isEmpty))
        } else if wanted < positions.count {
            losses.append(Loss(entry: entry.name, count: positions.count - wanted, isWhole: false))
        }
        guard let first = positions.first else { return }
        if plan.instances[first].entry.path != entry.path {
            refusals.append("\(plan.instances[first].entry.path) is \(entry.path) now: give it another name")
            return
        }
        compare(positions, entry, plan, new)
    }

    private mutating func compare(_ positions: [Int], _ entry: Entry, _ plan: Plan, _ new: Plan) {
        var difference = Difference(entry: entry.name, positions: [], keys: [], needsRestart: false)
        for position in positions {
            let old = plan.instances[position]
            let next = Plan.instance(entry, old.index, new.surroundings)
            if old.entry.policy.logs != entry.policy.logs {
                refusals.append("\(entry.path).logs is another one")
                return
            }
            let keys = Self.keys(old, next, plan, new)
            let settings = Self.policyKeys(old.entry.policy, entry.policy)
            guard !keys.isEmpty || !settings.isEmpty else { continue }
            difference.positions.append(position)
            if !keys.isEmpty { difference.needsRestart = true }
            for key in keys + settings where !difference.keys.contains(key) { difference.keys.append(key) }
        }
        if !difference.positions.isEmpty { differences.append(difference) }
    }

    /// What a process is started with.
    private static func keys(_ old: Plan.Instance, _ next: Plan.Instance, _ plan: Plan, _ new: Plan) -> [String] {
        var keys: [String] = []
        if old.arguments != next.arguments { keys.append("command") }
        if old.workingDirectory != next.workingDirectory { keys.append("workingDirectory") }
        if old.entry.dependencies != next.entry.dependencies {
            keys.append(next.rank == 1 ? "distributors" : "after")
        }
        keys += next.entry.policy.limits.differences(from: old.entry.policy.limits).map { "limits.\($0)" }
        if old.entry.policy.umask != next.entry.policy.umask { keys.append("umask") }
        if old.entry.policy.tty != next.entry.policy.tty { keys.append("tty") }
        if old.entry.policy.controlGroup != next.entry.policy.controlGroup { keys.append("controlGroup") }
        if old.entry.user != next.entry.user { keys.append("user") }
        if old.entry.notifies != next.entry.notifies { keys.append("notify") }
        if old.entry.watchdog != next.entry.watchdog { keys.append("watchdog") }
        let before = Set(plan.environment(of: old, start(plan)))
        let after = Set(new.environment(of: next, start(new)))
        let names = before.symmetricDifference(after).map { String($0.prefix { $0 != "=" }) }
        return keys + Set(names).sorted()
    }

    /// As if every distributor with a free port had taken the same.
    private static func start(_ plan: Plan) -> Plan.Start {
        var addresses: [String: ListenAddress] = [:]
        for entry in plan.manifest.entries {
            guard case .distributor(var settings) = entry.kind else { continue }
            if settings.listen.port == 0 { settings.listen.port = 1 }
            addresses[entry.name] = settings.listen
        }
        return Plan.Start(incarnation: 0, readyDescriptor: nil, lifeDescriptor: nil, addresses: addresses)
    }

    private static func policyKeys(_ old: Policy, _ next: Policy) -> [String] {
        var keys: [String] = []
        if old.restart != next.restart { keys.append("restart") }
        if old.backoff != next.backoff { keys.append("backoff") }
        if old.crashLoop != next.crashLoop { keys.append("crashLoop") }
        if old.ready != next.ready { keys.append("ready") }
        if old.stop != next.stop { keys.append("stop") }
        return keys
    }

    // MARK: For people

    public var isEmpty: Bool { growths.isEmpty && losses.isEmpty && differences.isEmpty }

    /// A line for each thing that changes.
    public var lines: [String] {
        growths.map { growth in
            "+ \(growth.entry): \(Words.count(growth.count, growth.isNew ? "instance" : "more instance"))"
        }
            + differences.map { difference in
                let how = difference.needsRestart ? "restarted one after the other" : "without a restart"
                return "~ \(difference.entry): \(difference.keys.joined(separator: ", ")) (\(how))"
            }
            + losses.map { loss in
                loss.isWhole
                    ? "- \(loss.entry): all of \(Words.count(loss.count, "instance"))"
                    : "- \(loss.entry): \(Words.count(loss.count, "instance"))"
            }
    }
}

extension Plan {
    /// The live places of an entry.
    public func positions(ofEntry name: String) -> [Int] { live.filter { instances[$0].entry.name == name } }

    /// Takes over what has changed: the manifest, and how these places are started from now on.
    ///
    /// - Returns: What they were before.
    public mutating func take(_ new: Plan, at positions: [Int]) -> [Int: Instance] {
        var before: [Int: Instance] = [:]
        var manifest = new.manifest
        // What is on its way out has to be known until it is gone.
        manifest.entries += self.manifest.entries.filter { manifest.entry(named: $0.name) == nil }
        self.manifest = manifest
        for position in positions {
            guard let entry = manifest.entry(named: instances[position].entry.name) else { continue }
            before[position] = instances[position]
            instances[position] = Plan.instance(entry, instances[position].index, surroundings)
        }
        connect()
        return before
    }

    /// Puts places back to what they were.
    public mutating func restore(_ before: [Int: Instance]) {
        for (position, instance) in before { instances[position] = instance }
        connect()
    }

    /// Forgets an entry of which nothing is left.
    public mutating func forget(entry name: String) {
        guard positions(ofEntry: name).isEmpty else { return }
        manifest.entries.removeAll { $0.name == name }
    }
}
