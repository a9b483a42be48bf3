import JRBase
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Rolling restarts", .serialized)
    struct RollTests {
        private func stage(_ node: String = talkingNode, count: Int = 3) throws -> Stage {
            let stage = try Stage(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
                  "nodes": { "worker": { "count": \(count), "command": ["./node"] } },
                  "defaults": { "ready": "20s", "backoff": { "then": "1s" } }
                }
                """, files: ["main": "echo READY=1 port=41234 >&3; read line <&4\n", "node": node])
            try stage.up()
            try stage.line("all ready")
            return stage
        }

        /// As a build does it: another file takes the place of the old one.
        private func replace(_ name: String, with script: String, in stage: Stage) throws {
            let path = "\(stage.directory)/\(name)"
            try Files.write(path + ".new", Array(("#!/bin/sh\n" + script).utf8), mode: 0o700)
            try Files.rename(path + ".new", to: path)
        }

        @Test("one at a time, each ready before the next is touched")
        func oneAtATime() throws {
            let stage = try stage()
            let before = stage.seen.count
            let answer = try stage.ask(#"{"verb":"restart","names":["worker"],"rolling":true}"#)
            #expect(answer.contains(#""ok":true"#) && answer.contains("rolled in "), "\(answer)")
            try stage.line("\"event\":\"note\"", "rolled in ")
            var down: Set<String> = []
            var restarted: Set<String> = []
            for line in stage.seen.dropFirst(before) where line.contains("\"event\":\"state\"") {
                let name = String(line[try #require(line.range(of: "worker.")).lowerBound...].prefix(8))
                if line.contains("\"to\":\"ready\"") { down.remove(name) } else { down.insert(name) }
                restarted.insert(name)
                #expect(down.count <= 1, "\(down)")
            }
            #expect(restarted == ["worker.1", "worker.2", "worker.3"])
        }

        @Test("the first that does not come up goes back to the old executable, and the others are not touched")
        func goesBack() throws {
            let stage = try stage("echo version one\n" + talkingNode)
            try replace("node", with: "echo version two; exit 7\n", in: stage)
            let answer = try stage.ask(#"{"verb":"restart","names":["worker"],"rolling":true}"#)
            #expect(answer.contains(#""exit":74"#), "\(answer)")
            #expect(answer.contains("worker.1 went back to what ran before, and is ready"), "\(answer)")
            #expect(answer.contains(#""untouched":["worker.2","worker.3"]"#), "\(answer)")
            let status = try stage.ask(#"{"verb":"status"}"#)
            #expect(status.contains(#""state":"ready""#) && !status.contains(#""state":"backingOff""#))
            let log = String(
                decoding: try Files.read("\(stage.runtime.logs)/worker.1.log", limit: 1 << 20), as: UTF8.self)
            #expect(log.contains("version two"))
            #expect(log.split(separator: "\n").last { $0.contains("version") }?.contains("version one") == true)
            // A death is no order to try the new one again; a restart is.
            _ = try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#)
            try stage.state("worker.1", .backingOff, "by the verb kill")
            try stage.state("worker.1", .ready)
            try replace("node", with: "echo version three\n" + talkingNode, in: stage)
            let again = try stage.ask(#"{"verb":"restart","names":["worker"],"rolling":true}"#)
            #expect(again.contains("rolled in "), "\(again)")
            try stage.line("worker.1", "version three")
        }

        @Test("one that never becomes ready in time fails the roll as well")
        func neverReady() throws {
            let stage = try Stage(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
                  "nodes": { "worker": { "count": 2, "command": ["./node"] } },
                  "defaults": { "ready": "1s", "stop": { "drain": "1s" } }
                }
                """,
                files: ["main": "echo READY=1 port=41234 >&3; read line <&4\n", "node": talkingNode])
            try stage.up()
            try stage.line("all ready")
            try replace("node", with: "read line <&4\n", in: stage)
            let answer = try stage.ask(#"{"verb":"restart","names":["worker"],"rolling":true}"#)
            #expect(answer.contains("not ready within 1s"), "\(answer)")
            #expect(answer.contains(#""wentBack":true"#), "\(answer)")
        }

        @Test("a stop in between ends the roll; a second roll while one goes on is refused")
        func overlap() throws {
            // The second life is never ready.
            let stage = try stage("[ $JR_INCARNATION = 1 ] || read line <&4\n" + talkingNode, count: 2)
            let client = try stage.openControl()
            try Files.writeAll(
                client.raw, Array("{\"verb\":\"restart\",\"names\":[\"worker\"],\"rolling\":true}\n".utf8))
            try stage.state("worker.1", .starting)
            #expect(
                try stage.ask(#"{"verb":"restart","names":["worker.2"],"rolling":true}"#).contains(#""exit":75"#))
            #expect(try stage.ask(#"{"verb":"stop","names":["worker.1"]}"#).contains(#""ok":true"#))
            let reader = LineReader(try client.duplicate().take())
            var answer = ""
            while !answer.contains("\"ok\""), let line = reader.next(by: SystemClock.instant() + Stage.patience) {
                answer = line
            }
            #expect(answer.contains("a stop of worker.1 came in between"), "\(answer)")
            let status = try stage.ask(#"{"verb":"status"}"#)
            #expect(status.contains(#""state":"stopped""#))
        }

        @Test("without names everything is rolled: nodes, then distributors")
        func everything() throws {
            let stage = try stage(count: 1)
            let answer = try stage.ask(#"{"verb":"restart","names":[],"rolling":true}"#)
            #expect(answer.contains(": worker.1, main.1"), "\(answer)")
        }
    }
}
