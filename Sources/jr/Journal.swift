import JRBase
import JRCommandLine
import JRJSON
import JRStorage
import JRSystem

/// `jr journal ACTION PLACE`: looks into a node's storage, saves what is whole of it, and moves jobs to another one. It
/// needs no cluster.
enum Journal {
    static let actions = ["verify", "dump", "salvage", "export", "import", "time"]

    static func run(_ command: ParsedCommand) throws(UsageError) -> Never {
        let action = command.argument(0) ?? ""
        try check(command, action)
        let place = command.argument(1) ?? ""
        do throws(StorageToolError) {
            switch action {
            case "verify": try verify(place, asJSON: command.flag("json"))
            case "dump": try dump(place, records: command.flag("records"))
            case "salvage": try salvage(place, to: command.value("to") ?? "", asJSON: command.flag("json"))
            case "export": try export(place, node: command.value("node"), to: command.value("to"))
            case "time": try time(place)
            default:
                try importJobs(
                    place, to: command.value("to") ?? "", node: command.value("node"),
                    skipsExisting: command.flag("skip-existing"))
            }
        } catch {
            ToolConsole.shared.clear()
            Console.note(error.description)
            Console.exit(error.exitCode)
        }
    }

    /// Which options belong to which action.
    private static func check(_ command: ParsedCommand, _ action: String) throws(UsageError) {
        let allowed: [String: Set<String>] = [
            "verify": ["json"], "dump": ["records"], "salvage": ["to", "json"], "export": ["to", "node"],
            "import": ["to", "node", "skip-existing"], "time": [],
        ]
        let own = allowed[action] ?? []
        for option in ["json", "records", "skip-existing"] where command.flag(option) && !own.contains(option) {
            throw UsageError(.other("--\(option) says nothing with '\(action)': leave it out"), verb: "journal")
        }
        for option in ["to", "node"] where command.value(option) != nil && !own.contains(option) {
            throw UsageError(.other("--\(option) says nothing with '\(action)': leave it out"), verb: "journal")
        }
        guard command.value("to") == nil else { return }
        if action == "salvage" {
            throw UsageError(.other("--to is missing: the directory to make, such as --to NEWDIR"), verb: "journal")
        }
        if action == "import" {
            throw UsageError(
                .other("--to is missing: a directory, or the address of a Redis server with --node"), verb: "journal")
        }
    }

    // MARK: Actions

    private static func verify(_ path: String, asJSON: Bool) throws(StorageToolError) -> Never {
        let report = try JournalReport.make(of: path) { ToolConsole.shared.show($0) }
        ToolConsole.shared.clear()
        for line in asJSON ? report.json.map(\.text) : report.lines { Console.result(line) }
        Console.exit(report.isSound ? 0 : 65)
    }

    private static func dump(_ path: String, records: Bool) throws(StorageToolError) -> Never {
        let sink = try LineSink(path: nil)
        let output = ToolConsole.output { (line) throws(StorageToolError) in try sink.write(line) }
        let isSound =
            records ? try JournalDump.records(of: path, output) : try JournalDump.jobs(of: path, output)
        try sink.finish()
        Console.exit(isSound ? 0 : 65)
    }

    private static func salvage(_ path: String, to newPath: String, asJSON: Bool) throws(StorageToolError) -> Never {
        let salvage = try JournalSalvage.run(path, to: newPath) { ToolConsole.shared.show($0) }
        ToolConsole.shared.clear()
        for line in asJSON ? salvage.json.map(\.text) : salvage.lines { Console.result(line) }
        // A script is not to go on without the jobs that are lost, as if nothing had happened.
        Console.exit(salvage.isComplete ? 0 : 65)
    }

    private static func export(_ place: String, node: String?, to file: String?) throws(StorageToolError) -> Never {
        let place = try StoragePlace(place, node: node)
        let sink = try LineSink(path: file)
        let jobs: Int
        do {
            let output = ToolConsole.output { (line) throws(StorageToolError) in try sink.write(line) }
            jobs = try JobExport.run(place, output)
            try sink.finish()
        } catch {
            sink.abandon()
            throw error
        }
        ToolConsole.shared.clear()
        Console.note("\(jobs) \(jobs == 1 ? "job" : "jobs") exported")
        Console.exit(0)
    }

    private static func importJobs(
        _ file: String, to place: String, node: String?, skipsExisting: Bool
    ) throws(StorageToolError) -> Never {
        let place = try StoragePlace(place, node: node)
        let work = JobImport(path: file, to: place, skipsExisting: skipsExisting)
        let summary = try work.run(ToolConsole.output { _ in })
        ToolConsole.shared.clear()
        let skipped = summary.skipped == 0 ? "" : ", \(summary.skipped) skipped that are there already"
        Console.note("\(summary.imported) \(summary.imported == 1 ? "job" : "jobs") imported\(skipped)")
        Console.exit(0)
    }

    private static func time(_ path: String) throws(StorageToolError) -> Never {
        let opened = try OpeningTime.measure(path)
        Console.result(opened.line)
        Console.exit(0)
    }
}

/// Progress on standard error: a bar that is drawn again on a terminal, else a line every few seconds.
final class ToolConsole: Sendable {
    static let shared = ToolConsole()

    private struct State: Sendable {
        var drawn = SystemClock.instant()
        var hasBar = false
    }

    private let isTerminal = Standard.isTerminal(Standard.error)
    private let started = SystemClock.instant()
    private let state = Monitor(State())

    static func output(_ line: @escaping (String) throws(StorageToolError) -> Void) -> ToolOutput {
        ToolOutput(line: line, note: { Console.note($0) }, progress: { shared.show($0) })
    }

    func show(_ progress: ToolProgress) {
        let now = SystemClock.instant()
        let pause: Interval = isTerminal ? .milliseconds(100) : .seconds(Int64(5))
        let isDue = state.withLock { state in
            guard now - state.drawn >= pause else { return false }
            state.drawn = now
            state.hasBar = isTerminal
            return true
        }
        guard isDue else { return }
        let of = progress.total.map { " of \(Numbers.grouped($0))" } ?? ""
        let text = "\(progress.verb) \(Numbers.grouped(progress.done))\(of) \(progress.unit)"
        guard isTerminal else { return Console.note(text) }
        let bar = ProgressBar(done: progress.done, total: progress.total, elapsed: now - started)
        let width = Standard.terminalWidth(Standard.error) ?? 80
        let line = Terminal.truncate(progress.verb + " " + bar.line(width: width - progress.verb.count - 2), to: width)
        _ = Standard.write(Standard.error, "\r\(line)\u{1B}[K")
    }

    func clear() {
        let hadBar = state.withLock { state in
            defer { state.hasBar = false }
            return state.hasBar
        }
        if hadBar { _ = Standard.write(Standard.error, "\r\u{1B}[K") }
    }
}
