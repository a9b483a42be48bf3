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
        encodeState(into: &writer)
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

    /// A map whose keys are in the order of their bytes, as all maps are written, or nil for an empty one. Without a
    /// dictionary in between: a journal has two of these for each job.
    private func encodeState(into writer: inout ByteWriter) {
        let place = writer.count
        var count: UInt8 = 0
        writer.packNil()
        func put(_ key: String) {
            writer.pack(key)
            count += 1
        }
        func put(_ key: String, _ time: WallTime?) {
            put(key)
            if let time { writer.pack(time.milliseconds) } else { writer.packNil() }
        }
        func put(_ key: String, _ number: Int) {
            put(key)
            writer.pack(Int64(number))
        }
        func put(_ key: String, _ text: String) {
            put(key)
            writer.pack(text)
        }
        func put(_ key: String, _ flag: Bool) {
            put(key)
            writer.pack(flag)
        }
        if attempt != 0 { put("attempt", attempt) }
        if isCancelRequested { put("cancel", true) }
        if deaths != 0 { put("deaths", deaths) }
        if isDestroyRequested { put("destroy", true) }
        if due != request.options.due { put("due", due) }
        if let endedAt { put("ended_at", endedAt) }
        if let failedAt { put("failed_at", failedAt) }
        if let lastError { put("last_error", lastError) }
        if let startedAt { put("run_at", startedAt) }
        if runs != 0 { put("runs", runs) }
        if status != .new { put("status", status.rawValue) }
        // Fewer than sixteen members: their number is in the byte that says that there is a map.
        if count > 0 { writer.bytes[place] = 0x80 | count }
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
