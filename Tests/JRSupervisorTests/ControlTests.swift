import Glibc
import JRBase
import JRReactor
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("The control socket and the runtime directory", .serialized)
    struct ControlTests {
        private let manifest = """
            {
              "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
              "nodes": { "worker": { "count": 2, "command": ["./node"] } }
            }
            """
        private let files = ["node": "echo READY=1 port=41000 >&3; read line <&4; exit 0\n"]

        private func stage() throws -> Stage {
            let stage = try Stage(manifest, files: files)
            try stage.up()
            try stage.line("all ready")
            return stage
        }

        @Test("status tells of every instance")
        func status() throws {
            let stage = try stage()
            let answer = try stage.ask(#"{"verb":"status"}"#)
            #expect(answer.contains(#""name":"worker.2","state":"ready""#))
            #expect(answer.contains(#""port":41000"#))
            #expect(answer.contains(#""supervisorPid":\#(SystemProgram.pid)"#))
            #expect(answer.contains(#""ok":true"#))
        }

        @Test("what is no verb, no JSON and no name is refused, with what there is")
        func refused() throws {
            let stage = try stage()
            #expect(try stage.ask(#"{"verb":"explode"}"#).contains(#""exit":64"#))
            #expect(try stage.ask("nonsense").contains(#""exit":64"#))
            let answer = try stage.ask(#"{"verb":"stop","names":["wroker"]}"#)
            #expect(answer.contains(#""exit":64"#) && answer.contains("did you mean"))
            #expect(try stage.ask(#"{"verb":"stop"}"#).contains(#""exit":64"#))
            #expect(try stage.ask(#"{"verb":"kill","names":["worker"],"signal":99}"#).contains(#""exit":64"#))
        }

        @Test("an operation is answered when it has come true, and what an operator stopped stays stopped")
        func operations() throws {
            let stage = try stage()
            #expect(try stage.ask(#"{"verb":"stop","names":["worker.1"]}"#).contains(#""ok":true"#))
            #expect(try stage.ask(#"{"verb":"status"}"#).contains(#""name":"worker.1","state":"stopped""#))
            #expect(try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#).contains(#""exit":69"#))
            #expect(try stage.ask(#"{"verb":"start","names":["worker.1"]}"#).contains(#""ok":true"#))
            #expect(try stage.ask(#"{"verb":"restart","names":["worker"]}"#).contains(#""ok":true"#))
            let status = try stage.ask(#"{"verb":"status"}"#)
            #expect(status.contains(#""name":"worker.1","state":"ready","cause":"it said so","incarnation":3"#))
            #expect(status.contains(#""name":"worker.2","state":"ready","cause":"it said so","incarnation":2"#))
            #expect(!status.contains(#""restarts":1"#), "what was asked for is not counted as a restart")
        }

        @Test("kill sends one signal, and the death is restarted and named")
        func kill() throws {
            let stage = try stage()
            #expect(
                try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#).contains("SIGKILL sent to worker.1"))
            try stage.state("worker.1", .backingOff, "by the verb kill")
            try stage.state("worker.1", .ready)
        }

        @Test("two operations on one instance never overlap: a stop ends the other, anything else is refused")
        func overlap() throws {
            let stage = try Stage(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "slow": { "command": ["./slow"], "ready": "1h" } }
                }
                """, files: ["node": files["node"] ?? "", "slow": "read line <&4\n"])
            try stage.up()
            try stage.state("slow.1", .starting)
            let waiting = try stage.openControl()
            try Files.writeAll(waiting.raw, Array("{\"verb\":\"start\",\"names\":[\"slow\"]}\n".utf8))
            try stage.line("start was asked for: slow.1")
            #expect(try stage.ask(#"{"verb":"restart","names":["slow"]}"#).contains(#""exit":75"#))
            #expect(try stage.ask(#"{"verb":"stop","names":["slow"]}"#).contains(#""ok":true"#))
            let reader = LineReader(try waiting.duplicate().take())
            var answer = ""
            while !answer.contains("\"ok\""), let line = reader.next(by: SystemClock.instant() + Stage.patience) {
                answer = line
            }
            #expect(answer.contains("a stop of slow.1 came in between"))
        }

        @Test("down is answered when everything is stopped")
        func down() throws {
            let stage = try stage()
            #expect(try stage.ask(#"{"verb":"down"}"#).contains("all stopped"))
            #expect(stage.waitForEnd() == 0)
        }

        @Test("a second supervisor is refused with the pid of the first, and a lock that nobody holds is no obstacle")
        func lock() throws {
            let directory = RuntimeDirectory(path: try Files.makeTemporaryDirectory(prefix: "jr-lock"))
            defer { try? Files.removeTree(directory.path) }
            try Files.write(directory.lockFile, Array("4711\n".utf8))
            do {
                let first = try RuntimeLock(directory)
                #expect(first.followsCrash)
                let refusal = #expect(throws: SupervisorError.self) { try RuntimeLock(directory) }
                #expect(refusal?.exitCode == 75)
                #expect(refusal?.message.contains("pid \(SystemProgram.pid)") ?? false)
                #expect(RuntimeLock.holder(of: directory) == SystemProgram.pid)
                first.endCleanly()
            }
            #expect(RuntimeLock.holder(of: directory) == nil)
            #expect(try !RuntimeLock(directory).followsCrash)
        }

        @Test("what an earlier supervisor left running is ended before its successor starts, and its number is passed")
        func leftovers() throws {
            let stage = try Stage(manifest, files: files)
            try stage.runtime.make()
            // Recorded, as a supervisor that was killed leaves it; and one that only its environment tells of.
            let recorded = try Processes.spawn(
                SpawnRequest(executable: "/bin/sleep", arguments: ["sleep", "60"], newProcessGroup: true))
            let marked = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sleep", arguments: ["sleep", "60"],
                    environment: ["JR_RUNTIME=\(stage.runtime.path)", "JR_NAME=worker.2"]))
            let innocent = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sleep", arguments: ["sleep", "60"],
                    environment: ["JR_RUNTIME=\(stage.runtime.path)x"]
                ))
            let startTime = try #require(Processes.facts(of: recorded)?.startTime)
            try stage.runtime.write(
                StateRecord(
                    supervisorPid: 1,
                    instances: [
                        .init(name: "worker.1", incarnation: 7, pid: recorded, startTime: startTime),
                        // Of another start: this pid now means somebody else, who must not be touched.
                        .init(name: "main.1", incarnation: 2, pid: innocent, startTime: 1),
                    ]))
            // A file at the socket's place and an unclean lock are no obstacle either.
            try Files.write(stage.runtime.lockFile, Array("1\n".utf8))
            _ = try Sockets.listen(on: .unix(path: stage.runtime.controlSocket))
            try stage.up()
            let line = try stage.line("an earlier supervisor left 2 processes")
            #expect(line.contains("worker.1 (pid \(recorded))") && line.contains("worker.2 (pid \(marked))"))
            #expect(!isAlive(recorded) && !isAlive(marked) && isAlive(innocent))
            let ready = try stage.state("worker.1", .ready)
            let number = try #require(ready.range(of: "\"incarnation\":")).upperBound
            #expect(try #require(Int(ready[number...].prefix { $0.isNumber })) > 7)
            try Processes.signal(pid: innocent, Signals.kill)
            for pid in [recorded, marked, innocent] { _ = try Processes.wait(pid: pid) }
        }
    }
}
