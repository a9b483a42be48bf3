// An application without a distributor: it connects to one elsewhere, such as jr-distributor's.
import JobReactor

let address = CommandLine.arguments.dropFirst().first ?? "127.0.0.1:5000"
try JR.connect("jr://\(address)")

let job = try JR.enqueue("add", ["a": 2, "b": 3])
print("2 + 3 =", try await job.value["sum"]?.int ?? 0)
await JR.stop()

// With a distributor and worker.swift beside it, it prints:
// 2 + 3 = 5
