import Glibc
import JRBase
import JRSupervision
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

/// Sends each word as a datagram to `NOTIFY_SOCKET`.
private let say = """
    #include <stddef.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/socket.h>
    #include <sys/un.h>
    int main(int count, char **words) {
        const char *address = getenv("NOTIFY_SOCKET");
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        if (!address || strlen(address) >= sizeof un.sun_path) return 2;
        strcpy(un.sun_path, address);
        if (address[0] == '@') un.sun_path[0] = 0;
        int to = socket(AF_UNIX, SOCK_DGRAM, 0);
        for (int place = 1; place < count; place++) {
            size_t length = strlen(words[place]);
            socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(address);
            if (sendto(to, words[place], length, 0, (void *)&un, size) != (ssize_t)length) return 1;
        }
        return 0;
    }
    """

extension ShellTests {
    @Suite("Programs that say when they are ready", .serialized)
    struct NotifyTests {
        /// A stage with the command `say` and a pipe with a name, `go`, of which scripts read when they are to go on.
        private func stage(_ programs: String, _ files: [String: String]) throws -> Stage {
            let stage = try Stage("{ \"programs\": { \(programs) } }", files: files)
            try #require(try CSource.compileProgram(say, to: stage.directory + "/say"), "there is no compiler of C")
            try #require(mkfifo(stage.directory + "/go", 0o600) == 0)
            return stage
        }

        /// Lets a script go on that reads of `go`, as soon as it does. It reads until it gets a line, as it may find
        /// the end of the one who let it go on before.
        private func go(_ stage: Stage) throws { try Files.write(stage.directory + "/go", Array("\n".utf8)) }

        @Test("one is ready when it says so and not before; strangers and nonsense change nothing, and are told")
        func ready() throws {
            let stage = try stage(
                """
                "web": { "command": ["./web"], "notify": true },
                "late": { "command": ["sleep", "1000"], "after": ["web"] }
                """,
                [
                    "web": """
                    echo "at $NOTIFY_SOCKET"
                    ./say 'STATUS=warming up' READY=soon
                    until read line <go; do :; done
                    ./say 'READY=1
                    STATUS=42 connections'
                    until read line <go; do :; done
                    ./say STOPPING=1
                    until read line <go; do :; done
                    """
                ])
            try stage.up()
            let path = stage.runtime.notices + "/web.1"
            try stage.line("at \(path)")
            try stage.line("web.1", "READY is 1 or is not there")
            for _ in 0..<3 { try Sockets.notify(path, "READY=1") }
            try stage.line("web.1", "pid \(SystemProgram.pid) of user", "is none of its processes")
            let waiting = try stage.ask(#"{"verb":"status"}"#)
            #expect(waiting.contains(#""state":"starting""#) && waiting.contains(#""said":"warming up""#))
            #expect(waiting.contains(#""state":"waiting""#) && !waiting.contains(#""state":"ready""#))
            try go(stage)
            try stage.state("web.1", .ready)
            try stage.state("late.1", .ready)
            #expect(try stage.ask(#"{"verb":"status"}"#).contains(#""said":"42 connections""#))
            try go(stage)
            try stage.state("web.1", .stopping, "it says that it stops")
            try go(stage)
            try stage.state("web.1", .backingOff, "exit 0")
            try stage.line("at \(path)")
            #expect(try !stage.ask(#"{"verb":"status"}"#).contains("42 connections"), "of the process before")
            #expect(stage.seen.count { $0.contains("none of its processes") && $0.contains("note") } == 1)
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
            #expect(!Files.exists(stage.runtime.notices))
        }

        @Test("what a program says last counts although it has ended: ready, then finished")
        func last() throws {
            let stage = try stage(
                #""once": { "command": ["./once"], "notify": true, "restart": "never" }"#,
                ["once": "exec ./say READY=1\n"])
            try stage.up()
            try stage.state("once.1", .ready)
            try stage.state("once.1", .finished)
            #expect(stage.waitForEnd() == 0)
        }

        @Test("one that says nothing is given up in time, and one that ends with 0 before it said so has failed")
        func never() throws {
            let stage = try stage(
                """
                "silent": { "command": ["sleep", "1000"], "notify": true, "ready": "50ms", "restart": "never" },
                "early": { "command": ["true"], "notify": true, "restart": "never" }
                """, [:])
            try stage.up()
            #expect(stage.waitForEnd() == SupervisorError.unavailable)
            _ = try? stage.line("all stopped")
            let failures = stage.seen.filter { $0.contains(#""to":"failed""#) }
            #expect(failures.contains { $0.contains("early.1") && $0.contains("before it said that it was ready") })
            #expect(failures.contains { $0.contains("silent.1") && $0.contains("not ready within 50ms") })
        }

        @Test("one that says nothing any more, or that it hangs, is ended and started again, and that is told as such")
        func watchdog() throws {
            let stage = try stage(
                """
                "silent": { "command": ["./silent"], "notify": true, "watchdog": "200ms" },
                "deaf": { "command": ["./deaf"], "notify": true, "watchdog": "200ms", "stop": { "kill": "50ms" } },
                "honest": { "command": ["./honest"], "notify": true }
                """,
                [
                    "silent": "echo \"in $WATCHDOG_USEC\"; ./say READY=1 WATCHDOG=1; exec sleep 1000\n",
                    "deaf": "trap '' ABRT; ./say READY=1; exec sleep 1000\n",
                    "honest": """
                    ./say READY=1 'STATUS=stuck at 7'
                    until read line <go; do :; done
                    ./say WATCHDOG=trigger
                    exec sleep 1000
                    """,
                ])
            try stage.up()
            try stage.line("in 200000")
            let death = "hung: no WATCHDOG=1 for 200ms: SIG"
            var deaths: [String] = []
            while !deaths.contains(where: { $0.contains("silent.1") && $0.contains(death + "ABRT (by us)") })
                || !deaths.contains(where: { $0.contains("deaf.1") && $0.contains(death + "KILL (by us)") })
            { deaths.append(try stage.line(#""to":"backingOff""#)) }
            #expect(try stage.ask(#"{"verb":"why","names":["honest"]}"#).contains(#""said":"stuck at 7""#))
            try go(stage)
            try stage.state("honest.1", .stopping, "hung: it said so")
            try stage.state("honest.1", .backingOff, "hung: it said so: SIGABRT (by us)")
            let why = try stage.ask(#"{"verb":"why","names":["silent"]}"#)
            #expect(why.contains("hung: no WATCHDOG=1 for 200ms"))
        }

        @Test("where its name is too long for a path, it is told a name that is no path")
        func long() throws {
            let name = String(repeating: "x", count: 100)
            let stage = try stage(
                "\"\(name)\": { \"command\": [\"./web\"], \"notify\": true }",
                ["web": "echo \"at $NOTIFY_SOCKET\"; ./say READY=1; exec sleep 1000\n"])
            try stage.up()
            try stage.line("at @")
            try stage.state("\(name).1", .ready)
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
        }
    }
}
