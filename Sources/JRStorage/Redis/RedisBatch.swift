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
        _ changes: [StorageChange] = [], alsoRemoving uncertain: Set<JobID> = [], unmarking unmarked: Set<JobID>,
        results: Int
    ) {
        var puts: Set<JobID> = []
        for case .put(let record) in changes { puts.insert(record.id) }
        var writer = RESPWriter(reserving: changes.count * 256)
        var count = 0
        func write(_ id: JobID, _ record: [UInt8]) {
            writer.bulk(id.description.utf8)
            writer.bulk(record)
            count += 2
        }
        for id in uncertain.subtracting(puts) { write(id, []) }
        for change in changes {
            switch change {
            case .remove(let id): write(id, [])
            case .put(let record):
                var bytes = ByteWriter()
                record.encode(into: &bytes)
                write(record.id, bytes.bytes)
            }
        }
        self.puts = puts
        settled = uncertain
        self.unmarked = unmarked
        self.results = results
        self.count = count
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
