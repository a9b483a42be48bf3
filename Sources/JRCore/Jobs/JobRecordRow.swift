public import JRBase
public import JRWire

extension JobRecord {
    /// The job as `jr list` and `jr show` give it.
    public func row(node: String) -> [String: Value] {
        var row: [String: Value] = [
            "id": .string(id.description), "name": .string(request.name), "status": .string(status.rawValue),
            "attempt": .int(Int64(attempt)), "created_at": .date(request.created),
            "arguments": .bytes(request.arguments),
        ]
        if !node.isEmpty { row["node"] = .string(node) }
        if let due { row["due"] = .date(due) }
        if let startedAt { row["run_at"] = .date(startedAt) }
        if let failedAt { row["failed_at"] = .date(failedAt) }
        if let endedAt { row["ended_at"] = .date(endedAt) }
        if let lastError { row["last_error"] = .string(lastError) }
        if let period = request.options.period { row["period"] = .double(period.seconds) }
        if request.options.isDeferred { row["defer"] = true }
        let placement = request.options.placement
        if !placement.preferred.isEmpty { row["node_wanted"] = .array(placement.preferred.map(Value.string)) }
        if !placement.excluded.isEmpty { row["not_node"] = .array(placement.excluded.map(Value.string)) }
        if placement.isStrict { row["strict"] = true }
        if let timeout = request.options.timeout { row["timeout"] = .double(timeout.seconds) }
        if isCancelRequested || isDestroyRequested { row["cancelling"] = true }
        if !outcomes.isEmpty { row["unacknowledged"] = .int(Int64(outcomes.count)) }
        return row
    }
}

extension JobRequest {
    /// What is wrong with a request from the wire, or nil: the same rules for every way in.
    ///
    /// - Parameters:
    ///   - now: the time that a due date is held against.
    ///   - isNameKnown: whether its name is one of those that were looked at before.
    public func problem(at now: WallTime, isNameKnown: Bool = false) -> String? {
        if !isNameKnown, !Names.isValid(name) {
            return "the job name '\(name.prefix(200))' is not 1 to \(Limits.nameBytes) letters, digits or '_.:-'"
        }
        if arguments.count > Limits.argumentBytes {
            return "the arguments are \(arguments.count) bytes and \(Limits.argumentBytes) are allowed: "
                + "put large data in a file or database and pass its name"
        }
        return options.isStandard ? nil : options.problem(at: now)
    }
}

extension JobOptions {
    /// Why no node would take a job that asks for this.
    fileprivate func problem(at now: WallTime) -> String? {
        if let due, due > now + Limits.furthestDelay {
            return "the job is due more than 366 days from now"
        }
        if let period, period <= .zero || period > Limits.furthestDelay {
            return "the period must be greater than 0 and at most 366 days"
        }
        if let delay, delay < .zero { return "the delay must not be negative" }
        if let timeout, timeout <= .zero { return "the timeout must be greater than 0" }
        if let retry, retry.base < .zero || retry.cap < .zero {
            return "the waits between attempts must not be negative"
        }
        if let retry, !(0...100).contains(retry.jitterPercent) {
            return "the jitter of the waits between attempts must be 0 to 100 percent"
        }
        if let attempts = maxAttempts, attempts < 1 { return "max_attempts must be at least 1" }
        let names = placement.preferred + placement.excluded
        if names.count > 128 { return "\(names.count) nodes are named and 128 are allowed" }
        if let wrong = names.first(where: { !Names.isValid($0) }) { return "'\(wrong.prefix(200))' is not a node name" }
        if placement.isStrict, !placement.preferred.isEmpty,
            placement.preferred.allSatisfy(placement.excluded.contains)
        {
            return "every node it must run on is one it must not run on"
        }
        return nil
    }
}
