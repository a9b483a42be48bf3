import JRBase
import JRCommandLine
import JRJSON
import JRSupervision
import JRSupervisor
import JRSystem

/// Runs one verb and gives the exit code.
func run(_ command: ParsedCommand) throws -> Int32 {
    switch command.verb {
    case "up": try UpVerb(command).run()
    case "check": try check(command)
    case "chaos": try ChaosVerb(command).run()
    case "export": try ExportVerb(command).run()
    case "status": try StatusVerb(command).run()
    case "exec": try ExecVerb(command).run()
    case "wait": try WaitVerb(command).run()
    case "why": try WhyVerb.run(command)
    case "events": try EventsVerb(command).run()
    case "logs": try LogsVerb(command).run()
    case "start", "stop", "restart", "drain", "resume", "scale", "reload", "kill", "re-exec", "down":
        try OperationVerb.run(command)
    default: preconditionFailure("the table has a verb that nobody runs: \(command.verb ?? "none")")
    }
}

func check(_ command: ParsedCommand) throws(SupervisorError) -> Int32 {
    let file: ManifestFile
    do {
        file = try ManifestFile(command.argument(0), runtime: command.value("runtime"))
    } catch {
        if command.flag("json") {
            let answer: JSON = [
                "ok": false, "exit": .int(Int64(error.exitCode)), "message": .string(error.message),
            ]
            Standard.write(Standard.output, answer.text + "\n")
        }
        throw error
    }
    if command.flag("json") {
        let instances = file.plan.instances.map { instance -> JSON in
            let after = instance.after.map { JSON.string(file.plan.instances[$0].name) }
            return [
                "name": .string(instance.name), "entry": .string(instance.entry.name), "after": .array(after),
            ]
        }
        let answer: JSON = [
            "ok": true, "cluster": .string(file.plan.manifest.name), "runtime": .string(file.runtime.path),
            "instances": .array(instances), "notes": .array(file.plan.hints.map { .string($0) }),
        ]
        Standard.write(Standard.output, answer.text + "\n")
        return ExitCode.ok.rawValue
    }
    Standard.write(Standard.output, "\(file.plan.manifest.name): right\n")
    for instance in file.plan.instances {
        let after = instance.after.map { file.plan.instances[$0].name }
        let order = after.isEmpty ? "" : "   after \(after.joined(separator: ", "))"
        Standard.write(Standard.output, "  \(instance.name)\(order)\n")
    }
    for hint in file.plan.hints { Standard.write(Standard.output, "note: \(hint)\n") }
    return ExitCode.ok.rawValue
}

func fail(_ text: String, _ code: Int32) -> Never {
    Standard.write(Standard.error, text.hasSuffix("\n") ? text : text + "\n")
    SystemProgram.exit(code)
}

SystemProgram.ignoreBrokenPipes()
do {
    switch try commandLine.parse(Array(CommandLine.arguments.dropFirst()), environment: SystemProgram.environment) {
    case .answer(let text):
        Standard.write(Standard.output, text.hasSuffix("\n") ? text : text + "\n")
    case .command(let command):
        SystemProgram.exit(try run(command))
    }
} catch let error as UsageError {
    fail(commandLine.text(for: error), ExitCode.usage.rawValue)
} catch let error as SupervisorError {
    // The report on a manifest has its own beginnings of lines.
    let isReport = error.exitCode == SupervisorError.configuration
    fail(isReport ? error.message : "jr-supervisor: \(error.message)", error.exitCode)
} catch {
    fail("jr-supervisor: \(error)", ExitCode.software.rawValue)
}
