/// What a user of the server may not do, in words.
///
/// Of a script the server says no more than the line at which it stopped: neither the command nor, in its first word,
/// that it was a permission.
enum RedisPermission {
    /// The commands that a node's own jobs need, all of them called by scripts on the node's keys.
    static let needed = [
        "DEL", "GET", "HDEL", "HEXISTS", "HGET", "HINCRBY", "HLEN", "HSET", "PEXPIRE", "PTTL", "SADD", "SET",
        "SMEMBERS",
        "SREM", "TIME", "ZADD", "ZCARD", "ZRANGE", "ZREM",
    ]

    /// The server's error with the commands in it; the same text where it is about something else.
    static func explained(_ text: String, of script: RedisScript) -> String {
        if text.contains("can't access at least one of the keys") {
            return "NOPERM this user has no permissions for the keys of a script (\(text.prefix(200)))"
        }
        guard text.contains("can't run this command") else { return text }
        // A call whose error the script has caught has no line.
        let lines = script.rawValue.split(separator: "\n", omittingEmptySubsequences: false)
        let place = number(after: "@user_script:", in: text).map { $0 - 1 }
        let commands =
            if let place, lines.indices.contains(place) {
                Self.commands(after: "redis.call('", in: lines[place])
            } else {
                lines.flatMap { Self.commands(after: "redis.pcall('", in: $0) }
            }
        guard !commands.isEmpty else { return text }
        let names = commands.map { "'\($0)'" }.joined(separator: " or ")
        return "NOPERM this user has no permissions to run \(names) in a script (\(text.prefix(200)))"
    }

    private static func number(after mark: String, in text: String) -> Int? {
        guard let place = text.firstRange(of: mark) else { return nil }
        return Int(text[place.upperBound...].prefix { $0.isNumber })
    }

    private static func commands(after mark: String, in line: Substring) -> [String] {
        var rest = line
        var found: [String] = []
        while let place = rest.firstRange(of: mark) {
            rest = rest[place.upperBound...]
            let word = rest.prefix { $0 != "'" }.lowercased()
            if !found.contains(word) { found.append(word) }
        }
        return found
    }
}
