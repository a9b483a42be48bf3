import JRBase
import JRCommandLine

/// The command line of `jr-supervisor`.
let commandLine = CommandLineSpec(
    program: "jr-supervisor", version: "0.1.0",
    summary: "Start the distributors, nodes and programs of a cluster, keep them running, and route their logs",
    verbs: [
        VerbSpec(
            "up", "Start everything and stay in the foreground with the logs", arguments: [manifest],
            options: [
                .flag(
                    "detach", short: "d",
                    "Return once everything is ready; exit 69 with the reason if it does not get there"),
                .flag(
                    "until-idle",
                    "Take everything down when all programs that end have ended and no job is left; exit 0, 76 if jobs"
                        + " failed or were lost, or the code of what failed"),
                .option("wait", value: "DURATION", "Take everything down again, exit 69, if it is not ready by then"),
                .option(
                    "only", value: "NAME", "Start this entry and what it depends on; may be given again",
                    isRepeatable: true),
                .flag("quiet", short: "q", "Show the supervisor's own lines, not those of children"),
                .flag("json", "Show events and lines as JSON objects, one a line"),
                .flag("no-color", "No colours"),
            ],
            details: """
                Ctrl-C stops everything, with time for the work in progress; twice sends TERM at once, three times KILL.
                Without MANIFEST, cluster.json or Procfile of this directory is read.
                """),
        VerbSpec(
            "exec", "Run one command beside a cluster of its own, take everything down, and exit with its code",
            arguments: [manifest],
            remainder: ArgumentSpec("COMMAND", "The command and its arguments", count: 1...Int.max),
            options: [
                .option("report", value: "DIR", "Write events.jsonl, logs/, junit.xml and timeline.txt there"),
                .option(
                    "timeout", value: "DURATION", "End everything with exit 124 after this long", default: "10m"),
                .flag("verbose", short: "v", "Show the supervisor's own lines on standard error"),
                .flag("json", "Show the outcome on standard error as one JSON object"),
                .flag("no-color", "No colours"),
            ],
            details: """
                The cluster runs in a private directory, with its distributors on free ports; the command finds them \
                in JR_URL and JR_DISTRIBUTORS. Any number of these run on one machine at once.
                Exit codes: the command's own, 128+n for signal n; 69 if the cluster was not ready or did not stay \
                so; 124 for a time-out; 126 and 127 if the command could not be started or found.
                  jr-supervisor exec cluster.json --report report -- ./run-tests
                """),
        VerbSpec(
            "check", "Read a manifest or Procfile and say everything that is wrong with it", arguments: [manifest],
            options: [.flag("json", "Show what it starts as one JSON object")]),
        VerbSpec(
            "export", "Write the cluster down for systemd, Kubernetes or another reader of Procfiles",
            arguments: [
                .required(
                    "ENGINE", "Who is to run it", choices: ["systemd", "kubernetes", "procfile"]),
                manifest,
            ],
            options: [
                .option("out", short: "o", value: "DIR", "Write the files there and not to standard output"),
                .option("user", value: "NAME", "Whom the units of systemd run as"),
                .option("image", value: "IMAGE", "The container image of all that runs", default: "CLUSTER:latest"),
                .option("volume", value: "SIZE", "How large the volume of a node's journal is", default: "10GiB"),
            ],
            details: """
                What the other engine cannot do, or does otherwise, is said on standard error and in comments. A file \
                that is there and was not made by an export is not written over.
                  jr-supervisor export systemd --user jobs --out /etc/systemd/system
                  jr-supervisor export kubernetes --image shop:1.4 | kubectl apply -f -
                """),
        VerbSpec(
            "status", "Show every instance; exit 0 all ready, 3 some not, 4 no supervisor here",
            options: [
                .flag("watch", short: "w", "Show it again whenever it has changed, until Ctrl-C"),
                .flag("json", "Show it as one JSON object; with --watch, one a line"), .flag("no-color", "No colours"),
            ],
            details: """
                RUN, WAIT and SCHED are the jobs of a node that run, wait for a place, and are for a later time; MEM \
                is what its process has in RAM. An instance that is not ready, or has died before, has a line of its \
                own below the table.
                """),
        VerbSpec(
            "logs", "Show the ends of log files",
            arguments: [.repeated("NAME", "Instances or entries; all without one")],
            options: [
                .flag("follow", short: "f", "Go on with what comes"),
                .option("lines", short: "n", value: "N", "How many lines of each instance", default: "100"),
                .flag("json", "Show every line as a JSON object"),
                .flag("no-color", "No colours"),
            ]),
        VerbSpec(
            "events", "Show what happened to the instances, with the causes",
            options: [
                .flag("follow", short: "f", "Go on with what comes"),
                .option("lines", short: "n", value: "N", "How many events", default: "100"),
                .flag("json", "Show every event as a JSON object"),
            ]),
        VerbSpec(
            "why", "Say why an instance is as it is: the cause, the evidence, and what can be done",
            arguments: [names], options: [.flag("json", "Show it as JSON objects, one a line")]),
        VerbSpec(
            "wait",
            "Wait until the cluster is ready, idle or stopped; exit 69 when that cannot come, 124 when too late",
            arguments: [
                .required(
                    "STATE", "ready, idle: no job is left anywhere, or stopped", choices: ["ready", "idle", "stopped"]),
                .repeated("NAME", "Instances or entries; all without one"),
            ],
            options: [
                .option("timeout", value: "DURATION", "Give up after this long, exit 124"),
                .flag("json", "Show the outcome as one JSON object"),
            ]),
        VerbSpec(
            "start", "Start what is stopped or failed, and wait until it is ready", arguments: [names],
            options: [json]),
        VerbSpec(
            "stop", "Stop, with time for the work in progress, and wait", arguments: [names], options: [now, json]),
        VerbSpec(
            "restart", "Stop and start again, and wait until it is ready",
            arguments: [.repeated("NAME", "Instances (worker.1) or entries (worker); all without one")],
            options: [
                .flag("rolling", "One after the other, the idle ones first, each ready before the next is touched"),
                now, json,
            ],
            details: """
                With --rolling the first that does not become ready ends it with exit 74: that instance goes back to \
                what ran before, the old executable and the old job files included, and the others stay as they are.
                """),
        VerbSpec(
            "drain", "Let a node take no more jobs, and wait until none of its jobs runs", arguments: [names],
            options: [json],
            details: """
                The node stays, and so do its jobs that wait or are scheduled; what comes meanwhile goes to other \
                nodes. `resume` undoes it. Exit 124 when jobs still run after the entry's "stop": {"drain": …}: it \
                goes on draining.
                """),
        VerbSpec("resume", "Let a node that was drained take jobs again", arguments: [names], options: [json]),
        VerbSpec(
            "scale", "Run more or fewer instances of an entry, until the supervisor ends",
            arguments: [.required("NAME=COUNT", "Such as worker=4; write it into the manifest to keep it")],
            options: [json],
            details: """
                Fewer: the idle ones go first, drained. When one of those would leave jobs behind, nothing is changed, \
                and what it holds is said, with exit 69.
                """),
        VerbSpec(
            "reload", "Read the manifest again and change what has changed, one instance after the other",
            options: [.flag("dry-run", "Only say what would change"), json],
            details: """
                What is new is started first, then what has changed is restarted as `restart --rolling` does it, then \
                what is gone is stopped, drained. A manifest that is wrong changes nothing: exit 78, with everything \
                that is wrong. The first that fails ends it with exit 74.
                """),
        VerbSpec(
            "kill", "Send a signal to a process; what dies of it is restarted like after any death",
            arguments: [
                .required("NAME", "An instance or entry"),
                .optional("SIGNAL", "Such as TERM, HUP or 9; KILL without it"),
            ], options: [json]),
        VerbSpec(
            "chaos", "Kill and pause instances at random moments, and see whether they come back and no job is lost",
            options: [
                .option(
                    "kill", value: "NAME[:every=D]", "Kill an instance, or one of an entry; once without every=",
                    isRepeatable: true),
                .option(
                    "pause", value: "NAME:D[,every=D]", "Stop its process for this long; once without every=",
                    isRepeatable: true),
                .option("for", value: "DURATION", "How long it goes on; needed"),
                .option("seed", value: "N", "What the moments and choices come from", default: "one by chance"),
                .option(
                    "assert", value: "WHAT", "Exit 76 when it does not hold", choices: ["no-lost-jobs"]),
                .flag("json", "Show everything as JSON objects, one a line"), .flag("no-color", "No colours"),
            ],
            details: """
                The same seed, drills and instances give the same moments and choices. A kill takes signal=TERM or \
                another one beside every=. What is paused goes on whatever ends this program, kill -9 included.
                Exit codes: 0 all ready again, 64 for wrong options, 69 when it does not get ready or not everything \
                could be looked at, 76 when jobs were lost or failed, 130 and 143 ended by Ctrl-C or TERM.
                  jr-supervisor chaos --kill worker:every=2s --for 60s --assert no-lost-jobs
                """),
        VerbSpec(
            "re-exec", "Let the supervisor go on as the program that is in its place now; children do not notice",
            options: [json],
            details: """
                For an upgrade: exchange the executable by a rename, then ask for this. Nothing is restarted, and no \
                line of output is lost. Exit 75 while anything starts, stops or is operated on, 78 when the manifest \
                is not what runs, 69 when the new program cannot go on from here: then the old one does.
                """),
        VerbSpec("down", "Stop everything and the supervisor, and wait", options: [now, json]),
    ],
    options: [
        .option("runtime", value: "DIR", "The runtime directory, in place of the manifest's or the nearest .jr")
    ],
    details: """
        Examples:
          jr-supervisor up                    start the cluster of cluster.json here
          jr-supervisor up --detach           the same in the background
          jr-supervisor logs worker -f        follow the logs of all workers
          jr-supervisor status --watch        see what every instance does
          jr-supervisor drain worker.1        let worker.1 take no more jobs
          jr-supervisor kill worker.1         see worker.1 come back
        """)

private let manifest = ArgumentSpec.optional("MANIFEST", "cluster.json, a Procfile, or the directory with one")
private let names = ArgumentSpec.repeated("NAME", "Instances (worker.1) or entries (worker)", atLeast: 1)
private let now = OptionSpec.flag("now", "TERM now, without waiting for the work in progress")
private let json = OptionSpec.flag("json", "Show progress and answer as JSON objects, one a line")

extension ParsedCommand {
    /// How long at the most, where it is given: `0s` would be over before anything has begun.
    func limit(_ name: String) throws(UsageError) -> Interval? {
        try value(name) { text throws(ValueError) in
            try Durations.parse(text, within: .milliseconds(10)...(.seconds(30 * 86_400 as Int64)))
        }
    }
}
