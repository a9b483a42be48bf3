import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// Runs that end when no job is left, with real processes.
@Suite("until idle", .serialized, .mayBlock)
struct UntilIdleTests {
    /// A cluster whose jobs are scripts, and one program that enqueues some and ends.
    private final class Run {
        let directory: String

        /// - Parameter load: words of a shell, with `$jr` for the program `jr`.
        init(load: String, restart: String = "never") throws {
            directory = try Files.makeTemporaryDirectory(prefix: "jr-idle-")
            try Files.makeDirectories(directory + "/jobs")
            let done = "#!/bin/sh\ncat >/dev/null\necho $JR_JOB_ID >> \(directory)/done\n"
            try Files.write(directory + "/jobs/mark", Array(done.utf8), mode: 0o755)
            try Files.write(directory + "/jobs/fail", Array("#!/bin/sh\nexit 100\n".utf8), mode: 0o755)
            try Files.write(directory + "/jobs/wait", Array("#!/bin/sh\nread x <\(directory)/go\n".utf8), mode: 0o755)
            let script = "#!/bin/sh\nset -e\njr='\(try Programs.path("jr"))'\n\(load)\n"
            try Files.write(directory + "/load", Array(script.utf8), mode: 0o755)
            let manifest = """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0" }, "second": { "listen": "127.0.0.1:0" } },
                  "nodes": { "worker": { "count": 2, "distributors": ["main", "second"], "jobs": "jobs",
                                         "storage": { "kind": "journal", "sync": "never" } } },
                  "programs": { "load": { "command": ["./load"], "after": ["worker"], "restart": "\(restart)" } }
                }
                """
            try Files.write(directory + "/cluster.json", Array(manifest.utf8))
        }

        deinit {
            _ = try? Programs.run(["jr-supervisor", "down", "--now"], in: directory)
            try? Files.removeTree(directory)
        }

        func supervisor(_ words: String...) throws -> Finished {
            try Programs.run(["jr-supervisor"] + words, in: directory)
        }

        func jr(_ words: String...) throws -> Finished { try Programs.run(["jr"] + words, in: directory) }

        /// The events from now on.
        func follow() throws -> Following {
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let write = Descriptor(owning: ends.write)
            let pid = try Programs.start(
                ["jr-supervisor", "events", "-f", "-n", "1", "--json"], in: directory, output: write.raw,
                errors: write.raw)
            let following = Following(pid: pid, ends.read)
            // It is connected when it has shown the last one.
            #expect(following.line(with: ""))
            return following
        }

        /// How many jobs have run.
        var done: Int { (try? Programs.text(directory + "/done").split(separator: "\n").count) ?? 0 }
    }

    /// Lines of a program that goes on.
    private final class Following {
        private let pid: Int32
        private let descriptor: Descriptor
        private var held: [UInt8] = []

        init(pid: Int32, _ raw: Int32) {
            self.pid = pid
            descriptor = Descriptor(owning: raw)
        }

        deinit {
            try? Processes.signal(pid: pid, Signals.kill)
            _ = try? Processes.wait(pid: pid)
        }

        /// Reads until a line has the text.
        func line(with text: String) -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                while let end = held.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = String(decoding: held[..<end], as: UTF8.self)
                    held.removeFirst(end + 1)
                    if text.isEmpty || line.contains(text) { return true }
                }
                guard (try? IO.waitReadable(descriptor.raw, timeout: 60_000)) == true,
                    case .moved(let count) = buffer.withUnsafeMutableBytes({ IO.read(descriptor.raw, into: $0) }),
                    count > 0
                else { return false }
                held.append(contentsOf: buffer[..<count])
            }
        }
    }

    @Test("jobs that were enqueued and not waited for, and jobs for later, are run before it ends with 0")
    func all() throws {
        let run = try Run(
            load: """
                for i in 1 2 3 4 5 6 7 8 9 10; do echo '{}'; done | $jr enqueue mark --many -
                $jr enqueue mark --after 300ms
                """)
        let up = try run.supervisor("up", "--until-idle", "--no-color")
        #expect(up.status == .exited(0), "\(up.output)\(up.errors)")
        #expect(up.output.contains("everything is done and no job is left"))
        #expect(run.done == 11)
    }

    @Test("a job that failed for good is 76, and named")
    func failed() throws {
        let run = try Run(load: "$jr enqueue mark; $jr enqueue fail")
        let up = try run.supervisor("up", "--until-idle")
        #expect(up.status == .exited(76), "\(up.output)\(up.errors)")
        #expect(up.errors.contains("1 job failed on worker."))
        #expect(run.done == 1)
    }

    @Test("wait idle is held up by a job in progress and by one for later, and told when the last one has ended")
    func waits() throws {
        let run = try Run(load: "exec sleep 600", restart: "always")
        let up = try run.supervisor("up", "--detach")
        try #require(up.status == .exited(0), "\(up.errors)")
        #expect(try run.supervisor("wait", "idle").output == "idle: no job is left\n")
        let pipe = try Programs.run(["/usr/bin/mkfifo", "go"], in: run.directory)
        try #require(pipe.status == .exited(0))
        #expect(try run.jr("enqueue", "wait").status == .exited(0))
        let busy = try run.supervisor("wait", "idle", "--timeout", "200ms")
        #expect(busy.status == .exited(124))
        #expect(busy.errors.contains("not idle within 200ms: still waiting for the jobs to end"))
        // A killed node is waited for, with what it had in progress.
        let null = try Files.open("/dev/null", .write)
        let waiting = try Programs.start(
            ["jr-supervisor", "wait", "idle"], in: run.directory, output: null.raw, errors: null.raw)
        let events = try run.follow()
        for name in ["worker.1", "worker.2"] { #expect(try run.supervisor("kill", name).status == .exited(0)) }
        for _ in 1...2 { #expect(events.line(with: #""to":"ready""#)) }
        let why = try run.supervisor("why", "worker")
        #expect(why.output.contains("jobs     in progress at the last death: "))
        #expect(try run.jr("enqueue", "mark", "--after", "300ms").status == .exited(0))
        // Opened for writing as often as somebody reads: the attempt that died does not.
        try Files.write(run.directory + "/go", Array("go\n".utf8))
        #expect(try Processes.wait(pid: waiting) == .exited(0))
        #expect(run.done == 1)
    }
}
