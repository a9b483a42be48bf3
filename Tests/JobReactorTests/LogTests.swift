import JRBase
import JRReactor
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JobReactor

@Suite("Logs", .serialized, .mayBlock)
struct LogTests {
    private struct Broken: Error {}

    /// The entries of a job that fails once and then succeeds.
    private func entries(
        from level: LogEntry.Level = .debug, _ configure: (inout NodeConfiguration) -> Void = { _ in }
    ) async throws -> (job: JobID, entries: [LogEntry]) {
        let harness = try Harness()
        harness.registry.define(
            Handler("work") { (_: inout JobArguments, context) in if context.attempt == 1 { throw Broken() } })
        let entries = Mutex<[LogEntry]>([])
        let log = LogHandler(from: level) { entry in entries.withLock { $0.append(entry) } }
        let node = try harness.startNode("worker_1", log: log) { settings in
            settings.retry = .fixed(.milliseconds(1))
        } configure: { configuration in
            // A busy machine may hold any turn for long.
            configuration.slowTurn = nil
            configure(&configuration)
        }
        let job = try harness.distributor.enqueue("work", ["password": "hunter2"])
        _ = try await job.value
        node.drain()
        return (job.id, entries.withLock { $0 })
    }

    @Test("B45: an entry has its level, time, source and job, and what a job was given stands in none of them")
    func structured() async throws {
        let before = SystemClock.wall()
        let (job, entries) = try await entries()
        let own = entries.filter { $0.job == job }
        #expect(own.map(\.level) == [.debug, .warning, .debug, .debug])
        #expect(
            own.map(\.text) == [
                "'work' attempt 1 begins", "'work' attempt 1 has failed: Broken()", "'work' attempt 2 begins",
                "'work' attempt 2 has ended well",
            ])
        #expect(entries.allSatisfy { $0.source == "worker_1" })
        #expect(entries.allSatisfy { $0.time >= before && $0.time <= SystemClock.wall() })
        #expect(!entries.contains { $0.text.contains("hunter2") })
    }

    @Test("B45: arguments are logged when that is asked for, and attempts are not when that is asked for")
    func asked() async throws {
        let shown = try await entries { $0.logsArguments = true }.entries
        #expect(shown.contains { $0.text == #"'work' attempt 1 begins with {"password":"hunter2"}"# })
        let quiet = try await entries { $0.logsJobs = false }.entries
        #expect(quiet.map(\.level) == [.warning])
    }

    @Test("B45: a handler gets nothing below its level")
    func level() async throws {
        let entries = try await entries(from: .warning).entries
        #expect(entries.map(\.level) == [.warning])
    }
}
