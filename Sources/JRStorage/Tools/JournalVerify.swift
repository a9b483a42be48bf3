import JRBase
import JRCore
public import JRJSON
public import JRJournal
import JRSystem
import JRWire

/// What is in a journal and what is wrong with it: `jr journal verify`.
public struct JournalReport: Sendable {
    /// The directory.
    public let path: String
    public let segments: [AuditedSegment]
    public let problems: [JournalProblem]
    public let jobs: Int
    /// A node would start with it.
    public let isSound: Bool
    /// The process that had it open meanwhile.
    public let openIn: Int32?

    let lastSequence: UInt64
    let durable: UInt64?
    let created: WallTime?
    let torn: JournalProblem?
    let leftovers: [String]
    let mend: String

    /// Reads all of a store and changes nothing. It may be open in another process.
    public static func make(
        of path: String, progress: (ToolProgress) -> Void = { _ in }
    ) throws(StorageToolError) -> JournalReport {
        let view = try StoreView(path)
        let openIn = view.holder()
        let reading = try view.read(progress)
        let live = reading.live
        var problems = reading.refusal.map { reading.problems(with: $0) } ?? []
        for (number, record) in live.enumerated() {
            let bytes = try view.attempt { () throws(SystemError) in try reading.value(of: record) }
            if let problem = reading.problem(record, bytes) { problems.append(problem) }
            if number % 10_000 == 0 { progress(ToolProgress("looked at", number, of: live.count, "jobs")) }
        }
        return JournalReport(path, reading, problems, jobs: live.count, openIn: openIn)
    }

    private init(
        _ path: String, _ reading: StoreView.Reading, _ problems: [JournalProblem], jobs: Int, openIn: Int32?
    ) {
        self.path = path
        segments = reading.audit.audited
        self.problems = problems
        self.jobs = jobs
        self.openIn = openIn
        isSound = problems.isEmpty
        lastSequence = reading.audit.lastSequence
        durable = reading.snapshot.witness.flatMap { Witness.newest(in: $0[...]) }?.sequence
        created = reading.audit.created
        leftovers = reading.audit.leftovers.map(JournalFormat.segmentName)
        torn = reading.tail.flatMap { tail in
            guard tail.tornBytes > 0, let last = reading.audit.segments.last else { return nil }
            return JournalProblem(
                file: JournalFormat.segmentName(last), offset: tail.offset, bytes: tail.tornBytes,
                why: "the end of a write that was never answered")
        }
        mend =
            reading.refusal?.mend(path)
            ?? "Start the version of the program that wrote these jobs, or a newer one."
    }

    // MARK: For people

    public var lines: [String] {
        var lines = segments.map { segment in
            "\(path)/\(segment.file): \(Self.count(segment.frames, "frame")), "
                + "\(Self.count(segment.records, "record")), "
                + "\(segment.usedBytes) of \(segment.fileBytes) bytes, \(segment.ending.rawValue)"
        }
        lines += leftovers.map { "\(path)/\($0): not needed any more; the next start removes it" }
        lines.append(
            "\(path): \(Self.count(jobs, "job")), up to sequence \(lastSequence)"
                + (durable.map { ", durable up to \($0)" } ?? "")
                + (created.map { ", made \(Dates.format($0))" } ?? ""))
        if let openIn {
            lines.append("process \(openIn) has it open: this is what was there at one moment, and nothing was changed")
        }
        if let torn {
            let what =
                openIn == nil
                ? "the next start cuts it and keeps it in \(JournalFormat.quarantineName)/" : "it may be under way"
            lines.append("torn end: \(place(torn)): \(torn.why); \(what)")
        }
        lines += problems.map { "damaged: \(place($0)): \($0.why)" + Self.missing($0) }
        lines.append(isSound ? "sound: a node starts with it" : "refused: no node starts with it. \(mend)")
        return lines
    }

    private func place(_ problem: JournalProblem) -> String {
        let length = problem.bytes > 0 ? ", \(Self.count(problem.bytes, "byte"))" : ""
        return "\(path)/\(problem.file), byte \(problem.offset)\(length)"
    }

    static func missing(_ problem: JournalProblem) -> String {
        guard let missing = problem.missing else { return "" }
        return missing.count == 1
            ? " (missing: sequence \(missing.lowerBound))"
            : " (missing: sequence \(missing.lowerBound) to \(missing.upperBound))"
    }

    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    // MARK: For programs

    /// A line for each segment and problem, and at last one for the store.
    public var json: [JSON] {
        var lines: [JSON] = segments.map { segment in
            [
                "kind": "segment", "file": .string(segment.file), "frames": .int(Int64(segment.frames)),
                "records": .int(Int64(segment.records)), "used_bytes": .int(Int64(segment.usedBytes)),
                "file_bytes": .int(Int64(segment.fileBytes)),
                "first_sequence": .int(Int64(clamping: segment.firstSequence)),
                "last_sequence": .int(Int64(clamping: segment.lastSequence)),
                "ending": .string(segment.ending.rawValue),
            ]
        }
        if let torn { lines.append(Self.json(torn, "torn")) }
        lines += problems.map { Self.json($0, "problem") }
        var store: JSONObject = [
            "kind": "store", "path": .string(path), "sound": .bool(isSound), "jobs": .int(Int64(jobs)),
            "last_sequence": .int(Int64(clamping: lastSequence)),
        ]
        store["durable_sequence"] = durable.map { .int(Int64(clamping: $0)) }
        store["created_at"] = created.map { .string(Dates.format($0)) }
        store["open_in"] = openIn.map { .int(Int64($0)) }
        if !isSound { store["mend"] = .string(mend) }
        return lines + [.object(store)]
    }

    static func json(_ problem: JournalProblem, _ kind: String) -> JSON {
        var object: JSONObject = [
            "kind": .string(kind), "file": .string(problem.file), "offset": .int(Int64(problem.offset)),
            "why": .string(problem.why),
        ]
        if problem.bytes > 0 { object["bytes"] = .int(Int64(problem.bytes)) }
        if let missing = problem.missing {
            object["missing_from"] = .int(Int64(clamping: missing.lowerBound))
            object["missing_to"] = .int(Int64(clamping: missing.upperBound))
        }
        return .object(object)
    }
}

extension StoreView.Reading {
    /// All that is wrong, with what a start names first.
    func problems(with refusal: JournalRefusal) -> [JournalProblem] {
        let found = audit.problems
        let isNamed = found.contains {
            $0.file == refusal.file && ($0.offset == refusal.offset || ($0.why == refusal.why))
        }
        guard !isNamed else { return found }
        return [JournalProblem(file: refusal.file, offset: refusal.offset, why: refusal.why)] + found
    }

    /// What is wrong with a record whose frame is whole; nil if it is a job.
    func problem(_ record: RecoveredRecord, _ bytes: [UInt8]) -> JournalProblem? {
        if let job = try? JobRecord(decoding: bytes[...]), job.id == JobID(record.key) { return nil }
        return JournalProblem(
            file: file(of: record), offset: record.place.lowerBound, bytes: record.place.count,
            why: "the job \(JobID(record.key)) is as it was written, but not of a form this program knows")
    }
}
