import JRBase
import JRCore
import JRWire

/// The changes of one commit, as the arguments of its script.
struct RedisBatch {
    /// Arguments of one command: a server takes some more.
    static let arguments = 1_000_000
    /// Bytes of one command: a server's buffer for a client holds 1 GiB unless it is told otherwise.
    static let bytes = 512 << 20

    let puts: Set<JobID>
    /// What was uncertain before, and is not once this is stored.
    let settled: Set<JobID>
    let unmarked: Set<JobID>
    /// How many of them ended in this process.
    let results: Int
    private let count: Int
    private let changes: RESPWriter

    /// - Parameters:
    ///   - uncertain: jobs to remove before, unless they are put.
    ///   - unmarked: jobs whose attempts are over.
    ///   - results: how many of these attempts ended in this process.
    init(
        _ changes: StorageChanges = StorageChanges(), alsoRemoving uncertain: Set<JobID> = [],
        unmarking unmarked: Set<JobID>, results: Int
    ) {
        var puts: Set<JobID> = []
        for index in changes.indices where changes.isPut(at: index) { puts.insert(changes.id(at: index)) }
        var writer = RESPWriter(reserving: changes.byteCount + changes.count * 64)
        let removed = uncertain.subtracting(puts)
        for id in removed {
            writer.bulk(id.description.utf8)
            writer.bulk([])
        }
        for index in changes.indices {
            writer.bulk(changes.id(at: index).description.utf8)
            changes.withRecord(at: index) { record in
                if let record { writer.bulk(record) } else { writer.bulk([]) }
            }
        }
        self.puts = puts
        settled = uncertain
        self.unmarked = unmarked
        self.results = results
        count = 2 * (removed.count + changes.count)
        self.changes = writer
    }

    func problem(_ address: RedisAddress, node: String) -> StorageError? {
        guard count > Self.arguments || changes.bytes.count > Self.bytes else { return nil }
        return StorageError(
            .tooLarge, what: "\(count / 2) changes of node '\(node)' cannot be stored on \(address)",
            why: "they are \(changes.bytes.count) bytes; one commit has at most \(Self.arguments / 2) changes and"
                + " \(Self.bytes) bytes", mend: "Pass references to large data instead of the data.")
    }

    /// - Parameter replacingAll: whether what is stored and not among the changes goes.
    func command(_ keys: RedisKeys, token: String, replacingAll: Bool = false) -> RESPCommand {
        let total = 4 + unmarked.count + count
        let bytes = changes.bytes.count + unmarked.count * 40
        return RedisScript.commit.command(keys: keys.all, arguments: total, reserving: bytes) { writer in
            writer.bulk(token.utf8)
            writer.bulk(unmarked.count)
            writer.bulk(replacingAll ? 1 : 0)
            writer.bulk(results)
            for id in unmarked { writer.bulk(id.description.utf8) }
            writer.append(changes)
        }
    }
}
