public import JRBase

/// The positions of a job in MessagePack: `[id, name, arguments, created, feedback, client, options]`, where options is
/// nil or a map of those that are set. `docs/protocol.md` is the text of this file.
extension ByteWriter {
    mutating func pack(_ request: JobRequest) {
        pack(request.id)
        pack(request.name)
        pack(bytes: request.arguments)
        pack(request.created.milliseconds)
        pack(unsigned: UInt64(request.feedback.rawValue))
        pack(request.client)
        pack(request.options)
    }

    public mutating func pack(_ options: JobOptions) {
        if options.isStandard { packNil() } else { pack(map: options.members) }
    }

    mutating func pack(_ outcome: JobOutcome) {
        pack(outcome.id)
        pack(unsigned: UInt64(outcome.run))
        pack(unsigned: UInt64(outcome.ending.rawValue))
        pack(bytes: outcome.arguments)
        if let error = outcome.error { pack(error) } else { packNil() }
        pack(unsigned: UInt64(outcome.attempt))
        pack(outcome.node)
        pack(outcome.client)
        pack(outcome.isFinal)
    }
}

extension Unpacker {
    static let requestFields = 7
    static let outcomeFields = 9

    mutating func jobRequest() throws(UnpackError) -> JobRequest {
        JobRequest(
            id: try jobID(), name: try string(), arguments: Array(try bytes()),
            created: WallTime(milliseconds: try int()), feedback: Feedback(rawValue: try unsigned()),
            client: try jobID(), options: try jobOptions())
    }

    public mutating func jobOptions() throws(UnpackError) -> JobOptions {
        if skipNil() { return .standard }
        return try JobOptions(members: try map())
    }

    mutating func jobOutcome() throws(UnpackError) -> JobOutcome {
        let id = try jobID()
        let run = try unsigned(Int.self)
        guard let ending = JobOutcome.Ending(rawValue: try unsigned()) else { throw .outOfRange(offset: 0) }
        let arguments = Array(try bytes())
        let error = skipNil() ? nil : try string()
        return JobOutcome(
            id: id, run: run, ending: ending, arguments: arguments, error: error, attempt: try unsigned(),
            node: try string(), client: try jobID(), isFinal: try bool())
    }
}

extension JobOptions {
    /// Only what differs from the standard; milliseconds, except for dates.
    var members: [String: Value] {
        var members: [String: Value] = [:]
        if let due { members["due"] = .int(due.milliseconds) }
        if let delay { members["delay"] = .int(delay.millisecondsRoundedUp) }
        if let period { members["period"] = .int(period.millisecondsRoundedUp) }
        if isDeferred { members["defer"] = true }
        if !placement.preferred.isEmpty { members["node"] = .array(placement.preferred.map(Value.string)) }
        if placement.isStrict { members["strict"] = true }
        if !placement.excluded.isEmpty { members["not_node"] = .array(placement.excluded.map(Value.string)) }
        if let maxAttempts { members["max_attempts"] = .int(Int64(maxAttempts)) }
        if let retry {
            let jitter: [Value] = retry.jitterPercent == 0 ? [] : [.int(Int64(retry.jitterPercent))]
            members["retry"] = .array(
                [
                    .int(Int64(retry.shape.rawValue)), .int(retry.base.millisecondsRoundedUp),
                    .int(retry.cap.millisecondsRoundedUp),
                ] + jitter)
        }
        if let timeout { members["timeout"] = .int(timeout.millisecondsRoundedUp) }
        return members
    }

    /// Keys that are not known are left alone: a later minor version may add some.
    init(members: [String: Value]) throws(UnpackError) {
        self.init()
        // A date before 1970 is in the past like any other; lengths of time are never negative.
        due = try Self.int(members["due"], atLeast: .min).map(WallTime.init(milliseconds:))
        delay = try Self.int(members["delay"]).map(Interval.milliseconds)
        period = try Self.int(members["period"]).map(Interval.milliseconds)
        isDeferred = try Self.bool(members["defer"])
        placement.preferred = try Self.strings(members["node"])
        placement.isStrict = try Self.bool(members["strict"])
        placement.excluded = try Self.strings(members["not_node"])
        maxAttempts = try Self.int(members["max_attempts"]).map(Int.init)
        timeout = try Self.int(members["timeout"]).map(Interval.milliseconds)
        retry = try Self.retry(members["retry"])
    }

    private static func retry(_ value: Value?) throws(UnpackError) -> RetrySchedule? {
        guard let value, value != .null else { return nil }
        guard let fields = value.array, (3...4).contains(fields.count),
            let shape = fields[0].int.flatMap(UInt8.init(exactly:)).flatMap(RetrySchedule.Shape.init),
            let base = try int(fields[1]), let cap = try int(fields[2])
        else { throw .outOfRange(offset: 0) }
        let jitter = fields.count == 4 ? try int(fields[3]) : 0
        guard let jitter, jitter <= 100 else { throw .outOfRange(offset: 0) }
        return RetrySchedule(
            shape: shape, base: .milliseconds(base), cap: .milliseconds(cap), jitterPercent: Int(jitter))
    }

    private static func int(_ value: Value?, atLeast least: Int64 = 0) throws(UnpackError) -> Int64? {
        switch value {
        case nil, .null?: return nil
        case .int(let number)? where number >= least: return number
        default: throw .outOfRange(offset: 0)
        }
    }

    private static func bool(_ value: Value?) throws(UnpackError) -> Bool {
        switch value {
        case nil, .null?: return false
        case .bool(let answer)?: return answer
        default: throw .outOfRange(offset: 0)
        }
    }

    private static func strings(_ value: Value?) throws(UnpackError) -> [String] {
        guard let value else { return [] }
        guard let elements = value.array else { throw .outOfRange(offset: 0) }
        var strings: [String] = []
        for element in elements {
            guard let string = element.string else { throw .outOfRange(offset: 0) }
            strings.append(string)
        }
        return strings
    }
}
