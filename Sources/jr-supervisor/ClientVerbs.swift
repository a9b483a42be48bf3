import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `start`, `stop`, `restart`, `drain`, `resume`, `scale`, `reload`, `kill`, `re-exec` and `down`: asked for over the
/// control socket, answered when it has come true.
enum OperationVerb {
    static func run(_ command: ParsedCommand) throws -> Int32 {
        guard let verb = command.verb else { return ExitCode.usage.rawValue }
        var request: JSONObject = ["verb": .string(verb)]
        switch verb {
        case "down":
            request["now"] = .bool(command.flag("now"))
        case "scale":
            let parts = (command.argument(0) ?? "").split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let count = Int64(parts[1]), count >= 0 else {
                throw UsageError(.other("scale takes NAME=COUNT, such as worker=4"), verb: verb)
            }
            request["name"] = .string(String(parts[0]))
            request["count"] = .int(count)
        case "reload":
            request["dryRun"] = .bool(command.flag("dry-run"))
        case "re-exec":
            break
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
            if verb == "stop" || verb == "restart" { request["now"] = .bool(command.flag("now")) }
        }
        if verb == "restart", command.flag("rolling") {
            if command.flag("now") {
                throw UsageError(.other("--now does not go with --rolling, which waits for jobs to end"), verb: verb)
            }
            request["rolling"] = true
        }
        let runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        let client = try ControlClient(runtime)
        let asJSON = command.flag("json")
        let answer = try client.ask(.object(request), isQuick: verb == "kill") { text in
            if asJSON {
                Standard.write(Standard.output, JSON.object(["progress": .string(text)]).text + "\n")
            } else {
                Standard.write(Standard.error, text + "\n")
            }
        } answered: { answer in
            if asJSON { Standard.write(Standard.output, answer.text + "\n") }
        }
        if verb == "down", !client.waitForEnd(timeout: .seconds(10 as Int64)) {
            throw SupervisorError(
                exitCode: ExitCode.temporary.rawValue, "everything is stopped, but the supervisor itself is still there"
            )
        }
        if asJSON {
            Standard.write(Standard.output, answer.text + "\n")
        } else if let message = answer["message"]?.string {
            Standard.write(Standard.output, message + "\n")
        }
        return ExitCode.ok.rawValue
    }
}
