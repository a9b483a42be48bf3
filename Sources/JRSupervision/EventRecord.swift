public import JRBase
public import JRJSON

/// One line of a supervisor's event log: a change of an instance's state with its cause, or something that was said
/// about the cluster or an instance.
public struct EventRecord: Sendable, Equatable {
    /// From 1 and without gaps, over all supervisors of one runtime directory.
    public var sequence: Int
    public var time: WallTime
    /// The instance it is about; nil for the cluster as a whole.
    public var instance: String?
    /// Nil for what is no change of a state.
    public var change: Change?
    /// What was said; a change's cause is in the change.
    public var text: String

    public init(sequence: Int = 0, time: WallTime, instance: String?, change: Change) {
        self.sequence = sequence
        self.time = time
        self.instance = instance
        self.change = change
        text = change.cause
    }

    public init(sequence: Int = 0, time: WallTime, instance: String?, text: String) {
        self.sequence = sequence
        self.time = time
        self.instance = instance
        self.text = text
    }

    public var json: JSON {
        var object: JSONObject = [
            "seq": .int(Int64(sequence)), "time": .string(Dates.format(time)),
            "event": change == nil ? "note" : "state", "instance": instance.map { .string($0) } ?? .null,
        ]
        if let change {
            object["from"] = .string(change.from.rawValue)
            object["to"] = .string(change.to.rawValue)
            object["incarnation"] = .int(Int64(change.incarnation))
            object["pid"] = change.pid.map { .int(Int64($0)) } ?? .null
            object["cause"] = .string(change.cause)
        } else {
            object["text"] = .string(text)
        }
        return .object(object)
    }

    /// Nil for what a supervisor of this version does not write.
    public init?(_ json: JSON) {
        guard let sequence = json["seq"]?.int.flatMap({ Int(exactly: $0) }),
            let stamp = json["time"]?.string, let time = try? Dates.parse(stamp)
        else { return nil }
        self.sequence = sequence
        self.time = time
        instance = json["instance"]?.string
        if let text = json["text"]?.string {
            self.text = text
            return
        }
        guard let from = json["from"]?.string.flatMap(InstanceState.init(rawValue:)),
            let to = json["to"]?.string.flatMap(InstanceState.init(rawValue:)),
            let incarnation = json["incarnation"]?.int.flatMap({ Int(exactly: $0) }),
            let cause = json["cause"]?.string
        else { return nil }
        text = cause
        change = Change(
            from: from, to: to, incarnation: incarnation, pid: json["pid"]?.int.flatMap { Int32(exactly: $0) },
            cause: cause)
    }

    /// For people: `2026-11-23T08:15:04.123Z worker.1 starting -> ready: it said so, pid 4210, incarnation 2`.
    public var line: String {
        let head = "\(Dates.format(time)) \(instance ?? "supervisor")"
        guard let change else { return "\(head) \(text)" }
        let pid = change.pid.map { ", pid \($0)" } ?? ""
        return "\(head) \(change.from.rawValue) -> \(change.to.rawValue): \(change.cause)\(pid),"
            + " incarnation \(change.incarnation)"
    }
}
