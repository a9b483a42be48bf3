import JRCommandLine

/// The one table of `jr`'s verbs and options.
enum Spec {
    static let json = OptionSpec.flag("json", "Print JSON: a value, or a line for each row")

    static let jr = CommandLineSpec(
        program: "jr", version: "0.1.0", summary: "Enqueue jobs, look at them and change them",
        verbs: [enqueue, list, show, cancel, retry, destroy, nodes, stats, monitor, journal, Bench.spec],
        options: [
            .option(
                "url", value: "URL",
                "The distributor, as jr://HOST:PORT",
                default: "the cluster in .jr of this folder or one above", environment: "JR_URL")
        ])

    private static let enqueue = VerbSpec(
        "enqueue", "Enqueue a job, or many",
        arguments: [
            .required("NAME", "The job's name"),
            .repeated("KEY=VALUE", "An argument: KEY=text, or KEY:=JSON for numbers, lists and the like"),
        ],
        options: [
            .option("args", value: "JSON", "The arguments as a JSON object"),
            .option("args-file", value: "FILE", "The arguments as a JSON object in a file"),
            .option("many", value: "FILE", "A job for each line, a JSON object of arguments; '-' is standard input"),
            .option("after", value: "TIME", "Run it this much later, such as 20s"),
            .option("run-at", value: "DATE", "Run it at a time, such as 2026-11-23T08:15:04Z"),
            .option("period", value: "TIME", "Run it again this long after the end of each run"),
            .option("node", value: "NODE", "Prefer this node", isRepeatable: true),
            .option("not-node", value: "NODE", "Never run it on this node", isRepeatable: true),
            .flag("strict", "Wait for the preferred node rather than run elsewhere"),
            .flag("defer", "Run it on the node's thread pool"),
            .option("max-attempts", value: "COUNT", "Attempts before it counts as failed"),
            .option("id", value: "ID", "An id or any text as a key: the same key is the same job"),
            .flag("wait", "Wait for the end, and print the resulting arguments as JSON"),
        ],
        details: """
            Prints the job's id, or with --wait the resulting arguments as JSON.
            With --many and --wait, one line of result for each job as it ends;
            those that failed have the key "error".

            Exit codes: 0 done; 1 the job (or one of many) failed; 65 a job or a
            line was refused; 69 no distributor; 75 the distributor is full.
            """)

    private static let list = VerbSpec(
        "list", "List the jobs that nodes and the distributor hold",
        options: [
            .option("node", value: "NODE", "Only those of a node"),
            .option(
                "status", value: "STATUS", "Only those of a status",
                choices: ["new", "in progress", "queued", "complete", "error", "failed", "cancelled"]),
            .flag("all", "Those too that are complete or cancelled and still kept"),
            .option("limit", value: "COUNT", "At the most so many", default: "1000"), json,
        ],
        details: """
            Jobs that wait, run or failed. What is complete or cancelled is kept until
            its application has heard of it, and is shown with --all or its --status.
            """)

    private static let show = VerbSpec(
        "show", "Show all that is known of a job", arguments: [.required("ID", "The job's id or key")],
        options: [json])

    private static let cancel = VerbSpec(
        "cancel", "Cancel jobs, whether they wait or run",
        arguments: [.repeated("ID", "A job's id or key", atLeast: 1)], options: [json],
        details: """
            A job that waits never runs. One that runs is told to stop, and ends as
            cancelled when its attempt does, unless that succeeds.

            Exit codes: 0 done; 1 a job was not found; 69 no distributor.
            """)

    private static let retry = VerbSpec(
        "retry", "Run jobs again that failed, or now that wait for their time",
        arguments: [.repeated("ID", "A job's id or key", atLeast: 1)], options: [json],
        details: """
            A failed job, or a cancelled one that is kept, starts anew with its first
            attempt. One that waits for its time or its next attempt runs at once.

            Exit codes: 0 done; 1 a job was not found, is running or is complete;
            69 no distributor.
            """)

    private static let destroy = VerbSpec(
        "destroy", "Forget jobs, whatever their status; nobody is told",
        arguments: [.repeated("ID", "A job's id or key")],
        options: [
            .option("node", value: "NODE", "All jobs that this node holds and does not run"),
            .flag("yes", "Do not ask before --node destroys"), json,
        ],
        details: """
            A job that runs is told to stop and forgotten when its attempt ends.

            Exit codes: 0 done; 1 a job or the node was not found; 69 no distributor.
            """)

    private static let nodes = VerbSpec("nodes", "List the connected nodes and the jobs they know", options: [json])
    private static let stats = VerbSpec("stats", "Show counts of the distributor and its nodes", options: [json])

    private static let monitor = VerbSpec(
        "monitor", "Watch the cluster: nodes, their jobs, rates, what waits longest, errors of late",
        options: [
            .option("every", value: "TIME", "At the most one picture in this time", default: "500ms"),
            .flag("once", "Show what is now, and end"),
            .flag("json", "Print JSON: a line for each change"),
        ],
        details: """
            Nothing is asked for while nothing changes: the distributor tells. On a
            terminal one picture, drawn anew in place, until q or Ctrl-C; elsewhere a
            line for each change. Times are UTC. A node that is not connected is not
            shown, unless it went while this ran. Counts are since each node's start,
            rates those of the last five seconds.

            Exit codes: 0 ended with q or --once, or nobody reads any more;
            69 no distributor; 130 ended with Ctrl-C.
            """)

    private static let journal = VerbSpec(
        "journal", "Look into a node's journal, save what is whole of it, move its jobs",
        arguments: [
            .required("ACTION", "What to do", choices: Journal.actions),
            .required("PLACE", "The journal's directory; or a Redis server (export), or a file (import)"),
        ],
        options: [
            .option("to", value: "PLACE", "Where to: a new directory, a file, or a storage; as the action says"),
            .option("node", value: "NODE", "Whose jobs, where PLACE is a Redis server"),
            .flag("skip-existing", "import: leave jobs alone that are there already"),
            .flag("records", "dump: every record that is there, not only live jobs"),
            .flag("json", "verify, salvage: print JSON, a line for each thing"),
        ],
        details: """
            verify DIR: reads everything and changes nothing, also while a node has
            it open. Says what is in each file, and of each damage where it is.

            dump DIR: each job as a line of JSON; with --records each record.

            salvage DIR --to NEWDIR: a new journal of all that is whole in a damaged
            one, and what is missing in it. The old one is not changed. Exit code 0
            only if nothing is missing; with 65, NEWDIR has what could be saved.

            export PLACE [--to FILE]: all jobs as lines of JSON, with every field.
            import FILE --to PLACE: puts them into another storage, as they are.
            The storage may not be open elsewhere. PLACE is a directory, or
            redis://HOST:PORT/DB with --node.

            time DIR: opens it as a node does and says how long that took.

              jr journal export .jr/store/worker.1 --to jobs.jsonl
              jr journal import jobs.jsonl --to redis://localhost --node worker_2

            Exit codes: 0 done; 65 damaged, or a line that is wrong; 66 no journal
            or file there; 69 no Redis server; 74 reading or writing failed; 75 in
            use by another process; 77 not permitted.
            """)
}
