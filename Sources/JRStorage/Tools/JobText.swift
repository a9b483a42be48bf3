import JRBase
import JRCore
import JRJSON
import JRWire

/// A job as one JSON object with every field: docs/journal-tools.md has the list. ``JobLine`` reads it back.
enum JobText {
    /// How arguments are written.
    enum Style {
        /// So that the same bytes come out again: what JSON cannot say is written in Base64 as a whole.
        case exact
        /// As `jr show` does: bytes become Base64 and dates text.
        case readable
    }

    static func json(_ record: JobRecord, isRunning: Bool = false, _ style: Style) -> JSONObject {
        let request = record.request
        var object: JSONObject = ["id": .string(record.id.description), "name": .string(request.name)]
        put(request.arguments, in: &object, style)
        object["created_at"] = date(request.created)
        if !request.feedback.isEmpty { object["feedback"] = feedback(request.feedback) }
        if request.client != .none { object["client"] = .string(request.client.description) }
        let options = json(request.options)
        if !options.isEmpty { object["options"] = .object(options) }
        object["status"] = .string(record.status.rawValue)
        if record.attempt != 0 { object["attempt"] = .int(Int64(record.attempt)) }
        if record.deaths != 0 { object["deaths"] = .int(Int64(record.deaths)) }
        if record.runs != 0 { object["runs"] = .int(Int64(record.runs)) }
        object["due"] = record.due.map(date)
        object["run_at"] = record.startedAt.map(date)
        object["failed_at"] = record.failedAt.map(date)
        object["ended_at"] = record.endedAt.map(date)
        object["last_error"] = record.lastError.map(JSON.string)
        if record.isCancelRequested { object["cancel_requested"] = true }
        if record.isDestroyRequested { object["destroy_requested"] = true }
        if !record.outcomes.isEmpty {
            object["outcomes"] = .array(record.outcomes.map { .object(json($0, style)) })
        }
        if isRunning { object["running"] = true }
        return object
    }

    private static func json(_ options: JobOptions) -> JSONObject {
        var object = JSONObject()
        object["due"] = options.due.map(date)
        object["delay_ms"] = options.delay.map(milliseconds)
        object["period_ms"] = options.period.map(milliseconds)
        if options.isDeferred { object["defer"] = true }
        let placement = options.placement
        if !placement.preferred.isEmpty { object["node"] = .array(placement.preferred.map(JSON.string)) }
        if placement.isStrict { object["strict"] = true }
        if !placement.excluded.isEmpty { object["not_node"] = .array(placement.excluded.map(JSON.string)) }
        object["max_attempts"] = options.maxAttempts.map { .int(Int64($0)) }
        if let retry = options.retry {
            object["retry"] = [
                "shape": .string(word(retry.shape)), "base_ms": milliseconds(retry.base),
                "cap_ms": milliseconds(retry.cap), "jitter_percent": .int(Int64(retry.jitterPercent)),
            ]
        }
        object["timeout_ms"] = options.timeout.map(milliseconds)
        return object
    }

    private static func json(_ outcome: JobOutcome, _ style: Style) -> JSONObject {
        var object: JSONObject = ["run": .int(Int64(outcome.run)), "ending": .string(word(outcome.ending))]
        put(outcome.arguments, in: &object, style)
        object["error"] = outcome.error.map(JSON.string)
        object["attempt"] = .int(Int64(outcome.attempt))
        object["node"] = .string(outcome.node)
        object["final"] = .bool(outcome.isFinal)
        return object
    }

    // MARK: Words

    static func word(_ shape: RetrySchedule.Shape) -> String {
        switch shape {
        case .fixed: "fixed"
        case .linear: "linear"
        case .exponential: "exponential"
        }
    }

    static func word(_ ending: JobOutcome.Ending) -> String {
        switch ending {
        case .complete: "complete"
        case .failed: "failed"
        case .cancelled: "cancelled"
        }
    }

    private static func feedback(_ feedback: Feedback) -> JSON {
        guard feedback.isSubset(of: .both) else { return .int(Int64(feedback.rawValue)) }
        return .array(
            [(Feedback.success, "success"), (.error, "error")].filter { feedback.contains($0.0) }.map { .string($0.1) })
    }

    /// As text where that reads back as the same time, else in milliseconds since 1970.
    static func date(_ time: WallTime) -> JSON {
        let text = Dates.format(time)
        return (try? Dates.parse(text)) == time ? .string(text) : .int(time.milliseconds)
    }

    private static func milliseconds(_ interval: Interval) -> JSON { .int(interval.millisecondsRoundedUp) }

    // MARK: Arguments

    private static func put(_ arguments: [UInt8], in object: inout JSONObject, _ style: Style) {
        var unpacker = Unpacker(arguments[...])
        if let members = try? unpacker.map(), unpacker.isAtEnd,
            let json = json(.map(members), style), style == .readable || packed(members) == arguments
        {
            object["arguments"] = json
        } else {
            object["arguments_msgpack"] = .string(Base64.text(arguments))
        }
    }

    private static func packed(_ members: [String: Value]) -> [UInt8] {
        var writer = ByteWriter()
        writer.pack(map: members)
        return writer.bytes
    }

    /// Nil for what JSON has no word for, if it is to be exact.
    private static func json(_ value: Value, _ style: Style) -> JSON? {
        switch value {
        case .null: return .null
        case .bool(let value): return .bool(value)
        case .int(let value): return .int(value)
        case .double(let value): return value.isFinite ? .double(value) : style == .exact ? nil : .null
        case .string(let value): return .string(value)
        case .bytes(let bytes): return style == .exact ? nil : .string(Base64.text(bytes))
        case .date(let time): return style == .exact ? nil : .string(Dates.format(time))
        case .array(let elements):
            var found: [JSON] = []
            for element in elements {
                guard let element = json(element, style) else { return nil }
                found.append(element)
            }
            return .array(found)
        case .map(let members):
            var found: [(String, JSON)] = []
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                guard let value = json(value, style) else { return nil }
                found.append((key, value))
            }
            return .object(JSONObject(found))
        }
    }
}
