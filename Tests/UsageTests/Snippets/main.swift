// The snippets of the pages, run one after the other. What does not hold is printed.
import Glibc
import JobReactor

struct Broken: Error, CustomStringConvertible {
    let description: String
}

func check(_ isTrue: Bool, _ line: Int = #line, _ file: String = #fileID) throws {
    if !isTrue { throw Broken(description: "\(file):\(line) does not hold") }
}

/// For snippets that need only somebody who runs their jobs.
func startDistributor(@JobList _ jobs: () -> [Handler]) async throws -> Distributor {
    let distributor = try Distributor(listen: "127.0.0.1:0")
    try await startNode("worker_1", distributor, jobs)
    return distributor
}

@discardableResult
func startNode(_ name: String, _ distributor: Distributor, @JobList _ jobs: () -> [Handler]) async throws -> Node {
    let node = try Node(name, distributors: [distributor.url], jobs: jobs)
    node.start()
    try await node.ready()
    return node
}

JR.config.log = nil
let snippets: [(name: String, run: () async throws -> Void)] = [
    ("typedJob", typedJob), ("handlers", handlers), ("context", context), ("arguments", arguments),
    ("threads", threads), ("chain", chain), ("feedback", feedback), ("handle", handle), ("events", events),
    ("retries", retries), ("settings", settings), ("giveUp", giveUp), ("cancelling", cancelling),
    ("looksAround", looksAround), ("later", later), ("periodic", periodic), ("oneProcess", oneProcess),
    ("shortForm", shortForm), ("anyQueue", anyQueue), ("looking", looking), ("connecting", connecting),
    ("testQueue", testQueue), ("testFailure", testFailure), ("standIn", standIn),
]
var failures: [String] = []
for (name, run) in snippets {
    do {
        try await run()
    } catch {
        failures.append("\(name): \(error)")
    }
}
print(failures.joined(separator: "\n"))
exit(failures.isEmpty ? 0 : 1)
