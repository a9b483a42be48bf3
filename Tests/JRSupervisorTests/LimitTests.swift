import JRBase
import JRSupervision
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("Limits, user and umask of what is started")
    struct LimitTests {
        @Test("a program has the limits and the umask of its entry, and one beside it those of the supervisor")
        func limits() throws {
            let script = "echo $0 $(ulimit -Sc) $(ulimit -Hv) $(ulimit -St) $(ulimit -Ht) $(umask)"
            let folder = try Folder([
                "cluster.json": """
                { "programs": {
                    "bound": { "command": ["sh", "-c", "\(script)", "bound"], "restart": "never", "umask": "0027",
                        "limits": { "core": "0B", "addressSpace": "2GiB", "cpuTime": "90s" } },
                    "processes": { "command": ["sh", "-c", "grep processes /proc/self/limits"], "restart": "never",
                        "limits": { "processes": 64 } },
                    "usual": { "command": ["sh", "-c", "\(script)", "usual"], "restart": "never" }
                } }
                """
            ])
            let outcome = try folder.run("up", "--no-color")
            #expect(outcome.code == 0)
            #expect(outcome.out.contains("| bound 0 2097152 90 95 0027\n"), "\(outcome.out)")
            let processes = outcome.out.split(separator: "\n").first { $0.contains("Max processes") } ?? ""
            #expect(processes.split(separator: " ").filter { $0 == "64" }.count == 2)
            #expect(outcome.out.contains("| \(try Self.own(script, "usual"))"))
        }

        /// What a shell that this process starts says.
        private static func own(_ script: String, _ name: String) throws -> String {
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let reader = Descriptor(owning: ends.read)
            let writer = Descriptor(owning: ends.write)
            let pid = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sh", arguments: ["sh", "-c", script, name], environment: ["PATH=/usr/bin:/bin"],
                    descriptors: [(1, writer.raw)]))
            _ = consume writer
            let text = try Files.readAll(reader.raw, limit: 4096)
            _ = try Processes.wait(pid: pid)
            return String(decoding: text, as: UTF8.self)
        }

        @Test(
            "a node of ours has them too, and hears its life line as without them")
        func node() throws {
            let stage = try Stage(
                """
                { "nodes": { "worker": { "command": ["./node"], "distributors": ["main"], "umask": "0077",
                    "limits": { "core": "0B" } } },
                  "distributors": { "main": { "command": ["./node"], "listen": "127.0.0.1:0" } } }
                """,
                files: [
                    "node": """
                    echo READY=1 >&3
                    read word <&4; echo "heard $word umask $(umask) core $(ulimit -Sc)"
                    exit 0
                    """
                ])
            try stage.up()
            try stage.state("worker.1", .ready)
            stage.interrupt()
            try stage.line("\"worker.1\"", "heard leave umask 0077 core 0")
            #expect(stage.waitForEnd() == 0)
        }

        @Test("without jr-exec what needs it is not started at all, and says why; what does not is")
        func missing() throws {
            let stage = try Stage(
                """
                { "programs": {
                    "bound": { "command": ["sleep", "60"], "umask": "0077" }, "usual": { "command": ["sleep", "60"] }
                } }
                """, programs: "/no/such")
            try stage.up()
            let failed = try stage.state("bound.1", .failed)
            #expect(failed.contains("\\\"umask\\\" cannot be given to it: there is no /no/such/jr-exec"))
            try stage.state("usual.1", .ready)
            stage.interrupt()
            _ = stage.waitForEnd()
        }

        @Test("a user that there is not, or that only root can be, is refused where it is written")
        func wrongUser() throws {
            let folder = try Folder([
                "cluster.json":
                    #"{ "programs": { "web": { "command": ["/bin/true"], "user": "nobody-of-this-name" } } }"#
            ])
            let outcome = try folder.run("check")
            #expect(outcome.code == 78)
            #expect(
                outcome.err.contains(
                    "cluster.json:1:60: error: programs.web.user: there is no user nobody-of-this-name on this machine"),
                "\(outcome.err)")
        }

        @Test(
            "a program with a user is that user's process, with its groups and home, and may open its outputs anew",
            .enabled(if: SystemProgram.userID == 0, "only root can start something as another user"))
        func user() throws {
            let account = try #require(Account.find("nobody"))
            let folder = try Folder([
                "cluster.json": """
                { "programs": { "web": { "command": ["/bin/sh", "-c", "\(Self.whoAmI)"], "restart": "never",
                    "user": "nobody" } } }
                """
            ])
            let outcome = try folder.run("up", "--no-color")
            #expect(outcome.code == 0)
            let identity = "\(account.userID) \(account.groupID) nobody \(account.home)"
            #expect(outcome.out.contains("| \(identity)\n"), "\(outcome.out) \(outcome.err)")
            #expect(outcome.out.contains("| anew\n"))
        }

        private static let whoAmI = "echo $(id -u) $(id -g) $USER $HOME; echo anew > /dev/stdout"

        @Test(
            "who is not root is refused a user and a limit above its own, and told who could",
            .enabled(if: SystemProgram.userID == 0, "only root can take on another user to try it"))
        func notRoot() throws {
            let account = try #require(Account.find("nobody"))
            let trampoline = Files.parent(of: try Files.currentExecutable()) + "/jr-exec"
            var request = SpawnRequest(executable: "/bin/true", arguments: ["true"], trampoline: Trampoline(trampoline))
            request.trampoline?.account = account
            #expect(try Processes.wait(pid: Processes.spawn(request)) == .exited(0))
            // The limit is set after the user here, as by a supervisor that is not root.
            let words = ["user=\(account.userID):\(account.groupID):", "limit=4:0:0", "limit=4:1:1"]
            let ends = try Pipe(nonBlocking: false).takeEnds()
            let answer = Descriptor(owning: ends.read)
            let answering = Descriptor(owning: ends.write)
            let pid = try Processes.spawn(
                SpawnRequest(
                    executable: trampoline,
                    arguments: ["jr-exec", "\(SystemProgram.pid)", "3"] + words + ["--", "/bin/true", "true"],
                    descriptors: [(3, answering.raw)]))
            _ = consume answering
            #expect(try Files.readAll(answer.raw, limit: 100) == [1, 0, 0, 0, 5, 0, 0, 0], "EPERM, and the fifth word")
            #expect(try Processes.wait(pid: pid) == .exited(127))
        }
    }
}
