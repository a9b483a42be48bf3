import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `status`, and with `--watch` every change of it as the supervisor sends it.
struct StatusVerb {
    private let command: ParsedCommand
    private let runtime: RuntimeDirectory
    private let style: Style

    init(_ command: ParsedCommand) throws(SupervisorError) {
        self.command = command
        runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        style = Style(
            isTerminal: Standard.isTerminal(Standard.output), environment: SystemProgram.environment,
            noColor: command.flag("no-color"))
    }

    func run() throws(SupervisorError) -> Int32 {
        let client = try ControlClient(runtime)
        if command.flag("watch") { return try watch(client) }
        let status = try StatusVerb.status(in: try client.ask(["verb": "status"], isQuick: true))
        if command.flag("json") {
            Standard.write(Standard.output, status.json.text(.pretty) + "\n")
        } else {
            Standard.write(Standard.output, StatusText.text(of: status, width: width, style))
        }
        return status.isReady ? ExitCode.ok.rawValue : ExitCode.notReady.rawValue
    }

    /// Ends with the supervisor, or with the reader.
    private func watch(_ client: ControlClient) throws(SupervisorError) -> Int32 {
        let isTerminal = Standard.isTerminal(Standard.output)
        let asJSON = command.flag("json")
        var misunderstood: SupervisorError?
        try client.stream(["verb": "status", "watch": true]) { answer in
            do throws(SupervisorError) {
                let status = try StatusVerb.status(in: answer)
                if asJSON { return Standard.write(Standard.output, status.json.text + "\n") }
                // Over the last one on a terminal, one after the other in a file.
                let start = isTerminal ? "\u{1B}[H\u{1B}[J" : ""
                return Standard.write(Standard.output, start + StatusText.text(of: status, width: width, style))
            } catch {
                misunderstood = error
                return false
            }
        }
        if let misunderstood { throw misunderstood }
        Standard.write(Standard.error, "jr-supervisor: the supervisor has ended\n")
        return ExitCode.notRunning.rawValue
    }

    private var width: Int { Standard.terminalWidth() ?? 80 }

    private static func status(in answer: JSON) throws(SupervisorError) -> ClusterStatus {
        guard let status = answer["status"].flatMap({ ClusterStatus($0) }) else {
            throw SupervisorError(
                exitCode: ExitCode.software.rawValue, "the supervisor answered in a way this version does not know")
        }
        return status
    }
}

/// A cluster's status for people: a row of figures an instance, and a line for each that has more to say.
enum StatusText {
    static func text(of status: ClusterStatus, width: Int, _ style: Style) -> String {
        let ready = status.instances.count { $0.state.allowsDependents }
        let head =
            "\(status.cluster)   \(ready)/\(status.instances.count) ready   supervisor pid \(status.supervisorPid)"
        var table = Table([
            Table.Column("NAME", shrinksTo: 8), Table.Column("STATE"), Table.Column("PID", .right),
            Table.Column("PORT", .right), Table.Column("UP", .right), Table.Column("RESTARTS", .right),
            Table.Column("RUN", .right), Table.Column("WAIT", .right), Table.Column("SCHED", .right),
            Table.Column("MEM", .right),
        ])
        for instance in status.instances { table.append(row(instance)) }
        let notes = status.instances.flatMap(notes).map {
            "  " + Terminal.truncate(Terminal.escape($0), to: width - 2)
        }
        let lines = [style.apply(.bold, to: Terminal.truncate(head, to: width))]
        return lines.joined() + "\n" + table.text(width: width, style) + notes.map { $0 + "\n" }.joined()
    }

    private static func row(_ instance: InstanceStatus) -> [Table.Cell] {
        let count = { (number: Int?) in Table.Cell(number.map { String($0) } ?? "-") }
        return [
            Table.Cell(instance.name), Table.Cell(instance.state.rawValue, effect(of: instance.state)),
            count(instance.pid.map { Int($0) }), count(instance.port),
            Table.Cell(instance.uptimeSeconds.map { age($0) } ?? "-"), Table.Cell(String(instance.restarts)),
            count(instance.jobs?.running), count(instance.jobs?.waiting), count(instance.jobs?.scheduled),
            Table.Cell(instance.memoryBytes.map { Sizes.format($0) } ?? "-"),
        ]
    }

    /// Why it is not ready, or what became of the process before this one, and what it says itself.
    private static func notes(_ instance: InstanceStatus) -> [String] {
        let said = instance.said.map { ["\(instance.name) says: \($0)"] } ?? []
        if !instance.state.allowsDependents {
            return ["\(instance.name) is \(instance.state.rawValue): \(instance.cause)"] + said
        }
        guard let exit = instance.lastExit else { return said }
        let ago = instance.lastExitSecondsAgo.map { " \(age($0)) ago" } ?? " before"
        let recovered = instance.recovered.map { $0.hasPrefix("0/0") ? "" : "; \($0) recovered" } ?? ""
        return ["\(instance.name) ended\(ago): \(exit)\(recovered)"] + said
    }

    /// In whole seconds, and no finer than somebody who looks at it cares about.
    private static func age(_ seconds: Double) -> String {
        let whole = Int64(seconds)
        if whole < 60 { return "\(whole)s" }
        if whole < 3_600 { return "\(whole / 60)m\(whole % 60)s" }
        if whole < 86_400 { return "\(whole / 3_600)h\(whole % 3_600 / 60)m" }
        return "\(whole / 86_400)d\(whole % 86_400 / 3_600)h"
    }

    private static func effect(of state: InstanceState) -> Style.Effect {
        switch state {
        case .ready, .finished: .green
        case .failed, .crashLooping, .blocked: .red
        case .waiting, .starting, .recovering, .degraded, .backingOff, .draining, .stopping: .yellow
        case .stopped: .dim
        }
    }
}
