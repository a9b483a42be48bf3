import Glibc
import JRBase
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JobReactor

@Suite("jr-node", .mayBlock)
struct NodeProgramTests {
    private let folder: TemporaryFolder
    private let node: String

    init() throws {
        folder = try TemporaryFolder()
        node = try builtProgram("jr-node")
    }

    /// A `jr-node` with the descriptors that a supervisor gives it.
    private final class Started {
        let pid: Int32
        private let ready: Descriptor
        private var life: Descriptor?

        init(
            _ node: String, _ arguments: [String], _ folder: TemporaryFolder, _ more: [String: String] = [:]
        ) throws {
            let (readyRead, readyWrite) = try Pipe(nonBlocking: false).takeEnds()
            let (lifeRead, lifeWrite) = try Pipe(nonBlocking: false).takeEnds()
            ready = Descriptor(owning: readyRead)
            life = Descriptor(owning: lifeWrite)
            let childReady = Descriptor(owning: readyWrite)
            let childLife = Descriptor(owning: lifeRead)
            let log = try Files.open("\(folder.path)/log", [.write, .create, .append])
            let environment = plainEnvironment(
                [
                    "JR_READY_FD": "3", "JR_LIFE_FD": "4", "JR_CACHE": "\(folder.path)/cache", "LANG": "C.UTF-8",
                ].merging(more) { _, new in new })
            pid = try Processes.spawn(
                SpawnRequest(
                    executable: node, arguments: [node] + arguments,
                    environment: environment.map { "\($0.key)=\($0.value)" },
                    descriptors: [(2, log.raw), (3, childReady.raw), (4, childLife.raw)]))
        }

        /// That it is ready, and what it has recovered; empty if it ends before.
        func readiness() throws -> String {
            var line: [UInt8] = []
            var byte: [UInt8] = [0]
            while case .moved(1) = byte.withUnsafeMutableBytes({ IO.read(ready.raw, into: $0) }) {
                // Other lines come before.
                if line.starts(with: "READY=".utf8), byte[0] == UInt8(ascii: "\n") { break }
                if byte[0] == UInt8(ascii: "\n") { line = [] } else { line += byte }
            }
            return String(decoding: line, as: UTF8.self).split(separator: " ").prefix(2).joined(separator: " ")
        }

        /// As a supervisor that dies, or with `word` as one that tells its node to leave.
        func endLife(after word: String = "") {
            if let raw = life?.raw, !word.isEmpty { _ = Standard.write(raw, word) }
            life = nil
        }

        func wait() throws -> JRSystem.ExitStatus { try Processes.wait(pid: pid) }
    }

    /// Files in which white space, control characters and broken UTF-8 meet in every way that matters to a counter.
    private func writeCorpus(_ count: Int) throws -> [String] {
        var random = SeededRandom(seed: 7)
        let pieces: [[UInt8]] =
            [
                " ", "\t", "\n", "\r", "\u{B}", "\u{C}", "a", "bc", "\0", "\u{7F}", "\u{85}", "\u{A0}", "\u{AD}",
                "\u{1680}",
                "\u{2003}", "\u{2007}", "\u{200B}", "\u{2028}", "\u{202F}", "\u{205F}", "\u{2060}", "\u{3000}", "é",
                "日", "😀",
                "\u{301}", "\u{378}", "\u{E000}", "\u{FFFE}", "\u{10FFFF}",
            ].map { Array($0.utf8) } + [
                [0xFF], [0xC3], [0xE2, 0x80], [0xF0, 0x9F], [0xED, 0xA0, 0x80], [0xC0, 0xA0], [0x80],
            ]
        return try (0..<count).map { number in
            var bytes: [UInt8] = []
            // Some are longer than the buffers of either counter.
            let length = [0, 1, 30, 3_000, 40_000][number % 5]
            for _ in 0..<length { bytes += pieces[random.below(pieces.count)] }
            let path = "\(folder.path)/corpus/\(number) 'quoted\".txt"
            try Files.makeDirectories("\(folder.path)/corpus")
            try Files.write(path, bytes)
            return path
        }
    }

    @Test("B10: the examples run: wordcount counts as wc does, and sha256 as sha256sum does")
    func examples() throws {
        let harness = try Harness()
        let jobs = "\(packageRoot())/Examples/reactor_jobs"
        let started = try Started(
            node, ["--jobs", jobs, "--name", "worker", "--distributors", "\(harness.address)"], folder)
        #expect(try started.readiness() == "READY=1 recovered=0/0", "\((try? folder.read("log")) ?? "")")
        let client = try harness.client()
        let files = try writeCorpus(40)
        let (counted, summed, failed) = (Outcomes(), Outcomes(), Outcomes())
        for file in files {
            try client.enqueue("wordcount", ["path": .string(file)], feedback: .both) { counted.observe($0) }
            try client.enqueue("sha256", ["path": .string(file)], feedback: .both) { summed.observe($0) }
        }
        let once = JobOptions.standard
        try client.enqueue("wordcount", [:], once, feedback: .both) { failed.observe($0) }
        try client.enqueue("sha256", ["path": 3], once, feedback: .both) { failed.observe($0) }
        for result in counted.wait(files.count) {
            let path = try #require(result.arguments["path"]?.string)
            let words = try run("/usr/bin/wc", [path], plainEnvironment(["LC_ALL": "C.UTF-8"])).output
                .split(separator: " ").prefix(3).compactMap { Int64($0) }
            let ours = ["lines", "words", "bytes"].compactMap { result.arguments[$0] }
            #expect(ours == words.map { .int($0) }, "\(path): \(words)")
            #expect((result.arguments["words_per_line"] == nil) == (words.first == 0))
        }
        for result in summed.wait(files.count) {
            let path = try #require(result.arguments["path"]?.string)
            let sum = try run("/usr/bin/sha256sum", ["--tag", "-z", path]).output.suffix(65).prefix(64)
            #expect(result.arguments["sha256"] == .string(String(sum)))
        }
        let failures = failed.wait(2)
        #expect(failures.count == 2)
        #expect(failures.allSatisfy { $0.ending == .failed && $0.attempt == 1 })
        #expect(failures.contains { $0.error?.contains("the argument 'path' is missing") == true })
        #expect(failures.contains { $0.arguments["advice"] != nil })
        try Processes.signal(pid: started.pid, Signals.terminate)
        #expect(try started.wait() == .exited(0))
    }

    @Test("B4, B10: a job file has every form of a job, and what it enqueues with JR goes to the node's distributor")
    func jobFiles() async throws {
        let harness = try Harness()
        try folder.write(
            "jobs/forms.swift",
            """
            import JobReactor

            struct Double: ResultJob {
                var number: Int

                func run(_ context: JobContext) async throws -> Int { number * 2 }
            }

            job(Double.self)

            job("parent") { args, context in
                let number = args["number"]?.int ?? 0
                args["first"] = .int(Int64(try await JR.enqueue(Double(number: number)).value))
                args["second"] = .int(Int64(try await context.enqueue(Double(number: number + 1)).value))
            }

            jobCallback("parent") { args, context in
                args["node"] = .string(context.node)
            }
            """)
        let started = try Started(
            node, ["--jobs", "\(folder.path)/jobs", "--name", "worker", "--distributors", "\(harness.address)"], folder)
        #expect(try started.readiness() == "READY=1 recovered=0/0", "\((try? folder.read("log")) ?? "")")
        let args = try await harness.distributor.enqueue("parent", ["number": 20]).value
        #expect(args == ["number": 20, "first": 40, "second": 42, "node": "worker"])
        try Processes.signal(pid: started.pid, Signals.terminate)
        #expect(try started.wait() == .exited(0))
    }

    @Test("a node whose supervisor is gone ends by itself, and so it is without any distributor")
    func life() throws {
        try folder.write("jobs/tool", "#!/bin/sh\n", mode: 0o755)
        let started = try Started(
            node, ["--jobs", "\(folder.path)/jobs", "--distributors", "127.0.0.1:1"], folder)
        #expect(try started.readiness() == "READY=1 recovered=0/0")
        started.endLife()
        #expect(try started.wait() == .exited(0))
        #expect(try folder.read("log").contains("the supervisor is gone"))
    }

    @Test("a node that its supervisor tells to leave does not say that the supervisor is gone")
    func toldToLeave() throws {
        try folder.write("jobs/tool", "#!/bin/sh\n", mode: 0o755)
        let started = try Started(node, ["--jobs", "\(folder.path)/jobs", "--distributors", "127.0.0.1:1"], folder)
        #expect(try started.readiness() == "READY=1 recovered=0/0")
        started.endLife(after: "leave\n")
        #expect(try started.wait() == .exited(0))
        let log = try folder.read("log")
        #expect(log.contains("the supervisor says to leave: running jobs end, for at most"), "\(log)")
        #expect(!log.contains("gone"), "\(log)")
    }

    @Test("a program that a killed node left running is ended before its job runs again")
    func leftPrograms() throws {
        let harness = try Harness()
        try folder.write(
            "jobs/slow", "#!/bin/sh\ntrap '' TERM\necho $$ >> '\(folder.path)/pids'\nsleep 60\n", mode: 0o755)
        try folder.write("pids")
        let arguments = [
            "--jobs", "\(folder.path)/jobs", "--distributors", "\(harness.address)", "--storage",
            "journal:\(folder.path)/store?sync=never", "--drain", "1ms",
        ]
        let environment = ["JR_RUNTIME": "\(folder.path)/runtime", "JR_NAME": "worker.1"]
        let first = try Started(node, arguments, folder, environment)
        #expect(try first.readiness() == "READY=1 recovered=0/0")
        let stored = Outcomes()
        try harness.client().enqueue("slow", feedback: .both) { stored.observe($0) }
        let pid = try waitForPid(1)
        let program = try Processes.open(pid: pid)
        try Processes.signal(pid: first.pid, Signals.kill)
        _ = try first.wait()
        #expect(Processes.facts(of: pid) != nil)
        let second = try Started(node, arguments, folder, environment)
        #expect(try second.readiness() == "READY=1 recovered=1/1")
        #expect(try IO.waitReadable(program.raw, timeout: 0), "the program of the first node is still running")
        let next = try waitForPid(2)
        let last = try Processes.open(pid: next)
        try Processes.signal(pid: second.pid, Signals.terminate)
        #expect(try second.wait() == .exited(0))
        // It ignores SIGTERM: at the end of the drain it is ended nevertheless, and does not outlive its node.
        #expect(try IO.waitReadable(last.raw, timeout: 5_000), "the program of the second node is still running")
    }

    /// The pid that the `count`th run of a program wrote.
    private func waitForPid(_ count: Int) throws -> Int32 {
        let deadline = SystemClock.instant() + .seconds(Int64(30))
        while SystemClock.instant() < deadline {
            let pids = try folder.read("pids").split(separator: "\n").compactMap { Int32($0) }
            if pids.count >= count { return pids[count - 1] }
            sched_yield()
        }
        throw TimedOut()
    }

    private struct TimedOut: Error {}

    @Test("a storage in use ends the second node with 75, and names the process that has it")
    func locked() throws {
        try folder.write("jobs/tool", "#!/bin/sh\n", mode: 0o755)
        let arguments = [
            "--jobs", "\(folder.path)/jobs", "--distributors", "127.0.0.1:1", "--name", "w", "--storage",
            "journal:\(folder.path)/store?sync=never",
        ]
        let first = try Started(node, arguments, folder)
        #expect(try first.readiness() == "READY=1 recovered=0/0", "\((try? folder.read("log")) ?? "")")
        let second = try run(node, arguments)
        #expect(second.status == .exited(75))
        #expect(second.errors.contains("\(first.pid)"), "\(second.errors)")
        try Processes.signal(pid: first.pid, Signals.interrupt)
        #expect(try first.wait() == .exited(0))
    }

    @Test("a wrong command line ends with 64 and says what is right")
    func usage() throws {
        let cases: [([String], String)] = [
            (["--job", "x"], "--jobs"),
            (["--name", "a b"], "letters, digits"),
            (["--storage", "journal"], "journal:DIR"),
            (["--storage", "journal:/x?sync=sometimes", "--name", "n"], "sync=always"),
            (["--storage", "journal:/x?sync=interval:5", "--name", "n"], "a length of time"),
            (["--storage", "journal:/x"], "needs --name"),
            (["--distributors", "localhost"], "127.0.0.1:5000"),
            (["--credit", "0"], "from 1 to"),
            (["extra"], "extra"),
        ]
        for (arguments, text) in cases {
            let finished = try run(node, arguments)
            #expect(finished.status == .exited(64), "\(arguments)")
            #expect(finished.errors.contains(text), "\(arguments): \(finished.errors)")
        }
        #expect(try run(node, ["--version"]).output.contains("0.1.0"))
        #expect(try run(node, ["--help"]).output.contains("--compile-only"))
    }

    @Test("a missing job directory ends with 78 and says where it was looked for")
    func missing() throws {
        let finished = try run(node, [])
        #expect(finished.status == .exited(78))
        #expect(finished.errors.contains("the job directory 'reactor_jobs' cannot be opened in /"))
    }
}
