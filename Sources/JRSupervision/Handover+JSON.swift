import JRBase
public import JRJSON

extension Handover {
    /// As it is handed over.
    public var json: JSON {
        [
            "handover": .int(Int64(Handover.version)), "manifestPath": .string(manifestPath),
            "manifest": bytes(manifest), "isDetached": .bool(isDetached), "wasReady": .bool(wasReady),
            "startedAt": instant(startedAt),
            "openFiles": .array(openFiles.map { [word($0.soft), word($0.hard)] } ?? []),
            "lock": number(lock), "control": number(control), "client": optional(client, number),
            "controlGroup": optional(controlGroup, JSON.string), "keptExecutables": number(keptExecutables),
            "instances": .array(instances.map(\.json)),
        ]
    }

    /// - Throws: What it lacks, or that it is of another version.
    public init(_ json: JSON) throws(Unreadable) {
        let version: Int = try json.need("handover")
        guard version == Handover.version else {
            throw Unreadable(
                reason: "it is of version \(version), and this program knows version \(Handover.version) only")
        }
        self.init(
            manifestPath: try json.need("manifestPath"), manifest: try json.needBytes("manifest"),
            lock: try json.need("lock"), control: try json.need("control"))
        isDetached = try json.need("isDetached")
        wasReady = try json.need("wasReady")
        startedAt = Instant(nanoseconds: try json.need("startedAt"))
        let limits = json["openFiles"]?.array ?? []
        if limits.count == 2, let soft = limits[0].int, let hard = limits[1].int {
            openFiles = OpenFiles(soft: UInt64(bitPattern: soft), hard: UInt64(bitPattern: hard))
        }
        client = try json.find("client")
        controlGroup = json["controlGroup"]?.string
        keptExecutables = try json.need("keptExecutables")
        instances = try json.needArray("instances").map { json throws(Unreadable) in try Instance(json) }
    }
}

extension Handover.Instance {
    fileprivate var json: JSON {
        [
            "entry": .string(place.entry), "index": number(place.index), "name": .string(name),
            "memory": memory.json, "startTime": optional(startTime, word),
            "controlGroup": optional(controlGroup, JSON.string),
            "changedAt": optional(changedAt, instant), "port": optional(port, number),
            "words": .array(words.sorted().map { .string($0) }), "jobs": optional(jobs, \.json),
            "jobsAtDeath": .array(jobsAtDeath.map { .string($0) }), "recovered": optional(recovered, JSON.string),
            "outLines": number(outLines), "errLines": number(errLines), "outputs": .array(outputs.map(\.json)),
            "ready": optional(ready) { ["descriptor": number($0.descriptor), "held": bytes($0.held)] },
            "notices": optional(notices) {
                [
                    "descriptor": number($0.descriptor), "address": .string($0.address), "userID": number($0.userID),
                ]
            },
            "said": optional(said, JSON.string),
            "lifeline": optional(lifeline, number), "launch": optional(launch, \.json),
            "proven": optional(proven, \.json), "fallback": optional(fallback, \.json),
        ]
    }

    fileprivate init(_ json: JSON) throws(Handover.Unreadable) {
        guard let memory = json["memory"] else { throw lack("memory") }
        self.init(
            place: Plan.Place(entry: try json.need("entry"), index: try json.need("index")),
            name: try json.need("name"), memory: try InstanceMachine.Memory(memory))
        let start: Int64? = try json.find("startTime")
        startTime = start.map { UInt64(bitPattern: $0) }
        controlGroup = json["controlGroup"]?.string
        changedAt = try json.findInstant("changedAt")
        port = try json.find("port")
        words = Set(try json.needTexts("words"))
        jobs = json["jobs"].flatMap { JobCounts($0) }
        jobsAtDeath = try json.needTexts("jobsAtDeath")
        recovered = json["recovered"]?.string
        outLines = try json.need("outLines")
        errLines = try json.need("errLines")
        outputs = try json.needArray("outputs").map { json throws(Handover.Unreadable) in try Handover.Output(json) }
        if let ready = json["ready"], !ready.isNull {
            self.ready = Handover.Ready(
                descriptor: try ready.need("descriptor"), held: try ready.needBytes("held"))
        }
        // A supervisor from before it could be has none.
        if let notices = json["notices"], !notices.isNull {
            self.notices = Handover.Notices(
                descriptor: try notices.need("descriptor"), address: try notices.need("address"),
                userID: try notices.need("userID"))
        }
        said = json["said"]?.string
        lifeline = try json.find("lifeline")
        launch = Handover.Kept(json["launch"])
        proven = Handover.Kept(json["proven"])
        fallback = Handover.Kept(json["fallback"])
    }
}

extension Handover.Output {
    fileprivate var json: JSON {
        [
            "stream": .string(stream.rawValue), "incarnation": number(incarnation), "descriptor": number(descriptor),
            "held": bytes(held), "exitedAt": optional(exitedAt, instant),
        ]
    }

    fileprivate init(_ json: JSON) throws(Handover.Unreadable) {
        guard let stream = LogStream(rawValue: try json.need("stream")) else { throw lack("stream") }
        self.init(
            stream: stream, incarnation: try json.need("incarnation"), descriptor: try json.need("descriptor"),
            held: try json.needBytes("held"), exitedAt: try json.findInstant("exitedAt"))
    }
}

extension Handover.Kept {
    fileprivate var json: JSON {
        ["executable": optional(executable, JSON.string), "jobs": optional(jobs, JSON.string)]
    }

    fileprivate init?(_ json: JSON?) {
        guard let json, !json.isNull else { return nil }
        self.init(executable: json["executable"]?.string, jobs: json["jobs"]?.string)
    }
}

extension InstanceMachine.Memory {
    fileprivate var json: JSON {
        [
            "state": .string(state.rawValue), "incarnation": number(incarnation), "cause": .string(cause),
            "pid": optional(pid, number), "restarts": number(restarts), "lastExit": optional(lastExit, \.json),
            "lastExitWords": optional(lastExitWords, JSON.string), "startedAt": optional(startedAt, instant),
            "readyTimeouts": number(readyTimeouts), "diedAt": optional(diedAt, instant),
            "wantedDrain": optional(wantedDrain) { .string($0.word) }, "isWanted": .bool(isWanted),
            "hasEverBeenReady": .bool(hasEverBeenReady), "deaths": .array(deaths.map(instant)),
            "backoffStep": number(backoffStep), "deadline": optional(deadline, instant),
            "readyAt": optional(readyAt, instant), "sent": signals(sent), "asked": signals(asked),
            "drainedFrom": optional(drainedFrom) { .string($0.rawValue) }, "holdings": optional(holdings, \.json),
            "watchdog": optional(watchdog) { number($0.nanoseconds) }, "aliveAt": optional(aliveAt, instant),
            "healthyAt": optional(healthyAt, instant), "wasHung": .bool(wasHung),
        ]
    }

    fileprivate init(_ json: JSON) throws(Handover.Unreadable) {
        guard let state = InstanceState(rawValue: try json.need("state")) else { throw lack("state") }
        self.init(state: state, incarnation: try json.need("incarnation"), cause: try json.need("cause"))
        pid = try json.find("pid")
        restarts = try json.need("restarts")
        lastExit = json["lastExit"].flatMap { Exit($0) }
        lastExitWords = json["lastExitWords"]?.string
        startedAt = try json.findInstant("startedAt")
        readyTimeouts = try json.need("readyTimeouts")
        diedAt = try json.findInstant("diedAt")
        let drain = json["wantedDrain"]?.string
        wantedDrain = [DrainKind.keepingReady, .finishingReady].first { $0.word == drain }
        isWanted = try json.need("isWanted")
        hasEverBeenReady = try json.need("hasEverBeenReady")
        deaths = try json.needArray("deaths").compactMap(\.int).map { Instant(nanoseconds: $0) }
        backoffStep = try json.need("backoffStep")
        deadline = try json.findInstant("deadline")
        readyAt = try json.findInstant("readyAt")
        sent = try json.needSignals("sent")
        asked = try json.needSignals("asked")
        drainedFrom = json["drainedFrom"]?.string.flatMap { InstanceState(rawValue: $0) }
        holdings = json["holdings"].flatMap { Holdings($0) }
        // A supervisor from before there was a watchdog has none of these.
        let watchdog: Int64? = try json.find("watchdog")
        self.watchdog = watchdog.map { Interval(nanoseconds: $0) }
        aliveAt = try json.findInstant("aliveAt")
        healthyAt = try json.findInstant("healthyAt")
        wasHung = json["wasHung"]?.bool ?? false
    }
}

extension Exit {
    fileprivate var json: JSON {
        switch self {
        case .code(let code): ["code": number(code)]
        case .signal(let signal, let coreDumped): ["signal": number(signal.number), "core": .bool(coreDumped)]
        case .notStarted(let reason, let permanent): ["reason": .string(reason), "permanent": .bool(permanent)]
        }
    }

    fileprivate init?(_ json: JSON) {
        if let code = json["code"]?.int.flatMap({ Int32(exactly: $0) }) {
            self = .code(code)
        } else if let number = json["signal"]?.int.flatMap({ Int32(exactly: $0) }) {
            self = .signal(Signal(number: number), coreDumped: json["core"]?.bool ?? false)
        } else if let reason = json["reason"]?.string {
            self = .notStarted(reason, permanent: json["permanent"]?.bool ?? false)
        } else {
            return nil
        }
    }
}

extension Holdings {
    fileprivate var json: JSON {
        [
            "waiting": number(waiting), "scheduled": number(scheduled), "failed": number(failed),
            "unacknowledged": number(unacknowledged),
        ]
    }

    fileprivate init?(_ json: JSON) {
        let count = { (key: String) in json[key]?.int.flatMap { Int(exactly: $0) } }
        guard let waiting = count("waiting"), let scheduled = count("scheduled"), let failed = count("failed"),
            let unacknowledged = count("unacknowledged")
        else { return nil }
        self.init(waiting: waiting, scheduled: scheduled, failed: failed, unacknowledged: unacknowledged)
    }
}

// MARK: Values

private func number(_ value: some BinaryInteger) -> JSON { .int(Int64(truncatingIfNeeded: value)) }
/// All 64 bits, the highest too.
private func word(_ value: UInt64) -> JSON { .int(Int64(bitPattern: value)) }
private func instant(_ value: Instant) -> JSON { .int(value.nanoseconds) }
private func bytes(_ value: [UInt8]) -> JSON { .string(Base64.text(value)) }
private func signals(_ value: Set<Signal>) -> JSON { .array(value.map(\.number).sorted().map { number($0) }) }
private func optional<Value>(_ value: Value?, _ body: (Value) -> JSON) -> JSON { value.map(body) ?? .null }
private func lack(_ key: String) -> Handover.Unreadable {
    Handover.Unreadable(reason: "\"\(key)\" is missing or wrong")
}

extension JSON {
    fileprivate func need<Number: FixedWidthInteger>(_ key: String) throws(Handover.Unreadable) -> Number {
        guard let value: Number = try find(key) else { throw lack(key) }
        return value
    }

    fileprivate func find<Number: FixedWidthInteger>(_ key: String) throws(Handover.Unreadable) -> Number? {
        guard let value = self[key], !value.isNull else { return nil }
        guard let number = value.int.flatMap({ Number(exactly: $0) }) else { throw lack(key) }
        return number
    }

    fileprivate func findInstant(_ key: String) throws(Handover.Unreadable) -> Instant? {
        let nanoseconds: Int64? = try find(key)
        return nanoseconds.map { Instant(nanoseconds: $0) }
    }

    fileprivate func need(_ key: String) throws(Handover.Unreadable) -> String {
        guard let value = self[key]?.string else { throw lack(key) }
        return value
    }

    fileprivate func need(_ key: String) throws(Handover.Unreadable) -> Bool {
        guard let value = self[key]?.bool else { throw lack(key) }
        return value
    }

    fileprivate func needArray(_ key: String) throws(Handover.Unreadable) -> [JSON] {
        guard let value = self[key]?.array else { throw lack(key) }
        return value
    }

    fileprivate func needTexts(_ key: String) throws(Handover.Unreadable) -> [String] {
        try needArray(key).compactMap(\.string)
    }

    fileprivate func needBytes(_ key: String) throws(Handover.Unreadable) -> [UInt8] {
        guard let value = Base64.bytes(try need(key)) else { throw lack(key) }
        return value
    }

    fileprivate func needSignals(_ key: String) throws(Handover.Unreadable) -> Set<Signal> {
        Set(try needArray(key).compactMap(\.int).compactMap { Int32(exactly: $0) }.map { Signal(number: $0) })
    }
}
