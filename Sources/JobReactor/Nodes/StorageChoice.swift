public import JRBase
import JRStorage

/// Where a node keeps its jobs.
public enum StorageChoice: Sendable, Equatable {
    /// Nothing on disk: jobs do not outlive the node.
    case memory
    /// An append-only file of our own in this directory, for one node at a time: what is stored survives the node, and
    /// with ``Sync/always`` the machine.
    case journal(directory: String, sync: Sync = .always)

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

    /// As settings write it: `memory`, or `journal:DIR` with `?sync=always`, `?sync=interval:50ms` or `?sync=never`.
    public init(parsing text: String) throws(ValueError) {
        if text == "memory" {
            self = .memory
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

    static let expected = "memory, or journal:DIR with ?sync=always, ?sync=interval:50ms or ?sync=never"

    func make() -> any JobStorage {
        switch self {
        case .memory: MemoryStorage()
        case .journal(let directory, let sync):
            switch sync {
            case .always: JournalStorage(directory: directory, sync: .always)
            case .interval(let interval): JournalStorage(directory: directory, sync: .interval(interval))
            case .never: JournalStorage(directory: directory, sync: .never)
            }
        }
    }
}
