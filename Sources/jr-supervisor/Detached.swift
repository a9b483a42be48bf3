import JRCommandLine
import JRJSON
import JRSupervisor
import JRSystem

/// `up --detach`: this program once more, in a session of its own, which tells over a pipe what became of the start.
enum Detached {
    /// Starts this program in the background and waits until it is ready or has given up.
    static func start(_ runtime: RuntimeDirectory, json: Bool) throws(SupervisorError) -> Int32 {
        let answer: [UInt8]
        do throws(SystemError) {
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let readEnd = Descriptor(owning: ends.read)
            let writeEnd = Descriptor(owning: ends.write)
            let log = try Files.open(runtime.supervisorLog, [.write, .create, .append, .noFollow])
            var environment = SystemProgram.environment
            environment[Starter.variable] = String(Starter.descriptor)
            let request = SpawnRequest(
                executable: try Files.currentExecutable(), arguments: CommandLine.arguments,
                environment: environment.map { "\($0.key)=\($0.value)" },
                descriptors: [(2, log.raw), (Starter.descriptor, writeEnd.raw)])
            _ = try Processes.spawn(request)
            _ = consume writeEnd
            answer = try Files.readAll(readEnd.raw, limit: 1 << 20)
        } catch {
            throw SupervisorError(exitCode: ExitCode.ioError.rawValue, "the supervisor cannot be started: \(error)")
        }
        guard let line = answer.split(separator: UInt8(ascii: "\n")).first, let object = try? JSON(parsing: Array(line))
        else {
            throw SupervisorError(
                exitCode: ExitCode.software.rawValue,
                "the supervisor ended before it had started anything; \(runtime.supervisorLog) may say why")
        }
        if json { Standard.write(Standard.output, object.text + "\n") }
        let message = object["message"]?.string ?? ""
        if object["ok"]?.bool == true {
            if !json { Standard.write(Standard.output, message + "\n") }
            return ExitCode.ok.rawValue
        }
        let code = object["exit"]?.int.flatMap { Int32(exactly: $0) } ?? ExitCode.unavailable.rawValue
        if !json {
            let logs = (object["logs"]?.array ?? []).compactMap(\.string)
            Standard.write(Standard.error, "jr-supervisor: \(message)\n" + lastLines(of: logs))
        }
        return code
    }

    /// What those said that did not come up, from their log files: everything is down again, and they are complete.
    private static func lastLines(of logs: [String]) -> String {
        var text = ""
        for path in logs.prefix(3) {
            let lines = LogFollower(instance: "", path: path).last(20).map { "    \(Terminal.escape($0.text))\n" }
            if !lines.isEmpty { text += "the last lines of \(path):\n" + lines.joined() }
        }
        return text
    }
}
