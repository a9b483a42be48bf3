// Cancelling from outside: a job that waits for its time, one that no node knows, and one that runs.
import JobReactor

let (starts, started) = AsyncStream.makeStream(of: Void.self)
let jobs = try Distributor(listen: "127.0.0.1:0")
let node = try Node("clock", distributors: [jobs.url]) {
    Handler("wait") { args in
        started.yield()
        try await Task.sleep(for: .seconds(3_600))
    }
}
node.start()

let later = try jobs.enqueue("wait", [:], JobOptions(after: .seconds(3_600)))
print("stored on", try await later.accepted.node)
print(try await later.cancel())

let unknown = try jobs.enqueue("dance")
print(try await jobs.cancel(unknown.id))

let running = try jobs.enqueue("wait")
for await _ in starts { break }
print(try await running.cancel())
print(try await running.result.ending)

// It prints:
// stored on clock
// cancelled
// cancelled
// cancelling
// cancelled
