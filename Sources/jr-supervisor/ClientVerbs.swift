import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `status`
enum StatusVerb {
    static func run(_ command: ParsedCommand) throws(SupervisorError) -> Int32 {
        let runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        let client = try ControlClient(runtime)
        let answer = try client.ask(["verb": "status"], isQuick: true)
        guard let json = answer["status"], let status = ClusterStatus(json) else {
            throw SupervisorError(
                exitCode: ExitCode.software.rawValue, "the supervisor answered in a way this version does not know")
        }
        if command.flag("json") {
            Standard.write(Standard.output, json.text(.pretty) + "\n")
        } else {
            let style = Style(
                isTerminal: Standard.isTerminal(Standard.output), environment: SystemProgram.environment,
                noColor: command.flag("no-color"))
            Standard.write(Standard.output, text(of: status, runtime, width: Standard.terminalWidth() ?? 80, style))
        }
        return status.isReady ? ExitCode.ok.rawValue : ExitCode.notReady.rawValue
    }

    private static func text(of status: ClusterStatus, _ runtime: RuntimeDirectory, width: Int, _ style: Style)
        -> String
    {
        let ready = status.instances.count { $0.state.allowsDependents }
        let head =
            "\(status.cluster)   \(ready)/\(status.instances.count) ready   supervisor pid \(status.supervisorPid)"
        var table = Table([
            Table.Column("NAME"), Table.Column("STATE"), Table.Column("PID", .right), Table.Column("PORT", .right),
            Table.Column("UP", .right), Table.Column("RESTARTS", .right), Table.Column("LAST", shrinksTo: 10),
        ])
        for instance in status.instances {
            let last = instance.state.allowsDependents ? instance.lastExit ?? "-" : instance.cause
            table.append([
                Table.Cell(instance.name), Table.Cell(instance.state.rawValue, effect(of: instance.state)),
                Table.Cell(instance.pid.map { String($0) } ?? "-"), Table.Cell(instance.port.map { String($0) } ?? "-"),
                Table.Cell(instance.uptimeSeconds.map { Durations.format(.seconds($0)) } ?? "-"),
                Table.Cell(String(instance.restarts)), Table.Cell(last),
            ])
        }
        let body = table.text(width: width, style)
        return style.apply(.bold, to: head) + "\n" + body + (body.hasSuffix("\n") ? "" : "\n")
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

/// `start`, `stop`, `restart`, `kill` and `down`: asked for over the control socket, answered when it has come true.
enum OperationVerb {
    static func run(_ command: ParsedCommand) throws -> Int32 {
        guard let verb = command.verb else { return ExitCode.usage.rawValue }
        var request: JSONObject = ["verb": .string(verb)]
        switch verb {
        case "down":
            request["now"] = .bool(command.flag("now"))
        case "kill":
            let word = command.argument(1) ?? "KILL"
            guard let signal = Signal(word) else {
                let known = Signal.names
                let hint = Names.nearest(to: word, among: known).map { "; did you mean '\($0)'?" } ?? ""
                throw UsageError(.other("'\(Terminal.escape(word))' is no signal\(hint)"), verb: verb)
            }
            request["names"] = .array(command.arguments.prefix(1).map { .string($0) })
            request["signal"] = .int(Int64(signal.number))
        default:
            request["names"] = .array(command.arguments.map { .string($0) })
            if verb != "start" { request["now"] = .bool(command.flag("now")) }
        }
        let runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        let client = try ControlClient(runtime)
        let answer = try client.ask(.object(request), isQuick: verb == "kill") { text in
            Standard.write(Standard.error, text + "\n")
        }
        if verb == "down", !client.waitForEnd(timeout: .seconds(10 as Int64)) {
            throw SupervisorError(
                exitCode: ExitCode.temporary.rawValue, "everything is stopped, but the supervisor itself is still there"
            )
        }
        if let message = answer["message"]?.string { Standard.write(Standard.output, message + "\n") }
        return ExitCode.ok.rawValue
    }
}
