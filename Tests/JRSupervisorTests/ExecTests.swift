import JRBase
import JRJSON
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("jr-supervisor exec and events", .serialized)
    struct ExecTests {
        private static let node = "#!/bin/sh\necho READY=1 port=41000 >&3; read line <&4; exit 0\n"
        private static let cluster = """
            {
              "name": "shop",
              "distributors": { "main": { "listen": "127.0.0.1:5000", "command": ["./node"] } },
              "nodes": { "worker": { "count": 2, "command": ["./node"] } }
            }
            """

        private func folder(_ cluster: String = cluster, _ more: [String: String] = [:]) throws -> Folder {
            try Folder(["cluster.json": cluster, "node": ExecTests.node].merging(more) { $1 })
        }

        /// Where the private runtime directories of a folder's runs are.
        private func temporary(_ folder: Folder) throws -> String {
            try Files.makeDirectories(folder.path + "/tmp")
            return folder.path + "/tmp"
        }

        private func exec(_ folder: Folder, _ words: String...) throws -> Folder.Outcome {
            try folder.run(["exec"] + words, environment: ["TMPDIR=\(try temporary(folder))"])
        }

        @Test("exec gives the command the cluster, exits with its code, and leaves nothing behind")
        func codes() throws {
            let folder = try folder()
            let good = try exec(
                folder, "--", "sh", "-c", "echo $JR_URL $JR_DISTRIBUTORS; test -S $JR_RUNTIME/control.sock")
            #expect(good.code == 0)
            #expect(good.out == "jr://127.0.0.1:41000 127.0.0.1:41000\n")
            #expect(good.err == "")
            let failed = try exec(folder, "--", "sh", "-c", "exit 7")
            #expect(failed.code == 7)
            #expect(failed.err == "jr-supervisor: exec: the command ended with exit 7 (exit 7)\n")
            #expect(try exec(folder, "--", "sh", "-c", "kill -9 $$").code == 137)
            let missing = try exec(folder, "--", "no-such-command")
            #expect(missing.code == 127)
            #expect(missing.err.contains("there is no command 'no-such-command' in PATH"))
            #expect(try exec(folder, "--", "./cluster.json/x").code == 127)
            try Files.setMode(folder.path + "/cluster.json", 0o600)
            #expect(try exec(folder, "--", "./cluster.json").code == 126)
            #expect(try exec(folder).code == 64)
            #expect(try Files.list(try temporary(folder)) == [])
        }

        @Test("what the command detached is ended with the cluster")
        func detached() throws {
            let folder = try folder()
            let outcome = try exec(folder, "--", "sh", "-c", "setsid sleep 600 >/dev/null 2>&1 & echo $!")
            #expect(outcome.code == 0)
            let pid = try #require(Int32(outcome.out.filter(\.isNumber)))
            #expect(!isAlive(pid))
            #expect(try Files.list(try temporary(folder)) == [])
        }

        @Test("a cluster that does not come up is 69 with why, and the last lines of who is guilty")
        func notReady() throws {
            let folder = try folder(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "worker": { "command": ["./bad"] } }
                }
                """, ["bad": "#!/bin/sh\necho no disk in drive a\nexit 65\n"])
            let outcome = try exec(folder, "--", "echo", "never")
            #expect(outcome.code == 69)
            #expect(outcome.out == "")
            #expect(outcome.err.hasPrefix("jr-supervisor: exec: the cluster is not ready: worker.1 is failed: exit 65"))
            #expect(outcome.err.contains("    | no disk in drive a\n"))
            #expect(!outcome.err.contains("main.1 is"))
        }

        @Test("an instance that fails for good under the command fails the run, and the command is ended")
        func instanceLost() throws {
            let folder = try folder(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "worker": { "command": ["./once"] } }
                }
                """,
                ["once": "#!/bin/sh\nmkfifo go.pipe\necho READY=1 >&3\nread x <go.pipe\nexit 78\n"])
            let json = try exec(
                folder, "--json", "--", "sh", "-c",
                "trap 'exit 3' TERM; echo >go.pipe; sleep 600 & wait")
            #expect(json.code == 69)
            #expect(json.err.hasPrefix(#"{"exit":69,"reason":"worker.1 is failed: exit 78"#))
            #expect(json.err.contains(#""guilty":[{"name":"worker.1""#))
        }

        @Test("with --json what keeps the run from its beginning is one object as well", arguments: [true, false])
        func wrongAsJSON(isThere: Bool) throws {
            let folder = try folder()
            if isThere { try Files.write(folder.path + "/wrong.json", Array("{ \"programs\": 1 }".utf8)) }
            let words = try exec(folder, "wrong.json", "--", "true")
            let json = try exec(folder, "--json", "wrong.json", "--", "true")
            let code: Int32 = isThere ? 78 : 66
            #expect(words.code == code && json.code == code && json.out == "")
            let said = try JSON(parsing: json.err)
            #expect(said["exit"]?.int == Int64(code) && said["guilty"]?.array == [] && said["report"]?.isNull == true)
            let reason = try #require(said["reason"]?.string)
            #expect(words.err == (isThere ? "" : "jr-supervisor: ") + reason + (reason.hasSuffix("\n") ? "" : "\n"))
        }

        @Test("a time-out of nothing is refused, as is a wait of nothing for all to be ready")
        func noTime() throws {
            let folder = try folder()
            let expected = "'0s' is not a length of time from 10ms to 30d, such as 250ms, 30s or 5m"
            let none = try exec(folder, "--timeout", "0s", "--", "true")
            #expect(none.code == 64 && none.err.contains(expected), "\(none.err)")
            let up = try folder.run("up", "--wait", "0s")
            #expect(up.code == 64 && up.err.contains(expected), "\(up.err)")
        }

        @Test("a time-out ends the command, takes everything down and is 124")
        func timeout() throws {
            let folder = try folder()
            let outcome = try exec(folder, "--timeout", "1s", "--", "sleep", "600")
            #expect(outcome.code == 124)
            #expect(outcome.err.contains("not done within 1s"))
            #expect(try Files.list(try temporary(folder)) == [])
        }

        @Test("the report has events, logs, JUnit and a timeline, also of a run that a signal ended")
        func report() throws {
            let folder = try folder()
            let script = "echo started; trap 'exit 9' TERM; kill -TERM $PPID; sleep 600 & wait"
            let outcome = try exec(folder, "--report", "report", "--", "sh", "-c", script)
            #expect(outcome.code == 9)
            #expect(outcome.err.contains("the report is in \(folder.path)/report"))
            let path = folder.path + "/report"
            #expect(try Files.list(path) == ["events.jsonl", "junit.xml", "logs", "timeline.txt"])
            #expect(try Files.list(path + "/logs") == ["main.1.log", "worker.1.log", "worker.2.log"])
            let text = { (name: String) in
                String(decoding: try Files.read("\(path)/\(name)", limit: 1 << 20), as: UTF8.self)
            }
            #expect(try text("junit.xml").contains(#"name="worker.2 incarnation 1""#))
            #expect(try text("timeline.txt").contains("command     ended: the command ended with exit 9"))
            let events = EventFile.last(1_000, path: path + "/events.jsonl")
            #expect(events.map(\.sequence) == Array(1...events.count))
            #expect(events.contains { $0.instance == "worker.1" && $0.change?.to == .ready })
            #expect(events.last?.text == "all stopped")
            // The next report takes its place; a folder that is something else is left alone.
            #expect(try exec(folder, "--report", "report", "--", "true").code == 0)
            #expect(!(try text("timeline.txt")).contains("exit 9"))
            try Files.makeDirectories(folder.path + "/other/logs")
            #expect(try exec(folder, "--report", "other", "--", "true").code == 73)
        }

        @Test("three at once share nothing: each has its own code, and the port of the manifest is not touched")
        func parallel() throws {
            let folder = try folder()
            let place = try temporary(folder)
            // Each waits for the others: they are all up at the same time.
            let script = """
                echo $JR_RUNTIME > here.$0; for other in 0 7 9; do while ! test -s here.$other; do :; done; done; exit $0
                """
            let pids = try ["0", "7", "9"].map { code in
                try folder.start(["exec", "--", "sh", "-c", script, code], environment: ["TMPDIR=\(place)"])
            }
            let codes = try pids.map { try Processes.wait(pid: $0).code }
            #expect(codes == [0, 7, 9])
            let directories = try ["0", "7", "9"].map { code in
                String(decoding: try Files.read("\(folder.path)/here.\(code)", limit: 4_096), as: UTF8.self)
            }
            #expect(Set(directories).count == 3)
            #expect(try Files.list(place) == [])
            for directory in directories {
                let runtime = RuntimeDirectory(path: String(directory.dropLast()))
                #expect(Leftover.find(runtime: runtime, record: nil) == [])
            }
        }

        @Test("events are numbered over supervisors, each with its cause; -f tells them as they come, to the end")
        func events() throws {
            let folder = try folder(ExecTests.cluster.replacing("5000", with: "0"))
            #expect(try folder.run("events").code == 66)
            #expect(try folder.run("up", "--detach").code == 0)
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let write = Descriptor(owning: ends.write)
            let pid = try folder.start(["events", "-f", "-n", "1", "--json"], output: write.raw)
            _ = consume write
            let lines = LineReader(ends.read)
            // It is connected before it shows the last one: from here on it misses nothing.
            #expect(lines.next(by: SystemClock.instant() + Stage.patience) != nil)
            #expect(try folder.run("restart", "worker.1").code == 0)
            let deadline = SystemClock.instant() + Stage.patience
            var seen: [String] = []
            // Those of the first start may not have been in the file yet.
            var isRestarted = false
            while let line = lines.next(by: deadline) {
                seen.append(line)
                isRestarted = isRestarted || line.contains(#""cause":"restart was asked for""#)
                if isRestarted, line.contains(#""instance":"worker.1""#), line.contains(#""to":"ready""#) { break }
            }
            #expect(isRestarted)
            #expect(try folder.run("down").code == 0)
            while let line = lines.next(by: deadline) { seen.append(line) }
            #expect(try Processes.wait(pid: pid).code == 0)
            #expect(seen.last?.contains("all stopped") == true)
            let before = EventFile.last(10_000, path: folder.runtime.eventFile).map(\.sequence)
            #expect(before == Array(1...before.count))
            #expect(try folder.run("up", "--detach").code == 0)
            let last = try folder.run("events", "-n", "1")
            #expect(last.out.contains("supervisor all ready in "))
            #expect(try folder.run("down").code == 0)
            let after = EventFile.last(10_000, path: folder.runtime.eventFile).map(\.sequence)
            #expect(after == Array(1...after.count))
            #expect(after.count > before.count)
            #expect(try folder.run("events", "-n", "3").out.split(separator: "\n").count == 3)
            #expect(try folder.run("events", "-f").code == 4)
        }
    }
}
