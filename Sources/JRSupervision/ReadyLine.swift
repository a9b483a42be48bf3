import JRBase

/// A line that a program writes to its ready descriptor: words `KEY=value`, of which the first says what it is.
///
/// `RECOVERING=1`, `READY=1 port=5000 recovered=7/7 words=drain,resume`, `DEGRADED=1 reason=…`,
/// `DRAINED=1 waiting=2 scheduled=3` and `JOBS=1 running=1 waiting=2 scheduled=3 stored=7` are understood; the rest of
/// a line after `reason=` is the reason. Words that are not known are left to later versions.
public struct ReadyLine: Sendable, Equatable {
    /// The longest line, in bytes. A longer one is not read.
    public static let longest = 4_096

    /// Nil for a line that tells no change of state.
    public var report: Report?
    /// Where the program listens, for one that was told to take a free port.
    public var port: Int?
    /// How many jobs of its predecessor it has taken over: `7/7`.
    public var recovered: String?
    /// The words on the life line that it acts on.
    public var words: Set<String> = []
    public var jobs: JobCounts?

    public init(_ report: Report?, port: Int? = nil, recovered: String? = nil) {
        self.report = report
        self.port = port
        self.recovered = recovered
    }

    /// Nil for a line that says nothing this version knows.
    public init?(_ line: String) {
        let values = ReadyLine.values(in: line)
        let count = { (key: String) in values[key].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } ?? 0 }
        if values["READY"] == "1" {
            // One that has not taken over everything is not ready, whatever it says.
            report = ReadyLine.isComplete(values["recovered"]) ? .ready : .recovering
        } else if values["RECOVERING"] == "1" {
            report = .recovering
        } else if values["DEGRADED"] == "1" {
            report = .degraded(values["reason"] ?? "it said so")
        } else if values["DRAINED"] == "1" {
            report = .drained(
                Holdings(
                    waiting: count("waiting"), scheduled: count("scheduled"), failed: count("failed"),
                    unacknowledged: count("unacknowledged")))
        } else if values["JOBS"] == "1" {
            jobs = JobCounts(
                running: count("running"), waiting: count("waiting"), scheduled: count("scheduled"),
                stored: count("stored"))
        } else {
            return nil
        }
        port = values["port"].flatMap { Int($0) }.flatMap { (1...65_535).contains($0) ? $0 : nil }
        recovered = values["recovered"].map(\.harmless)
        words = Set((values["words"] ?? "").split(separator: ",").map { String($0) })
    }

    private static func values(in line: String) -> [String: String] {
        var values: [String: String] = [:]
        var rest = line[...]
        while let word = rest.split(separator: " ", maxSplits: 1).first {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            rest = rest[word.endIndex...].drop { $0 == " " }
            guard parts.count == 2 else { continue }
            if parts[0] == "reason" {
                values["reason"] = (String(parts[1]) + (rest.isEmpty ? "" : " " + rest)).harmless
                break
            }
            values[String(parts[0])] = String(parts[1])
        }
        return values
    }

    /// `7/7` is, `5/7` is not; what is no such pair says nothing against it.
    private static func isComplete(_ recovered: String?) -> Bool {
        let parts = (recovered ?? "").split(separator: "/").map { Int($0) }
        guard parts.count == 2, let done = parts[0], let all = parts[1] else { return true }
        return done >= all
    }
}
