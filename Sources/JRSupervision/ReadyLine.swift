import JRBase

/// A line that a program writes to its ready descriptor: words `KEY=value`, of which the first says what it is.
///
/// `RECOVERING=1`, `READY=1 port=5000 recovered=7/7` and `DEGRADED=1 reason=…` are understood; the rest of a line after
/// `reason=` is the reason. Words that are not known are left to later versions.
public struct ReadyLine: Sendable, Equatable {
    /// The longest line, in bytes. A longer one is not read.
    public static let longest = 4_096

    public var report: Report
    /// Where the program listens, for one that was told to take a free port.
    public var port: Int?
    /// How many jobs of its predecessor it has taken over: `7/7`.
    public var recovered: String?

    public init(_ report: Report, port: Int? = nil, recovered: String? = nil) {
        self.report = report
        self.port = port
        self.recovered = recovered
    }

    /// Nil for a line that says nothing this version knows.
    public init?(_ line: String) {
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
        if values["READY"] == "1" {
            report = .ready
        } else if values["RECOVERING"] == "1" {
            report = .recovering
        } else if values["DEGRADED"] == "1" {
            report = .degraded(values["reason"] ?? "it said so")
        } else {
            return nil
        }
        port = values["port"].flatMap { Int($0) }.flatMap { (1...65_535).contains($0) ? $0 : nil }
        recovered = values["recovered"].map(\.harmless)
    }
}
