import JRBase
import JRReactor
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JobReactor

@Suite("Feedback across restarts", .serialized, .mayBlock)
struct RestartTests {
    private struct Broken: Error {}

    /// Which closures were called how often: success in the first number, error in the second.
    private final class Heard: Sendable {
        private let counts = Mutex<[Int: (success: Int, error: Int)]>([:])
        let distinct = Monitor(0)

        func success(_ number: Int) { note(number) { $0.success += 1 } }
        func error(_ number: Int) { note(number) { $0.error += 1 } }

        private func note(_ number: Int, _ body: (inout (success: Int, error: Int)) -> Void) {
            let count = counts.withLock { counts in
                body(&counts[number, default: (0, 0)])
                return counts.count
            }
            distinct.update { $0 = count }
        }

        var all: [Int: (success: Int, error: Int)] { counts.withLock { $0 } }
    }

    private func registry() -> JobRegistry {
        let registry = JobRegistry()
        registry.define(
            Handler("good") { (_: inout JobArguments, context: JobContext) async throws in
                let passed = Promise<Void>()
                context.reactor.execute { loop in loop.schedule(after: .milliseconds(2)) { _ in passed.resolve(()) } }
                try await passed.get()
            })
        registry.define(Handler("bad") { (_: inout JobArguments) in throw Broken() })
        return registry
    }

    @Test("B38: over 20 restarts of distributor and node each feedback closure is called exactly once")
    func restarts() async throws {
        let folder = try Files.makeTemporaryDirectory(prefix: "jr-restarts-")
        defer { try? Files.removeTree(folder) }
        let reactor = try Reactor(name: "test")
        try reactor.start { _ in }
        defer { reactor.stop() }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        configuration.maxAttempts = 2
        configuration.retryMultiplier = 0.001
        let registry = registry()
        // A port that is free for a moment could be taken by somebody else.
        let address = "unix:\(folder)/socket"
        var distributor = try Distributor(listen: address, configuration: configuration, on: reactor)
        func start(_ incarnation: Int) throws -> Node {
            var own = configuration
            own.incarnation = incarnation
            let node = try Node(
                "worker_1", distributors: [address], storage: .journal(directory: folder + "/store", sync: .never),
                registry: registry, configuration: own, on: reactor)
            node.start()
            return node
        }
        var node = try start(0)
        let jobs = try JobClient(address, on: reactor)
        let heard = Heard()
        var count = 0
        for round in 1...20 {
            for _ in 0..<50 {
                let number = count
                count += 1
                try jobs.enqueue(
                    number % 5 == 0 ? "bad" : "good", success: { _ in heard.success(number) },
                    error: { _ in heard.error(number) })
            }
            // Some of the jobs have been heard of, some run, some wait and some are on their way.
            let enough = count - 40
            #expect(heard.distinct.wait(timeout: .seconds(Int64(60))) { $0 >= enough ? true : nil } == true)
            if round % 3 != 0 {
                // What runs is cut off, and runs again.
                try await node.stop(drain: .zero)
                node = try start(round)
            }
            if round % 3 != 1 {
                distributor.stop()
                try await turn(reactor)
                distributor = try Distributor(listen: address, configuration: configuration, on: reactor)
            }
        }
        let all = count
        #expect(heard.distinct.wait(timeout: .seconds(Int64(60))) { $0 == all ? true : nil } == true)
        // Whatever came twice would have come before this.
        _ = try await jobs.enqueue("good").value
        for (number, calls) in heard.all {
            #expect(calls == (number % 5 == 0 ? (0, 1) : (1, 0)), "job \(number)")
        }
        try await node.stop()
        jobs.stop()
        distributor.stop()
        try await turn(reactor)
    }

    private func turn(_ reactor: Reactor) async throws {
        let reached = Promise<Void>()
        reactor.execute { loop in loop.soon { _ in reached.resolve(()) } }
        try await reached.get()
    }
}
