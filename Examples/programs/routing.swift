// Which node runs a job: one it names, any but one, or none until the right one comes.
import JobReactor

let jobs = try Distributor(listen: "127.0.0.1:0")
for name in ["big", "small"] {
    let node = try Node(name, distributors: [jobs.url]) {
        Handler("where") { args, context in args["node"] = .string(context.node) }
    }
    node.start()
}

// `JobOptions(node: "big")` alone is a wish: another node takes the job when that one is busy or away.
for options in [JobOptions(node: "big", strict: true), JobOptions(notNode: "big")] {
    print(try await jobs.enqueue("where", [:], options).value["node"]?.string ?? "")
}

let patient = try jobs.enqueue("where", [:], JobOptions(node: "huge", strict: true))
for await case .accepted(let reason) in patient.events {
    print("waits:", reason)
    break
}

// It prints:
// big
// small
// waits: no node that the job may run on is connected (big knows where; small knows where)
