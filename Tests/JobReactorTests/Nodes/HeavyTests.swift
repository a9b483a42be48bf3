import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

/// A heavy job that ends only when a thousand others have: had it stopped the reactor, neither would ever end.
@Suite("Heavy work beside light work", .serialized, .mayBlock)
struct HeavyTests {
    private static let others = 1_000

    /// Light jobs on the same node, and when the last of them has run.
    private func light(_ harness: Harness) -> Monitor<Int> {
        let passed = Monitor(0)
        harness.define("light") { _ in passed.update { $0 += 1 } }
        return passed
    }

    @Test("B9: while a deferred body blocks its thread, 1,000 other jobs pass")
    func deferred() async throws {
        let harness = try Harness()
        let passed = light(harness)
        let started = Promise<Void>()
        harness.define("heavy") { args in
            started.resolve(())
            args["passed"] = passed.wait(timeout: .seconds(Int64(300))) { $0 == Self.others ? .int(Int64($0)) : nil }
        }
        let node = try harness.startNode("worker_1")
        let jobs = try harness.client()
        let heavy = try jobs.enqueue("heavy", [:], JobOptions(defer: true))
        try await started.get()
        for _ in 0..<Self.others { try jobs.enqueue("light") }
        #expect(try await heavy.value["passed"] == .int(Int64(Self.others)))
        node.drain()
    }

    @Test("B9: while a program runs, 1,000 other jobs pass")
    func program() async throws {
        let folder = try TemporaryFolder()
        // Opening the pipe waits for its other end.
        let script = #"""
            #!/bin/sh
            mkfifo pipe
            : > started
            read line < pipe
            echo "{\"passed\": $line}"
            """#
        let path = try folder.write("heavy", script, mode: 0o755)
        let harness = try Harness()
        let passed = light(harness)
        harness.registry.define(Handler("heavy", program: path))
        let directory = folder.path
        let node = try harness.startNode("worker_1") { _ in
        } configure: { configuration in
            configuration.workingDirectory = directory
        }
        let jobs = try harness.client()
        let heavy = try jobs.enqueue("heavy")
        // The light ones come behind it: it has been started before any of them.
        for _ in 0..<Self.others { try jobs.enqueue("light") }
        let count = passed.wait(timeout: .seconds(Int64(300))) { $0 == Self.others ? $0 : nil } ?? 0
        try await opened(directory + "/started", harness.reactor)
        let pipe = try Files.open(directory + "/pipe", .write)
        try Files.writeAll(pipe.raw, Array("\(count)\n".utf8))
        #expect(try await heavy.value["passed"] == .int(Int64(Self.others)))
        node.drain()
    }

    /// Waits until a file is there.
    private func opened(_ path: String, _ reactor: Reactor) async throws {
        let found = Promise<Void>()
        reactor.execute { loop in Self.look(path, loop, found) }
        try await found.get()
    }

    private static func look(_ path: String, _ loop: Loop, _ found: Promise<Void>) {
        if Files.exists(path) { return found.resolve(()) }
        loop.schedule(after: .milliseconds(5)) { loop in look(path, loop, found) }
    }
}
