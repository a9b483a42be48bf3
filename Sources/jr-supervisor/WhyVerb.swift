import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// `why NAME`: the state of an instance with its cause, the evidence and what to do.
enum WhyVerb {
    private static let linesShown = 10

    static func run(_ command: ParsedCommand) throws(SupervisorError) -> Int32 {
        let client = try ControlClient(try RuntimeDirectory.find(option: command.value("runtime")))
        let names = command.arguments.map { JSON.string($0) }
        let answer = try client.ask(["verb": "why", "names": .array(names)], isQuick: true)
        let found = (answer["why"]?.array ?? []).compactMap { Explanation($0) }
        for (place, explanation) in found.enumerated() {
            let lines = lastLines(of: explanation)
            if command.flag("json") {
                var object = explanation.json.object ?? [:]
                object["lines"] = .array(lines.map { .string($0) })
                Standard.write(Standard.output, JSON.object(object).text + "\n")
            } else {
                let gap = place == 0 ? "" : "\n"
                Standard.write(Standard.output, gap + explanation.text(lines: lines.map { Terminal.escape($0) }))
            }
        }
        return ExitCode.ok.rawValue
    }

    private static func lastLines(of explanation: Explanation) -> [String] {
        LogFollower(instance: explanation.name, path: explanation.log).last(linesShown).map { "\($0.mark) \($0.text)" }
    }
}
