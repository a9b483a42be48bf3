public import JRBase
public import JRJSON
import JRSupervision

/// Something that happened in a run of `chaos`.
public struct ChaosLine: Sendable, Equatable {
    /// From the beginning.
    public var at: Interval
    /// `kill`, `pause`, `resume`, `died`, `ready`, `skipped`, `over`
    public var word: String
    /// Whom it is about; nil for the run as a whole.
    public var instance: String?
    /// The rest of it.
    public var text: String

    /// - Parameters:
    ///   - at: From the beginning.
    ///   - word: What it is.
    ///   - instance: Whom it is about; nil for the run as a whole.
    ///   - text: The rest of it.
    public init(at: Interval, word: String, instance: String?, text: String) {
        self.at = at
        self.word = word
        self.instance = instance
        self.text = text
    }

    /// For people: `  1.204s  kill     worker.1  SIGKILL to pid 4201`.
    ///
    /// - Parameter width: That of the longest name of an instance.
    public func line(width: Int) -> String {
        let time = Self.seconds(at)
        let parts = [
            String(repeating: " ", count: max(0, 8 - time.count)) + time,
            word + String(repeating: " ", count: max(0, 7 - word.count)),
            instance.map { $0 + String(repeating: " ", count: max(0, width - $0.count)) } ?? "", text,
        ]
        var line = parts.filter { !$0.isEmpty }.joined(separator: "  ")
        while line.last == " " { line.removeLast() }
        return line
    }

    /// The same as an object.
    public var json: JSON {
        [
            "at": .double(at.seconds), "event": .string(word), "instance": instance.map { .string($0) } ?? .null,
            "text": .string(text),
        ]
    }

    private static func seconds(_ interval: Interval) -> String {
        let milliseconds = interval.millisecondsRoundedUp
        let rest = String(milliseconds % 1_000)
        return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest + "s"
    }
}

/// What a run of `chaos` came to.
public struct ChaosReport: Sendable, Equatable {
    static let jobsLost: Int32 = 76

    /// What the drills came from.
    public var seed: UInt64
    /// What became of the instances.
    public var tallies: [ChaosMachine.Tally]
    /// Nil when nothing was asserted, or it did not come to that.
    public var findings: ChaosLedger.Findings?
    /// That of the program.
    public private(set) var exitCode: Int32
    /// Why it ended before its time.
    public private(set) var reason: String?

    /// - Parameters:
    ///   - seed: What the drills came from.
    ///   - tallies: What became of the instances.
    ///   - findings: What became of the jobs; nil when nobody asked.
    ///   - exitCode: How the run itself ended.
    ///   - reason: Why it ended like that; nil for a good end.
    public init(
        seed: UInt64, tallies: [ChaosMachine.Tally], findings: ChaosLedger.Findings?, exitCode: Int32, reason: String?
    ) {
        self.seed = seed
        self.tallies = tallies
        self.findings = findings
        self.exitCode = exitCode
        self.reason = reason
        guard exitCode == 0, let findings else { return }
        if !findings.problems.isEmpty {
            self.exitCode = Self.jobsLost
        } else if !findings.gaps.isEmpty {
            // Nothing speaks against it, but not all was seen.
            self.exitCode = ExitCodes.unavailable
        }
    }

    /// What the whole came to, a line each.
    public var lines: [String] {
        var lines: [String] = []
        if let reason { lines.append("chaos: \(reason)") }
        guard let findings else { return lines }
        let counts = [
            "\(Words.count(findings.enqueued, "job")) enqueued meanwhile", "\(Words.grouped(findings.stored)) stored",
            "\(Words.grouped(findings.left)) left", "\(Words.grouped(findings.maybeDuplicate)) maybe twice",
        ].joined(separator: ", ")
        if findings.problems.isEmpty, findings.gaps.isEmpty {
            lines.append("no-lost-jobs: holds; \(counts)")
        } else if findings.problems.isEmpty {
            lines.append("no-lost-jobs: nothing speaks against it, but not all could be looked at; \(counts)")
        } else {
            lines.append("no-lost-jobs: does not hold: \(findings.lost) lost, \(findings.failed) failed; \(counts)")
        }
        return lines + (findings.problems + findings.gaps + findings.remarks).map { "  " + $0 }
    }

    /// The same as an object.
    public var json: JSON {
        let rows = tallies.map { tally -> JSON in
            [
                "instance": .string(tally.instance), "kills": .int(Int64(tally.kills)),
                "pauses": .int(Int64(tally.pauses)), "restarts": .int(Int64(tally.restarts)),
                "longestToReadySeconds": tally.longestToReady.map { .double($0.seconds) } ?? .null,
            ]
        }
        let strings = { (texts: [String]) in JSON.array(texts.map { .string($0) }) }
        let jobs = findings.map { findings -> JSON in
            [
                "enqueued": .int(Int64(findings.enqueued)), "stored": .int(Int64(findings.stored)),
                "left": .int(Int64(findings.left)), "lost": .int(Int64(findings.lost)),
                "failed": .int(Int64(findings.failed)), "maybeDuplicate": .int(Int64(findings.maybeDuplicate)),
                "samples": .int(Int64(findings.samples)), "problems": strings(findings.problems),
                "gaps": strings(findings.gaps), "remarks": strings(findings.remarks),
            ]
        }
        return [
            "exit": .int(Int64(exitCode)), "reason": reason.map { .string($0) } ?? .null,
            "seed": .string(String(seed)), "instances": .array(rows), "jobs": jobs ?? .null,
        ]
    }
}
