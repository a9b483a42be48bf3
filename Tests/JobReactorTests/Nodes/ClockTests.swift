import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("Distributors and nodes on a clock of the test's own", .mayBlock)
struct ClockTests {
    private struct Broken: Error {}

    @Test("B20, B33: on real sockets too, a job for later and its retries run when the reactor's clock says so")
    func virtualHours() async throws {
        let clock = ManualClock(at: WallTime(milliseconds: 1_000_000))
        let reactor = try Reactor(name: "manual", clock: clock)
        try reactor.start { _ in }
        defer { reactor.stop() }
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        configuration.retryMultiplier = 600
        // Longer than any jump: silence is counted by the same clock.
        configuration.heartbeat = .seconds(86_400 * 30)
        let jobs = try Distributor(listen: "127.0.0.1:0", configuration: configuration, on: reactor)
        let times = Monitor<[Int64]>([])
        let node = try Node(
            "worker_1", distributors: ["\(jobs.address)"], configuration: configuration, on: reactor
        ) {
            Handler("later") { _, context in
                times.update { $0.append(context.wallTime.milliseconds / 1_000 - 1_000) }
                if context.attempt < 3 { throw Broken() }
            }
        }
        node.start()
        let job = try jobs.enqueue("later", [:], JobOptions(after: .seconds(3_600)))
        _ = try await job.accepted
        for (step, runs) in [(3_600, 1), (600, 2), (1_200, 3)] {
            // What the last step led to is stored before the next one is taken.
            var info = try await jobs.job(job.id)
            while info?.attempt != runs - 1 || info?.status == .inProgress { info = try await jobs.job(job.id) }
            clock.advance(by: .seconds(Int64(step)))
            let seen = times.wait(timeout: .seconds(Int64(30))) { $0.count >= runs ? $0.count : nil }
            #expect(seen == runs)
        }
        #expect(try await job.result.ending == .complete)
        #expect(times.update { $0 } == [3_600, 4_200, 5_400])
        try await node.stop()
        jobs.stop()
    }
}
