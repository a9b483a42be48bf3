import JRBase
public import JRJSON

/// What `status` tells of one instance.
public struct InstanceStatus: Sendable, Equatable {
    public var name: String
    /// The entry of the manifest that it is one of.
    public var entry: String?
    /// Where a distributor listens.
    public var address: String?
    public var state: InstanceState
    public var cause: String
    public var incarnation: Int
    public var pid: Int32?
    public var port: Int?
    public var restarts: Int
    public var uptimeSeconds: Double?
    /// In words, with who sent the signal.
    public var lastExit: String?
    public var lastExitSecondsAgo: Double?
    /// How many jobs it took over from its predecessor, and how long that took: `7/7 in 16ms`.
    public var recovered: String?
    /// Nil for what does not say.
    public var jobs: JobCounts?
    /// What its process says that it is doing.
    public var said: String?
    /// What its process has in RAM.
    public var memoryBytes: Int?
    /// Its log file.
    public var log: String?

    public init(name: String, state: InstanceState, cause: String, incarnation: Int, restarts: Int) {
        self.name = name
        self.state = state
        self.cause = cause
        self.incarnation = incarnation
        self.restarts = restarts
    }

    public var json: JSON {
        [
            "name": .string(name), "state": .string(state.rawValue), "cause": .string(cause),
            "incarnation": .int(Int64(incarnation)), "pid": pid.map { .int(Int64($0)) } ?? .null,
            "port": port.map { .int(Int64($0)) } ?? .null, "restarts": .int(Int64(restarts)),
            "uptimeSeconds": uptimeSeconds.map { .double($0) } ?? .null,
            "lastExit": lastExit.map { .string($0) } ?? .null,
            "lastExitSecondsAgo": lastExitSecondsAgo.map { .double($0) } ?? .null,
            "recovered": recovered.map { .string($0) } ?? .null, "jobs": jobs?.json ?? .null,
            "memoryBytes": memoryBytes.map { .int(Int64($0)) } ?? .null, "log": log.map { .string($0) } ?? .null,
            "said": said.map { .string($0) } ?? .null,
            "entry": entry.map { .string($0) } ?? .null, "address": address.map { .string($0) } ?? .null,
        ]
    }

    /// Nil for what a supervisor of this version does not send.
    public init?(_ json: JSON) {
        guard let name = json["name"]?.string,
            let state = json["state"]?.string.flatMap(InstanceState.init(rawValue:)),
            let incarnation = json["incarnation"]?.int, let restarts = json["restarts"]?.int
        else { return nil }
        self.init(
            name: name, state: state, cause: json["cause"]?.string ?? "",
            incarnation: Int(truncatingIfNeeded: incarnation), restarts: Int(truncatingIfNeeded: restarts))
        entry = json["entry"]?.string
        address = json["address"]?.string
        pid = json["pid"]?.int.flatMap { Int32(exactly: $0) }
        port = json["port"]?.int.flatMap { Int(exactly: $0) }
        uptimeSeconds = json["uptimeSeconds"]?.double
        lastExit = json["lastExit"]?.string
        lastExitSecondsAgo = json["lastExitSecondsAgo"]?.double
        recovered = json["recovered"]?.string
        jobs = json["jobs"].flatMap { JobCounts($0) }
        memoryBytes = json["memoryBytes"]?.int.flatMap { Int(exactly: $0) }
        log = json["log"]?.string
        said = json["said"]?.string
    }
}

/// What `status` tells of a cluster.
public struct ClusterStatus: Sendable, Equatable {
    public var cluster: String
    public var supervisorPid: Int32
    public var instances: [InstanceStatus]

    public init(cluster: String, supervisorPid: Int32, instances: [InstanceStatus]) {
        self.cluster = cluster
        self.supervisorPid = supervisorPid
        self.instances = instances
    }

    /// Whether everything is up, or has ended as it should.
    public var isReady: Bool { instances.allSatisfy { $0.state.allowsDependents } }

    public var json: JSON {
        [
            "cluster": .string(cluster), "supervisorPid": .int(Int64(supervisorPid)),
            "instances": .array(instances.map(\.json)),
        ]
    }

    public init?(_ json: JSON) {
        guard let cluster = json["cluster"]?.string,
            let pid = json["supervisorPid"]?.int.flatMap({ Int32(exactly: $0) }),
            let instances = json["instances"]?.array
        else { return nil }
        self.init(cluster: cluster, supervisorPid: pid, instances: instances.compactMap { InstanceStatus($0) })
    }
}

/// What a supervisor leaves in `state.json` for the next one: the numbers that must only rise, and the processes that
/// must be gone before their successors start.
public struct StateRecord: Sendable, Equatable {
    public struct Instance: Sendable, Equatable {
        public var name: String
        public var incarnation: Int
        public var pid: Int32?
        /// Clock ticks from the machine's start to the process's: with the pid it names one process only.
        public var startTime: UInt64?

        public init(name: String, incarnation: Int, pid: Int32?, startTime: UInt64?) {
            self.name = name
            self.incarnation = incarnation
            self.pid = pid
            self.startTime = startTime
        }
    }

    public var supervisorPid: Int32
    public var instances: [Instance]

    public init(supervisorPid: Int32, instances: [Instance]) {
        self.supervisorPid = supervisorPid
        self.instances = instances
    }

    public var json: JSON {
        [
            "supervisorPid": .int(Int64(supervisorPid)),
            "instances": .array(
                instances.map { instance in
                    [
                        "name": .string(instance.name), "incarnation": .int(Int64(instance.incarnation)),
                        "pid": instance.pid.map { .int(Int64($0)) } ?? .null,
                        "startTime": instance.startTime.map { .int(Int64(truncatingIfNeeded: $0)) } ?? .null,
                    ]
                }),
        ]
    }

    public init?(_ json: JSON) {
        guard let pid = json["supervisorPid"]?.int.flatMap({ Int32(exactly: $0) }),
            let instances = json["instances"]?.array
        else { return nil }
        supervisorPid = pid
        self.instances = instances.compactMap { instance in
            guard let name = instance["name"]?.string,
                let incarnation = instance["incarnation"]?.int.flatMap({ Int(exactly: $0) })
            else { return nil }
            return Instance(
                name: name, incarnation: incarnation, pid: instance["pid"]?.int.flatMap { Int32(exactly: $0) },
                startTime: instance["startTime"]?.int.flatMap { UInt64(exactly: $0) })
        }
    }
}
