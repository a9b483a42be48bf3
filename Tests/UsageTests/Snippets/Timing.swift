import JobReactor

func later() async throws {
    let jobs = try await startDistributor { Handler("remind") { args, context in args["ran"] = .date(context.runAt) } }
    // snippet
    try jobs.enqueue("remind", ["of": "tea"], JobOptions(after: .seconds(240)))
    try jobs.enqueue("remind", ["of": "the new year"], JobOptions(runAt: Dates.parse("2027-01-01T00:00:00Z")))
    // end
    let before = jobs.wallTime
    let ran = try await jobs.enqueue("remind", [:], JobOptions(after: .milliseconds(50))).value["ran"]?.date
    try check(ran.map { $0 - before >= .milliseconds(50) } == true)
}

func periodic() async throws {
    var lines: [String] = []
    func show(_ text: String) { lines.append(text) }
    let jobs = try await startDistributor {
        // snippet
        Handler("count_down") { args in
            let left = (args["left"]?.int ?? 0) - 1
            args["left"] = Value(left)
            if left == 0 { throw Cancel() }
        }
        // end
    }
    // snippet
    let job = try jobs.enqueue("count_down", ["left": 3], JobOptions(period: .milliseconds(100)))
    for await case .ended(let run) in job.events {
        show("\(run.ending): \(run.arguments["left"]?.int ?? 0) left")
    }
    // end
    try check(lines == ["complete: 2 left", "complete: 1 left", "cancelled: 0 left"])
}
