import Glibc
import JRBase
import JRReactor
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

/// A directory in which the program itself is run.
final class Folder {
    let path: String
    private let program: String

    init(_ files: [String: String]) throws {
        path = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-program-test"))
        program = Files.parent(of: try Files.currentExecutable()) + "/jr-supervisor"
        for (name, text) in files { try Files.write("\(path)/\(name)", Array(text.utf8), mode: 0o700) }
    }

    deinit {
        if let holder = RuntimeLock.holder(of: runtime) {
            try? Processes.signal(pid: holder, Signals.kill)
            _ = Leftover.end(Leftover.find(runtime: runtime, record: runtime.readState()))
        }
        try? Files.removeTree(path)
    }

    var runtime: RuntimeDirectory { RuntimeDirectory(path: path + "/.jr") }

    struct Outcome {
        var code: Int32
        var out: String
        var err: String
    }

    /// Runs to the end.
    func run(_ arguments: String..., environment: [String] = []) throws -> Outcome {
        try run(arguments, environment: environment)
    }

    func run(_ arguments: [String], environment: [String] = []) throws -> Outcome {
        let out = path + "/stdout"
        let err = path + "/stderr"
        let status = try Processes.wait(pid: try spawn(arguments, environment, out: out, err: err))
        let text = { (file: String) in String(decoding: try Files.read(file, limit: 1 << 24), as: UTF8.self) }
        return Outcome(code: status.code, out: try text(out), err: try text(err))
    }

    /// Starts `up` in the foreground with its output in a pipe.
    func up(_ arguments: String..., environment: [String] = []) throws -> Running {
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let write = Descriptor(owning: ends.write)
        let request = SpawnRequest(
            executable: program, arguments: ["jr-supervisor", "up", "--json"] + arguments,
            environment: Folder.environment + environment, workingDirectory: path,
            descriptors: [(1, write.raw), (2, write.raw)], newProcessGroup: true)
        return Running(pid: try Processes.spawn(request), console: LineReader(ends.read))
    }

    /// Starts it and leaves it to the caller; without an output it says nothing.
    func start(_ arguments: [String], environment: [String] = [], output: Int32? = nil) throws -> Int32 {
        let null = try Files.open("/dev/null", .write)
        return try Processes.spawn(
            SpawnRequest(
                executable: program, arguments: ["jr-supervisor"] + arguments,
                environment: Folder.environment + environment, workingDirectory: path,
                descriptors: [(1, output ?? null.raw), (2, null.raw)], newProcessGroup: true))
    }

    private static var environment: [String] {
        SystemProgram.environment.filter { !$0.key.hasPrefix("JR_") }.map { "\($0.key)=\($0.value)" }
    }

    private func spawn(_ arguments: [String], _ more: [String], out: String, err: String) throws -> Int32 {
        let outFile = try Files.open(out, [.write, .create, .truncate])
        let errFile = try Files.open(err, [.write, .create, .truncate])
        return try Processes.spawn(
            SpawnRequest(
                executable: program, arguments: ["jr-supervisor"] + arguments, environment: Folder.environment + more,
                workingDirectory: path, descriptors: [(1, outFile.raw), (2, errFile.raw)]))
    }
}

/// A supervisor in the foreground.
final class Running {
    let pid: Int32
    let console: LineReader
    private var hasEnded = false

    init(pid: Int32, console: LineReader) {
        self.pid = pid
        self.console = console
    }

    deinit {
        guard !hasEnded else { return }
        try? Processes.signal(pid: pid, Signals.kill)
        _ = try? Processes.wait(pid: pid)
    }

    func line(_ parts: String...) throws -> String {
        var seen: [String] = []
        while let line = console.next(by: SystemClock.instant() + Stage.patience) {
            seen.append(line)
            if parts.allSatisfy({ line.contains($0) }) { return line }
        }
        throw Stage.Missing(parts: parts, seen: seen)
    }

    /// Reads until a line with each of these texts has come, in any order.
    func lines(_ texts: String...) throws -> [String] {
        var (found, seen): ([String: String], [String]) = ([:], [])
        while found.count < texts.count, let line = console.next(by: SystemClock.instant() + Stage.patience) {
            seen.append(line)
            for text in texts where line.contains(text) { found[text] = line }
        }
        guard found.count == texts.count else { throw Stage.Missing(parts: texts, seen: seen) }
        return texts.compactMap { found[$0] }
    }

    func signal(_ number: Int32) throws { try Processes.signal(pid: pid, number) }

    func wait() throws -> Int32 {
        let ended = try Processes.wait(pid: pid)
        hasEnded = true
        return ended.code
    }
}

extension ShellTests {
    @Suite("jr-supervisor", .serialized)
    struct ProgramTests {
        private static let node = "#!/bin/sh\necho READY=1 port=41000 >&3; read line <&4; exit 0\n"
        private static let cluster = """
            {
              "name": "shop",
              "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
              "nodes": { "worker": { "count": 2, "command": ["./node"] } }
            }
            """

        private func folder(_ cluster: String = cluster, _ more: [String: String] = [:]) throws -> Folder {
            try Folder(["cluster.json": cluster, "node": ProgramTests.node].merging(more) { $1 })
        }

        @Test("check says what is right, and refuses with 78 what is not, with all of it")
        func check() throws {
            let folder = try folder()
            let right = try folder.run("check")
            #expect(right.code == 0)
            #expect(right.out.contains("worker.2   after main.1"))
            try Files.write(folder.path + "/bad.json", Array(#"{ "nodes": { "a": { "comand": ["x"] } } }"#.utf8))
            let wrong = try folder.run("check", "bad.json")
            #expect(wrong.code == 78)
            #expect(wrong.err.hasPrefix("bad.json:1:14: error: nodes.a has no distributor"))
            #expect(
                wrong.err.contains(
                    "bad.json:1:21: error: unknown key \"comand\" in nodes.a (did you mean \"command\"?)"))
            try Files.write(folder.path + "/gone.json", Array(#"{ "programs": { "a": { "command": ["./x"] } } }"#.utf8))
            let gone = try folder.run("check", "gone.json")
            #expect(gone.code == 78)
            #expect(gone.err.contains("gone.json:1:36: error: programs.a: there is no \(folder.path)/x"))
            #expect(try folder.run("check", "nothing.json").code == 66)
            try Files.setMode(folder.path + "/bad.json", 0o666)
            let open = try folder.run("check", "bad.json")
            #expect(open.code == 77)
            #expect(open.err.contains("anybody can write it"))
        }

        @Test("a verb or option that is none is refused with the nearest one and 64")
        func usage() throws {
            let folder = try folder()
            let verb = try folder.run("statsu")
            #expect(verb.code == 64)
            #expect(verb.err.contains("'status'"))
            #expect(try folder.run("up", "--detahc").err.contains("'--detach'"))
            #expect(try folder.run("up", "--wait", "soon").code == 64)
            #expect(try folder.run("up", "--only", "wroker").code == 64)
            let version = try folder.run("--version")
            #expect(version.code == 0 && version.out.contains("0.1.0"))
            #expect(try folder.run("--help").out.contains("restart"))
        }

        @Test("where no supervisor runs, verbs that need one exit 4 and say how to start one")
        func notRunning() throws {
            let folder = try folder()
            for verb in ["status", "down"] {
                let outcome = try folder.run(verb)
                #expect(outcome.code == 4)
                #expect(outcome.err.contains("jr-supervisor up"))
            }
            #expect(try folder.run("stop", "worker").code == 4)
        }

        @Test("up --detach returns when all is ready; status, logs, kill and down work from another directory below")
        func detach() throws {
            let folder = try folder()
            let up = try folder.run("up", "--detach")
            #expect(up.code == 0, "\(up.err)")
            #expect(up.out.hasPrefix("shop: 3 instances ready in "))
            let status = try folder.run("status")
            #expect(status.code == 0)
            #expect(status.out.split(separator: "\n").allSatisfy { $0.count <= 80 })
            #expect(status.out.contains("worker.2"))
            let json = try folder.run("status", "--json").out
            #expect(json.contains(#""name": "worker.1""#) && json.contains(#""supervisorPid": "#))
            let second = try folder.run("up")
            #expect(second.code == 75)
            #expect(second.err.contains("pid \(RuntimeLock.holder(of: folder.runtime) ?? 0)"))
            #expect(try folder.run("up", "--detach").code == 75)
            #expect(try folder.run("stop", "worker.1").code == 0)
            #expect(try folder.run("status").code == 3)
            #expect(try folder.run("start", "worker.1").code == 0)
            #expect(try folder.run("logs", "worker", "-n", "1").out.contains("worker.1 * ready"))
            #expect(try folder.run("kill", "worker.2", "TREM").code == 64)
            #expect(try folder.run("kill", "worker.2", "HUP").out.hasPrefix("SIGHUP sent to worker.2"))
            #expect(try folder.run("stop", "main", "worker").code == 0)
            let early = try folder.run("start", "worker.1")
            #expect(early.code == 69)
            #expect(early.err.contains("worker.1 is waiting: main.1, which it comes after, is stopped"), "\(early.err)")
            #expect(try folder.run("start", "main", "worker").code == 0)
            let down = try folder.run("down")
            #expect(down.code == 0)
            #expect(down.out == "all stopped\n")
            #expect(try folder.run("status").code == 4)
            #expect(
                try Files.list(folder.runtime.path).sorted() == [
                    "events.jsonl", "lock", "logs", "state.json", "storage",
                ])
        }

        @Test("up --detach that does not come up exits 69 with the reason, and leaves nothing behind")
        func detachFails() throws {
            let folder = try folder(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "worker": { "command": ["./bad"], "ready": "30s" } }
                }
                """, ["bad": "#!/bin/sh\nexit 65\n"])
            let up = try folder.run("up", "--detach")
            #expect(up.code == 69)
            #expect(up.err.contains("worker.1 is failed: exit 65 (data error)"))
            #expect(try folder.run("status").code == 4)
            #expect(Leftover.find(runtime: folder.runtime, record: nil) == [])
        }

        @Test("up --wait that takes too long takes everything down and exits 69")
        func waitTooLong() throws {
            let folder = try folder(
                """
                { "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./slow"] } } }
                """, ["slow": "#!/bin/sh\nread line <&4\n"])
            let up = try folder.run("up", "--wait", "200ms", "--no-color")
            #expect(up.code == 69)
            #expect(up.err.contains("main.1 is starting"))
            #expect(up.out.contains("all stopped"))
        }

        @Test("a distributor whose port is taken is told with the name of who has it, exit 69")
        func portTaken() throws {
            let reserved = try Sockets.listen(on: .tcp(host: "127.0.0.1", port: 0))
            let port = try #require(try Sockets.localAddress(reserved.raw).port)
            let folder = try folder(
                """
                { "distributors": { "main": { "listen": "127.0.0.1:\(port)", "command": ["./node"] } } }
                """)
            let up = try folder.run("up", "--detach")
            #expect(up.code == 69)
            #expect(up.err.contains("main.1 is blocked: port \(port) is in use by pid \(SystemProgram.pid)"))
            _ = consume reserved
        }

        @Test("Ctrl-C once after a good service is a success; before everything was ready, or pressed again, it is 130")
        func interrupts() throws {
            let folder = try folder()
            let good = try folder.up()
            _ = try good.line("all ready")
            try good.signal(Signals.interrupt)
            #expect(try good.wait() == 0)

            let slow = "#!/bin/sh\ntrap '' TERM INT\necho here\nwhile :; do sleep 60 & wait; done\n"
            try Files.write(folder.path + "/node", Array(slow.utf8), mode: 0o700)
            let cut = try folder.up()
            _ = try cut.line("\"text\":\"here\"")
            try cut.signal(Signals.interrupt)
            _ = try cut.line("stopping, with time")
            try cut.signal(Signals.interrupt)
            _ = try cut.line("TERM to everything")
            try cut.signal(Signals.interrupt)
            #expect(try cut.wait() == 130)
            #expect(Leftover.find(runtime: folder.runtime, record: nil) == [])
        }

        @Test(
            "after kill -9 of the supervisor its nodes leave, its programs are killed, and the next one ends what these left"
        )
        func killed() throws {
            let folder = try folder(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./node"] } },
                  "nodes": { "worker": { "count": 2, "command": ["./node"] } },
                  "programs": { "goes": { "command": ["sleep", "60"] },
                                "stays": { "command": ["sh", "-c", "sleep 60 & echo here $!; wait"] } }
                }
                """)
            let first = try folder.up()
            let stray = try number(after: "here ", in: try first.lines("here ", "all ready")[0])
            let record = try #require(folder.runtime.readState())
            // By kind: what leaves by itself, what is killed as the only one of its group, and what leaves somebody.
            let watched = try ["worker.1", "goes.1", "stays.1"].map { name in
                let pid = try #require(record.instances.first { $0.name == name }?.pid)
                return Watched(name, try Processes.open(pid: pid))
            }
            try first.signal(Signals.kill)
            #expect(try first.wait() == 137)
            for one in watched { #expect(try IO.waitReadable(one.descriptor.raw, timeout: 20_000), "\(one.name)") }
            #expect(isAlive(stray), "the kernel is asked for a process, and not for its children")
            let second = try folder.up()
            #expect(try second.line("an earlier supervisor left").contains("1 process: stays.1 (pid \(stray))"))
            let line = try second.line("\"instance\":\"worker.1\"", "\"to\":\"ready\"")
            #expect(!line.contains("\"incarnation\":1,") && !line.contains("\"incarnation\":2,"))
            #expect(!isAlive(stray))
            try second.signal(Signals.terminate)
            #expect([0, 143].contains(try second.wait()))
        }

        private final class Watched {
            let name: String
            let descriptor: Descriptor

            init(_ name: String, _ descriptor: consuming Descriptor) {
                self.name = name
                self.descriptor = descriptor
            }
        }

        private func number(after text: String, in line: String) throws -> Int32 {
            let digits = try #require(line.range(of: text)).upperBound
            return try #require(Int32(line[digits...].prefix { $0.isNumber }))
        }

        @Test(
            "a child has the limit of open files that its entry asks for, and otherwise the one the supervisor was given"
        )
        func openFiles() throws {
            let folder = try folder(
                """
                { "programs": {
                    "few": { "command": ["sh", "-c", "echo few $(ulimit -Sn)"], "restart": "never",
                             "limits": { "openFiles": 64 } },
                    "usual": { "command": ["sh", "-c", "echo usual $(ulimit -Sn)"], "restart": "never" }
                } }
                """)
            let outcome = try folder.run("up", "--no-color")
            #expect(outcome.code == 0)
            #expect(outcome.out.contains("| few 64\n"))
            let own = try ProcessSettings.openFileLimit().soft
            #expect(outcome.out.contains("| usual \(own)\n"))
        }

        @Test("what detached itself twice is reaped and ended, and the end of its parent is not held up")
        func doubleFork() throws {
            let folder = try folder(
                #"{ "programs": { "daemon": { "command": ["./daemon"], "restart": "never" } } }"#,
                ["daemon": "#!/bin/sh\n(setsid sleep 60 & echo \"child $!\")\nexit 0\n"])
            let running = try folder.up()
            let child = try number(after: "child ", in: try running.line("child "))
            #expect(try running.wait() == 0)
            #expect(!isAlive(child))
        }
    }
}
