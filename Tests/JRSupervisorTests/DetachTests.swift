import JRBase
import JRSupervision
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("What detaches itself")
    struct DetachTests {
        /// A program that leaves something in a session of its own, without its environment, and then ends by TERM.
        private static let daemon = """
            #!/bin/sh
            trap 'exit 0' TERM
            setsid env -i /bin/sleep 600 >/dev/null 2>&1 </dev/null &
            echo "stray $!."
            while :; do /bin/sleep 0.1; done
            """

        private static func cluster() throws -> Folder {
            try Folder([
                "cluster.json": #"{ "programs": { "web": { "command": ["./daemon"], "controlGroup": true } } }"#,
                "daemon": daemon,
            ])
        }

        private static func number(_ line: String) throws -> Int32 {
            let text = try #require(line.split(separator: "stray ").last)
            return try #require(Int32(text.prefix { $0.isNumber }))
        }

        @Test(
            "a stray in a session of its own and with another environment ends with its instance, and is named",
            .enabled(if: ControlGroup.usableInTests != nil, "no control group can be made here"))
        func stray() throws {
            let folder = try Self.cluster()
            let up = try folder.up()
            let stray = try Self.number(try up.line("stray "))
            #expect(isAlive(stray))
            #expect(try folder.run("stop", "web").code == 0)
            #expect(!isAlive(stray), "the answer comes when it is gone")
            _ = try up.line("ending what it had detached: pid \(stray) (sleep)")
            #expect(try folder.run("down").code == 0)
            #expect(try up.wait() == 0)
            let own = try #require(ControlGroup.own())
            #expect(try !Files.list(own).contains { $0.hasPrefix("jobreactor-\(up.pid)-") }, "nothing is left")
        }

        @Test(
            "what a supervisor that was killed left in its group is ended by the next one before anything starts",
            .enabled(if: ControlGroup.usableInTests != nil, "no control group can be made here"))
        func afterKill() throws {
            let folder = try Self.cluster()
            let first = try folder.up()
            let stray = try Self.number(try first.line("stray "))
            try Processes.signal(pid: first.pid, Signals.kill)
            _ = try first.wait()
            #expect(isAlive(stray), "the kernel's signal is for the program alone")
            let second = try folder.up()
            _ = try second.line("an earlier supervisor left")
            _ = try second.line("stray ")
            #expect(!isAlive(stray))
            let own = try #require(ControlGroup.own())
            #expect(try !Files.list(own).contains { $0.hasPrefix("jobreactor-\(first.pid)-") })
            #expect(try folder.run("down").code == 0)
            _ = try second.wait()
        }

        @Test("with a terminal in place of pipes a program believes that somebody looks, and nothing of it is changed")
        func tty() throws {
            let folder = try Folder([
                "cluster.json": """
                { "programs": { "web": { "command": ["./looks"], "tty": true, "restart": "never" } } }
                """,
                "looks": """
                #!/bin/sh
                [ -t 1 ] && [ -t 2 ] && [ ! -t 0 ] && echo "a terminal"
                printf 'one\ntwo\n' >&2
                printf half
                """,
            ])
            let outcome = try folder.run("up", "--no-color")
            #expect(outcome.code == 0)
            let lines = outcome.out.split(separator: "\n").filter { $0.contains(" | ") }
            #expect(lines.map { $0.split(separator: " | ").last } == ["a terminal", "one", "two", "half …"])
        }
    }
}
