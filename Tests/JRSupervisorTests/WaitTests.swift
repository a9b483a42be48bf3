import Glibc
import JRBase
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("jr-supervisor wait and why", .serialized)
    struct WaitTests {
        private static let node = "#!/bin/sh\necho READY=1 port=41000 >&3; read line <&4; exit 0\n"

        @Test("wait says what it waits for and is told when it has come: ready, then stopped")
        func readyAndStopped() throws {
            let folder = try Folder([
                "cluster.json": """
                { "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./slow"] } },
                  "nodes": { "worker": { "command": ["./node"] } } }
                """, "node": WaitTests.node, "slow": "#!/bin/sh\nread go <go.pipe\nexec ./node\n",
            ])
            #expect(try folder.run("wait", "ready").code == 4)
            #expect(try folder.run("wait", "stopped").code == 0)
            #expect(try folder.run("wait", "quiet").code == 64)
            #expect(mkfifo(folder.path + "/go.pipe", 0o600) == 0)
            let up = try folder.up()
            _ = try up.line("\"instance\":\"main.1\"", "\"to\":\"starting\"")
            let late = try folder.run("wait", "ready", "--timeout", "20ms")
            #expect(late.code == 124)
            #expect(late.err.contains("waiting for main.1 (starting), worker.1 (waiting)\n"))
            #expect(late.err.contains("not ready within 20ms: still waiting for main.1 (starting)"))
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let write = Descriptor(owning: ends.write)
            let pid = try folder.start(["wait", "ready", "worker"], output: write.raw)
            _ = consume write
            try Files.write(folder.path + "/go.pipe", Array("go\n".utf8))
            #expect(LineReader(ends.read).next(by: SystemClock.instant() + Stage.patience) == "ready: worker.1")
            #expect(try Processes.wait(pid: pid).code == 0)
            #expect(try folder.run("wait", "ready", "--json").out.hasPrefix(#"{"ok":true,"exit":0,"#))
            #expect(try folder.run("wait", "ready", "wroker").err.contains("did you mean \"worker\"?"))
            #expect(try folder.run("wait", "idle", "worker").code == 64)
            #expect(try folder.run("stop", "worker.1").code == 0)
            #expect(try folder.run("wait", "stopped", "worker.1").out == "stopped: worker.1\n")
            let stopped = try folder.start(["wait", "stopped"])
            try up.signal(Signals.terminate)
            #expect(try Processes.wait(pid: stopped).code == 0)
            _ = try up.wait()
        }

        @Test("wait ready gives up at once on what has failed for good, with the reason")
        func failed() throws {
            let folder = try Folder([
                "cluster.json": """
                { "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "programs": { "bad": { "command": ["sh", "-c", "exit 3"], "restart": "never" } } }
                """, "node": WaitTests.node,
            ])
            let up = try folder.up()
            _ = try up.line("\"instance\":\"bad.1\"", "\"to\":\"failed\"")
            let outcome = try folder.run("wait", "ready")
            #expect(outcome.code == 69)
            #expect(outcome.err.contains("bad.1 is failed: exit 3"))
            let why = try folder.run("why", "bad", "main.1")
            #expect(why.code == 0)
            #expect(why.out.hasPrefix("bad.1 is failed for "))
            #expect(why.out.contains("  cause    exit 3 after "))
            #expect(why.out.contains("then `jr-supervisor start bad.1`"))
            #expect(why.out.contains("\n\nmain.1 is ready for "))
            let json = try folder.run("why", "bad.1", "--json").out
            #expect(json.hasPrefix(#"{"name":"bad.1","state":"failed","cause":"exit 3"#))
            #expect(json.contains(#""lines":["#))
            #expect(try folder.run("why").code == 64)
            #expect(try folder.run("why", "bda").code == 64)
            try up.signal(Signals.terminate)
            _ = try up.wait()
        }

        @Test("wait idle says which jobs it waits for")
        func jobs() throws {
            let folder = try Folder([
                "cluster.json": """
                { "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "worker": { "command": ["./busy"] } } }
                """, "node": WaitTests.node,
                "busy": """
                #!/bin/sh
                echo READY=1 words=jobs >&3
                while read word <&4; do
                    case $word in
                    jobs) echo JOBS=1 running=2 waiting=0 scheduled=3000 stored=9 >&3 ;;
                    leave) exit 0 ;;
                    esac
                done
                """,
            ])
            let up = try folder.up()
            _ = try up.line("\"instance\":\"worker.1\"", "\"to\":\"ready\"")
            // What it has said once is known, however late it is the next time.
            while try !folder.run("status", "--json").out.contains("\"scheduled\": 3000") {}
            let late = try folder.run("wait", "idle", "--timeout", "20ms")
            #expect(late.code == 124)
            #expect(late.err.contains("waiting for the jobs to end\n"))
            #expect(late.err.contains("still waiting for the jobs to end: worker.1 (2 running, 3,000 scheduled)"))
            try up.signal(Signals.terminate)
            _ = try up.wait()
        }

        @Test("up --until-idle ends with the code of a program that failed, and needs no jobs to end")
        func untilIdle() throws {
            let manifest = { (restart: String, script: String) in
                """
                { "programs": { "load": { "command": ["sh", "-c", "\(script)"], "restart": "\(restart)" } } }
                """
            }
            let folder = try Folder(["cluster.json": manifest("never", "exit 0")])
            #expect(try folder.run("up", "--until-idle").code == 0)
            try Files.write(folder.path + "/cluster.json", Array(manifest("never", "exit 5").utf8))
            let failed = try folder.run("up", "--until-idle")
            #expect(failed.code == 5)
            #expect(failed.err.contains("jr-supervisor: load.1 is failed: exit 5"))
            try Files.write(folder.path + "/cluster.json", Array(manifest("onFailure", "exit 6").utf8))
            let looping = try folder.run("up", "--until-idle")
            #expect(looping.code == 6)
            #expect(looping.err.contains("load.1 is crashLooping"))
            #expect(try folder.run("up", "--until-idle", "--detach").code == 64)
        }
    }
}
