import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `wait ready | idle | stopped`: returns when it has come true.
struct WaitVerb {
    private let command: ParsedCommand
    private let patience = Interval.seconds(10 as Int64)
    private let timeout: Interval?

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        timeout = try command.value("timeout", Durations.parse)
    }

    func run() throws(SupervisorError) -> Int32 {
        let goal = command.argument(0) ?? ""
        let client: ControlClient
        do throws(SupervisorError) {
            client = try ControlClient(try RuntimeDirectory.find(option: command.value("runtime")))
        } catch {
            guard goal == "stopped", error.exitCode == ExitCode.notRunning.rawValue else { throw error }
            return tell("stopped: no supervisor runs here", code: ExitCode.ok.rawValue)
        }
        var request: JSONObject = [
            "verb": "wait", "for": .string(goal),
            "names": .array(command.arguments.dropFirst().map { .string($0) }),
        ]
        if let timeout { request["timeoutMilliseconds"] = .int(timeout.millisecondsRoundedUp) }
        do throws(SupervisorError) {
            let answer = try client.ask(.object(request)) { text in
                Standard.write(Standard.error, Terminal.escape(text) + "\n")
            }
            return tell(answer["message"]?.string ?? "", code: ExitCode.ok.rawValue)
        } catch {
            // The supervisor may have gone between the request and its answer: then everything is.
            if goal == "stopped", error.exitCode == ExitCode.unavailable.rawValue, client.waitForEnd(timeout: patience)
            {
                return tell("all stopped", code: ExitCode.ok.rawValue)
            }
            guard command.flag("json") else { throw error }
            return tell(error.message, code: error.exitCode)
        }
    }

    private func tell(_ text: String, code: Int32) -> Int32 {
        let object: JSON = ["ok": .bool(code == 0), "exit": .int(Int64(code)), "message": .string(text)]
        Standard.write(Standard.output, (command.flag("json") ? object.text : text) + "\n")
        return code
    }
}
