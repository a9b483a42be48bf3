import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// What becomes of jobs when their node dies or hangs, seen with the supervisor that starts it again.
@Suite("Deaths of a node", .serialized, .mayBlock)
struct DeathTests {
    /// A supervisor with one node whose jobs are scripts.
    private final class Run {
        let directory: String

        /// - Parameter load: what its only program does, in words of a shell; `$jr` is the program `jr`.
        init(load: String? = nil) throws {
            directory = try Files.makeTemporaryDirectory(prefix: "jr-deaths-")
            try Files.makeDirectories(directory + "/jobs")
            let scripts = [
                "mark": "cat >/dev/null; echo $JR_JOB_ID >> '\(directory)/done'",
                "wait": "cat >/dev/null; echo x > '\(directory)/running'; read x <'\(directory)/go' || true",
                "crash": "kill -KILL $PPID; exec sleep 600",
            ]
            for (name, text) in scripts {
                try Files.write("\(directory)/jobs/\(name)", Array("#!/bin/sh\n\(text)\n".utf8), mode: 0o755)
            }
            let script = "#!/bin/sh\nset -e\njr='\(try Programs.path("jr"))'\n\(load ?? "")\n"
            try Files.write(directory + "/load", Array(script.utf8), mode: 0o755)
            let program =
                load == nil
                ? "" : #", "programs": { "load": { "command": ["./load"], "after": ["worker"], "restart": "never" } }"#
            let manifest = """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "heartbeat": "200ms" } },
                  "nodes": { "worker": { "distributors": ["main"], "jobs": "jobs",
                                         "storage": { "kind": "journal", "sync": "never" } } }\(program)
                }
                """
            try Files.write(directory + "/cluster.json", Array(manifest.utf8))
            let pipes = try Programs.run(["/usr/bin/mkfifo", "go", "running"], in: directory)
            try #require(pipes.status == .exited(0))
        }

        deinit {
            _ = try? Programs.run(["jr-supervisor", "down", "--now"], in: directory)
            try? Files.removeTree(directory)
        }

        func supervisor(_ words: String...) throws -> Finished {
            try Programs.run(["jr-supervisor"] + words, in: directory)
        }

        func jr(_ words: String..., input: String? = nil) throws -> Finished {
            try Programs.run(["jr"] + words, in: directory, input: input)
        }

        /// What the supervisor says of the node.
        func worker() throws -> JSON {
            let status = try supervisor("status", "--json")
            let rows = try JSON(parsing: status.output)["instances"]?.array ?? []
            return try #require(rows.first { $0["name"]?.string == "worker.1" })
        }

        func pid() throws -> Int32 { Int32(try #require(try worker()["pid"]?.int)) }

        /// The ids of jobs that have run, each as often as it has.
        var done: [String] {
            ((try? Programs.text(directory + "/done")) ?? "").split(separator: "\n").map { String($0) }
        }

        /// Lets what reads the pipe go on.
        func go() throws { try Files.write(directory + "/go", Array("go\n".utf8)) }

        /// Returns when that many jobs more wait for ``go()``.
        func awaitRunning(_ count: Int) throws {
            let pipe = try Files.open(directory + "/running", .readWrite)
            var seen = 0
            var buffer = [UInt8](repeating: 0, count: 64)
            while seen < count {
                try #require(try IO.waitReadable(pipe.raw, timeout: 60_000), "\(seen) of \(count) run")
                guard case .moved(let moved) = buffer.withUnsafeMutableBytes({ IO.read(pipe.raw, into: $0) }) else {
                    break
                }
                seen += buffer[..<moved].count { $0 == UInt8(ascii: "x") }
            }
        }
    }

    @Test("a node that is killed with 4 jobs running and 100 stored, under load, has them all when it is ready again")
    func recovers() throws {
        let run = try Run()
        let up = try run.supervisor("up", "--detach")
        try #require(up.status == .exited(0), "\(up.errors)")
        let later = String(repeating: "{}\n", count: 100)
        #expect(try run.jr("enqueue", "mark", "--after", "1h", "--many", "-", input: later).status == .exited(0))
        #expect(try run.jr("enqueue", "wait", "--many", "-", input: "{}\n{}\n{}\n{}\n").status == .exited(0))
        try run.awaitRunning(4)
        try Files.write(run.directory + "/load.jsonl", Array(String(repeating: "{}\n", count: 300).utf8))
        let input = try Files.open(run.directory + "/load.jsonl", .read)
        let null = try Files.open("/dev/null", .write)
        let load = try Programs.start(
            ["jr", "enqueue", "mark", "--many", "-", "--wait"], in: run.directory, input: input.raw, output: null.raw,
            errors: null.raw)
        try Processes.signal(pid: run.pid(), Signals.kill)
        #expect(try run.supervisor("wait", "ready").status == .exited(0))
        // They have all places of the node, so that the load waits for them.
        try run.awaitRunning(4)
        let worker = try run.worker()
        let recovered = try #require(worker["recovered"]?.string)
        let counts = recovered.prefix { $0 != " " }.split(separator: "/").compactMap { Int($0) }
        #expect(counts.count == 2 && counts.first == counts.last && counts[0] >= 104, "\(recovered)")
        #expect(worker["restarts"]?.int == 1)
        #expect(worker["jobs"]?["scheduled"]?.int == 100 && worker["jobs"]?["running"]?.int == 4, "\(worker.text)")
        try run.go()
        #expect(try Processes.wait(pid: load) == .exited(0), "each job of the load has ended well")
        #expect(Set(run.done).count == 300)
    }

    @Test("a run until idle is not over while the only job left is on its way to a node that does not read")
    func inFlight() throws {
        let run = try Run(load: "read x <go")
        let null = try Files.open("/dev/null", .write)
        let up = try Programs.start(
            ["jr-supervisor", "up", "--until-idle"], in: run.directory, output: null.raw, errors: null.raw)
        // The load has begun, and so everything before it is ready, when somebody reads the pipe.
        let pipe = try Files.open(run.directory + "/go", .write)
        let worker = try run.pid()
        try Processes.signal(pid: worker, Signals.stop)
        defer { try? Processes.signal(pid: worker, Signals.continue) }
        let job = try Programs.start(
            ["jr", "enqueue", "mark"], in: run.directory, output: null.raw, errors: null.raw)
        // The distributor asks the node as well, so that this takes until it believes the node gone.
        var held = 0
        while held == 0 {
            let stats = try JSON(parsing: try run.jr("stats", "--json").output)
            held = Int(try #require(stats["distributor"]?["enqueued"]?.int))
        }
        try Files.writeAll(pipe.raw, Array("go\n".utf8))
        let stopped = try run.supervisor("wait", "stopped", "load", "--timeout", "60s")
        #expect(stopped.status == .exited(0), "\(stopped.errors)")
        let idle = try run.supervisor("wait", "idle", "--timeout", "500ms")
        #expect(idle.status == .exited(124), "\(idle.output)\(idle.errors)")
        #expect(run.done == [])
        try Processes.signal(pid: worker, Signals.continue)
        #expect(try Processes.wait(pid: up) == .exited(0))
        #expect(try Processes.wait(pid: job) == .exited(0))
        #expect(run.done.count == 1)
    }

    @Test("a job that kills its node three times is set aside as failed, and the node goes on with the others")
    func poison() throws {
        let run = try Run()
        let up = try run.supervisor("up", "--detach")
        try #require(up.status == .exited(0), "\(up.errors)")
        let crash = try run.jr("enqueue", "crash", "--wait")
        #expect(crash.status != .exited(0))
        #expect("\(crash.output)\(crash.errors)".contains("poison"), "\(crash.output)\(crash.errors)")
        #expect(try run.supervisor("wait", "ready").status == .exited(0))
        #expect(try run.jr("enqueue", "mark", "--wait").status == .exited(0))
        let worker = try run.worker()
        #expect(worker["state"]?.string == "ready" && worker["restarts"]?.int == 3, "\(worker.text)")
        #expect(run.done.count == 1)
    }
}
