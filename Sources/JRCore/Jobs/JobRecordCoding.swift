public import JRBase
public import JRWire

/// A record in storage: `[version, id, name, arguments, created, feedback, client, options, state, outcomes]` in
/// MessagePack, where state is a map of what differs from a new job. A reader leaves keys it does not know alone.
extension JobRecord {
    static let version = 1

    /// In one piece, so that room for it is looked for once: a journal has two of these for each job.
    public func encode(into writer: inout ByteWriter) {
        let isPlain = request.options.isPlain
        let texts = request.name.utf8.count + request.arguments.count + (lastError?.utf8.count ?? 0)
        writer.gather(Self.mostBytes + texts) { out in
            out.putHead(ofArray: 10)
            out.put(unsigned: UInt64(Self.version))
            out.put(request)
            if isPlain {
                out.append(0xC0)
                encodeEnd(into: &out)
            }
        }
        if !isPlain {
            writer.pack(request.options)
            writer.gather(Self.mostBytes + (lastError?.utf8.count ?? 0)) { encodeEnd(into: &$0) }
        }
        for outcome in outcomes { Self.encode(outcome, into: &writer) }
    }

    /// What stands behind the options, but for the outcomes themselves.
    private func encodeEnd(into out: inout OutputSpan<UInt8>) {
        encodeState(into: &out)
        out.putHead(ofArray: outcomes.count)
    }

    /// More than a record takes beside its texts and what the options are: two ids, ten numbers and heads, and a state
    /// of eleven members.
    private static var mostBytes: Int { 512 }

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

    /// A map whose keys are in the order of their bytes, as all maps are written, or nil for an empty one.
    private func encodeState(into out: inout OutputSpan<UInt8>) {
        let place = out.count
        var count: UInt8 = 0
        out.append(0xC0)
        if attempt != 0 { out.put("attempt", Int64(attempt), &count) }
        if isCancelRequested { out.put("cancel", true, &count) }
        if deaths != 0 { out.put("deaths", Int64(deaths), &count) }
        if isDestroyRequested { out.put("destroy", true, &count) }
        if due != request.options.due { out.put("due", due, &count) }
        if let endedAt { out.put("ended_at", endedAt, &count) }
        if let failedAt { out.put("failed_at", failedAt, &count) }
        if let lastError { out.put("last_error", lastError, &count) }
        if let startedAt { out.put("run_at", startedAt, &count) }
        if runs != 0 { out.put("runs", Int64(runs), &count) }
        if status != .new { out.put("status", status.rawValue, &count) }
        if count == 0 { return }
        // Fewer than sixteen members: their number is in the byte that says that there is a map.
        var span = out.mutableSpan
        span[place] = 0x80 | count
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
        let texts = outcome.arguments.count + (outcome.error?.utf8.count ?? 0) + outcome.node.utf8.count
        writer.gather(Self.mostBytes + texts) { out in
            out.putHead(ofArray: 7)
            out.put(unsigned: UInt64(outcome.run))
            out.put(unsigned: UInt64(outcome.ending.rawValue))
            out.put(bytes: outcome.arguments)
            if let error = outcome.error { out.put(text: error) } else { out.append(0xC0) }
            out.put(unsigned: UInt64(outcome.attempt))
            out.put(text: outcome.node)
            out.append(outcome.isFinal ? 0xC3 : 0xC2)
        }
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

/// Members of a state's map.
extension OutputSpan<UInt8> {
    fileprivate mutating func put(_ key: StaticString, _ number: Int64, _ count: inout UInt8) {
        put(key: key)
        put(number)
        count += 1
    }

    fileprivate mutating func put(_ key: StaticString, _ time: WallTime?, _ count: inout UInt8) {
        put(key: key)
        if let time { put(time.milliseconds) } else { append(0xC0) }
        count += 1
    }

    fileprivate mutating func put(_ key: StaticString, _ text: String, _ count: inout UInt8) {
        put(key: key)
        put(text: text)
        count += 1
    }

    fileprivate mutating func put(_ key: StaticString, _ flag: Bool, _ count: inout UInt8) {
        put(key: key)
        append(flag ? 0xC3 : 0xC2)
        count += 1
    }
}
