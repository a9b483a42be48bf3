import JRBase
import JRChaos
import JRCommandLine
import JRJSON
import JRReactor
import JRSupervision
import JRSupervisor
import JRSystem

/// `chaos`: drills on a running cluster, told as they happen.
struct ChaosVerb {
    private static let lengths = Interval.milliseconds(10)...Interval.seconds(86_400 as Int64)

    private let command: ParsedCommand
    private let options: ChaosRun.Options

    init(_ command: ParsedCommand) throws(UsageError) {
        self.command = command
        let drills =
            try ChaosVerb.drills(command, "kill", ChaosDrill.kill)
            + ChaosVerb.drills(command, "pause", ChaosDrill.pause)
        guard !drills.isEmpty else {
            throw UsageError(
                .other("chaos needs --kill or --pause, such as --kill worker:every=2s or --pause worker.2:3s"),
                verb: "chaos")
        }
        let length = try command.value("for") { text throws(ValueError) in
            let length = try Durations.parse(text)
            guard ChaosVerb.lengths.contains(length) else {
                throw ValueError(text, expected: "a length of time from 10ms to 1d, such as 60s")
            }
            return length
        }
        guard let length else {
            throw UsageError(.other("chaos needs --for DURATION, such as --for 60s"), verb: "chaos")
        }
        for drill in drills {
            guard let every = drill.every, every.nanoseconds * Int64(ChaosSchedule.most) < length.nanoseconds else {
                continue
            }
            throw UsageError(
                .other("'\(drill.words)' is more than 100,000 drills in --for \(Durations.format(length))"),
                verb: "chaos")
        }
        let seed = try command.value("seed") { text throws(ValueError) in
            guard let seed = UInt64(text) else {
                throw ValueError(text, expected: "a whole number from 0 to 18446744073709551615, such as 7")
            }
            return seed
        }
        options = ChaosRun.Options(
            seed: seed ?? SystemRandom.seed(), drills: drills, length: length,
            assertsJobs: command.value("assert") != nil)
    }

    private static func drills(
        _ command: ParsedCommand, _ name: String, _ read: (String) throws(ValueError) -> ChaosDrill
    ) throws(UsageError) -> [ChaosDrill] {
        var drills: [ChaosDrill] = []
        for text in command.values(name) {
            do throws(ValueError) {
                drills.append(try read(text))
            } catch {
                throw UsageError(.badValue(error.text, name: "--\(name)", expected: error.expected), verb: "chaos")
            }
        }
        return drills
    }

    func run() throws(SupervisorError) -> Int32 {
        let runtime = try RuntimeDirectory.find(option: command.value("runtime"))
        let answer = try ControlClient(runtime).ask(["verb": "status"], isQuick: true)
        guard let status = answer["status"].flatMap({ ClusterStatus($0) }) else {
            throw SupervisorError(
                exitCode: ExitCode.software.rawValue, "the supervisor answered in a way this version does not know")
        }
        let reactor: Reactor
        do {
            reactor = try Reactor(name: "chaos")
        } catch {
            throw SupervisorError(exitCode: ExitCode.software.rawValue, "no event loop: \(error)")
        }
        let asJSON = command.flag("json")
        let style = Style(
            isTerminal: Standard.isTerminal(Standard.output), environment: SystemProgram.environment,
            noColor: command.flag("no-color"))
        let width = status.instances.map(\.name.count).max() ?? 0
        reactor.run { loop in
            do {
                let run = try ChaosRun(runtime, status, options, loop)
                run.show = { ChaosVerb.show($0, width, style, asJSON: asJSON) }
                // Holds the run as well, for as long as it goes on.
                run.ended = { [run] report in
                    _ = run
                    ChaosVerb.show(report, style, asJSON: asJSON)
                    SystemProgram.exit(report.exitCode)
                }
                try loop.onSignals([Signals.interrupt, Signals.terminate, Signals.hangup]) { _, signal in
                    run.interrupt(signal: signal)
                }
                head(status, asJSON: asJSON)
                run.start()
            } catch {
                fail("jr-supervisor: \(error)", (error as? SupervisorError)?.exitCode ?? ExitCode.software.rawValue)
            }
        }
        return ExitCode.ok.rawValue
    }

    private func head(_ status: ClusterStatus, asJSON: Bool) {
        let drills = options.drills.map(\.words)
        if asJSON {
            let object: JSON = [
                "cluster": .string(status.cluster), "seed": .string(String(options.seed)),
                "drills": .array(drills.map { .string($0) }), "forSeconds": .double(options.length.seconds),
            ]
            Standard.write(Standard.output, object.text + "\n")
        } else {
            let text = "chaos on \(status.cluster): seed \(options.seed), \(Durations.format(options.length)); "
            Standard.write(Standard.output, Terminal.escape(text + drills.joined(separator: "; ")) + "\n")
        }
    }

    private static func show(_ line: ChaosLine, _ width: Int, _ style: Style, asJSON: Bool) {
        guard !asJSON else { return _ = Standard.write(Standard.output, line.json.text + "\n") }
        let effect: Style.Effect? = ["kill": .red, "died": .red, "ready": .green, "pause": .yellow][line.word]
        Standard.write(Standard.output, style.apply(effect, to: Terminal.escape(line.line(width: width))) + "\n")
    }

    private static func show(_ report: ChaosReport, _ style: Style, asJSON: Bool) {
        guard !asJSON else { return _ = Standard.write(Standard.output, report.json.text + "\n") }
        var table = Table([
            Table.Column("NAME", shrinksTo: 8), Table.Column("KILLS", .right), Table.Column("PAUSES", .right),
            Table.Column("RESTARTS", .right), Table.Column("LONGEST TO READY", .right),
        ])
        for tally in report.tallies {
            table.append([
                tally.instance, String(tally.kills), String(tally.pauses), String(tally.restarts),
                tally.longestToReady.map { Durations.format($0) } ?? "-",
            ])
        }
        let lines = report.lines.map { Terminal.escape($0) + "\n" }.joined()
        Standard.write(Standard.output, table.text(width: Standard.terminalWidth(), style) + lines)
    }
}
