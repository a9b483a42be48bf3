import JRBase
import JRReactor
import JRSystem
import TestSupport
import Testing

@testable import JobReactor

@Suite("Several reactors in a process", .mayBlock)
struct ReactorsTests {
    @Test("B4: nodes with a reactor each run jobs at the same time, and one that is held holds nobody else up")
    func atTheSameTime() async throws {
        let reactors = try ["jobs", "one", "two"].map { try Reactor(name: $0) }
        for reactor in reactors { try reactor.start { _ in } }
        defer { for reactor in reactors { reactor.stop() } }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        let jobs = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactors[0])
        // Each holds its reactor until the other has come: on one reactor neither would ever end well.
        let arrived = Monitor(0)
        let nodes = try zip(["one", "two"], reactors.dropFirst()).map { name, reactor in
            try Node(name, distributors: ["\(jobs.address)"], configuration: configuration, on: reactor) {
                Handler("meet") { (args: inout JobArguments) in
                    arrived.update { $0 += 1 }
                    args["met"] = .bool(arrived.wait(timeout: .seconds(Int64(30))) { $0 >= 2 ? true : nil } ?? false)
                }
            }
        }
        for node in nodes { node.start() }
        let handles = try ["one", "two"].map { name in
            var options = JobOptions()
            options.placement = Placement(preferred: [name], isStrict: true)
            return try jobs.enqueue("meet", [:], options)
        }
        for handle in handles { #expect(try await handle.value["met"] == true) }
        for node in nodes { try await node.stop() }
        jobs.stop()
    }
}
