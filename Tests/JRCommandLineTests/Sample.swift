import JRBase
import JRCommandLine

/// A command line with one of everything.
let sample = CommandLineSpec(
    program: "jr", version: "1.2.3", summary: "Enqueue, inspect and cancel jobs",
    verbs: [
        VerbSpec(
            "enqueue", "Give a job to a distributor and print its id",
            arguments: [.required("NAME", "The job's name"), .repeated("KEY=VALUE", "Its arguments")],
            options: [
                .option("count", short: "n", value: "N", "How many times", default: "1"),
                .flag("follow", short: "f", "Show what happens to it"),
                .option("not-node", value: "NODE", "A node that must not run it", isRepeatable: true),
                .option("status", value: "STATUS", "Only in this state", choices: ["new", "queued", "complete"]),
                .option(
                    "after", value: "DURATION",
                    "How long to wait before it runs; a node keeps the job until then, and runs it as soon as it is due"
                ),
            ],
            details: "Examples:\n  jr enqueue mail to=a@b.c --after 20s"),
        VerbSpec(
            "journal", "Check the journal of a node",
            arguments: [
                .required("ACTION", "What to do", choices: ["verify", "dump"]),
                .required("DIR", "The journal's folder"),
            ]),
        VerbSpec(
            "exec", "Run a command in a cluster", remainder: .required("COMMAND", "The command and its arguments")),
    ],
    options: [
        .option(
            "url", short: "u", value: "URL", "Where the distributor listens", default: "the cluster in .jr",
            environment: "JR_URL"),
        .flag("json", "Print JSON lines", environment: "JR_JSON"),
        .flag("no-color", "Print without colours"),
    ])

/// A program without verbs.
let plain = CommandLineSpec(
    program: "jr-node", version: "1.2.3", summary: "Run the jobs of a folder",
    arguments: [.optional("DIR", "The folder of jobs"), .required("NAME", "The node's name")],
    options: [.option("credit", value: "N", "Jobs to hold at once", default: "256")])

/// The command of a line split at its spaces; nil if it is answered with a text.
func command(
    _ line: String, environment: [String: String] = [:], of spec: CommandLineSpec = sample
) throws(UsageError) -> ParsedCommand? {
    let words = line.split(separator: " ").map(String.init)
    switch try spec.parse(words, environment: environment) {
    case .command(let command): return command
    case .answer: return nil
    }
}

/// What a person is told about a line that is wrong; nil if it is right.
func complaint(
    _ line: String, environment: [String: String] = [:], of spec: CommandLineSpec = sample
) -> String? {
    do throws(UsageError) {
        _ = try command(line, environment: environment, of: spec)
        return nil
    } catch {
        return spec.text(for: error)
    }
}
