import JRBase
import JRCore
import JRJSON
import JRWire

/// Reads what ``JobText`` wrote, and refuses everything else with what was found and what is expected.
struct JobLine {
    var record: JobRecord
    /// An attempt was under way when its process died.
    var isRunning: Bool

    struct Problem: Error, Equatable {
        /// In the line, from 1; nil where it is the value that is wrong and not its JSON.
        var column: Int?
        var text: String
    }

    static let parsing = JSONParsing(depth: 100, bytes: LineReader.longest)

    init(_ line: ArraySlice<UInt8>, now: WallTime) throws(Problem) {
        let json: JSON
        do {
            json = try JSON(parsing: line, Self.parsing)
        } catch {
            throw Problem(column: error.position.column, text: "\(error.message); expected \(error.expected)")
        }
        guard let object = json.object else { throw Problem(text: "found \(json.kind); expected a job, an object") }
        var fields = JobFields(object, "")
        var request = JobRequest(
            id: try fields.id("id"), name: try fields.text("name"), arguments: try fields.arguments(),
            created: try fields.needed("created_at", try fields.date("created_at")),
            feedback: try Self.feedback(&fields))
        if fields.has("client") { request.client = try fields.id("client") }
        if let options = try fields.object("options") { request.options = try Self.options(options) }
        let word = try fields.text("status")
        guard let status = JobStatus(rawValue: word) else {
            throw fields.wrong("status", "'\(word)'", "one of \(JobStatus.allCases.map(\.rawValue))")
        }
        record = JobRecord(request: request, status: status)
        record.attempt = try fields.count("attempt")
        record.deaths = try fields.count("deaths")
        record.runs = try fields.count("runs")
        record.due = try fields.date("due")
        record.startedAt = try fields.date("run_at")
        record.failedAt = try fields.date("failed_at")
        record.endedAt = try fields.date("ended_at")
        record.lastError = fields.has("last_error") ? try fields.text("last_error") : nil
        record.isCancelRequested = try fields.flag("cancel_requested")
        record.isDestroyRequested = try fields.flag("destroy_requested")
        for outcome in try fields.objects("outcomes") { record.outcomes.append(try Self.outcome(outcome, request)) }
        isRunning = try fields.flag("running")
        try fields.finish()
        if let text = request.problem(at: now) { throw Problem(text: text) }
    }

    private static func feedback(_ fields: inout JobFields) throws(Problem) -> Feedback {
        if case .int(let bits)? = fields.peek("feedback") {
            _ = try fields.count("feedback")
            guard let bits = UInt8(exactly: bits) else { throw fields.wrong("feedback", "\(bits)", "0 to 255") }
            return Feedback(rawValue: bits)
        }
        var feedback: Feedback = []
        for word in try fields.texts("feedback") {
            switch word {
            case "success": feedback.insert(.success)
            case "error": feedback.insert(.error)
            default: throw fields.wrong("feedback", "'\(word)'", "success or error")
            }
        }
        return feedback
    }

    private static func options(_ start: JobFields) throws(Problem) -> JobOptions {
        var fields = start
        var options = JobOptions()
        options.due = try fields.date("due")
        options.delay = try fields.interval("delay_ms")
        options.period = try fields.interval("period_ms")
        options.isDeferred = try fields.flag("defer")
        options.placement = Placement(
            preferred: try fields.texts("node"), isStrict: try fields.flag("strict"),
            excluded: try fields.texts("not_node"))
        if fields.has("max_attempts") { options.maxAttempts = try fields.count("max_attempts") }
        if var retry = try fields.object("retry") {
            let word = try retry.text("shape")
            guard
                let shape = [RetrySchedule.Shape.fixed, .linear, .exponential].first(where: { JobText.word($0) == word }
                )
            else { throw retry.wrong("shape", "'\(word)'", "fixed, linear or exponential") }
            options.retry = RetrySchedule(
                shape: shape, base: try retry.needed("base_ms", try retry.interval("base_ms")),
                cap: try retry.needed("cap_ms", try retry.interval("cap_ms")),
                jitterPercent: try retry.count("jitter_percent"))
            try retry.finish()
        }
        options.timeout = try fields.interval("timeout_ms")
        try fields.finish()
        return options
    }

    private static func outcome(_ start: JobFields, _ request: JobRequest) throws(Problem) -> JobOutcome {
        var fields = start
        let word = try fields.text("ending")
        guard let ending = JobOutcome.Ending.allCases.first(where: { JobText.word($0) == word }) else {
            throw fields.wrong("ending", "'\(word)'", "complete, failed or cancelled")
        }
        let outcome = JobOutcome(
            id: request.id, run: try fields.count("run"), ending: ending, arguments: try fields.arguments(),
            error: fields.has("error") ? try fields.text("error") : nil, attempt: try fields.count("attempt"),
            node: try fields.text("node"), client: request.client, isFinal: try fields.flag("final"))
        try fields.finish()
        return outcome
    }
}

/// The members of one object of a job's line, each taken once.
struct JobFields {
    private let object: JSONObject
    /// Where the object is in the line, with its dot: `options.`
    private let path: String
    private var taken: Set<String> = []

    init(_ object: JSONObject, _ path: String) {
        self.object = object
        self.path = path
    }

    func has(_ key: String) -> Bool { object[key] != nil }
    func peek(_ key: String) -> JSON? { object[key] }

    func wrong(_ key: String, _ found: String, _ expected: String) -> JobLine.Problem {
        JobLine.Problem(text: "\"\(path)\(key)\" is \(found); expected \(expected)")
    }

    func needed<Value>(_ key: String, _ value: Value?) throws(JobLine.Problem) -> Value {
        guard let value else { throw JobLine.Problem(text: "\"\(path)\(key)\" is missing") }
        return value
    }

    private mutating func take(_ key: String) -> JSON? {
        taken.insert(key)
        return object[key]
    }

    mutating func text(_ key: String) throws(JobLine.Problem) -> String {
        let value = try needed(key, take(key))
        guard let text = value.string else { throw wrong(key, value.kind, "a string") }
        return text
    }

    mutating func id(_ key: String) throws(JobLine.Problem) -> JobID {
        let word = try text(key)
        guard let id = JobID(hexadecimal: word) else { throw wrong(key, "'\(word)'", "32 hexadecimal digits") }
        return id
    }

    mutating func flag(_ key: String) throws(JobLine.Problem) -> Bool {
        guard let value = take(key) else { return false }
        guard let flag = value.bool else { throw wrong(key, value.kind, "true or false") }
        return flag
    }

    /// 0 if it is not there.
    mutating func count(_ key: String) throws(JobLine.Problem) -> Int {
        guard let value = take(key) else { return 0 }
        guard let number = value.int, number >= 0 else {
            throw wrong(key, value.int.map(String.init) ?? value.kind, "an integer of 0 or more")
        }
        return Int(number)
    }

    mutating func interval(_ key: String) throws(JobLine.Problem) -> Interval? {
        guard has(key) else { return nil }
        return .milliseconds(Int64(try count(key)))
    }

    mutating func date(_ key: String) throws(JobLine.Problem) -> WallTime? {
        guard let value = take(key) else { return nil }
        if let number = value.int { return WallTime(milliseconds: number) }
        guard let text = value.string, let time = try? Dates.parse(text) else {
            throw wrong(key, value.string.map { "'\($0)'" } ?? value.kind, Dates.expected)
        }
        return time
    }

    mutating func texts(_ key: String) throws(JobLine.Problem) -> [String] {
        guard let value = take(key) else { return [] }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else { throw wrong(key, value.kind, "an array of strings") }
        return texts
    }

    mutating func object(_ key: String) throws(JobLine.Problem) -> JobFields? {
        guard let value = take(key) else { return nil }
        guard let object = value.object else { throw wrong(key, value.kind, "an object") }
        return JobFields(object, "\(path)\(key).")
    }

    mutating func objects(_ key: String) throws(JobLine.Problem) -> [JobFields] {
        guard let value = take(key) else { return [] }
        let objects = value.array?.compactMap(\.object)
        guard let objects, objects.count == value.array?.count else {
            throw wrong(key, value.kind, "an array of objects")
        }
        return objects.enumerated().map { JobFields($1, "\(path)\(key)[\($0)].") }
    }

    /// The encoded arguments, from whichever of their two forms is there.
    mutating func arguments() throws(JobLine.Problem) -> [UInt8] {
        if let value = take("arguments_msgpack") {
            guard !has("arguments") else {
                throw JobLine.Problem(text: "\"\(path)arguments\" and \"\(path)arguments_msgpack\" exclude each other")
            }
            guard let bytes = value.string.flatMap(Base64.bytes) else {
                throw wrong("arguments_msgpack", value.kind, "MessagePack in Base64")
            }
            return bytes
        }
        let value = try needed("arguments", take("arguments"))
        guard let members = value.object else { throw wrong("arguments", value.kind, "an object") }
        var writer = ByteWriter()
        writer.pack(Self.value(.object(members)))
        return writer.bytes
    }

    private static func value(_ json: JSON) -> Value {
        switch json {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        case .array(let elements): .array(elements.map(value))
        case .object(let object):
            .map(Dictionary(object.members.map { ($0.key, value($0.value)) }) { _, later in later })
        }
    }

    /// What is not known cannot be kept, so it is refused.
    func finish() throws(JobLine.Problem) {
        guard let key = object.keys.first(where: { !taken.contains($0) }) else { return }
        let hint = Names.nearest(to: key, among: taken.sorted()).map { "; did you mean \"\(path)\($0)\"?" } ?? ""
        throw JobLine.Problem(text: "\"\(path)\(key)\" is not known to this version\(hint)")
    }
}
