import JRBase
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Exit codes")
    struct ExitCodeTests {
        /// How a command ends, the code that is passed on, and what is said of it.
        static let ends: [(String, Int32, String)] = [
            ("exit 0", 0, ""), ("exit 1", 1, "exit 1"), ("exit 7", 7, "exit 7"), ("exit 255", 255, "exit 255"),
            ("kill -KILL $$", 137, "SIGKILL"), ("kill -SEGV $$", 139, "SIGSEGV"),
            // What a Swift program that stops at a precondition does.
            ("kill -ILL $$", 132, "SIGILL"), ("kill -TERM $$", 143, "SIGTERM"), ("exec ./missing", 127, "exit 127"),
            ("exec ./plain", 126, "exit 126"),
        ]

        private static let plain = ["plain": "#!/no/such/interpreter\n"]

        @Test("exec passes on how its command ended, a signal never as success, and names it", arguments: ends)
        func execution(end: String, code: Int32, words: String) throws {
            let folder = try Folder(["cluster.json": #"{ "programs": { "web": { "command": ["sleep", "600"] } } }"#])
            try Files.write(folder.path + "/plain", [], mode: 0o600)
            let outcome = try folder.run("exec", "--", "sh", "-c", "ulimit -c 0; cd '\(folder.path)'; \(end)")
            #expect(outcome.code == code, "\(outcome.err)")
            #expect(outcome.err.contains(words))
            #expect(outcome.err.isEmpty == (code == 0))
        }

        @Test("until idle the first program that failed decides, by the same table", arguments: ends)
        func untilIdle(end: String, code: Int32, words: String) throws {
            let folder = try Folder([
                "load": "#!/bin/sh\nulimit -c 0\ncd \"${0%/*}\"\n\(end)\n",
                "cluster.json": #"{ "programs": { "load": { "command": ["./load"], "restart": "never" } } }"#,
            ])
            try Files.write(folder.path + "/plain", [], mode: 0o600)
            let outcome = try folder.run("up", "--until-idle", "--no-color")
            #expect(outcome.code == code, "\(outcome.out) \(outcome.err)")
            #expect(outcome.out.contains(words))
        }

        @Test(
            "a program that ends by the signal it was sent, or with its shell's code for that, was stopped and did not fail",
            arguments: [
                "exec sleep 600", "trap 'exit 143' TERM; sleep 600 & wait", "trap 'exit 3' TERM; sleep 600 & wait",
            ])
        func stopped(script: String) throws {
            let folder = try Folder([
                "web": "#!/bin/sh\necho here\n\(script)\n",
                "cluster.json": #"{ "programs": { "web": { "command": ["./web"] } } }"#,
            ])
            let running = try folder.up()
            _ = try running.line("here")
            #expect(try folder.run("down").code == 0)
            #expect(try running.wait() == 0)
        }
    }
}
