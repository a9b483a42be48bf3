import Glibc
import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

/// As in a container: the supervisor is the first process of a pid namespace, and sees no others.
@Suite("PID 1 of a container", .mayBlock)
struct ContainerTests {
    private static let first = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]

    private static let isPossible: Bool = {
        guard let directory = try? Files.makeTemporaryDirectory(prefix: "jr-box-") else { return false }
        defer { try? Files.removeTree(directory) }
        return (try? Programs.run(first + ["/bin/true"], in: directory).status) == .exited(0)
    }()

    /// A program that leaves a grandchild in a session of its own, which ends when somebody writes to `go`.
    private static let manifest = """
        {
          "name": "boxed",
          "distributors": { "main": { "listen": "127.0.0.1:0" } },
          "nodes": { "worker": { "distributors": ["main"], "jobs": "jobs", "ready": "120s" } },
          "programs": { "parent": { "command": ["sh", "-c",
            "(setsid sh -c 'exec 3>over; read word <go' &); exec sleep 1000"] } }
        }
        """

    @Test(
        "it is asked from without, runs jobs, reaps what others have left, and TERM ends all",
        .enabled(if: isPossible, "no pid namespace can be made here"))
    func firstProcess() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-box-")
        defer { try? Files.removeTree(directory) }
        try Files.write(directory + "/cluster.json", Array(Self.manifest.utf8))
        try Files.makeDirectory(directory + "/jobs")
        try Files.write(directory + "/jobs/answer", Array("#!/bin/sh\necho '{\"answer\": 42}'\n".utf8), mode: 0o755)
        try #require(try Programs.run(["/usr/bin/mkfifo", "go", "over"], in: directory).status == .exited(0))
        let box = try Running(Self.first + [try Programs.path("jr-supervisor"), "up"], in: directory)

        // Opened when the grandchild opens it.
        let over = try Files.open(directory + "/over", .read)
        let ready = try Programs.run(["jr-supervisor", "wait", "ready"], in: directory)
        #expect(ready.status == .exited(0), "\(ready.errors)\(box.said)")
        let supervisor = try #require(Self.children(of: box.pid).first)
        let status = try JSON(
            parsing: try Programs.run(["jr-supervisor", "status", "--json"], in: directory).output)
        #expect(status["supervisorPid"]?.int == 1)
        let job = try Programs.run(["jr", "enqueue", "answer", "--wait"], in: directory)
        #expect(job.output.contains("42"), "\(job.errors)")

        let orphans = Self.children(of: supervisor).filter { Processes.name(of: $0) == "sh" }
        #expect(orphans.count == 1, "the supervisor has the grandchild now")
        try Files.write(directory + "/go", Array("go\n".utf8))
        var bytes = [UInt8](repeating: 0, count: 16)
        while case .moved(let count) = bytes.withUnsafeMutableBytes({ IO.read(over.raw, into: $0) }), count > 0 {}
        // It has closed its files and ends; each question is a turn of the supervisor's.
        for _ in 1...1_000 where orphans.contains(where: { Processes.facts(of: $0) != nil }) {
            _ = try Programs.run(["jr-supervisor", "status"], in: directory)
        }
        #expect(orphans.allSatisfy { Processes.facts(of: $0) == nil }, "it is reaped")

        try Processes.signal(pid: supervisor, SIGTERM)
        #expect(try box.ended() == .exited(0), "\(box.said)")
        #expect(box.said.contains("all stopped"), "\(box.said)")
    }

    @Test(
        "a process that has the number of a dead instance, and leads a group of it, is left alone",
        .enabled(if: isPossible, "no pid namespace can be made here"))
    func sameNumber() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-box-")
        defer { try? Files.removeTree(directory) }
        let manifest = """
            { "programs": { "stays": { "command": ["sleep", "1000"] },
                            "mortal": { "restart": "never",
                                        "command": ["sh", "-c", "echo begun >told; exec sleep 1000"] } } }
            """
        try Files.write(directory + "/cluster.json", Array(manifest.utf8))
        try #require(try Programs.run(["/usr/bin/mkfifo", "told", "go"], in: directory).status == .exited(0))
        let box = try Running(Self.first + [try Programs.path("jr-supervisor"), "up"], in: directory)
        func told() throws -> String { String(decoding: try Files.read(directory + "/told", limit: 16), as: UTF8.self) }
        func ask(_ words: String...) throws -> Finished {
            try Programs.run(["jr-supervisor"] + words, in: directory)
        }
        #expect(try told() == "begun\n")
        let status = try JSON(parsing: try ask("status", "--json").output)
        let number = try #require(status["instances"]?.array?.first { $0["name"]?.string == "mortal.1" }?["pid"]?.int)
        #expect(try ask("kill", "mortal").status == .exited(0))
        #expect(try ask("wait", "stopped", "mortal").status == .exited(0))

        // Whatever is started next gets the number.
        let supervisor = try #require(Self.children(of: box.pid).first)
        let inside = """
            echo \(number - 1) >/proc/sys/kernel/ns_last_pid
            setsid sh -c 'echo $$ >told; read word <go' &
            wait
            """
        let twin = try Running(
            ["/usr/bin/nsenter", "-t", "\(supervisor)", "-p", "-m", "--wd=\(directory)", "sh", "-c", inside],
            in: directory)
        #expect(try told() == "\(number)\n", "\(twin.said)")
        #expect(try ask("stop", "mortal").status == .exited(0))
        #expect(try ask("restart", "mortal").status == .exited(0))
        #expect(try told() == "begun\n")
        #expect(try ask("kill", "mortal").status == .exited(0))
        #expect(try ask("wait", "stopped", "mortal").status == .exited(0))
        // It reads this if it is still there, and ends.
        try Files.write(directory + "/go", Array("word\n".utf8))
        #expect(try twin.ended() == .exited(0))
        try Processes.signal(pid: supervisor, SIGTERM)
        _ = try box.ended()
        #expect(box.said.contains("all stopped"), "\(box.said)")
    }

    private static func children(of pid: Int32) -> [Int32] {
        let bytes = (try? Files.read("/proc/\(pid)/task/\(pid)/children", limit: 65_536)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: " ").compactMap { Int32($0) }
    }
}
