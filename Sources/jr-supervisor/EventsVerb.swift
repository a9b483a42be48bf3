import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `events`: from the file, whether a supervisor runs or not, and live from the supervisor.
struct EventsVerb {
    private let command: ParsedCommand
    private let count: Int

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        count =
            try command.value("lines") { text throws(ValueError) in try Integers.parse(text, in: 0...1_000_000) } ?? 100
    }

    func run() throws(SupervisorError) -> Int32 {
        let runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        let follows = command.flag("follow")
        // Connected first: what happens between the reading of the file and the question is in the answer.
        let client = try? ControlClient(runtime)
        if follows, client == nil { _ = try ControlClient(runtime) }
        guard client != nil || Files.exists(runtime.eventFile) else {
            throw SupervisorError(
                exitCode: ExitCode.noInput.rawValue, "there are no events: \(runtime.eventFile) does not exist")
        }
        var events = EventFile.last(count, path: runtime.eventFile)
        let last = events.last?.sequence ?? EventFile.last(1, path: runtime.eventFile).last?.sequence ?? 0
        guard let client else { return show(events) }
        if !follows {
            try client.events(after: last, follows: false) { event in
                events.append(event)
                return true
            }
            return show(events.suffix(count))
        }
        _ = show(events)
        try client.events(after: last, follows: true) { write($0) }
        return ExitCode.ok.rawValue
    }

    private func show(_ events: some Sequence<EventRecord>) -> Int32 {
        for event in events where !write(event) { break }
        return ExitCode.ok.rawValue
    }

    /// False when nobody reads it any more.
    private func write(_ event: EventRecord) -> Bool {
        let text = command.flag("json") ? event.json.text : Terminal.escape(event.line)
        return Standard.write(Standard.output, text + "\n")
    }
}
