public import JRBase
public import JRWire

/// A record in storage: `[version, id, name, arguments, created, feedback, client, options, state, outcomes]` in
/// MessagePack, where state is a map of what differs from a new job. A reader leaves keys it does not know alone.
extension JobRecord {
    static let version = 1

    public func encode(into writer: inout ByteWriter) {
        writer.packArray(count: 10)
        writer.pack(unsigned: UInt64(Self.version))
        writer.pack(request.id)
        writer.pack(request.name)
        writer.pack(bytes: request.arguments)
        writer.pack(request.created.milliseconds)
        writer.pack(unsigned: UInt64(request.feedback.rawValue))
        writer.pack(request.client)
        writer.pack(request.options)
        let members = stateMembers
        if members.isEmpty { writer.packNil() } else { writer.pack(map: members) }
        writer.packArray(count: outcomes.count)
        for outcome in outcomes { Self.encode(outcome, into: &writer) }
    }

    public init(decoding bytes: ArraySlice<UInt8>) throws(UnpackError) {
        var unpacker = Unpacker(bytes)
        guard try unpacker.arrayCount() >= 10, try unpacker.unsigned(Int.self) == Self.version else {
            throw .outOfRange(offset: 0)
        }
        self.init(
            request: JobRequest(
                id: try unpacker.jobID(), name: try unpacker.string(), arguments: Array(try unpacker.bytes()),
                created: WallTime(milliseconds: try unpacker.int()),
                feedback: Feedback(rawValue: try unpacker.unsigned()), client: try unpacker.jobID(),
                options: try unpacker.jobOptions()))
        if !unpacker.skipNil() {
            try unpacker.members { (key, unpacker) throws(UnpackError) in
                try read(key, try unpacker.value(depth: 1))
                return true
            }
        }
        for _ in 0..<(try unpacker.arrayCount()) {
            outcomes.append(try Self.outcome(&unpacker, id: id, client: request.client))
        }
    }

    private var stateMembers: [String: Value] {
        var members: [String: Value] = [:]
        if status != .new { members["status"] = .string(status.rawValue) }
        if attempt != 0 { members["attempt"] = .int(Int64(attempt)) }
        if deaths != 0 { members["deaths"] = .int(Int64(deaths)) }
        if runs != 0 { members["runs"] = .int(Int64(runs)) }
        if due != request.options.due { members["due"] = due.map { .int($0.milliseconds) } ?? .null }
        if let startedAt { members["run_at"] = .int(startedAt.milliseconds) }
        if let failedAt { members["failed_at"] = .int(failedAt.milliseconds) }
        if let endedAt { members["ended_at"] = .int(endedAt.milliseconds) }
        if let lastError { members["last_error"] = .string(lastError) }
        if isCancelRequested { members["cancel"] = true }
        if isDestroyRequested { members["destroy"] = true }
        return members
    }

    private mutating func read(_ key: String, _ value: Value) throws(UnpackError) {
        switch key {
        case "status":
            guard let word = value.string else { return }
            guard let known = JobStatus(rawValue: word) else { throw .outOfRange(offset: 0) }
            status = known
        case "attempt": attempt = value.int ?? 0
        case "deaths": deaths = value.int ?? 0
        case "runs": runs = value.int ?? 0
        case "due": due = Self.time(value)
        case "run_at": startedAt = Self.time(value)
        case "failed_at": failedAt = Self.time(value)
        case "ended_at": endedAt = Self.time(value)
        case "last_error": lastError = value.string
        case "cancel": isCancelRequested = value.bool ?? false
        case "destroy": isDestroyRequested = value.bool ?? false
        default: break
        }
    }

    private static func time(_ value: Value) -> WallTime? {
        value.int.map { WallTime(milliseconds: Int64($0)) }
    }

    private static func encode(_ outcome: JobOutcome, into writer: inout ByteWriter) {
        writer.packArray(count: 7)
        writer.pack(unsigned: UInt64(outcome.run))
        writer.pack(unsigned: UInt64(outcome.ending.rawValue))
        writer.pack(bytes: outcome.arguments)
        if let error = outcome.error { writer.pack(error) } else { writer.packNil() }
        writer.pack(unsigned: UInt64(outcome.attempt))
        writer.pack(outcome.node)
        writer.pack(outcome.isFinal)
    }

    private static func outcome(
        _ unpacker: inout Unpacker, id: JobID, client: JobID
    ) throws(UnpackError) -> JobOutcome {
        guard try unpacker.arrayCount() == 7 else { throw .outOfRange(offset: 0) }
        let run = try unpacker.unsigned(Int.self)
        guard let ending = JobOutcome.Ending(rawValue: try unpacker.unsigned()) else { throw .outOfRange(offset: 0) }
        let arguments = Array(try unpacker.bytes())
        let error = unpacker.skipNil() ? nil : try unpacker.string()
        return JobOutcome(
            id: id, run: run, ending: ending, arguments: arguments, error: error, attempt: try unpacker.unsigned(),
            node: try unpacker.string(), client: client, isFinal: try unpacker.bool())
    }
}
