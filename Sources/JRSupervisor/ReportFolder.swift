import JRSupervision
import JRSystem

/// The folder that `exec --report` fills: `events.jsonl` and `logs/` as things happen, `junit.xml` and
/// `timeline.txt` at the end.
public struct ReportFolder: Sendable {
    /// Absolute.
    public let path: String

    public var eventFile: String { path + "/events.jsonl" }
    public var logs: String { path + "/logs" }
    var junit: String { path + "/junit.xml" }
    var timeline: String { path + "/timeline.txt" }

    /// Makes the folder; an earlier report in it is replaced.
    ///
    /// - Throws: Exit code 73 when it cannot be made, or has a folder `logs` that is no report's.
    public init(_ path: String) throws(SupervisorError) {
        let here = (try? Files.currentDirectory()) ?? "/"
        self.path = Paths.resolve(path, in: here)
        if Files.exists(logs), !Files.exists(eventFile) {
            throw SupervisorError(
                exitCode: ReportFolder.cannotCreate,
                "\(self.path) has a folder \"logs\" that no report made: name another folder with --report")
        }
        do throws(SystemError) {
            try Files.makeDirectories(self.path, mode: 0o755)
            for file in [junit, timeline] where Files.exists(file) { try Files.remove(file) }
            if Files.exists(logs) { try Files.removeTree(logs) }
            for file in try Files.list(self.path) where file.hasPrefix("events.jsonl") {
                try Files.remove("\(self.path)/\(file)")
            }
            // It is there from the beginning, so that the next report knows this one.
            try Files.write(eventFile, [], mode: 0o644)
            try Files.makeDirectories(logs, mode: 0o755)
        } catch {
            throw SupervisorError(exitCode: ReportFolder.cannotCreate, "the report cannot be written: \(error)")
        }
    }

    private static let cannotCreate: Int32 = 73

    func write(_ report: RunReport) throws(SystemError) {
        try Files.write(junit, Array(report.junit.utf8), mode: 0o644)
        try Files.write(timeline, Array(report.timeline.utf8), mode: 0o644)
    }
}
