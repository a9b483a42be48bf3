import Glibc
import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// `jr-supervisor chaos` with a real cluster, real load and a ledger outside the system.
@Suite("Drills on a running cluster", .serialized, .mayBlock)
struct ChaosTests {
    /// A distributor and nodes whose jobs are scripts.
    private final class Drilled {
        let directory: String

        init(
            nodes: Int = 2, storage: String = #"{ "kind": "journal", "sync": "never" }"#, poisonDeaths: Int = 1_000
        ) throws {
            directory = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-chaos-"))
            try Files.makeDirectories(directory + "/jobs")
            // When its node dies, a program may get no more than the beginning.
            let mark = """
                #!/bin/sh
                args=$(cat)
                case $args in *}) ;; *) exit 75 ;; esac
                echo $JR_JOB_ID >> '\(directory)/done' || exit 75
                echo '{}'

                """
            try Files.write(directory + "/jobs/mark", Array(mark.utf8), mode: 0o755)
            let hang = "#!/bin/sh\necho x > '\(directory)/started'\nexec sleep 600\n"
            try Files.write(directory + "/jobs/hang", Array(hang.utf8), mode: 0o755)
            try Files.write(directory + "/jobs/fail", Array("#!/bin/sh\nexit 100\n".utf8), mode: 0o755)
            try Files.write(directory + "/done", [])
            let manifest = """
                {
                  "name": "drilled",
                  "distributors": { "main": { "listen": "127.0.0.1:0" } },
                  "nodes": { "worker": { "count": \(nodes), "distributors": ["main"], "jobs": "jobs", "storage": \(storage),
                                         "poisonDeaths": \(poisonDeaths), "maxAttempts": 1000, "retryMultiplier": "1ms" } }
                }
                """
            try Files.write(directory + "/cluster.json", Array(manifest.utf8))
            let up = try supervisor("up", "--detach")
            try #require(up.status == .exited(0), "\(up.errors)")
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

        func pid(of name: String) throws -> Int32 {
            let rows = try JSON(parsing: supervisor("status", "--json").output)["instances"]?.array ?? []
            let row = rows.first { $0["name"]?.string == name }
            return try #require(row?["pid"]?.int.flatMap { Int32(exactly: $0) })
        }

        var done: Set<Substring> { Set((try? Programs.text(directory + "/done"))?.split(separator: "\n") ?? []) }
    }

    /// A run of drills that goes on beside the test.
    private final class Drills {
        let pid: Int32
        private let descriptor: Descriptor
        private var held: [UInt8] = []
        private var isReaped = false

        init(_ cluster: Drilled, _ words: String...) throws {
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let write = Descriptor(owning: ends.write)
            descriptor = Descriptor(owning: ends.read)
            pid = try Programs.start(
                ["jr-supervisor", "chaos", "--json"] + words, in: cluster.directory, output: write.raw,
                errors: write.raw)
        }

        deinit {
            guard !isReaped else { return }
            try? Processes.signal(pid: pid, Signals.kill)
            _ = try? Processes.wait(pid: pid)
        }

        /// The next line; nil at the end, or when none comes.
        func next() -> JSON? {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while true {
                if let end = held.firstIndex(of: UInt8(ascii: "\n")) {
                    let line = Array(held[..<end])
                    held.removeFirst(end + 1)
                    return (try? JSON(parsing: line)) ?? .string(String(decoding: line, as: UTF8.self))
                }
                guard (try? IO.waitReadable(descriptor.raw, timeout: 120_000)) == true,
                    case .moved(let count) = buffer.withUnsafeMutableBytes({ IO.read(descriptor.raw, into: $0) }),
                    count > 0
                else { return nil }
                held.append(contentsOf: buffer[..<count])
            }
        }

        func event(_ word: String) throws -> JSON {
            var seen: [String] = []
            while let line = next() {
                if line["event"]?.string == word { return line }
                seen.append(line.text)
            }
            return try #require(nil, "no \(word) after \(seen)")
        }

        func signal(_ number: Int32) throws { try Processes.signal(pid: pid, number) }

        func ended() throws -> JRSystem.ExitStatus {
            isReaped = true
            return try Processes.wait(pid: pid)
        }
    }

    /// A signal that stops or continues a process has been sent before all of its threads have.
    private func becomes(_ pid: Int32, stopped: Bool) -> Bool {
        let deadline = SystemClock.instant() + .seconds(Int64(60))
        while (Processes.facts(of: pid)?.state == "T") != stopped {
            if SystemClock.instant() > deadline { return false }
        }
        return true
    }

    @Test("under kills of nodes and distributor and pauses, every job is run, and the verdict says so")
    func holds() throws {
        let cluster = try Drilled()
        let lines = String(repeating: "{}\n", count: 150)
        #expect(try cluster.jr("enqueue", "mark", "--many", "-", input: lines).status == .exited(0))
        var later: [String] = []
        for _ in 0..<3 {
            later.append(String(try cluster.jr("enqueue", "mark", "--after", "1h").output.dropLast()))
        }
        let drills = try Drills(
            cluster, "--seed", "7", "--kill", "worker:every=300ms", "--kill", "main", "--pause",
            "worker.2:200ms,every=700ms", "--for", "3s", "--assert", "no-lost-jobs")
        #expect(drills.next()?["seed"]?.string == "7")
        // Load goes on until the drills are over.
        _ = try drills.event("kill")
        // The distributor may be dead just when it is dialled, which is told before anything is sent.
        var more = try cluster.jr("enqueue", "mark", "--many", "-", input: lines)
        for _ in 0..<200 where more.status == .exited(69) {
            more = try cluster.jr("enqueue", "mark", "--many", "-", input: lines)
        }
        #expect(more.status == .exited(0), "\(more.errors)")
        var events: [JSON] = []
        while let line = drills.next() { events.append(line) }
        #expect(try drills.ended() == .exited(0), "\(events.map(\.text))")
        let report = try #require(events.last)
        #expect(report["exit"]?.int == 0 && report["jobs"]?["lost"]?.int == 0, "\(report.text)")
        #expect(report["jobs"]?["samples"]?.int ?? 0 >= 2)
        let rows = report["instances"]?.array ?? []
        #expect(rows.map { $0["kills"]?.int ?? 0 }.reduce(0, +) >= 5, "\(report.text)")
        #expect(
            rows.filter { $0["restarts"]?.int ?? 0 > 0 }.allSatisfy { $0["longestToReadySeconds"]?.double ?? 0 > 0 })
        let words = events.compactMap { $0["event"]?.string }
        #expect(words.contains("pause") && words.contains("ready") && words.contains("over"))

        for id in later { #expect(try cluster.jr("destroy", id).status == .exited(0)) }
        let idle = try cluster.supervisor("wait", "idle", "--timeout", "2m")
        #expect(idle.status == .exited(0), "\(idle.errors)")
        #expect(cluster.done.count == 300)
    }

    @Test("jobs lost with the memory of a killed node are 76, and told")
    func memory() throws {
        let cluster = try Drilled(nodes: 1, storage: #"{ "kind": "memory" }"#)
        #expect(try cluster.jr("enqueue", "mark", "--after", "1h").status == .exited(0))
        let run = try cluster.supervisor("chaos", "--kill", "worker", "--for", "100ms", "--assert", "no-lost-jobs")
        #expect(run.status == .exited(76), "\(run.output)\(run.errors)")
        #expect(run.output.contains("no-lost-jobs: does not hold"))
        #expect(run.output.contains("worker.1 keeps its jobs in memory and died with 1 job"))
        #expect(run.output.contains("NAME      KILLS  PAUSES  RESTARTS  LONGEST TO READY\n"), "\(run.output)")
        // Nobody asked for the jobs here.
        #expect(try cluster.supervisor("chaos", "--kill", "worker", "--for", "100ms").status == .exited(0))
    }

    @Test("a job that fails for good meanwhile is 76, one that had failed before is not")
    func failed() throws {
        let cluster = try Drilled(nodes: 1, poisonDeaths: 1)
        #expect(try cluster.jr("enqueue", "fail", "--wait").status == .exited(1))
        let before = try cluster.supervisor("chaos", "--kill", "worker", "--for", "50ms", "--assert", "no-lost-jobs")
        #expect(before.status == .exited(0), "\(before.output)\(before.errors)")
        // A job that is in progress when its node dies is set aside as failed here.
        let pipe = try Programs.run(["/usr/bin/mkfifo", "started"], in: cluster.directory)
        try #require(pipe.status == .exited(0))
        #expect(try cluster.jr("enqueue", "hang").status == .exited(0))
        let running = try Programs.run(["/bin/sh", "-c", "read x < started"], in: cluster.directory)
        #expect(running.status == .exited(0))
        let run = try cluster.supervisor("chaos", "--kill", "worker", "--for", "50ms", "--assert", "no-lost-jobs")
        #expect(run.status == .exited(76), "\(run.output)\(run.errors)")
        #expect(run.output.contains("0 lost, 1 failed"), "\(run.output)")
        #expect(run.output.contains("1 job failed for good, such as "))
    }

    @Test(
        "what is paused goes on when the drills are ended",
        arguments: [(SIGINT, 130), (SIGTERM, 143), (SIGKILL, -1)] as [(Int32, Int32)])
    func interrupted(signal: Int32, code: Int32) throws {
        let cluster = try Drilled(nodes: 1)
        let worker = try cluster.pid(of: "worker.1")
        let drills = try Drills(cluster, "--pause", "worker.1:60s", "--for", "60010ms")
        _ = try drills.event("pause")
        #expect(becomes(worker, stopped: true))
        try drills.signal(signal)
        let status = try drills.ended()
        if signal == SIGKILL {
            // Only the supervisor can do it then, once it has seen that the connection is gone.
            let events = try cluster.supervisor("wait", "idle", "--timeout", "1m")
            #expect(events.status == .exited(0), "the node answers: \(events.errors)")
            let log = try cluster.supervisor("events")
            #expect(log.output.contains("who had stopped worker.1 is gone: SIGCONT to it"), "\(log.output)")
        } else {
            #expect(status == .exited(code))
        }
        #expect(becomes(worker, stopped: false))
    }

    @Test("nothing stays paused when the supervisor dies, and the drills end with 69")
    func supervisorDies() throws {
        let cluster = try Drilled(nodes: 1)
        let worker = try cluster.pid(of: "worker.1")
        let holder = try #require(
            Int32(try Programs.text(cluster.directory + "/.jr/lock").split(separator: "\n").first ?? ""))
        let drills = try Drills(cluster, "--pause", "worker.1:60s", "--for", "60010ms")
        _ = try drills.event("pause")
        #expect(becomes(worker, stopped: true))
        try Processes.signal(pid: holder, SIGKILL)
        #expect(try drills.ended() == .exited(69))
        #expect(becomes(worker, stopped: false))
        // The next supervisor ends what the killed one left.
        #expect(try cluster.supervisor("up", "--detach").status == .exited(0))
    }

    @Test("what cannot be meant is refused, with the option and its form")
    func usage() throws {
        let cluster = try Drilled(nodes: 1)
        for (words, text) in [
            (["--for", "1s"], "chaos needs --kill or --pause"), (["--kill", "worker"], "chaos needs --for DURATION"),
            (["--kill", "worker:2s", "--for", "1s"], "--kill"),
            (["--pause", "worker", "--for", "1s"], "such as worker.2:3s"),
            (["--kill", "worker", "--for", "1ms"], "from 10ms to 1d"), (["--kill", "worker", "--for", "2d"], "--for"),
            (["--kill", "worker", "--for", "1s", "--seed", "x"], "--seed"),
            (["--kill", "worker", "--for", "1s", "--assert", "luck"], "no-lost-jobs"),
            (["--kill", "worker:every=10ms", "--for", "1d"], "more than 100,000 drills"),
            (
                ["--kill", "workr", "--for", "1s"],
                "--kill: there is no instance \"workr\" here (did you mean \"worker\"?)"
            ),
        ] {
            let run = try Programs.run(["jr-supervisor", "chaos"] + words, in: cluster.directory)
            #expect(run.status == .exited(64) && run.errors.contains(text), "\(words): \(run.errors)")
        }
        #expect(try cluster.supervisor("stop", "worker").status == .exited(0))
        let away = try cluster.supervisor("chaos", "--kill", "worker", "--for", "1s")
        #expect(away.status == .exited(69) && away.errors.contains("worker.1 is stopped"), "\(away.errors)")
    }
}
