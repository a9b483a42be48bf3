import JRBase
import JRSystem
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Reloads", .serialized)
    struct ReloadTests {
        private static let main = "#!/bin/sh\necho READY=1 port=41234 >&3; read line <&4\n"
        private static let node = """
            #!/bin/sh
            echo "$JR_NAME $JR_INCARNATION has $VERSION" >> said
            echo READY=1 >&3; read line <&4; exit 0

            """
        /// Ready when somebody says so, which nobody does.
        private static let late = """
            #!/bin/sh
            mkfifo late.fifo; read line < late.fifo; echo READY=1 >&3; read line <&4; exit 0

            """

        private static func cluster(_ version: Int, _ more: String = "") -> String {
            """
            {
              "distributors": { "main": { "listen": "127.0.0.1:0", "command": ["./main"] } },
              "nodes": {
                "worker": { "count": 2, "command": ["./node"], "env": { "VERSION": "v\(version)" } } \(more)
              }
            }
            """
        }

        private func folder() throws -> (Folder, Running) {
            let folder = try Folder([
                "cluster.json": Self.cluster(1), "main": Self.main, "node": Self.node, "late": Self.late,
            ])
            let running = try folder.up("cluster.json")
            _ = try running.line("all ready")
            return (folder, running)
        }

        private func write(_ manifest: String, in folder: Folder) throws {
            try Files.write(folder.path + "/new.json", Array(manifest.utf8))
            try Files.rename(folder.path + "/new.json", to: folder.path + "/cluster.json")
        }

        private func said(in folder: Folder) throws -> [String] {
            let text = String(decoding: try Files.read(folder.path + "/said", limit: 1 << 20), as: UTF8.self)
            return text.split(separator: "\n").map(String.init)
        }

        @Test("what somebody stopped stays stopped over a reload, and has the new settings when it is started")
        func stopped() throws {
            let (folder, running) = try folder()
            #expect(try folder.run("stop", "worker.2").code == 0)
            try write(Self.cluster(2), in: folder)
            let reload = try folder.run("reload")
            #expect(reload.code == 0, "\(reload.err)")
            #expect(try said(in: folder).last == "worker.1 2 has v2")
            #expect(try folder.run("status").out.contains("worker.2  stopped"))
            #expect(try folder.run("start", "worker.2").code == 0)
            #expect(try said(in: folder).last == "worker.2 2 has v2")
            #expect(try folder.run("down").code == 0)
            #expect(try running.wait() == 0)
        }

        @Test("while a reload waits for what is new, what dies comes back as it was, and what is new is in its hands")
        func meanwhile() throws {
            let (folder, running) = try folder()
            let late = #", "late": { "command": ["./late"] }"#
            try write(Self.cluster(2, late), in: folder)
            let reload = try folder.start(["reload"])
            _ = try running.line(#""instance":"late.1""#, #""to":"starting""#)
            #expect(try folder.run("kill", "worker.1", "KILL").code == 0)
            _ = try running.line(#""instance":"worker.1","from":"starting","to":"ready""#)
            #expect(try said(in: folder).last == "worker.1 2 has v1")
            let restart = try folder.run("restart", "late")
            #expect(restart.code == 75 && restart.err.contains("reload of "), "\(restart.err)")
            #expect(try folder.run("stop", "late").code == 0)
            #expect(try Processes.wait(pid: reload).code == 75)
            #expect(try folder.run("restart", "worker.1").code == 0)
            #expect(try said(in: folder).last == "worker.1 3 has v1")
            #expect(try folder.run("down", "--now").code == 0)
            #expect(try running.wait() == 0)
        }
    }
}
