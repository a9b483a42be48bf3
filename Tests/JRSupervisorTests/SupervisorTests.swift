import Glibc
import JRBase
import JRReactor
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

/// A node that says that it is ready, and leaves when its life line ends.
private let node = "echo \"$JR_NAME $JR_INCARNATION\"; echo READY=1 >&3; read line <&4; exit 0\n"

private func cluster(_ nodes: String, _ programs: String = "", defaults: String = "") -> String {
    """
    {
      "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
      "nodes": { \(nodes) }, "programs": { \(programs) },
      "defaults": { \(defaults) }
    }
    """
}

private func programs(_ programs: String, defaults: String = "") -> String {
    "{ \"programs\": { \(programs) }, \"defaults\": { \(defaults) } }"
}

extension ShellTests {
    @Suite("A supervisor and its processes", .serialized)
    struct SupervisorTests {
        private let files = ["main": "echo READY=1 port=41234 >&3; read line <&4\n", "node": node]

        @Test("each starts when what it comes after is ready, and is told the real port; all go when told to, in order")
        func upAndDown() throws {
            let worker = "echo \"told $JR_DISTRIBUTORS $JR_LISTEN\"; echo READY=1 recovered=0/0 >&3; read line <&4\n"
            let stage = try Stage(
                cluster("\"worker\": { \"count\": 2, \"command\": [\"./worker\"] }"),
                files: ["main": files["main"] ?? "", "worker": worker])
            try stage.up()
            try stage.state("main.1", .ready)
            #expect(!stage.seen.contains { $0.contains("worker") && $0.contains("\"to\":\"starting\"") })
            try stage.line("told 127.0.0.1:41234")
            try stage.line("all ready")
            guard case .ready = stage.waitForStart() else { throw Stage.Missing(parts: ["ready"], seen: stage.seen) }
            #expect(try Files.read(stage.runtime.urlFile, limit: 100) == Array("jr://127.0.0.1:41234\n".utf8))
            stage.interrupt()
            try stage.state("main.1", .stopped)
            #expect(stage.seen.count { $0.contains("\"to\":\"stopped\"") && $0.contains("worker") } == 2)
            #expect(stage.waitForEnd() == 0)
        }

        @Test("nothing is left behind: no process, no socket, no url, no holder of the lock")
        func nothingLeft() throws {
            let stage = try Stage(cluster("\"worker\": { \"command\": [\"./node\"] }"), files: files)
            try stage.up()
            let pid = try Stage.pid(in: try stage.state("worker.1", .ready))
            try stage.line("all ready")
            let status = try Files.status(stage.runtime.path)
            #expect(status.mode & 0o777 == 0o700)
            #expect(try Files.status(stage.runtime.controlSocket).mode & 0o777 == 0o600)
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
            #expect(!isAlive(pid))
            #expect(!Files.exists(stage.runtime.controlSocket))
            #expect(!Files.exists(stage.runtime.urlFile))
            #expect(try Files.read(stage.runtime.lockFile, limit: 100) == [])
        }

        @Test("a process that is killed from outside is started again at once, as the next incarnation, and it says so")
        func restart() throws {
            let stage = try Stage(cluster("\"worker\": { \"command\": [\"./node\"] }"), files: files)
            try stage.up()
            let first = try Stage.pid(in: try stage.state("worker.1", .ready))
            try Processes.signal(pid: first, Signals.kill)
            try stage.state("worker.1", .backingOff, "SIGKILL (not by us)")
            let line = try stage.state("worker.1", .ready)
            #expect(line.contains("\"incarnation\":2"))
            #expect(try Stage.pid(in: line) != first)
            if !stage.seen.contains(where: { $0.contains("worker.1 2") }) { try stage.line("worker.1 2") }
        }

        @Test(
            "a program that dies at once waits longer each time and is shown as a crash loop, with the retries going on"
        )
        func crashLoop() throws {
            let stage = try Stage(
                programs(
                    "\"bad\": { \"command\": [\"./bad\"] }",
                    defaults:
                        "\"backoff\": { \"then\": \"10ms\" }, \"crashLoop\": { \"count\": 3, \"within\": \"60s\" }"),
                files: ["bad": "exit 7\n"])
            try stage.up()
            try stage.state("bad.1", .backingOff, "exit 7")
            try stage.state("bad.1", .backingOff, "next try in")
            try stage.state("bad.1", .crashLooping, "3 deaths within 1m")
            try stage.state("bad.1", .starting)
        }

        @Test("a program that is not there, and exit 78, are failures for good; with nothing left to run the end is 69")
        func failures() throws {
            let stage = try Stage(
                programs("\"missing\": { \"command\": [\"./nothing\"] }, \"wrong\": { \"command\": [\"./wrong\"] }"),
                files: ["wrong": "exit 78\n"])
            try stage.up()
            try stage.state("missing.1", .failed, "there is no")
            try stage.state("wrong.1", .failed, "exit 78 (configuration error)")
            #expect(stage.waitForEnd() == 69)
        }

        @Test("programs that are not to be restarted and end well are the end of it: exit 0")
        func finished() throws {
            let stage = try Stage(programs("\"once\": { \"command\": [\"true\"], \"restart\": \"never\" }"))
            try stage.up()
            try stage.state("once.1", .finished)
            #expect(stage.waitForEnd() == 0)
        }

        @Test("a node that never says that it is ready is stopped, and who waits for it is told why")
        func readyTimeout() throws {
            let stage = try Stage(
                cluster("\"worker\": { \"command\": [\"./slow\"], \"ready\": \"100ms\" }"),
                files: ["main": files["main"] ?? "", "slow": "exec sleep 60\n"])
            try stage.up(.init(endsWhenNotReady: true))
            try stage.state("worker.1", .stopping, "not ready within 100ms")
            guard case .failed(let reason, _) = stage.waitForStart() else {
                throw Stage.Missing(parts: [], seen: stage.seen)
            }
            #expect(reason.contains("worker.1") && reason.contains("not ready within 100ms"))
            #expect(stage.waitForEnd() == 69)
            #expect(!stage.seen.contains { $0.contains("worker.1") && $0.contains("\"to\":\"ready\"") })
        }

        @Test("a line that says READY just before the end counts, and the death after it is told")
        func readyThenGone() throws {
            let stage = try Stage(
                cluster("\"worker\": { \"command\": [\"./short\"] }"),
                files: ["main": files["main"] ?? "", "short": "echo READY=1 >&3; exit 3\n"])
            try stage.up()
            try stage.state("worker.1", .ready)
            try stage.state("worker.1", .backingOff, "exit 3")
        }

        @Test("a program that cannot be executed fails at once with the reason, and the missing jr-exec is told once")
        func notExecutable() throws {
            let entries = "\"bad\": { \"command\": [\"./bad\"] }, \"worse\": { \"command\": [\"./bad\"] }"
            for place in [nil, "/nowhere"] as [String?] {
                let stage = try Stage(programs(entries), programs: place)
                try Files.write(stage.directory + "/bad", Array("garbage".utf8), mode: 0o700)
                try stage.up()
                let reason = "posix_spawn \(stage.directory)/bad: Exec format error (ENOEXEC)"
                try stage.state("bad.1", .failed, reason)
                try stage.state("worse.1", .failed, reason)
                #expect(stage.waitForEnd() == 69)
                let log = String(decoding: try Files.read(stage.runtime.supervisorLog, limit: 1 << 20), as: UTF8.self)
                let missing = log.split(separator: "\n").count { $0.contains("there is no /nowhere/jr-exec") }
                #expect(missing == (place == nil ? 0 : 1), "\(log)")
            }
        }

        @Test("what ignores TERM is killed after its grace, with everything in its group, and all of a rank together")
        func stubborn() throws {
            let stage = try Stage(
                programs(
                    "\"deaf\": { \"count\": 20, \"command\": [\"./deaf\"] }",
                    defaults: "\"stop\": { \"kill\": \"300ms\" }"),
                files: ["deaf": "trap '' TERM\necho here\nsleep 60 &\nwhile :; do wait; done\n"])
            try stage.up()
            // Each has set its trap when it has said something.
            for _ in 1...20 { try stage.line("\"text\":\"here\"") }
            let begun = SystemClock.instant()
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
            let time = SystemClock.instant() - begun
            #expect(time >= .milliseconds(300))
            #expect(time < .seconds(5 as Int64), "one after the other they would take 6 seconds at least")
            try stage.line("still there after 300ms: KILL")
        }

        @Test("Ctrl-C three times kills at once")
        func ladder() throws {
            let stage = try Stage(
                cluster("\"worker\": { \"command\": [\"./deaf\"] }"),
                files: [
                    "main": files["main"] ?? "",
                    "deaf": "trap '' TERM\necho READY=1 >&3\nwhile :; do sleep 60 & wait; done\n",
                ])
            try stage.up()
            try stage.line("all ready")
            stage.interrupt()
            try stage.state("worker.1", .draining)
            stage.interrupt()
            try stage.state("worker.1", .stopping)
            stage.interrupt()
            #expect(stage.waitForEnd() == 130)
        }

        @Test(
            "a grandchild that holds the pipe hides neither the exit nor the restart, and what is left of the group ends"
        )
        func grandchild() throws {
            let stage = try Stage(
                programs("\"parent\": { \"command\": [\"./parent\"], \"restart\": \"never\" }"),
                files: ["parent": "sleep 60 &\necho \"child $!\"\nexit 7\n"])
            try stage.up()
            let line = try stage.line("child ")
            let begun = SystemClock.instant()
            try stage.state("parent.1", .stopping, "ending what is left of its process group")
            try stage.state("parent.1", .failed, "exit 7")
            #expect(SystemClock.instant() - begun < .seconds(5 as Int64))
            let digits = try #require(line.range(of: "child ")).upperBound
            let child = try #require(Int32(line[digits...].prefix { $0.isNumber }))
            #expect(!isAlive(child))
        }

        @Test("what detached itself from its group is found and ended at the latest with everything else")
        func detached() throws {
            let stage = try Stage(
                programs("\"parent\": { \"command\": [\"./parent\"] }"),
                files: ["parent": "setsid sleep 60 &\necho \"child $!\"\nexec sleep 60\n"])
            try stage.up()
            let line = try stage.line("child ")
            let digits = try #require(line.range(of: "child ")).upperBound
            let child = try #require(Int32(line[digits...].prefix { $0.isNumber }))
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
            #expect(!isAlive(child))
        }

        @Test(
            "a child has its three descriptors and what is meant for it, no blocked or ignored signal, no variable of ours"
        )
        func surroundings() throws {
            setenv("JR_TEST_SECRET", "hunter2", 1)
            let look = """
                echo READY=1 >&3
                ls /proc/self/fd
                grep -E 'Sig(Blk|Ign)' /proc/self/status
                env
                echo "end of it"
                read line <&4

                """
            let stage = try Stage(
                cluster("\"worker\": { \"command\": [\"./look\"] }"),
                files: ["main": files["main"] ?? "", "look": look])
            try stage.up()
            try stage.line("end of it")
            let numbers = stage.seen.compactMap { line in
                line.range(of: "\"text\":\"").flatMap { Int(line[$0.upperBound...].prefix { $0.isNumber }) }
            }
            // ls itself opens the directory that it lists.
            #expect(numbers.filter { $0 < 6 } == [0, 1, 2, 3, 4, 5])
            let text = stage.seen.joined(separator: "\n")
            #expect(text.contains("SigBlk:\\t0000000000000000"))
            // The C library keeps signals 32 and 33 for itself.
            #expect(text.contains("SigIgn:\\t0000000180000000") || text.contains("SigIgn:\\t0000000000000000"))
            #expect(!text.contains("hunter2"))
            #expect(text.contains("JR_NAME=worker.1"))
        }

        @Test("a port in other hands blocks the start, with the name of who has it, and no longer than that")
        func portInUse() throws {
            let reserved = try Sockets.listen(on: .tcp(host: "127.0.0.1", port: 0))
            let port = try #require(try Sockets.localAddress(reserved.raw).port)
            let stage = try Stage(
                "{ \"distributors\": { \"main\": { \"listen\": \"127.0.0.1:\(port)\", \"command\": [\"./main\"] } } }",
                files: ["main": "echo READY=1 >&3; read line <&4\n"])
            try stage.up()
            try stage.state("main.1", .blocked, "port \(port) is in use by pid \(SystemProgram.pid)")
            _ = consume reserved
            try stage.state("main.1", .ready)
        }
    }
}
