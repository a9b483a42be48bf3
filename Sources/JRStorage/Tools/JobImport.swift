import JRBase
import JRCore
import JRSystem
import JRWire

/// Puts the jobs of an export into a storage: `jr journal import`.
public struct JobImport: Sendable {
    public let path: String
    public let place: StoragePlace
    /// Leave jobs alone whose id the storage has already, instead of refusing.
    public let skipsExisting: Bool

    /// What became of it.
    public struct Summary: Sendable, Equatable {
        public var imported = 0
        public var skipped = 0
    }

    public init(path: String, to place: StoragePlace, skipsExisting: Bool) {
        self.path = path
        self.place = place
        self.skipsExisting = skipsExisting
    }

    static let jobsInCommit = 500
    static let bytesInCommit = 4 << 20

    /// Reads all of the file first, so that a wrong one changes nothing, and then stores the jobs as they are, in their
    /// order and with their marks.
    public func run(_ output: ToolOutput) throws(StorageToolError) -> Summary {
        let ids = try check(output)
        let session = try StorageSession(place)
        let existing = Set(try session.open().jobs.map(\.record.id))
        if !skipsExisting, let (id, line) = first(of: ids, in: existing) {
            throw StorageToolError(
                what: "'\(path)', line \(line)", why: "the job \(id) is there already, and nothing was imported",
                mend: "Leave out what is there with --skip-existing, or import into an empty storage.", exitCode: 65)
        }
        let summary = try store(existing, total: ids.count, session, output)
        session.close()
        return summary
    }

    private func first(of ids: [JobID: Int], in existing: Set<JobID>) -> (JobID, Int)? {
        ids.filter { existing.contains($0.key) }.min { $0.value < $1.value }.map { ($0.key, $0.value) }
    }

    /// The ids in the file and the lines where they stand.
    private func check(_ output: ToolOutput) throws(StorageToolError) -> [JobID: Int] {
        var reader = try LineReader(path)
        let jobs = try header(&reader)
        var ids: [JobID: Int] = [:]
        while let line = try reader.next() {
            let job = try parse(line, reader.number)
            if let first = ids.updateValue(reader.number, forKey: job.record.id) {
                throw wrong(reader.number, "the job \(job.record.id) is in line \(first) already")
            }
            if ids.count % 1_000 == 0 {
                output.progress(ToolProgress("checked", reader.readBytes, of: reader.fileBytes, "bytes"))
            }
        }
        guard ids.count == jobs else {
            throw StorageToolError(
                what: "'\(path)'", why: "it has \(ids.count) jobs, and its first line says \(jobs)",
                mend: "It was cut off or changed: export again. Nothing was imported.", exitCode: 65)
        }
        return ids
    }

    private func header(_ reader: inout LineReader) throws(StorageToolError) -> Int {
        try ExportHeader.parse(try reader.next() ?? [], path)
    }

    private func parse(_ line: ArraySlice<UInt8>, _ number: Int) throws(StorageToolError) -> JobLine {
        do {
            return try JobLine(line, now: SystemClock.wall())
        } catch {
            throw wrong(number, error.text, column: error.column)
        }
    }

    private func wrong(_ line: Int, _ why: String, column: Int? = nil) -> StorageToolError {
        StorageToolError(
            what: "'\(path)', line \(line)" + (column.map { ", column \($0)" } ?? ""), why: why,
            mend: "Mend the line, or export again. Nothing was imported.", exitCode: 65)
    }

    private func store(
        _ existing: Set<JobID>, total: Int, _ session: StorageSession, _ output: ToolOutput
    ) throws(StorageToolError) -> Summary {
        var reader = try LineReader(path)
        _ = try header(&reader)
        var summary = Summary()
        var batch = StorageChanges()
        var running: [JobID] = []
        var bytes = 0
        func flush() throws(StorageToolError) {
            guard !batch.isEmpty else { return }
            do throws(StorageError) {
                try session.commit(batch, running: running)
            } catch {
                throw StorageToolError(
                    what: "\(error.what), after \(summary.imported) of \(total) jobs were imported", why: error.why,
                    mend: "\(error.mend) Then go on with --skip-existing.", exitCode: error.exitCode)
            }
            summary.imported += batch.count
            batch.removeAll()
            running.removeAll(keepingCapacity: true)
            bytes = 0
            output.progress(ToolProgress("imported", summary.imported + summary.skipped, of: total, "jobs"))
        }
        while let line = try reader.next() {
            let job = try parse(line, reader.number)
            guard !existing.contains(job.record.id) else {
                summary.skipped += 1
                continue
            }
            batch.put(job.record)
            if job.isRunning { running.append(job.record.id) }
            bytes += line.count
            if batch.count == Self.jobsInCommit || bytes > Self.bytesInCommit { try flush() }
        }
        try flush()
        return summary
    }
}
