import Glibc
import JRBase
import JRReactor
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JobReactor

/// Counts that every run can afford; with `JR_TEST_FULL` in the environment the full ones, what they cost is printed,
/// and memory and processor time, which belong to the whole process, are looked at too. `Benchmarks/scale.md` has them.
private enum Scale {
    static let isFull = SystemProgram.environment["JR_TEST_FULL"] != nil

    static func count(_ small: Int, full: Int) -> Int { isFull ? full : small }

    static func say(_ text: String) {
        if isFull { _ = Standard.write(Standard.output, "figure: \(text)\n") }
    }

    static func residentBytes() throws -> Int {
        let text = String(decoding: try Files.read("/proc/self/statm", limit: 4_096), as: UTF8.self)
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return try #require(pages) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Of the whole process, in user and system mode.
    static func processorTime() -> Interval {
        var usage = rusage()
        _ = getrusage(numericCast(RUSAGE_SELF.rawValue), &usage)
        return .seconds(Int64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec))
            + .microseconds(Int64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec))
    }

    /// Ends after that time, which another thread measures.
    static func pass(_ interval: Interval) async throws {
        let clock = try Reactor(name: "clock")
        let reached = Promise<Void>()
        try clock.start { loop in loop.schedule(after: interval) { _ in reached.resolve(()) } }
        try await reached.get()
        clock.stop()
        clock.waitUntilStopped()
    }
}

/// Lives as long as a closure that has it.
private final class Token: Sendable {
    private let alive: Monitor<Int>

    init(_ alive: Monitor<Int>) {
        self.alive = alive
        alive.update { $0 += 1 }
    }

    deinit { alive.update { $0 -= 1 } }

    func isHere() {}
}

@Suite("In large numbers", .serialized, .mayBlock)
struct ScaleTests {
    private let patience = Interval.seconds(Int64(Scale.isFull ? 600 : 60))

    @Test("B23: 1,000 threads that enqueue at once lose nothing")
    func threads() throws {
        let each = Scale.count(10, full: 1_000)
        let harness = try Harness()
        let seen = Mutex<[Int: Int]>([:])
        harness.define("note") { args in
            let number = args["n"]?.int ?? -1
            seen.withLock { $0[number, default: 0] += 1 }
        }
        let nodes = [try harness.startNode("worker_1"), try harness.startNode("worker_2")]
        let (ready, gate, ended) = (Monitor(0), Monitor(false), Monitor(0))
        let jobs = harness.distributor
        for thread in 0..<1_000 {
            try Threads.start(name: "enqueue") {
                ready.update { $0 += 1 }
                _ = gate.wait { $0 ? true : nil }
                for number in 0..<each {
                    _ = try? jobs.enqueue("note", ["n": .int(Int64(thread * each + number))], feedback: .both) {
                        if case .ended = $0 { ended.update { $0 += 1 } }
                    }
                }
            }
        }
        #expect(ready.wait(timeout: patience) { $0 == 1_000 ? true : nil } == true)
        let start = SystemClock.instant()
        gate.update { $0 = true }
        #expect(ended.wait(timeout: patience) { $0 == 1_000 * each ? true : nil } == true)
        let time = SystemClock.instant() - start
        #expect(seen.withLock { $0.count } == 1_000 * each)
        #expect(seen.withLock { $0.values.allSatisfy { $0 == 1 } })
        Scale.say("1,000 threads: \(1_000 * each) jobs enqueued, run and reported in \(Durations.format(time))")
        for node in nodes { node.drain() }
    }

    @Test("B28: jobs that wait in large numbers use no processor and little memory, and all run when a node comes")
    func waiting() async throws {
        let count = Scale.count(20_000, full: 1_000_000)
        let harness = try Harness()
        let done = Monitor(0)
        harness.define("work") { _ in done.update { $0 += 1 } }
        let accepted = Monitor(0)
        let jobs = harness.distributor
        let before = try Scale.residentBytes()
        for number in 1...count {
            try jobs.enqueue("work", ["n": .int(Int64(number))], feedback: []) {
                if case .accepted = $0 { accepted.update { $0 += 1 } }
            }
            // What is still on its way to the reactor is not what waits.
            if number % 5_000 == 0 {
                #expect(accepted.wait(timeout: patience) { $0 == number ? true : nil } == true)
            }
        }
        #expect(try await jobs.ask("stats").map?["distributor"]?.map?["waiting"] == .int(Int64(count)))
        let bytes = try Scale.residentBytes() - before
        Scale.say("\(count) waiting jobs: \(bytes / count) bytes of resident memory each")

        let (turns, used) = (harness.reactor.turns, Scale.processorTime())
        let window = Scale.isFull ? Interval.seconds(Int64(5)) : .milliseconds(200)
        try await Scale.pass(window)
        #expect(harness.reactor.turns == turns)
        let spent = Scale.processorTime() - used
        Scale.say("\(count) waiting jobs: \(Durations.format(spent)) of processor time in \(Durations.format(window))")
        if Scale.isFull { #expect(spent < .milliseconds(50)) }

        let start = SystemClock.instant()
        let node = try harness.startNode("worker_1")
        #expect(done.wait(timeout: patience) { $0 == count ? true : nil } == true)
        Scale.say("\(count) waiting jobs: run in \(Durations.format(SystemClock.instant() - start)) once a node came")
        #expect(try await jobs.ask("stats").map?["distributor"]?.map?["waiting"] == 0)
        node.drain()
    }

    @Test("B39: of jobs with both feedbacks nothing is left when they have ended, however many they were")
    func feedback() throws {
        let count = Scale.count(10_000, full: 1_000_000)
        let harness = try Harness()
        harness.define("good") { args in args["done"] = true }
        harness.define("bad") { _ in throw FailForGood("bad") }
        let node = try harness.startNode("worker_1") { $0.removeFailedJobs = true }
        let (alive, heard) = (Monitor(0), Monitor(0))
        let jobs = harness.distributor
        var resident: [Int] = []
        let start = SystemClock.instant()
        for number in 1...count {
            try enqueue(number, at: jobs, Token(alive), heard)
            if number % 1_000 == 0 {
                #expect(heard.wait(timeout: patience) { $0 >= number - 1_000 ? true : nil } == true)
            }
            if number % (count / 5) == 0 { resident.append(try Scale.residentBytes()) }
        }
        #expect(heard.wait(timeout: patience) { $0 == count ? true : nil } == true)
        #expect(alive.wait(timeout: patience) { $0 == 0 ? true : nil } == true)
        let (first, last) = (try #require(resident.first), try #require(resident.last))
        Scale.say(
            "\(count) jobs with both feedbacks in \(Durations.format(SystemClock.instant() - start)); resident "
                + "after each fifth: \(resident.map { "\($0 >> 10) KiB" }.joined(separator: ", "))")
        if Scale.isFull { #expect(last < first * 11 / 10) }
        node.drain()
    }

    /// With both feedbacks, each as a closure of its own or both in one; every tenth job fails.
    private func enqueue(_ number: Int, at jobs: Distributor, _ token: Token, _ heard: Monitor<Int>) throws {
        let name = number % 10 == 0 ? "bad" : "good"
        let args: JobArguments = ["n": .int(Int64(number))]
        if number % 3 == 0 {
            try jobs.enqueue(name, args, feedback: .both) { event in
                token.isHere()
                if case .ended = event { heard.update { $0 += 1 } }
            }
        } else {
            try jobs.enqueue(
                name, args,
                success: { _ in
                    token.isHere()
                    heard.update { $0 += 1 }
                },
                error: { _ in
                    token.isHere()
                    heard.update { $0 += 1 }
                })
        }
    }

    @Test("B46: an idle cluster takes no turns but for its heartbeats, with one scheduled job as with many")
    func idle() async throws {
        let count = Scale.count(10_000, full: 1_000_000)
        let harness = try Harness()
        harness.define("later") { _ in }
        let heartbeat = Interval.milliseconds(Scale.isFull ? 1_000 : 100)
        let node = try harness.startNode("worker_1") { _ in
        } configure: { configuration in
            configuration.heartbeat = heartbeat
        }
        let stored = Monitor(0)
        for wanted in [1, count] {
            for number in stored.update({ $0 })..<wanted {
                try harness.distributor.enqueue("later", [:], JobOptions(after: .seconds(3_600)), feedback: []) {
                    if case .stored = $0 { stored.update { $0 += 1 } }
                }
                if number % 5_000 == 0 {
                    #expect(stored.wait(timeout: patience) { $0 >= number ? true : nil } == true)
                }
            }
            #expect(stored.wait(timeout: patience) { $0 == wanted ? true : nil } == true)
            let (turns, used, start) = (harness.reactor.turns, Scale.processorTime(), SystemClock.instant())
            try await Scale.pass(heartbeat * 10)
            let taken = harness.reactor.turns - turns
            // On a busy machine more time has passed than was asked for, and more beats with it.
            let beats = Int((SystemClock.instant() - start).nanoseconds / heartbeat.nanoseconds) + 1
            // Each is one side's, answered or crossed by the other's: a timer and a read. And what the storing left to
            // do.
            #expect(taken <= 6 * beats + 10, "\(wanted) scheduled jobs, \(beats) heartbeats")
            let spent = Scale.processorTime() - used
            Scale.say(
                "\(wanted) scheduled jobs, 10 heartbeats: \(taken) turns, \(Durations.format(spent)) of processor time")
        }
        node.drain()
    }
}
