import JRCommandLine
import JRSystem
import JRWire
import JobReactor

SystemProgram.ignoreBrokenPipes()
let environment = SystemProgram.environment
if CommandLine.arguments.dropFirst().first == BenchNode.word {
    BenchNode.run(Array(CommandLine.arguments.dropFirst(2)))
}
do throws(UsageError) {
    switch try Spec.jr.parse(Array(CommandLine.arguments.dropFirst()), environment: environment) {
    case .answer(let text):
        Console.result(text.hasSuffix("\n") ? String(text.dropLast()) : text)
        Console.exit(0)
    case .command(let command): try run(command)
    }
} catch {
    _ = Standard.write(Standard.error, Spec.jr.text(for: error) + "\n")
    Console.exit(64)
}

func run(_ command: ParsedCommand) throws(UsageError) {
    let verb = command.verb ?? ""
    if verb == "enqueue" { try checkEnqueue(command) }
    if verb == "destroy" { try Change.check(command) }
    if verb == "monitor" { _ = try MonitorVerb.every(command) }
    if verb == "bench" { try Bench.run(command) }
    if verb == "journal" { try Journal.run(command) }
    let session: Session
    do throws(ClusterURL.Problem) {
        session = Session(to: try ClusterURL.find(option: command.value("url"), environment: environment))
    } catch {
        Console.note(error.description)
        Console.exit(69)
    }
    switch verb {
    case "enqueue": try enqueue(command, session)
    case "list": try Inspect.list(command, session)
    case "show": Inspect.show(command, session)
    case "cancel", "retry": Change.jobs(verb, command, session)
    case "destroy":
        if let node = command.value("node") { Change.destroyAll(of: node, command, session) }
        Change.jobs(verb, command, session)
    case "nodes": Inspect.nodes(command, session)
    case "monitor": try MonitorVerb.run(command, session)
    default: Inspect.stats(command, session)
    }
}

/// What can be found wrong is said before anything is dialled.
func checkEnqueue(_ command: ParsedCommand) throws(UsageError) {
    _ = try EnqueueOptions.arguments(command)
    _ = try EnqueueOptions.options(command, now: SystemClock.wall())
    guard command.value("many") != nil else { return }
    if command.arguments.count > 1 || command.value("args") != nil || command.value("args-file") != nil {
        throw UsageError(.other("with --many the arguments come from its lines: leave out the others"), verb: "enqueue")
    }
    if command.value("id") != nil {
        throw UsageError(.other("--id names one job: leave it out with --many"), verb: "enqueue")
    }
}

func enqueue(_ command: ParsedCommand, _ session: Session) throws(UsageError) {
    let name = command.argument(0) ?? ""
    let options = try EnqueueOptions.options(command, now: SystemClock.wall())
    if let file = command.value("many") {
        EnqueueMany(name: name, options: options, waits: command.flag("wait"), session: session).run(file)
    }
    EnqueueOne(
        name: name, arguments: try EnqueueOptions.arguments(command), options: options,
        id: command.value("id").map(JobID.init(text:)), waits: command.flag("wait")
    ).run(session)
}
