import JRBase
import JRCore
public import JRJSON
public import JRJournal
import JRSystem
public import JRWire

/// A new store of all that is whole in a damaged one, and what is missing in it: `jr journal salvage`.
public struct JournalSalvage: Sendable {
    public let path: String
    public let newPath: String
    /// Jobs in the new store.
    public private(set) var jobs = 0
    /// What was wrong, with the records that are missing for it.
    public private(set) var problems: [JournalProblem] = []
    /// Jobs that a missing record may have changed, or ended.
    public private(set) var stale: [JobID] = []
    /// Jobs whose bytes no longer are one: left out of the new store.
    public private(set) var unreadable: [JobID] = []

    public var isComplete: Bool { problems.isEmpty }

    /// Writes the new store; the old one is only read, and may not be open elsewhere.
    ///
    /// - Throws: with code 64 if `newPath` is there already. What was written of it is removed again.
    public static func run(
        _ path: String, to newPath: String, progress: (ToolProgress) -> Void = { _ in }
    ) throws(StorageToolError) -> JournalSalvage {
        let view = try StoreView(path)
        let lock = try view.lock()
        defer { withExtendedLifetime(lock) {} }
        guard !Files.exists(newPath) else {
            throw StorageToolError(
                what: "'\(newPath)' cannot be made", why: "it is there already",
                mend: "Name a directory that does not exist yet.", exitCode: 64)
        }
        let reading = try view.read(progress)
        var salvage = JournalSalvage(path: path, newPath: newPath)
        salvage.problems = reading.refusal.map { reading.problems(with: $0) } ?? []
        do {
            try salvage.write(reading, view, progress)
        } catch {
            try? Files.removeTree(newPath)
            throw error
        }
        return salvage
    }

    private init(path: String, newPath: String) {
        self.path = path
        self.newPath = newPath
    }

    private mutating func write(
        _ reading: StoreView.Reading, _ view: StoreView, _ progress: (ToolProgress) -> Void
    ) throws(StorageToolError) {
        let live = reading.live
        let marks = try view.marks()
        // Sealing its segments and closing it make it durable as a whole.
        let opened = try storage { () throws(StorageError) in
            var opening = StoreOpening(directory: StoreDirectory(newPath), sync: .never)
            return try opening.open()
        }
        var batch: [(key: JournalKey, value: [UInt8])] = []
        var bytes = 0
        for (number, record) in live.enumerated() {
            let value = try view.attempt { () throws(SystemError) in try reading.value(of: record) }
            let id = JobID(record.key)
            if let problem = reading.problem(record, value) {
                problems.append(problem)
                unreadable.append(id)
                continue
            }
            jobs += 1
            if record.sequence < reading.audit.certainFrom, !isComplete { stale.append(id) }
            if marks.contains(id) { opened.marks.mark(id) }
            batch.append((record.key, value))
            bytes += value.count
            if batch.count == JournalFormat.recordsPerFrame || bytes > JournalFormat.frameBodyBytes {
                try storage { () throws(StorageError) in try opened.store.append(batch) }
                batch.removeAll(keepingCapacity: true)
                bytes = 0
                progress(ToolProgress("saved", number + 1, of: live.count, "jobs"))
            }
        }
        try storage { () throws(StorageError) in
            try opened.store.append(batch)
            opened.store.close()
            if let failure = opened.store.failure { throw failure }
        }
    }

    private func storage<Answer>(_ body: () throws(StorageError) -> Answer) throws(StorageToolError) -> Answer {
        do { return try body() } catch { throw StorageToolError(error) }
    }

    // MARK: What came of it

    /// How many records are known to be missing.
    private var missing: UInt64 {
        problems.reduce(0) { $0 + ($1.missing.map { $0.upperBound - $0.lowerBound + 1 } ?? 0) }
    }

    public var lines: [String] {
        var lines = ["saved: \(JournalReport.count(jobs, "job")) of '\(path)' in '\(newPath)'"]
        lines += problems.map { problem in
            let length = problem.bytes > 0 ? ", \(JournalReport.count(problem.bytes, "byte"))" : ""
            return "not saved: \(path)/\(problem.file), byte \(problem.offset)\(length): \(problem.why)"
                + JournalReport.missing(problem)
        }
        guard !isComplete else { return lines + ["nothing is missing"] }
        lines.append(
            missing == 0
                ? "missing: nobody knows how many records were in what is damaged"
                : "missing: \(missing) record\(missing == 1 ? "" : "s") at the least, each of which stored, changed or"
                    + " ended a job")
        if stale.isEmpty {
            lines.append("no job that was saved is older than what is missing")
        } else {
            lines.append(
                "may be out of date: \(JournalReport.count(stale.count, "job")) of those saved:"
                    + " a missing record may have changed them, and those that had ended run again (--json names them)")
        }
        lines.append("Start the node with '\(newPath)' as its storage; keep '\(path)' until you miss nothing.")
        return lines
    }

    /// A line for each problem and each job that may be out of date, and at last one for all of it.
    public var json: [JSON] {
        problems.map { JournalReport.json($0, "problem") }
            + stale.map { ["kind": "stale", "id": .string($0.description)] }
            + unreadable.map { ["kind": "unreadable", "id": .string($0.description)] }
            + [
                [
                    "kind": "salvage", "path": .string(path), "to": .string(newPath), "jobs": .int(Int64(jobs)),
                    "complete": .bool(isComplete), "missing_records": .int(Int64(clamping: missing)),
                    "stale": .int(Int64(stale.count)),
                ]
            ]
    }
}

extension JournalStore {
    /// Puts records as they are, after those that are there.
    func append(_ records: [(key: JournalKey, value: [UInt8])]) throws(StorageError) {
        try encode(records)
        guard writer.finishCommit() else { return }
        if !writer.commitFits(usingReserve: false) {
            let bytes = writer.commitBytes.count
            writer.commitFailed()
            try rotate(holding: bytes)
            try encode(records)
            _ = writer.finishCommit()
        }
        try write()
    }

    private func encode(_ records: [(key: JournalKey, value: [UInt8])]) throws(StorageError) {
        for record in records {
            do {
                try writer.put(record.key, record.value.span)
            } catch {
                writer.commitFailed()
                throw .tooLarge(error, job: .init(record.key), directory: directory.path)
            }
        }
    }
}
