import JRBase
import JRSystem
import JRWire
import JobReactor

/// Benchmarks of jobs that wait.
enum BenchModes {
    /// How late jobs of one second begin, while many others are pending.
    static func timers(_ plan: BenchPlan, _ report: inout BenchReport) throws {
        let cluster = try BenchCluster(plan)
        try cluster.startNodes()
        try store(plan.jobs, plan, cluster) { JobOptions(after: .seconds(36_000)) }
        try cluster.mark()
        let due = 10_000
        let late = Monitor((times: Histogram(), ended: 0))
        let now = SystemClock.now()
        for number in 0..<due {
            // Moments are stored in whole milliseconds.
            var options = JobOptions()
            let wall = WallTime(milliseconds: now.wall.milliseconds + 3_000 + Int64(number) / 10)
            options.due = wall
            let arguments: JobArguments = ["due": .int(now.instant(of: wall).nanoseconds)]
            try cluster.queue.enqueue(BenchNode.timedJob, arguments, options, feedback: .both) { event in
                guard case .ended(let result) = event else { return }
                late.update { late in
                    late.times.record(Int64(result.arguments["late"]?.int ?? .max))
                    late.ended += 1
                }
            }
        }
        guard let times = late.wait(until: { $0.ended == due ? $0.times : nil }) else { return }
        report.add("due", "jobs due in one second", Int64(due))
        report.add(times)
        report.add(cluster.used(), jobs: due)
        report.add("lost", "lost", Int64(due - late.update { $0.ended }))
    }

    /// What a job takes that waits in a distributor without nodes, and one that is scheduled on a node.
    static func memory(_ plan: BenchPlan, _ report: inout BenchReport) throws {
        let cluster = try BenchCluster(plan, distributorIsAlone: true)
        try cluster.mark()
        try store(plan.jobs, plan, cluster) { JobOptions(after: .seconds(36_000)) }
        try add("bytesPerWaitingJob", "bytes a job waiting in a distributor", "distributor", cluster, plan, &report)
        let scheduled = try BenchCluster(plan)
        try scheduled.startNodes()
        try scheduled.mark()
        try store(plan.jobs, plan, scheduled) { JobOptions(after: .seconds(36_000)) }
        try add("bytesPerJob", "bytes a job scheduled on a node", "node", scheduled, plan, &report)
    }

    private static func add(
        _ key: String, _ label: String, _ process: String, _ cluster: BenchCluster, _ plan: BenchPlan,
        _ report: inout BenchReport
    ) throws {
        let grown = cluster.used().filter { $0.label.hasPrefix(process) }.reduce(0) { $0 + $1.usage.residentBytes }
        report.add(key, label, grown / Int64(plan.jobs), "bytes")
    }

    /// From the start of a process to a node with all its stored jobs at work, the median of five.
    static func recovery(_ plan: BenchPlan, _ report: inout BenchReport) throws {
        var plan = plan
        plan.nodes = 1
        let cluster = try BenchCluster(plan)
        var node = try cluster.startNode(1)
        try store(plan.jobs, plan, cluster) { JobOptions(after: .seconds(36_000)) }
        var times: [Int64] = []
        for _ in 0..<5 {
            cluster.kill(node)
            let begun = SystemClock.instant()
            node = try cluster.startNode(1)
            times.append((SystemClock.instant() - begun).nanoseconds / 1_000)
        }
        times.sort()
        let used = node.usage
        report.add("recoveryMicroseconds", "from start to readiness, median of 5", times[2], "us")
        report.add("fastestMicroseconds", "the fastest", times[0], "us")
        report.add("slowestMicroseconds", "the slowest", times[4], "us")
        report.add(
            "cpuMicrosecondsPerJob", "CPU a stored job",
            Double(used.userMicroseconds + used.systemMicroseconds) / Double(plan.jobs), "us")
        report.add("bytesPerJob", "bytes a job", used.residentBytes / Int64(plan.jobs), "bytes")
    }

    /// Enqueues jobs, a window at a time, until a node has stored them all, or a distributor without nodes holds them.
    private static func store(
        _ count: Int, _ plan: BenchPlan, _ cluster: BenchCluster, _ options: () -> JobOptions
    ) throws {
        let (held, refused) = (Monitor(0), Monitor<String?>(nil))
        let arguments: JobArguments = [
            "payload": .string(String(repeating: "x", count: max(0, plan.argumentBytes - 12)))
        ]
        let options = options()
        let window = 10_000
        for number in 0..<count {
            if number >= window {
                _ = held.wait { $0 > number - window || refused.update { $0 } != nil ? true : nil }
            }
            try cluster.queue.enqueue(BenchNode.job, arguments, options, feedback: []) { event in
                if case .refused(let error) = event { refused.update { $0 = "\(error)" } }
                held.update { $0 += 1 }
            }
        }
        _ = held.wait { $0 >= count ? true : nil }
        if let refused = refused.update({ $0 }) { throw BenchProblem(1, "a job was refused: \(refused)") }
    }
}
