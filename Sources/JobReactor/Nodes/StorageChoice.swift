public import JRBase
import JRStorage

/// Where a node keeps its jobs.
public enum StorageChoice: Sendable, Equatable {
    /// Nothing on disk: jobs do not outlive the node.
    case memory
    /// An append-only file of our own in this directory, for one node at a time: what is stored survives the node, and
    /// with ``Sync/always`` the machine.
    case journal(directory: String, sync: Sync = .always)
    /// A Redis server, which several nodes may share: `redis://[:PASSWORD@]HOST:PORT/DB` or `redis+unix:/PATH?db=N`.
    ///
    /// Without an address, what ``Configuration/redisURL`` or ``Configuration/redisHost`` and
    /// ``Configuration/redisPort`` say. What is stored lasts as the server's own settings make it last.
    case redis(url: String? = nil)

    /// When a journal makes what was written reach the disk.
    public enum Sync: Sendable, Equatable {
        /// Before anything is acknowledged.
        case always
        /// At most this long after it was written: a power cut takes what is younger.
        case interval(Interval)
        /// When the operating system likes.
        case never

        /// The interval's length may be left out.
        init(parsing text: String) throws(ValueError) {
            switch text {
            case "always": self = .always
            case "never": self = .never
            case "interval": self = .interval(.milliseconds(50))
            default:
                guard text.hasPrefix("interval:") else { throw ValueError(text, expected: StorageChoice.expected) }
                self = .interval(try Durations.parse(String(text.dropFirst("interval:".count))))
            }
        }
    }

    /// As settings write it: `memory`, `redis`, the address of a Redis server, or `journal:DIR` with `?sync=always`,
    /// `?sync=interval:50ms` or `?sync=never`.
    public init(parsing text: String) throws(ValueError) {
        if text == "memory" {
            self = .memory
            return
        }
        if text == "redis" {
            self = .redis()
            return
        }
        if text.hasPrefix("redis:") || text.hasPrefix("redis+unix:") {
            _ = try RedisAddress(parsing: text)
            self = .redis(url: text)
            return
        }
        guard text.hasPrefix("journal:") else { throw ValueError(text, expected: Self.expected) }
        let parts = text.dropFirst("journal:".count).split(separator: "?", omittingEmptySubsequences: false)
        guard let directory = parts.first, !directory.isEmpty, parts.count <= 2 else {
            throw ValueError(text, expected: Self.expected)
        }
        let question = parts.count == 2 ? String(parts[1]) : "sync=always"
        guard question.hasPrefix("sync=") else { throw ValueError(text, expected: Self.expected) }
        self = .journal(
            directory: String(directory), sync: try Sync(parsing: String(question.dropFirst("sync=".count))))
    }

    static let expected =
        "memory, journal:DIR with ?sync=always, ?sync=interval:50ms or ?sync=never, redis, redis://HOST:PORT/DB or "
        + "redis+unix:/PATH?db=N"

    /// With the address of the Redis server as a configuration has it, if this one needs it and has none.
    func resolved(_ configuration: Configuration) throws(JobReactorError) -> StorageChoice {
        guard case .redis(nil) = self else { return self }
        do throws(ValueError) {
            if let url = configuration.redisURL {
                _ = try RedisAddress(parsing: url)
                return .redis(url: url)
            }
            let address = try RedisAddress(host: configuration.redisHost, port: configuration.redisPort)
            return .redis(url: "\(address)")
        } catch {
            throw JobReactorError(
                .configuration, what: "the address of the Redis server is wrong", why: "\(error)",
                mend: "Mend redisURL (JR_REDIS_URL), or redisHost and redisPort", exitCode: 78)
        }
    }

    func make(_ configuration: NodeConfiguration) -> any JobStorage {
        switch self {
        case .memory: MemoryStorage()
        case .redis(let url):
            RedisStorage(
                url: url ?? "redis://localhost:\(RedisAddress.standardPort)/0", node: configuration.settings.name,
                lease: configuration.redisLease, takesOver: configuration.redisTakeOver)
        case .journal(let directory, let sync):
            if let ahead = configuration.storageAhead {
                JournalStorage(ahead)
            } else {
                JournalStorage(directory: directory, sync: sync.storageSync, packsWaiting: true)
            }
        }
    }
}

extension StorageChoice.Sync {
    var storageSync: StorageSync {
        switch self {
        case .always: .always
        case .interval(let interval): .interval(interval)
        case .never: .never
        }
    }
}
