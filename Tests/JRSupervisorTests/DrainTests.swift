import JRBase
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

/// A node that does what the words on its life line say, and has two jobs waiting and one scheduled.
let talkingNode = """
    echo "READY=1 words=drain,finish,resume,jobs,watch" >&3
    while read -r word <&4; do
        case $word in
            drain | finish) echo "DRAINED=1 waiting=2 scheduled=1" >&3 ;;
            jobs | watch) echo "JOBS=1 running=0 waiting=2 scheduled=1 stored=3" >&3 ;;
            leave) exit 0 ;;
        esac
    done

    """

extension ShellTests {
    @Suite("Drain, resume and status", .serialized)
    struct DrainTests {
        private let main = "echo READY=1 port=41234 >&3; read line <&4\n"

        private func stage(_ node: String = talkingNode, defaults: String = "") throws -> Stage {
            let stage = try Stage(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
                  "nodes": { "worker": { "count": 2, "command": ["./node"] } },
                  "defaults": { \(defaults) }
                }
                """, files: ["main": main, "node": node])
            try stage.up()
            try stage.line("all ready")
            return stage
        }

        @Test("drain is answered when the node says that no job runs, with what it keeps; resume makes it ready again")
        func drain() throws {
            let stage = try stage()
            let answer = try stage.ask(#"{"verb":"drain","names":["worker.1"]}"#)
            #expect(answer.contains("worker.1 is drained and keeps 2 waiting jobs, 1 scheduled job"), "\(answer)")
            try stage.state("worker.1", .draining, "drain was asked for")
            try stage.state("worker.1", .draining, "drained: no job runs")
            #expect(try stage.ask(#"{"verb":"drain","names":["worker.1"]}"#).contains(#""ok":true"#), "it is already")
            #expect(try stage.ask(#"{"verb":"status"}"#).contains(#""state":"draining""#))
            #expect(try stage.ask(#"{"verb":"resume","names":["worker.1"]}"#).contains("ready: worker.1"))
            try stage.state("worker.1", .ready, "resume was asked for")
        }

        @Test("a drained node that dies comes back drained, and a restart ends the drain")
        func death() throws {
            let stage = try stage()
            _ = try stage.ask(#"{"verb":"drain","names":["worker.1"]}"#)
            _ = try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#)
            try stage.state("worker.1", .draining, "it was to be drained when it died")
            try stage.state("worker.1", .draining, "drained: no job runs")
            #expect(try stage.ask(#"{"verb":"restart","names":["worker.1"]}"#).contains("ready: worker.1"))
        }

        @Test("what cannot be drained is refused, and why: a distributor, and what is not ready")
        func refused() throws {
            let stage = try stage()
            let distributor = try stage.ask(#"{"verb":"drain","names":["main"]}"#)
            #expect(distributor.contains(#""exit":69"#) && distributor.contains("only nodes can"), "\(distributor)")
            _ = try stage.ask(#"{"verb":"stop","names":["worker.2"]}"#)
            #expect(try stage.ask(#"{"verb":"drain","names":["worker"]}"#).contains("only what is ready"))
            let resume = try stage.ask(#"{"verb":"resume","names":["worker.2"]}"#)
            #expect(resume.contains("worker.2 is stopped, not drained"))
            #expect(!stage.seen.contains { $0.contains("\"to\":\"draining\",\"cause\":\"drain was") })
        }

        @Test("a drain that takes too long is told so with 124 and goes on; resume ends one that is waited for")
        func tooLong() throws {
            let deaf =
                "echo READY=1 words=drain,resume >&3; while read -r word <&4; do [ $word = leave ] && exit; done\n"
            let stage = try stage(deaf, defaults: #""stop": { "drain": "50ms" }"#)
            let answer = try stage.ask(#"{"verb":"drain","names":["worker.1"]}"#)
            #expect(answer.contains(#""exit":124"#) && answer.contains("jr-supervisor resume worker.1"), "\(answer)")
            #expect(try stage.ask(#"{"verb":"resume","names":["worker.1"]}"#).contains(#""ok":true"#))
        }

        @Test("status shows the jobs of each node, its memory, and how its last process ended")
        func figures() throws {
            let stage = try stage()
            _ = try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#)
            try stage.state("worker.1", .backingOff)
            try stage.state("worker.1", .ready)
            let status = try stage.ask(#"{"verb":"status"}"#)
            #expect(status.contains(#""jobs":{"running":0,"waiting":2,"scheduled":1,"stored":3}"#), "\(status)")
            #expect(status.contains("SIGKILL (by the verb kill)") && status.contains(#""lastExitSecondsAgo":0"#))
            #expect(!status.contains(#""memoryBytes":null"#))
        }

        @Test("a node is recovering until it has taken over every job, and how many and how fast is said")
        func recovering() throws {
            let slow = """
                echo RECOVERING=1 >&3
                [ $JR_INCARNATION = 1 ] || echo READY=1 recovered=5/7 >&3
                echo READY=1 recovered=7/7 >&3
                read line <&4

                """
            let stage = try stage(slow)
            _ = try stage.ask(#"{"verb":"kill","names":["worker.1"],"signal":9}"#)
            try stage.state("worker.1", .recovering)
            try stage.state("worker.1", .ready)
            #expect(try stage.ask(#"{"verb":"status"}"#).contains(#""recovered":"7/7 in "#))
        }

        @Test("who watches is sent the status at once and whenever something has changed")
        func watch() throws {
            let stage = try stage()
            let client = try stage.openControl()
            try Files.writeAll(client.raw, Array("{\"verb\":\"status\",\"watch\":true}\n".utf8))
            let reader = LineReader(try client.duplicate().take())
            func next(_ parts: String...) throws {
                while let line = reader.next(by: SystemClock.instant() + Stage.patience) {
                    if parts.allSatisfy({ line.contains($0) }) { return }
                }
                throw Stage.Missing(parts: parts, seen: [])
            }
            try next(#""state":"ready""#)
            try next(#""waiting":2"#)
            _ = try stage.ask(#"{"verb":"stop","names":["worker.2"]}"#)
            try next(#""state":"stopped""#)
            _ = try stage.ask(#"{"verb":"start","names":["worker.2"]}"#)
            try next(#""incarnation":2"#, #""state":"ready""#)
        }
    }
}
