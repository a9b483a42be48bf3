/// What a Redis server's own settings say of what it was given: read when a storage connects.
public enum RedisPromise: String, Sendable, Hashable, CaseIterable {
    /// `appendonly yes`, `appendfsync always`: on its disk before it answers.
    case always
    /// `appendfsync everysec`: a power cut, or the death of its machine, takes the last second.
    case everysec
    /// `appendfsync no`: on its disk when its operating system likes.
    case never
    /// No append-only file: at its next snapshot, minutes later.
    case snapshot
    /// Neither: as long as its process lives.
    case memory
    /// It does not say.
    case unknown

    /// - Parameters:
    ///   - info: the answer to `INFO`.
    ///   - config: what `CONFIG GET` answered; empty where it is not allowed.
    init(info: [String: String], config: [String: String]) {
        let isAppending = config["appendonly"].map { $0 == "yes" } ?? info["aof_enabled"].map { $0 == "1" }
        switch (isAppending, config["appendfsync"]) {
        case (true?, "always"): self = .always
        case (true?, "no"): self = .never
        // `everysec` is what it does unless it is told otherwise; it may be too much to hope for, never too little.
        case (true?, "everysec"?): self = .everysec
        case (true?, _): self = .never
        case (false?, _): self = config["save"].map { $0.isEmpty ? .memory : .snapshot } ?? .unknown
        case (nil, _): self = .unknown
        }
    }

    /// What a person should know of it; nil if there is nothing to say.
    var warning: String? {
        switch self {
        case .always, .everysec: nil
        case .never:
            "it writes its append-only file when its operating system likes: a power cut may take stored jobs"
                + " (appendfsync everysec or always)"
        case .snapshot:
            "it keeps no append-only file: should it die, all jobs stored since its last snapshot are lost"
                + " (appendonly yes)"
        case .memory: "it keeps nothing on disk: should it die, all stored jobs are lost (appendonly yes)"
        case .unknown: "it does not say what it keeps on disk: assume that stored jobs die with it"
        }
    }

    /// The lines of `INFO`, `name:value`.
    static func parse(info text: String) -> [String: String] {
        var found: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
        }
        return found
    }
}
