import Glibc
import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// A cluster whose supervisor was started by a link, which is set to something else later.
private final class Exchanged {
    let directory: String
    let program: String
    private let real: String

    init(_ manifest: String, files: [String: String] = [:]) throws {
        directory = try Files.realPath(try Files.makeTemporaryDirectory(prefix: "jr-reexec-"))
        program = directory + "/bin/jr-supervisor"
        real = try Programs.path("jr-supervisor")
        try Files.makeDirectory(directory + "/bin")
        try Files.makeDirectory(directory + "/jobs")
        try Files.write(directory + "/jobs/nothing", Array("#!/bin/sh\n".utf8), mode: 0o755)
        for (name, text) in files {
            try Files.write("\(directory)/\(name)", Array(("#!/bin/sh\n" + text).utf8), mode: 0o755)
        }
        try Files.write(directory + "/cluster.json", Array(manifest.utf8))
        try #require(symlink(real, program) == 0)
    }

    deinit {
        _ = try? Programs.run([real, "down", "--now"], in: directory)
        try? Files.removeTree(directory)
    }

    func run(_ words: String...) throws -> Finished { try Programs.run([real] + words, in: directory) }

    /// Puts a script in the supervisor's place, in which `$REAL` is the real one.
    func exchange(_ text: String, mode: UInt32 = 0o755) throws {
        try Files.write(program + ".new", Array("#!/bin/sh\nREAL='\(real)'\n\(text)\n".utf8), mode: mode)
        try Files.rename(program + ".new", to: program)
    }

    func up() throws {
        let up = try Programs.run([program, "up", "--detach", "cluster.json"], in: directory)
        try #require(up.status == .exited(0), "\(up.errors)\(up.output)")
    }

    func status() throws -> JSON { try JSON(parsing: try run("status", "--json").output) }

    /// The pids by name, the supervisor's among them.
    func pids() throws -> [String: Int64] {
        let status = try status()
        var pids = ["supervisor": status["supervisorPid"]?.int ?? 0]
        for row in status["instances"]?.array ?? [] { pids[row["name"]?.string ?? ""] = row["pid"]?.int }
        return pids
    }

    func log(_ name: String) throws -> String { try Programs.text("\(directory)/.jr/logs/\(name).log") }
}

@Suite("re-exec: a supervisor becomes a new program", .serialized, .mayBlock)
struct ReExecTests {
    private let manifest = """
        {
          "name": "exchanged",
          "distributors": { "main": { "listen": "127.0.0.1:0" } },
          "nodes": { "worker": { "distributors": ["main"], "jobs": "jobs", "ready": "120s" } },
          "programs": { "lines": { "command": ["./lines"], "restart": "never", "logs": { "maxSize": "1GiB" } },
                        "sleeper": { "command": ["sleep", "1000"], "tty": true } }
        }
        """
    private let sleeper = #"{ "name": "one", "programs": { "sleeper": { "command": ["sleep", "1000"] } } }"#
    private let lines = "i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i; done; echo end $i\n"

    @Test("three times under load: no restart, the same processes, every line once and in order; then all works")
    func underLoad() throws {
        let cluster = try Exchanged(manifest, files: ["lines": lines])
        try cluster.up()
        let before = try cluster.pids()
        #expect(before.count == 5)
        for round in 1...3 {
            let answer = try cluster.run("re-exec")
            #expect(answer.status == .exited(0), "round \(round): \(answer.errors)")
            #expect(answer.output.contains("(pid \(before["supervisor"] ?? 0)) goes on with 4 instances"))
            #expect(try cluster.pids() == before)
        }
        for row in try cluster.status()["instances"]?.array ?? [] {
            #expect(row["restarts"]?.int == 0)
            #expect(row["state"]?.string == "ready")
            #expect(row["incarnation"]?.int == 1)
        }

        #expect(try cluster.run("kill", "sleeper", "KILL").status == .exited(0))
        #expect(try cluster.run("wait", "ready").status == .exited(0))
        let log = try cluster.log("sleeper.1")
        #expect(log.contains("SIGKILL (by the verb kill)") && log.contains("incarnation 2"), "\(log)")
        try Files.write(cluster.directory + "/stop", [])
        #expect(try cluster.run("wait", "stopped", "lines").status == .exited(0))
        let down = try cluster.run("down")
        #expect(down.status == .exited(0), "\(down.errors)")
        for (name, pid) in before { #expect(!isAlive(pid), "\(name) is still there") }
        try checkLines(try Files.read("\(cluster.directory)/.jr/logs/lines.1.log", limit: 1 << 30))
    }

    /// Not one that only waits to be reaped by somebody else.
    private func isAlive(_ pid: Int64) -> Bool { (Processes.facts(of: Int32(pid))?.state ?? "Z") != "Z" }

    /// `1` to `n` and `end n`, each as a line of its own.
    private func checkLines(_ bytes: [UInt8]) throws {
        var expected = 0
        var wrong: String?
        var end: String?
        bytes.withUnsafeBytes { bytes in
            for line in bytes.split(separator: UInt8(ascii: "\n")) where wrong == nil && end == nil {
                // The time, a mark of who says it, the text.
                if line[line.startIndex + 25] == UInt8(ascii: "*") { continue }
                expected += 1
                let text = line.dropFirst(27)
                var number = 0
                for byte in text { number = number &* 10 &+ Int(byte) &- 0x30 }
                if number == expected, text.allSatisfy({ (0x30...0x39).contains($0) }) { continue }
                let whole = String(decoding: line, as: UTF8.self)
                if whole.hasSuffix("end \(expected - 1)") { end = whole } else { wrong = "\(whole), not \(expected)" }
            }
        }
        #expect(wrong == nil)
        #expect(end != nil, "it has said how many there were")
        #expect(expected > 1_000)
    }

    @Test(
        "a new program that cannot go on is refused with its words, and all goes on",
        arguments: [
            ("exit 0", 0o755 as UInt32, "exit 0"), ("echo I am broken >&2; exit 3", 0o755, "exit 3: I am broken"),
            ("exit 0", 0o644, "EACCES"), ("exec \"$REAL\" --version", 0o755, "exit 0: jr-supervisor"),
            ("unset JR_HANDOVER; exec \"$REAL\" \"$@\"", 0o755, "exit "),
        ])
    func broken(_ text: String, _ mode: UInt32, _ words: String) throws {
        let cluster = try Exchanged(sleeper)
        try cluster.up()
        let before = try cluster.pids()
        try cluster.exchange(text, mode: mode)
        let answer = try cluster.run("re-exec")
        #expect(answer.status == .exited(69))
        #expect(answer.errors.contains(words), "\(answer.errors)")
        #expect(answer.errors.contains("goes on"), "\(answer.errors)")
        #expect(try cluster.pids() == before)
        #expect(try cluster.run("down").status == .exited(0))
    }

    @Test("a child that dies meanwhile is told, with how it ended")
    func death() throws {
        let cluster = try Exchanged(sleeper)
        try cluster.up()
        let pid = try #require(try cluster.pids()["sleeper.1"])
        try cluster.exchange("case $JR_HANDOVER in try:*) ;; *) kill -9 \(pid) ;; esac; exec \"$REAL\" \"$@\"")
        #expect(try cluster.run("re-exec").status == .exited(0))
        #expect(try cluster.run("wait", "ready").status == .exited(0))
        #expect(try cluster.log("sleeper.1").contains("died: SIGKILL (not by us"))
        let row = try cluster.status()["instances"]?[0]
        #expect(row?["restarts"]?.int == 1 && row?["incarnation"]?.int == 2)
    }

    @Test("a signal that comes meanwhile is not lost: the new program stops everything")
    func signal() throws {
        let cluster = try Exchanged(sleeper)
        try cluster.up()
        let pids = try cluster.pids()
        let supervisor = try Processes.open(pid: Int32(pids["supervisor"] ?? 0))
        try cluster.exchange("case $JR_HANDOVER in try:*) ;; *) kill -TERM $$ ;; esac; exec \"$REAL\" \"$@\"")
        #expect(try cluster.run("re-exec").status == .exited(0))
        #expect(try IO.waitReadable(supervisor.raw, timeout: 60_000), "it has ended")
        #expect(!isAlive(pids["sleeper.1"] ?? 0))
        #expect(try cluster.log("supervisor").contains("all stopped"))
    }

    @Test("a manifest that is not what runs is refused; how many there are of each may differ")
    func otherManifest() throws {
        let cluster = try Exchanged(sleeper)
        try cluster.up()
        #expect(try cluster.run("scale", "sleeper=3").status == .exited(0))
        let before = try cluster.pids()
        #expect(before.count == 4)
        #expect(try cluster.run("re-exec").status == .exited(0))
        #expect(try cluster.pids() == before)
        let other = sleeper.replacing("1000", with: "2000")
        try Files.write(cluster.directory + "/cluster.json", Array(other.utf8))
        let answer = try cluster.run("re-exec")
        #expect(answer.status == .exited(78))
        #expect(answer.errors.contains("sleeper") && answer.errors.contains("reload"), "\(answer.errors)")
        #expect(try cluster.pids() == before)
    }

    @Test("what nothing was handed over to says so with exit 70", arguments: ["99", "try:99", "nonsense"])
    func unreadable(_ value: String) throws {
        let cluster = try Exchanged(sleeper)
        let up = try Programs.run(
            [cluster.program, "up"], in: cluster.directory, environment: ["JR_HANDOVER": value])
        #expect(up.status == .exited(70))
        #expect(up.errors.contains("hands over"), "\(up.errors)")
    }
}
