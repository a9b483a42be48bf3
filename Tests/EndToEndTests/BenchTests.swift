import JRJSON
import JRSystem
import TestSupport
import Testing

@Suite("jr bench measures a cluster of its own", .serialized, .mayBlock)
struct BenchTests {
    let directory: String

    init() throws { directory = try Files.makeTemporaryDirectory(prefix: "jr-bench-test-") }

    private func bench(_ words: String...) throws -> Finished {
        try Programs.run(["jr", "bench"] + words, in: directory, environment: ["TMPDIR": directory])
    }

    @Test(
        "each benchmark ends with every job, and leaves no process and no file",
        arguments: [
            ["throughput", "--jobs", "500", "--nodes", "2"], ["throughput", "--jobs", "300", "--storage", "journal"],
            ["throughput", "--jobs", "300", "--storage", "redis"], ["latency", "--jobs", "50"],
            ["burst", "--jobs", "500", "--args", "1000"], ["memory", "--jobs", "500"], ["timers", "--jobs", "100"],
            ["recovery", "--jobs", "200"],
        ])
    func modes(words: [String]) throws {
        defer { try? Files.removeTree(directory) }
        let finished = try Programs.run(
            ["jr", "bench"] + words + ["--json"], in: directory, environment: ["TMPDIR": directory])
        try #require(finished.status == .exited(0), "\(finished.errors)\(finished.output)")
        let found = try JSON(parsing: finished.output)
        #expect(found["benchmark"]?.string == words[0])
        #expect(found["jobs"]?.int == Int64(words[2]))
        switch words[0] {
        case "memory": #expect((found["bytesPerJob"]?.int ?? 0) >= 0)
        case "recovery": #expect((found["recoveryMicroseconds"]?.int ?? 0) > 0)
        case "timers": #expect(found["lost"]?.int == 0)
        default:
            #expect(found["lost"]?.int == 0 && found["duplicates"]?.int == 0)
            let numbers = [
                "jobsPerSecond", "cpuMicrosecondsPerJob", "p50Microseconds", "p99Microseconds", "p999Microseconds",
                "bytesPerJob", "fsyncs",
            ]
            for key in numbers { #expect(found[key]?.double != nil, "\(key)") }
            // A job is stored, ends and is acknowledged: at least one sync where they come one after the other.
            #expect(((found["fsyncs"]?.int ?? -1) > 0) == words.contains("journal"))
        }
        let left = try Files.list(directory).filter { $0.hasPrefix("jr-bench-") }
        #expect(left.isEmpty)
    }

    @Test("people get a table")
    func table() throws {
        defer { try? Files.removeTree(directory) }
        let finished = try bench("throughput", "--jobs", "100")
        #expect(finished.status == .exited(0))
        #expect(finished.lines.first == "benchmark                   throughput")
        #expect(finished.lines.contains { $0.hasPrefix("application ") })
    }

    @Test("what cannot be measured is said before anything is started")
    func wrong() throws {
        defer { try? Files.removeTree(directory) }
        let memory = try bench("recovery", "--storage", "memory")
        #expect(memory.status == .exited(64))
        #expect(
            memory.errors == """
                jr: recovery is of what outlives a node: use --storage journal. See 'jr bench --help'.

                """)
        let url = try bench("timers", "--url", "jr://127.0.0.1:1")
        #expect(url.status == .exited(64))
        #expect(url.errors.contains("timers needs a cluster of its own: leave out --url (or JR_URL)"))
        let process = try Programs.run(["jr", "bench-process", "x"], in: directory)
        #expect(process.status == .exited(70))
        #expect(process.errors == "jr: 'bench-process' is for jr bench alone\n")
    }
}
