import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `logs`: reads the files, whether a supervisor runs or not.
struct LogsVerb {
    private static let pollMilliseconds: Int32 = 100

    private let command: ParsedCommand
    private let count: Int
    private let style: Style

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        count = try command.value("lines") { text throws(ValueError) in try Integers.parse(text) } ?? 100
        style = Style(
            isTerminal: Standard.isTerminal(Standard.output), environment: SystemProgram.environment,
            noColor: command.flag("no-color"))
    }

    func run() throws(SupervisorError) -> Int32 {
        let files = try chosen(from: LogsVerb.files(try RuntimeDirectory.find(option: command.value("runtime"))))
        var page = page(of: files.map(\.name))
        let followers = files.map { LogFollower(instance: $0.name, path: $0.path) }
        show(followers.flatMap { $0.last(count) }, &page)
        // Nobody ever raises it: waiting for it is waiting for a time.
        let never = (try? IO.eventCounter())?.take() ?? -1
        while command.flag("follow") {
            let lines = followers.flatMap { $0.next() }
            if lines.isEmpty {
                // The files are the only connection to the supervisor, so that a reader can never hold it up.
                _ = try? IO.waitReadable(never, timeout: LogsVerb.pollMilliseconds)
            } else if !show(lines, &page) {
                break
            }
        }
        return ExitCode.ok.rawValue
    }

    private struct File {
        var name: String
        var path: String
    }

    /// From the supervisor, which knows where they are; without one, those in the usual place.
    private static func files(_ runtime: RuntimeDirectory) throws(SupervisorError) -> [File] {
        if let client = try? ControlClient(runtime), let answer = try? client.ask(["verb": "status"], isQuick: true),
            let status = answer["status"].flatMap({ ClusterStatus($0) })
        {
            return status.instances.compactMap { instance in instance.log.map { File(name: instance.name, path: $0) } }
        }
        let names = ((try? Files.list(runtime.logs)) ?? []).filter { $0.hasSuffix(".log") && $0 != "supervisor.log" }
        guard !names.isEmpty else {
            throw SupervisorError(exitCode: ExitCode.noInput.rawValue, "there are no log files in \(runtime.logs)")
        }
        return names.map { File(name: String($0.dropLast(4)), path: "\(runtime.logs)/\($0)") }
    }

    private func chosen(from files: [File]) throws(SupervisorError) -> [File] {
        if command.arguments.isEmpty { return files }
        var found: [File] = []
        for name in command.arguments {
            let exact = files.filter { $0.name == name }
            let matching = exact.isEmpty ? files.filter { LogsVerb.entry(of: $0.name) == name } : exact
            guard !matching.isEmpty else {
                let known = files.map(\.name)
                let nearest = Names.nearest(to: name, among: known).map { "did you mean \"\($0)\"?" }
                let hint = nearest ?? "there is: " + known.joined(separator: ", ")
                throw SupervisorError(
                    exitCode: ExitCode.usage.rawValue,
                    "there is no log of \"\(Terminal.escape(name))\" (\(hint))"
                )
            }
            found += matching.filter { file in !found.contains { $0.name == file.name } }
        }
        return found
    }

    private static func entry(of instance: String) -> String {
        instance.lastIndex(of: ".").map { String(instance[..<$0]) } ?? instance
    }

    /// In the order of their times; false when nobody reads them any more.
    @discardableResult
    private func show(_ lines: [LogLine], _ page: inout LogPage) -> Bool {
        let sorted = LogPage.inOrder(lines)
        return Standard.write(
            Standard.output, command.flag("json") ? LogPage.json(of: sorted) : page.text(of: sorted))
    }

    private func page(of names: [String]) -> LogPage {
        let width = names.map(\.count).max() ?? 0
        return LogPage(
            prefix: { instance, mark in
                let name = instance + String(repeating: " ", count: max(0, width - instance.count))
                let colour = Style.colour(at: names.firstIndex(of: instance) ?? 0)
                return style.apply(colour, to: "\(name) \(mark)") + " "
            },
            clock: LogsVerb.clock, escape: { Terminal.escape($0) })
    }

    private static func clock(_ time: String) -> String {
        guard let wall = try? Dates.parse(time) else { return "" }
        return Dates.formatTimeOfDay(wall + SystemClock.localOffset(at: wall)).prefix(8) + " "
    }
}
