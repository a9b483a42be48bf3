import JRBase
import JRCore
import JRJSON
import JRJournal
import JRSystem
import JRWire

/// The first line of an export. The number is raised when older programs could not read what follows.
enum ExportHeader {
    static let format = "jobreactor-jobs"
    static let version: Int64 = 1

    static func line(jobs: Int) -> String {
        JSON.object(["format": .string(format), "version": .int(version), "jobs": .int(Int64(jobs))]).text
    }

    /// How many jobs follow.
    static func parse(_ line: ArraySlice<UInt8>, _ path: String) throws(StorageToolError) -> Int {
        guard let object = (try? JSON(parsing: line))?.object, object["format"] == .string(format),
            case .int(let found)? = object["version"], case .int(let jobs)? = object["jobs"], jobs >= 0
        else {
            throw StorageToolError(
                what: "'\(path)', line 1", why: "this is not how an export begins: \(ExportHeader.line(jobs: 2))",
                mend: "Name a file that 'jr journal export --to' has written.", exitCode: 65)
        }
        guard found == version else {
            throw StorageToolError(
                what: "'\(path)'", why: "it has version \(found), and this program reads \(version)",
                mend: "Use the version of jr that wrote it, or a newer one.", exitCode: 65)
        }
        return Int(jobs)
    }
}

/// All jobs of a storage as lines of JSON, with every field, for ``JobImport``: `jr journal export`.
public enum JobExport {
    /// Gives a header and a line for each job, in the order of first puts; nothing is changed in the storage. Nobody
    /// else can open it meanwhile, and it is refused if somebody has.
    ///
    /// - Returns: how many jobs there are.
    public static func run(_ place: StoragePlace, _ output: ToolOutput) throws(StorageToolError) -> Int {
        switch place {
        case .journal(let directory): try journal(directory, output)
        case .redis: try storage(place, output)
        }
    }

    private static func journal(_ path: String, _ output: ToolOutput) throws(StorageToolError) -> Int {
        let view = try StoreView(path)
        let lock = try view.lock()
        defer { withExtendedLifetime(lock) {} }
        let reading = try view.read(output.progress)
        if let refusal = reading.refusal { throw StorageToolError(.corrupt(refusal, directory: path)) }
        let marks = try view.marks()
        let live = reading.live
        try output.line(ExportHeader.line(jobs: live.count))
        for (number, found) in live.enumerated() {
            let bytes = try view.attempt { () throws(SystemError) in try reading.value(of: found) }
            let id = JobID(found.key)
            guard let record = try? JobRecord(decoding: bytes[...]), record.id == id else {
                throw StorageToolError(.unreadable(id, file: reading.file(of: found), directory: path))
            }
            try output.line(JSON.object(JobText.json(record, isRunning: marks.contains(id), .exact)).text)
            if number % 1_000 == 0 { output.progress(ToolProgress("exported", number, of: live.count, "jobs")) }
        }
        return live.count
    }

    private static func storage(_ place: StoragePlace, _ output: ToolOutput) throws(StorageToolError) -> Int {
        let session = try StorageSession(place)
        let jobs = try session.open().jobs
        try output.line(ExportHeader.line(jobs: jobs.count))
        for (number, job) in jobs.enumerated() {
            try output.line(JSON.object(JobText.json(job.record, isRunning: job.wasRunning, .exact)).text)
            if number % 1_000 == 0 { output.progress(ToolProgress("exported", number, of: jobs.count, "jobs")) }
        }
        session.close()
        return jobs.count
    }
}
