import JRBase
import JRSystem
import JRWire

/// Why a command has no result.
enum RedisFailure: Error, Sendable, Equatable {
    case connecting(SystemError)
    /// The connection ended before the answer came: whether the command was carried out is not known.
    case closed(String)
    case timedOut(command: String, after: Interval)
    case damaged(RESPDamage)
    /// The server's answer is an error, whose first word is its code.
    case refused(command: String, text: String)
    /// An answer that this command cannot have.
    case unexpected(command: String)
    /// More commands wait for their answers than this side keeps.
    case tooMany

    /// The first word of the server's error.
    var code: String? {
        guard case .refused(_, let text) = self else { return nil }
        return text.split(separator: " ").first.map(String.init)
    }

    /// Whether the command was certainly not carried out.
    var isCertain: Bool {
        switch self {
        case .connecting, .refused, .tooMany: true
        case .closed, .timedOut, .damaged, .unexpected: false
        }
    }

    var why: String {
        switch self {
        case .connecting(let error): "\(error)"
        case .closed(let reason): reason
        case .timedOut(let command, let time): "\(command) was not answered within \(Durations.format(time))"
        case .damaged(let damage): "it does not speak the protocol of Redis: \(damage)"
        case .refused(let command, let text): "\(command) was answered with '\(text.prefix(300))'"
        case .unexpected(let command): "\(command) was answered with something else than it can be"
        case .tooMany: "more commands wait for their answers than are kept"
        }
    }

    /// Codes of the server that pass by themselves, or once somebody has mended the server.
    private static let passing: Set<String> = [
        "LOADING", "READONLY", "MISCONF", "BUSY", "MASTERDOWN", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN", "UNKILLABLE",
    ]

    private var mend: String {
        switch code {
        case "LOADING": "It reads its data; the storage goes on by itself when that is done."
        case "READONLY": "It is a replica: name its primary, or make it one. Until then no job is taken here."
        case "MISCONF": "It cannot save its data: look at its log and at its disk."
        case "NOAUTH", "WRONGPASS":
            "Give its password in the address (redis://:PASSWORD@HOST:PORT/DB), as redisURL or JR_REDIS_URL."
        case "NOPERM": "Give this user the commands and keys that docs/redis-layout.md lists (ACL SETUSER)."
        case "MOVED", "CROSSSLOT", "ASK":
            "It is a cluster, and another of its servers has this node's keys: name that one in the address."
        case .some: "Look at the server's log."
        case nil: "Start the server, or name another one; it is dialled until it answers."
        }
    }

    /// As the error of a storage; `hasBeenOpen` is whether it worked before, so that waiting makes sense.
    func error(at address: RedisAddress, hasBeenOpen: Bool) -> StorageError {
        let what = "the Redis server \(address) cannot be used"
        switch code {
        case "OOM":
            return StorageError(
                .full, what: "the Redis server \(address) has no room", why: why,
                mend: "Raise its maxmemory, or make room; the storage goes on by itself as soon as there is some.")
        case "NOAUTH", "WRONGPASS", "NOPERM":
            return StorageError(hasBeenOpen ? .unavailable : .permission, what: what, why: why, mend: mend)
        case let code? where !Self.passing.contains(code):
            return StorageError(.failed, what: what, why: why, mend: mend)
        case .some, nil:
            return StorageError(.unavailable, what: what, why: why, mend: mend)
        }
    }
}

/// What only a storage on Redis can meet.
extension StorageError {
    /// - Parameter late: attempts whose results come after the jobs have been taken over.
    static func fenced(_ address: RedisAddress, node: String, by holder: RedisLease.Holder?, late: Int = 0)
        -> StorageError
    {
        StorageError(
            .fenced, what: "the jobs of node '\(node)' on \(address) belong to another process now",
            why: (holder.map { "\($0) has taken them over" } ?? "another one took them over and has gone")
                + "; this one was silent for too long, and what it has not stored is thrown away"
                + (late > 0 ? ", with the results of \(late == 1 ? "one attempt" : "\(late) attempts")" : ""),
            mend: "Start it again, or give each node a name of its own.")
    }

    /// - Parameter blind: the server does not let this user see who is connected.
    static func held(
        _ address: RedisAddress, node: String, by holder: RedisLease.Holder, for rest: Interval, blind: Bool
    ) -> StorageError {
        StorageError(
            .locked, what: "the jobs of node '\(node)' on \(address) are in use",
            why: "\(holder) \(holder.taker == nil ? "has them" : "takes them over") and "
                + (blind
                    ? "may be dead: this user has no permissions to run 'client|list', which would tell"
                    : "is connected to the server"),
            mend: "Stop that process, or give this one a name of its own. Should it be dead, its hold ends in"
                + " \(Durations.format(rest)).", pid: holder.pid)
    }

    static func forbidden(_ commands: [String], _ address: RedisAddress, node: String) -> StorageError {
        let names = commands.map { $0.lowercased() }.joined(separator: ", ")
        return StorageError(
            .permission, what: "the Redis server \(address) cannot be used",
            why: "this user has no permissions for \(names) on the keys jr:{\(node)}:*",
            mend: "ACL SETUSER NAME ~jr:* \(commands.map { "+" + $0.lowercased() }.joined(separator: " ")); all that it"
                + " needs is in docs/redis-layout.md.")
    }

    static func forbiddenKeys(_ why: String, _ address: RedisAddress, node: String) -> StorageError {
        StorageError(
            .permission, what: "the Redis server \(address) cannot be used",
            why: "this user has no permissions for the keys jr:{\(node)}:*: \(why)",
            mend: "ACL SETUSER NAME ~jr:*; all that it needs is in docs/redis-layout.md.")
    }

    static func lost(_ address: RedisAddress, node: String) -> StorageError {
        StorageError(
            .lost, what: "the Redis server \(address) no longer has the jobs of node '\(node)'",
            why: "it was emptied, or came back with less than it had",
            mend: "All unfinished jobs that this process knows are stored again. Give the server appendonly yes.")
    }

    static func unreadable(_ id: String, _ address: RedisAddress, node: String, _ why: String) -> StorageError {
        StorageError(
            .corrupt, what: "the job \(id) of node '\(node)' on \(address) cannot be read", why: why,
            mend: "Start the version of the program that wrote it, or a newer one. Nothing was changed.")
    }

    static func format(_ found: String, _ address: RedisAddress, node: String) -> StorageError {
        StorageError(
            .corrupt, what: "the jobs of node '\(node)' on \(address) cannot be read",
            why: "they are of the format '\(found)', and this program knows '\(RedisKeys.format)'",
            mend: "Start the version of the program that wrote them, or a newer one. Nothing was changed.")
    }

    static func address(_ error: ValueError) -> StorageError {
        StorageError(
            .permission, what: "the storage cannot be opened", why: "\(error)",
            mend: "Mend the storage's address (redisURL, JR_REDIS_URL, JR_STORAGE or --storage).")
    }
}
