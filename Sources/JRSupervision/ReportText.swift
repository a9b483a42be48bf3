public import JRBase

/// What a report on a run of a cluster says, made from its events. How long something took is told by the clock that
/// only goes forward.
public struct RunReport: Sendable {
    /// An event, and when it was heard of.
    public struct Entry: Sendable {
        public var event: EventRecord
        public var at: Instant

        public init(_ event: EventRecord, at: Instant) {
            self.event = event
            self.at = at
        }
    }

    /// One incarnation of an instance.
    public struct Life: Sendable, Equatable {
        public var instance: String
        public var incarnation: Int
        public var started: Instant
        public var ready: Instant?
        public var ended: Instant?
        /// Why it ended or did not become ready; nil for a good life.
        public var failure: String?
    }

    public var cluster: String
    public var command: [String]
    public var started: Now
    public var ended: Instant
    public var events: [Entry]
    /// When the command was started and ended.
    public var commandStarted: Instant?
    public var commandEnded: Instant?
    public var verdict: ExecMachine.Verdict
    /// What was left when everything was down; nothing, as it should be.
    public var left: [String]

    public init(
        cluster: String, command: [String], started: Now, ended: Instant, events: [Entry],
        verdict: ExecMachine.Verdict, left: [String]
    ) {
        self.cluster = cluster
        self.command = command
        self.started = started
        self.ended = ended
        self.events = events
        self.verdict = verdict
        self.left = left
    }

    // MARK: Lives

    /// In the order of their starts.
    public var lives: [Life] {
        var lives: [Life] = []
        var open: [String: Int] = [:]
        for entry in events {
            guard let name = entry.event.instance, let change = entry.event.change else { continue }
            if change.to == .starting, open[name].map({ lives[$0].incarnation }) != change.incarnation {
                open[name] = lives.count
                lives.append(Life(instance: name, incarnation: change.incarnation, started: entry.at))
            }
            guard let index = open[name] else { continue }
            switch change.to {
            case .ready: lives[index].ready = lives[index].ready ?? entry.at
            case .backingOff, .crashLooping, .failed:
                lives[index].failure = change.cause
                lives[index].ended = lives[index].ended ?? entry.at
            case .blocked: lives[index].failure = change.cause
            case .stopped, .finished: lives[index].ended = entry.at
            case .waiting, .starting, .recovering, .degraded, .draining, .stopping: break
            }
            if change.to == .ready { lives[index].failure = nil }
        }
        return lives
    }

    // MARK: JUnit

    /// A test suite with a case for the command, one for each life of an instance, and one for what was left.
    public var junit: String {
        let lives = lives
        // A death that a successful run got over may have been what it was about.
        let isFailed = verdict.reason != nil
        let failures = (isFailed ? lives.count { $0.failure != nil } + 1 : 0) + (left.isEmpty ? 0 : 1)
        var text = #"<?xml version="1.0" encoding="UTF-8"?>"# + "\n"
        text += "<testsuites><testsuite name=\"\(XML.escape(cluster))\" tests=\"\(lives.count + 2)\""
        text += " failures=\"\(failures)\" errors=\"0\" time=\"\(Self.seconds(ended - started.instant))\""
        text += " timestamp=\"\(Dates.format(started.wall))\">\n"
        let time = commandStarted.map { (commandEnded ?? ended) - $0 } ?? .zero
        text += Self.testCase(
            "exec", command.joined(separator: " "), time,
            verdict.reason.map { ("exit \(verdict.exitCode)", $0) })
        for life in lives {
            let end = life.ended ?? ended
            text += Self.testCase(
                "instances", "\(life.instance) incarnation \(life.incarnation)", end - life.started,
                life.failure.map { (life.ready == nil ? "not ready" : "died", $0) }, isFailure: isFailed)
        }
        text += Self.testCase(
            "exec", "nothing is left", .zero,
            left.isEmpty ? nil : ("left", left.joined(separator: "\n")))
        return text + "</testsuite></testsuites>\n"
    }

    private static func testCase(
        _ group: String, _ name: String, _ time: Interval, _ failure: (kind: String, text: String)?,
        isFailure: Bool = true
    ) -> String {
        var text = "  <testcase classname=\"\(group)\" name=\"\(XML.escape(name))\" time=\"\(seconds(time))\""
        guard let failure else { return text + "/>\n" }
        if !isFailure {
            let words = "\(failure.kind): \(failure.text)"
            return text + "><system-out>\(XML.escape(words))</system-out></testcase>\n"
        }
        let first = failure.text.split(separator: "\n").first.map(String.init) ?? failure.text
        text += ">\n    <failure type=\"\(XML.escape(failure.kind))\" message=\"\(XML.escape(first))\">"
        return text + "\(XML.escape(failure.text))</failure>\n  </testcase>\n"
    }

    /// `1.042`
    private static func seconds(_ time: Interval) -> String {
        let milliseconds = max(0, time.nanoseconds / 1_000_000)
        let rest = String(milliseconds % 1_000)
        return "\(milliseconds / 1_000)." + String(repeating: "0", count: 3 - rest.utf8.count) + rest
    }

    // MARK: Timeline

    /// A line for each event with the seconds since the start, and what the time until ready went into.
    public var timeline: String {
        var text = "\(cluster): \(command.joined(separator: " "))\n"
        if let path = criticalPath { text += path + "\n" }
        text += "\n"
        let width = events.compactMap { $0.event.instance?.count }.max().map { max($0, 10) } ?? 10
        var rows = events.map { entry in
            let name = entry.event.instance ?? "supervisor"
            let what = entry.event.change.map { "\($0.to.rawValue): \($0.cause)" } ?? entry.event.text
            return (entry.at, name, what)
        }
        if let commandStarted { rows.append((commandStarted, "command", "started")) }
        if let commandEnded { rows.append((commandEnded, "command", "ended: \(verdict.reason ?? "exit 0")")) }
        // Stable: what happened in one turn stays in its order.
        let sorted = rows.enumerated().sorted { ($0.element.0, $0.offset) < ($1.element.0, $1.offset) }
        for (_, row) in sorted {
            let time = Self.seconds(row.0 - started.instant)
            let margin = String(repeating: " ", count: max(0, 9 - time.utf8.count))
            let gap = String(repeating: " ", count: max(0, width - row.1.count))
            text += "\(margin)\(time)  \(row.1)\(gap)  \(row.2)\n"
        }
        return text
    }

    /// `ready after 48ms; the last: main.1 11ms, worker.3 22ms`
    private var criticalPath: String? {
        var slowest: [(life: Life, ready: Instant)] = []
        var seen: Set<String> = []
        for life in lives where seen.insert(life.instance).inserted {
            guard let ready = life.ready else { return nil }
            slowest.append((life, ready))
        }
        guard let last = slowest.max(by: { $0.ready < $1.ready }) else { return nil }
        // Of those before it, one that was ready when it was started is what it had waited for.
        var path = [last]
        while let first = path.first,
            let before = slowest.filter({ $0.ready <= first.life.started && $0.life.instance != first.life.instance })
                .max(by: { $0.ready < $1.ready })
        {
            path.insert(before, at: 0)
        }
        let steps = path.map { "\($0.life.instance) \(Durations.format($0.ready - $0.life.started))" }
        return "ready after \(Durations.format(last.ready - started.instant)); on the longest way: "
            + steps.joined(separator: ", ")
    }
}

enum XML {
    /// Text for an attribute or between tags; control characters that XML does not have are shown as `?`.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\t", "\n", "\r": escaped += "&#\(scalar.value);"
            default:
                if scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF {
                    escaped += "?"
                } else {
                    escaped.unicodeScalars.append(scalar)
                }
            }
        }
        return escaped
    }
}
