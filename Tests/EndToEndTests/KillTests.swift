import Glibc
import JRBase
import JRReactor
import JRSystem
import JRWire
import JobReactor
import Synchronization
import TestSupport
import Testing

@Suite("Kills of real processes", .serialized, .mayBlock)
struct KillTests {
    /// Which closures were called how often.
    private struct Calls: Sendable, Equatable {
        var success = 0
        var error = 0
    }

    @Test("B38: over 20 kills of distributor and node each feedback closure is called exactly once")
    func feedback() async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-kills-")
        defer { try? Files.removeTree(directory) }
        try Files.makeDirectory(directory + "/reactor_jobs")
        try Files.write(directory + "/reactor_jobs/good", Array("#!/bin/sh\necho '{}'\n".utf8), mode: 0o755)
        try Files.write(directory + "/reactor_jobs/bad", Array("#!/bin/sh\nexit 1\n".utf8), mode: 0o755)
        // A port that is free for a moment could be taken by somebody else.
        let address = "unix:\(directory)/socket"
        let reactor = try Reactor(name: "application")
        try reactor.start { _ in }
        defer { reactor.stop() }
        func distributor() throws -> Running {
            try Running(["jr-distributor", "--listen", address], in: directory)
        }
        func node() throws -> Running {
            try Running(
                [
                    "jr-node", "--name", "worker_1", "--distributors", address, "--storage",
                    "journal:\(directory)/store", "--poison-deaths", "100",
                ], in: directory)
        }
        var (front, worker) = (try distributor(), try node())
        let jobs = try JobClient(address, on: reactor)
        let heard = Monitor<[Int: Calls]>([:])
        var count = 0
        func enqueue() throws {
            let number = count
            count += 1
            let isBad = number % 5 == 0
            // An attempt that is cut off counts, and another one follows.
            let options = JobOptions(maxAttempts: isBad ? 1 : 100, retry: .fixed(.milliseconds(1)))
            try jobs.enqueue(
                isBad ? "bad" : "good", [:], options,
                success: { _ in heard.update { $0[number, default: Calls()].success += 1 } },
                error: { _ in heard.update { $0[number, default: Calls()].error += 1 } })
        }
        for round in 1...20 {
            for _ in 0..<20 { try enqueue() }
            // Some of the jobs have been heard of, some run, some wait and some are on their way.
            let enough = count - 15
            try #require(heard.wait(timeout: .seconds(Int64(60))) { $0.count >= enough ? true : nil } == true)
            if round % 3 != 0 {
                worker.kill()
                worker = try node()
            }
            if round % 3 != 1 {
                front.kill()
                front = try distributor()
            }
        }
        let all = count
        try #require(heard.wait(timeout: .seconds(Int64(60))) { $0.count >= all ? true : nil } == true)
        // Whatever came twice would have come before this.
        _ = try await jobs.enqueue("good").value
        for (number, calls) in heard.update({ $0 }) {
            #expect(calls == (number % 5 == 0 ? Calls(error: 1) : Calls(success: 1)), "job \(number)")
        }
        jobs.stop()
    }
}
