public import JRBase

/// The positions of a job in MessagePack: `[id, name, arguments, created, feedback, client, options]`, where options is
/// nil or a map of those that are set. `docs/protocol.md` is the text of this file.
extension ByteWriter {
    /// A whole frame, its length with the first of it: room is looked for once.
    mutating func write(_ type: Int, _ request: JobRequest) {
        let start = count
        let isPlain = request.options.isPlain
        let fixed = Self.frameBytes + 2 * OutputSpan.idBytes + 2 * OutputSpan.headBytes + 2 * OutputSpan.numberBytes + 1
        gather(fixed + request.name.utf8.count + request.arguments.count) { out in
            out.startFrame(type, fields: Unpacker.requestFields)
            out.put(request)
            if isPlain { out.append(0xC0) }
        }
        if !isPlain { pack(request.options) }
        endFrame(start)
    }

    mutating func write(_ outcome: JobOutcome) {
        let start = count
        let fixed = Self.frameBytes + 2 * OutputSpan.idBytes + 3 * OutputSpan.headBytes + 3 * OutputSpan.numberBytes + 1
        let texts = outcome.node.utf8.count + (outcome.error?.utf8.count ?? 0)
        gather(fixed + outcome.arguments.count + texts) { out in
            out.startFrame(MessageType.ended, fields: Unpacker.outcomeFields)
            out.put(outcome.id)
            out.put(unsigned: UInt64(outcome.run))
            out.put(unsigned: UInt64(outcome.ending.rawValue))
            out.put(bytes: outcome.arguments)
            if let error = outcome.error { out.put(text: error) } else { out.append(0xC0) }
            out.put(unsigned: UInt64(outcome.attempt))
            out.put(text: outcome.node)
            out.put(outcome.client)
            out.append(outcome.isFinal ? 0xC3 : 0xC2)
        }
        endFrame(start)
    }

    /// The length of a frame, the head of its array, and its type.
    private static var frameBytes: Int { 6 }

    private mutating func endFrame(_ start: Int) {
        patchBigEndian(UInt32(truncatingIfNeeded: count - start - 4), at: start)
    }

    public mutating func pack(_ options: JobOptions) {
        if options.isStandard { packNil() } else { pack(map: options.members) }
    }
}

extension OutputSpan<UInt8> {
    /// All but the options.
    package mutating func put(_ request: JobRequest) {
        put(request.id)
        put(text: request.name)
        put(bytes: request.arguments)
        put(request.created.milliseconds)
        put(unsigned: UInt64(request.feedback.rawValue))
        put(request.client)
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
        return try JobOptions(unpacking: &self)
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
    init(unpacking unpacker: inout Unpacker) throws(UnpackError) {
        var fields = Fields()
        try unpacker.members { (key, unpacker) throws(UnpackError) in
            switch key {
            // A date before 1970 is in the past like any other; lengths of time are never negative.
            case "due": fields.due = try unpacker.number(atLeast: .min).map(WallTime.init(milliseconds:))
            case "delay": fields.delay = try unpacker.number().map(Interval.milliseconds)
            case "period": fields.period = try unpacker.number().map(Interval.milliseconds)
            case "defer": fields.isDeferred = try unpacker.flag()
            case "node": fields.placement.preferred = try unpacker.strings()
            case "strict": fields.placement.isStrict = try unpacker.flag()
            case "not_node": fields.placement.excluded = try unpacker.strings()
            case "max_attempts": fields.maxAttempts = try unpacker.number().map(Int.init)
            case "timeout": fields.timeout = try unpacker.number().map(Interval.milliseconds)
            case "retry": fields.retry = try unpacker.retry()
            default: return false
            }
            return true
        }
        self.init(fields)
    }
}

/// Values of options; nil stands for none.
extension Unpacker {
    fileprivate mutating func number(atLeast least: Int64 = 0) throws(UnpackError) -> Int64? {
        if skipNil() { return nil }
        let number = try int()
        guard number >= least else { throw .outOfRange(offset: 0) }
        return number
    }

    fileprivate mutating func flag() throws(UnpackError) -> Bool { skipNil() ? false : try bool() }

    fileprivate mutating func strings() throws(UnpackError) -> [String] {
        let count = try arrayCount()
        var strings: [String] = []
        strings.reserveCapacity(min(count, Self.mostReserved))
        for _ in 0..<count { strings.append(try string()) }
        return strings
    }

    fileprivate mutating func retry() throws(UnpackError) -> RetrySchedule? {
        if skipNil() { return nil }
        let count = try arrayCount()
        guard (3...4).contains(count), let shape = RetrySchedule.Shape(rawValue: try unsigned()),
            let base = try number(), let cap = try number(), let jitter = count == 4 ? try number() : 0,
            jitter <= 100
        else { throw .outOfRange(offset: 0) }
        return RetrySchedule(
            shape: shape, base: .milliseconds(base), cap: .milliseconds(cap), jitterPercent: Int(jitter))
    }
}
