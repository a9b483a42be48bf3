import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("When a re-exec is refused", .serialized)
    struct ReExecTests {
        private let manifest =
            #"{ "programs": { "stubborn": { "command": ["./stubborn"], "stop": { "kill": "60s" } } } }"#
        private let files = ["stubborn": "trap '' TERM; echo set; while :; do sleep 1000; done\n"]

        private func up(_ successor: Successor?) throws -> Stage {
            let stage = try Stage(manifest, files: files)
            var options = Supervisor.Options()
            options.successor = successor
            try stage.up(options)
            try stage.line("set")
            return stage
        }

        @Test("while an instance stops, with what goes on and what to do")
        func motion() throws {
            let stage = try up(Successor(executable: "/bin/false", arguments: ["x"], name: "x", isDetached: false))
            let client = try stage.openControl()
            try Files.writeAll(client.raw, Array("{\"verb\":\"stop\",\"names\":[\"stubborn\"],\"now\":true}\n".utf8))
            try stage.state("stubborn.1", .stopping)
            let answer = try stage.ask(#"{"verb":"re-exec"}"#)
            #expect(answer.contains(#""exit":75"#))
            #expect(answer.contains("stop of stubborn.1 goes on") && answer.contains("jr-supervisor wait ready"))
        }

        @Test("in a run that is part of another program")
        func part() throws {
            let stage = try up(nil)
            let answer = try stage.ask(#"{"verb":"re-exec"}"#)
            #expect(answer.contains(#""exit":69"#) && answer.contains("ends by itself"))
        }
    }
}
