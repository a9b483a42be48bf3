import JRBase
import JRCommandLine
import JRJSON
import JRReactor
import JRSupervision
import JRSupervisor
import JRSystem

/// `up`: in the foreground, or behind `--detach`.
struct UpVerb {
    let command: ParsedCommand
    private let limit: Interval?

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        limit = try command.limit("wait")
        if command.flag("until-idle"), command.flag("detach") {
            throw UsageError(
                .other("--until-idle ends by itself and says how with its exit code: leave out --detach"), verb: "up")
        }
    }

    func run() throws(SupervisorError) -> Int32 {
        if let inheritance = try Inheritance.ofThisProgram() { return try goOn(inheritance) }
        // The program in the background, which answers to the one that started it.
        let starter = Starter.ofThisProgram
        do throws(SupervisorError) {
            let file = try manifest()
            try file.runtime.make()
            if command.flag("detach"), starter == nil {
                return try Detached.start(file.runtime, json: command.flag("json"))
            }
            let lock = try RuntimeLock(file.runtime)
            try supervise(file, lock, starter, isDetached: starter != nil)
        } catch {
            starter?.tell(.failed(error.message, logs: []), exitCode: error.exitCode)
            throw error
        }
        return ExitCode.ok.rawValue
    }

    /// Takes over what runs in this process since it was another program, or only says that it could.
    private func goOn(_ inheritance: Inheritance) throws(SupervisorError) -> Int32 {
        let handover = inheritance.handover
        do throws(SupervisorError) {
            let file = try manifest(goingOn: handover)
            if inheritance.isTrial {
                Standard.write(Standard.output, inheritance.answer("\(commandLine.program) \(commandLine.version)"))
            } else {
                try supervise(file, inheritance.lock(), nil, isDetached: handover.isDetached, goingOn: handover)
            }
        } catch {
            if inheritance.isTrial { throw error }
            lost(error)
        }
        return ExitCode.ok.rawValue
    }

    /// Nobody is left who could look after what runs.
    private func lost(_ error: SupervisorError) -> Never {
        Inheritance.endChildren()
        fail("jr-supervisor: \(error.message); all that ran was ended", Inheritance.failed)
    }

    private func manifest(goingOn handover: Handover? = nil) throws(SupervisorError) -> ManifestFile {
        let only = command.values("only")
        return try ManifestFile(
            command.argument(0), runtime: command.value("runtime"), only: only.isEmpty ? nil : only, goingOn: handover)
    }

    /// Runs the loop; the program ends from within it.
    private func supervise(
        _ file: ManifestFile, _ lock: RuntimeLock, _ starter: Starter?, isDetached: Bool,
        goingOn handover: Handover? = nil
    ) throws(SupervisorError) {
        let reactor: Reactor
        do {
            reactor = try Reactor(name: "supervisor", poolThreads: 4, poolTakesSignals: false)
        } catch {
            throw SupervisorError(exitCode: ExitCode.software.rawValue, "no event loop: \(error)")
        }
        let untilIdle = command.flag("until-idle")
        var settings = Supervisor.Options(
            readyLimit: limit, endsWhenNotReady: isDetached || limit != nil || untilIdle, ownsProcess: true)
        settings.untilIdle = untilIdle
        // One in the background is not the process that was started as a service.
        if !isDetached {
            let environment = SystemProgram.environment
            settings.notifySocket = environment["NOTIFY_SOCKET"]
            settings.watchdogPause = ServiceReport.watchdogPause(
                environment["WATCHDOG_USEC"], watched: environment["WATCHDOG_PID"], pid: SystemProgram.pid)
        }
        settings.successor = Successor.ofThisProgram(
            "\(commandLine.program) \(commandLine.version)", isDetached: isDetached)
        let options = settings
        let style = style(isDetached: isDetached)
        let showsChildren = !command.flag("quiet")
        reactor.run { loop in
            let console = Console(loop, descriptor: Standard.output, style: style, showsChildren: showsChildren)
            let supervisor = Supervisor(
                plan: file.plan, runtime: file.runtime, lock: lock, console: console, options: options, loop: loop)
            supervisor.started = { start in
                starter?.tell(start, exitCode: ExitCode.unavailable.rawValue)
                if !isDetached, case .failed(let reasons, _) = start, options.endsWhenNotReady {
                    Standard.write(Standard.error, "jr-supervisor: not ready:\n\(reasons)\n")
                }
            }
            supervisor.reread = { [self] () throws(SupervisorError) in try manifest() }
            // Holds the supervisor as well, for as long as it runs.
            supervisor.ended = { [supervisor] _, code in
                if code != 0, let text = supervisor.untilIdleText {
                    Standard.write(Standard.error, "jr-supervisor: \(text) (exit \(code))\n")
                }
                SystemProgram.exit(code)
            }
            do {
                try loop.onSignals([Signals.interrupt, Signals.terminate, Signals.hangup]) { _, signal in
                    supervisor.interrupt(signal: signal)
                }
                if let handover { try supervisor.goOn(handover) } else { try supervisor.start() }
            } catch let error as SupervisorError {
                if handover != nil { lost(error) }
                starter?.tell(.failed(error.message, logs: []), exitCode: error.exitCode)
                fail("jr-supervisor: \(error.message)", error.exitCode)
            } catch {
                fail("jr-supervisor: \(error)", ExitCode.software.rawValue)
            }
        }
    }

    private func style(isDetached: Bool) -> Console.Style {
        if isDetached { return .none }
        if command.flag("json") { return .json }
        let style = Style(
            isTerminal: Standard.isTerminal(Standard.output), environment: SystemProgram.environment,
            noColor: command.flag("no-color"))
        return .text(colors: style.isOn)
    }
}
