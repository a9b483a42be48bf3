import JRBase
import JRCommandLine
import JRJSON
import JRReactor
import JRSupervision
import JRSupervisor
import JRSystem

/// `exec`: a cluster for as long as one command runs.
struct ExecVerb {
    let command: ParsedCommand
    private let timeout: Interval
    private static let usualTimeout = Interval.seconds(600 as Int64)

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        timeout = try command.limit("timeout") ?? ExecVerb.usualTimeout
    }

    func run() throws(SupervisorError) -> Int32 {
        var (report, runtime): (ReportFolder?, RuntimeDirectory?) = (nil, nil)
        do throws(SupervisorError) {
            let source = try ManifestFile(command.argument(0))
            report = try command.value("report").map { path throws(SupervisorError) in try ReportFolder(path) }
            let directory = try ExecVerb.privateDirectory()
            runtime = directory
            try directory.make()
            let lock = try RuntimeLock(directory)
            let options = Execution.Options(command: command.remainder, timeout: timeout, report: report)
            try execute(source.isolated(in: directory, logs: report?.logs ?? directory.logs), lock, options)
        } catch {
            if let runtime { try? Files.removeTree(runtime.path) }
            guard command.flag("json") else { throw error }
            ExecVerb.show(error.exitCode, error.message, report: report)
            return error.exitCode
        }
        return ExitCode.ok.rawValue
    }

    /// Its name is nobody else's, and short enough for a socket in it.
    private static func privateDirectory() throws(SupervisorError) -> RuntimeDirectory {
        do throws(SystemError) {
            return RuntimeDirectory(path: try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-exec")))
        } catch {
            throw SupervisorError(
                exitCode: ExitCode.ioError.rawValue, "there is no place for a private runtime directory: \(error)")
        }
    }

    /// Runs the loop; the program ends from within it.
    private func execute(
        _ file: ManifestFile, _ lock: RuntimeLock, _ options: Execution.Options
    ) throws(SupervisorError) {
        let reactor: Reactor
        do {
            reactor = try Reactor(name: "supervisor", poolThreads: 4)
        } catch {
            throw SupervisorError(exitCode: ExitCode.software.rawValue, "no event loop: \(error)")
        }
        let asJSON = command.flag("json")
        let style = consoleStyle
        reactor.run { loop in
            let console = Console(loop, descriptor: Standard.error, style: style, showsChildren: false)
            let execution = Execution(file, lock: lock, console: console, options: options, loop: loop)
            execution.ended = { _, outcome in
                ExecVerb.tell(outcome, report: options.report, asJSON: asJSON)
                SystemProgram.exit(outcome.exitCode)
            }
            do {
                try loop.onSignals([Signals.interrupt, Signals.terminate, Signals.hangup, Signals.quit]) { _, signal in
                    execution.signalled(signal)
                }
                try execution.start()
            } catch {
                try? Files.removeTree(file.runtime.path)
                let code = (error as? SupervisorError)?.exitCode ?? ExitCode.software.rawValue
                guard asJSON else { fail("jr-supervisor: \(error)", code) }
                ExecVerb.show(code, "\(error)", report: options.report)
                SystemProgram.exit(code)
            }
        }
    }

    private var consoleStyle: Console.Style {
        guard command.flag("verbose") else { return .none }
        let style = Style(
            isTerminal: Standard.isTerminal(Standard.error), environment: SystemProgram.environment,
            noColor: command.flag("no-color"))
        return .text(colors: style.isOn)
    }

    /// On standard error: what the command prints is its own.
    private static func tell(_ outcome: Execution.Outcome, report: ReportFolder?, asJSON: Bool) {
        if asJSON {
            let guilty = outcome.guilty.map { instance -> JSON in
                [
                    "name": .string(instance.name), "what": .string(instance.words),
                    "lines": .array(instance.lines.map { .string($0) }),
                ]
            }
            show(outcome.exitCode, outcome.reason, guilty: guilty, report: report)
            return
        }
        guard let reason = outcome.reason else { return }
        var text = "jr-supervisor: exec: \(Terminal.escape(reason)) (exit \(outcome.exitCode))\n"
        for instance in outcome.guilty {
            text += "\(Terminal.escape(instance.words)); the last lines of its log:\n"
            text += instance.lines.map { "    \(Terminal.escape($0))\n" }.joined()
        }
        if let report { text += "the report is in \(report.path)\n" }
        Standard.write(Standard.error, text)
    }

    private static func show(_ exitCode: Int32, _ reason: String?, guilty: [JSON] = [], report: ReportFolder?) {
        let object: JSON = [
            "exit": .int(Int64(exitCode)), "reason": reason.map { .string($0) } ?? .null, "guilty": .array(guilty),
            "report": report.map { .string($0.path) } ?? .null,
        ]
        Standard.write(Standard.error, object.text + "\n")
    }
}
