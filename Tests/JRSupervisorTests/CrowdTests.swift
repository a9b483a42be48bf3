import JRBase
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Many deaths at once")
    struct CrowdTests {
        @Test("twelve nodes that are killed at once are one line for people, and all are back without further ones")
        func crowd() throws {
            let stage = try Stage(
                """
                { "distributors": { "main": { "command": ["./node"], "listen": "127.0.0.1:0" } },
                  "nodes": { "worker": { "command": ["./node"], "distributors": ["main"], "count": 12 } } }
                """, files: ["node": "echo READY=1 >&3\nread word <&4\n"])
            var options = Supervisor.Options()
            options.startsAtOnce = 3
            try stage.up(options, style: .text(colors: false))
            try stage.line("all ready")
            let record = try #require(stage.runtime.readState())
            let pids = record.instances.filter { $0.name.hasPrefix("worker") }.compactMap(\.pid)
            #expect(pids.count == 12)
            for pid in pids { try Processes.signal(pid: pid, Signals.kill) }
            // On a busy machine the first may be dead, and shown, before the others are.
            try stage.line("worker: ", " died within ", "times SIGKILL (not by us)", "a common cause")
            let before = stage.seen.count
            try stage.line("worker: those that died together are ready again")
            #expect(stage.seen.count == before + 1, "\(stage.seen)")
            let file = String(decoding: try Files.read(stage.runtime.eventFile, limit: 1 << 20), as: UTF8.self)
            let deaths = file.split(separator: "\n").filter { $0.contains("\"to\":\"backingOff\"") }
            #expect(deaths.count == 12, "each is an event all the same")
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
        }
    }
}
