import JRBase
import JRCommandLine
import JRSystem
import JRWire
import JobReactor

/// `jr bench`: what this machine makes of a cluster of its own.
enum Bench {
    static let spec = VerbSpec(
        "bench", "Measure a cluster of this machine, or one that runs",
        arguments: [
            .required(
                "WHAT", "throughput, latency, burst, timers, memory or recovery",
                choices: BenchMode.allCases.map(\.rawValue))
        ],
        options: [
            .option("jobs", value: "COUNT", "How many jobs", default: "as fits WHAT"),
            .option(
                "storage", value: "KIND", "Where nodes keep jobs", default: "memory",
                choices: ["memory", "journal", "redis"]),
            .option(
                "sync", value: "WHEN", "When a journal, or Redis of its own, reaches the disk", default: "always",
                choices: ["always", "interval", "never"]),
            .option("redis-url", value: "URL", "A Redis server for --storage redis", default: "one of its own"),
            .option("nodes", value: "COUNT", "How many nodes", default: "1"),
            .option("args", value: "BYTES", "The size of a job's arguments", default: "100"),
            .option("window", value: "COUNT", "How many jobs are under way at once", default: "1000"),
            .option("credit", value: "COUNT", "How many of them a node has at once", default: "as settings say"),
            .option("warm-up", value: "COUNT", "How many jobs are run before, and not counted", default: "2000"),
            Spec.json,
        ],
        details: """
            Starts nodes as processes of their own, with this process as the application,
            and removes everything again. With --url the jobs go to a cluster that has a
            job 'bench' (throughput, latency and burst only).

              throughput  jobs a second from enqueue to feedback, pipelined
              latency     one job at a time, from enqueue to feedback
              burst       all jobs enqueued at once
              timers      how late 10,000 jobs of one second begin, with --jobs pending
              memory      bytes a job waiting in a distributor, and scheduled on a node
              recovery    from the start of a node to its readiness, with --jobs stored

            Every run fails unless each job ends exactly once. Times are wall-clock times
            of a machine with other work: compare medians of several runs.

            Exit codes: 0 done; 1 a job failed or was lost; 69 a process did not start.
            """)

    static func run(_ command: ParsedCommand) throws(UsageError) -> Never {
        let plan = try plan(command)
        do {
            var report = BenchReport()
            report.add("benchmark", "benchmark", plan.mode.rawValue)
            report.add("jobs", "jobs", Int64(plan.jobs))
            report.add("argumentBytes", "bytes of arguments", Int64(plan.argumentBytes))
            report.add("nodes", "nodes", Int64(plan.nodes))
            report.add("promise", "stored means", plan.promise)
            try measure(plan, &report)
            Console.result(command.flag("json") ? report.json() : report.text())
            Console.exit(0)
        } catch let problem as BenchProblem {
            Console.note(problem.description)
            Console.exit(problem.exitCode)
        } catch {
            Console.note("\(error)")
            Console.exit(69)
        }
    }

    private static func plan(_ command: ParsedCommand) throws(UsageError) -> BenchPlan {
        let mode = BenchMode(rawValue: command.argument(0) ?? "") ?? .throughput
        let usual =
            switch mode {
            case .throughput: 200_000
            case .latency: 10_000
            case .burst: 20_000
            case .timers, .memory: 1_000_000
            case .recovery: 100_000
            }
        func number(_ name: String, _ range: ClosedRange<Int>, _ usual: Int) throws(UsageError) -> Int {
            try command.value(name) { text throws(ValueError) in try Integers.parse(text, in: range) } ?? usual
        }
        var plan = BenchPlan(
            mode: mode, jobs: try number("jobs", 1...10_000_000, usual),
            storage: command.value("storage") ?? (mode == .recovery ? "journal" : "memory"),
            sync: command.value("sync") ?? "always", nodes: try number("nodes", 1...256, 1),
            argumentBytes: try number("args", 0...1 << 20, 100), window: try number("window", 1...1_000_000, 1_000),
            redis: command.value("redis-url"))
        plan.credit = try command.value("credit") { text throws(ValueError) in
            try Integers.parse(text, in: 1...1_000_000)
        }
        plan.warmUp = try number("warm-up", 0...10_000_000, min(plan.jobs, plan.warmUp))
        if mode == .latency { plan.window = 1 }
        if mode == .burst { plan.window = plan.jobs }
        if mode == .recovery, plan.storage != "journal" {
            throw UsageError(.other("recovery is of what outlives a node: use --storage journal"), verb: "bench")
        }
        if let url = command.value("url") {
            guard [.throughput, .latency, .burst].contains(mode) else {
                throw UsageError(
                    .other("\(mode.rawValue) needs a cluster of its own: leave out --url (or JR_URL)"), verb: "bench")
            }
            do {
                plan.url = try ClusterURL.find(option: url, environment: environment)
            } catch {
                throw UsageError(.other(error.description), verb: "bench")
            }
        }
        return plan
    }

    private static func measure(_ plan: BenchPlan, _ report: inout BenchReport) throws {
        switch plan.mode {
        case .throughput, .latency, .burst: try measureLoad(plan, &report)
        case .timers: try BenchModes.timers(plan, &report)
        case .memory: try BenchModes.memory(plan, &report)
        case .recovery: try BenchModes.recovery(plan, &report)
        }
    }

    private static func measureLoad(_ plan: BenchPlan, _ report: inout BenchReport) throws {
        let cluster = try BenchCluster(plan)
        try cluster.startNodes()
        // Connections, caches and allocators as in a process that has run for a while.
        if plan.warmUp > 0 {
            let load = BenchLoad(cluster.queue, jobs: plan.warmUp, argumentBytes: plan.argumentBytes)
            _ = try load.run(window: plan.window)
        }
        let load = BenchLoad(cluster.queue, jobs: plan.jobs, argumentBytes: plan.argumentBytes)
        try cluster.mark()
        let begun = SystemClock.instant()
        var sent = begun
        let result = try load.run(window: plan.window) { sent = SystemClock.instant() }
        let time = SystemClock.instant() - begun
        let used = cluster.used()
        let syncs = try cluster.syncs()
        report.add("window", "under way at once", Int64(plan.window))
        report.add("jobsPerSecond", "jobs a second", Double(plan.jobs) * 1e9 / Double(time.nanoseconds), "")
        if plan.mode == .burst {
            report.add("enqueueMicroseconds", "to hand over all jobs", (sent - begun).nanoseconds / 1_000, "us")
            report.add("burstMicroseconds", "until the last has ended", time.nanoseconds / 1_000, "us")
        }
        report.add(result.times)
        report.add(used, jobs: plan.jobs)
        if plan.url == nil { report.add("fsyncs", "fsyncs of the nodes", syncs) }
        report.add("lost", "lost", Int64(plan.jobs - result.ended))
        report.add("duplicates", "feedback that came twice", Int64(result.duplicates))
    }
}
