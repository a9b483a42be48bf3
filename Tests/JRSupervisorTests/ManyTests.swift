import JRBase
import JRJSON
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

/// Many instances under one supervisor, run as the program it is.
@Suite("A supervisor of many programs", .mayBlock)
struct ManyTests {
    /// How often the thread that runs the loop has begun to wait or was taken off its processor.
    private static func switches(of pid: Int32) throws -> [String] {
        let status = try Files.read("/proc/\(pid)/task/\(pid)/status", limit: 65_536)
        return String(decoding: status, as: UTF8.self).split(separator: "\n").map(String.init)
            .filter { $0.contains("ctxt_switches") }
    }

    /// Something that takes a while and has nothing to do with the supervisor.
    private static func work() throws {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"
        let pid = try Processes.spawn(SpawnRequest(executable: "/bin/sh", arguments: ["sh", "-c", script]))
        #expect(try Processes.wait(pid: pid) == .exited(0))
    }

    @Test("with 100 instances at rest it does nothing at all, for as long as others work")
    func idle() throws {
        let folder = try Folder([
            "cluster.json": #"{ "programs": { "c": { "count": 100, "command": ["/bin/sleep", "10000"] } } }"#
        ])
        let running = try folder.up()
        _ = try running.line("all ready in")
        // What is still to be done at the start ends some time; a clock that ticks never does.
        var isQuiet = false
        for _ in 0..<50 where !isQuiet {
            let before = try Self.switches(of: running.pid)
            #expect(before.count == 2)
            try Self.work()
            isQuiet = try Self.switches(of: running.pid) == before
        }
        #expect(isQuiet)
        try running.signal(Signals.terminate)
        #expect(try running.wait() == 0)
    }

    private static func read(_ count: Int, from pipe: borrowing Descriptor) throws {
        var seen = 0
        var buffer = [UInt8](repeating: 0, count: 512)
        while seen < count {
            try #require(try IO.waitReadable(pipe.raw, timeout: 60_000), "\(seen) of \(count)")
            guard case .moved(let more) = buffer.withUnsafeMutableBytes({ IO.read(pipe.raw, into: $0) }) else { break }
            seen += more
        }
    }

    @Test("500 that die at once are 500 ends with their codes, and none is left unreaped")
    func burst() throws {
        let script = "exec 3< gate; echo > opened; read line <&3; exit $(( ${JR_NAME#c.} % 63 + 1 ))"
        let folder = try Folder([
            "cluster.json": """
            { "programs": {
                "c": { "count": 500, "command": ["/bin/sh", "-c", "\(script)"], "restart": "never" },
                "stays": { "command": ["/bin/sleep", "10000"] } } }
            """
        ])
        let maker = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", "mkfifo \(folder.path)/gate \(folder.path)/opened"]))
        #expect(try Processes.wait(pid: maker) == .exited(0))
        // All read from it, and all hear of its end when nobody may write any more.
        let gate = try Files.open(folder.path + "/gate", .readWrite)
        let opened = try Files.open(folder.path + "/opened", .readWrite)
        // Not from the console: to one that is read too slowly not every line is shown.
        let running = try folder.up()
        try Self.read(500, from: opened)
        _ = consume gate
        #expect(try folder.run("wait", "stopped", "c", "--timeout", "60s").code == 0)
        let status = try JSON(parsing: Array(try folder.run("status", "--json").out.utf8))
        var codes: [String: String] = [:]
        for row in status["instances"]?.array ?? [] { codes[row["name"]?.string ?? ""] = row["lastExit"]?.string }
        for number in 1...500 { #expect(codes["c.\(number)"] == "exit \(number % 63 + 1)") }
        let children = try Files.list("/proc").compactMap { Int32($0) }.compactMap { Processes.facts(of: $0) }
            .filter { $0.parentPID == running.pid }
        #expect(children.map(\.state) == ["S"], "only the one that stays is a child")
        try running.signal(Signals.terminate)
        #expect(try running.wait() == SupervisorError.unavailable)
    }
}
