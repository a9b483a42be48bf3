import Glibc
import JRBase
import JRSystem
import TestSupport
import Testing

@testable import JRSupervisor

extension ShellTests {
    @Suite("On a terminal")
    struct TerminalTests {
        /// Commands of a shell on a terminal that `script` makes, with keys that a test presses.
        private final class Screen {
            private let reader: LineReader
            private let keys: Descriptor
            private let pid: Int32
            private var isReaped = false
            private(set) var lines: [String] = []

            init(_ script: String, in folder: Folder) throws {
                let input = try Pipe(nonBlocking: false).takeEnds()
                let output = try Pipe(nonBlocking: false).takeEnds()
                keys = Descriptor(owning: input.write)
                let readEnd = Descriptor(owning: input.read)
                let writeEnd = Descriptor(owning: output.write)
                reader = LineReader(output.read)
                try Files.write(folder.path + "/script", Array(script.utf8))
                let program = Files.parent(of: try Files.currentExecutable())
                let path = SystemProgram.environment["PATH"] ?? ""
                pid = try Processes.spawn(
                    SpawnRequest(
                        executable: "/usr/bin/script", arguments: ["script", "-qec", "exec sh ./script", "/dev/null"],
                        environment: ["PATH=\(program):\(path)", "SHELL=/bin/sh", "HOME=/"],
                        workingDirectory: folder.path,
                        descriptors: [(0, readEnd.raw), (1, writeEnd.raw), (2, writeEnd.raw)], newProcessGroup: true))
            }

            deinit {
                guard !isReaped else { return }
                try? Processes.signal(group: pid, Signals.kill)
                _ = try? Processes.wait(pid: pid)
            }

            func press(_ keys: String) {
                #expect(write(self.keys.raw, keys, keys.utf8.count) == keys.utf8.count)
            }

            /// Reads until a line has this, and gives it.
            @discardableResult
            func line(_ part: String) throws -> String {
                let deadline = SystemClock.instant() + Stage.patience
                while let line = reader.next(by: deadline) {
                    lines.append(line)
                    if line.contains(part) { return line }
                }
                throw Stage.Missing(parts: [part], seen: lines)
            }

            /// Reads all that is still said and waits for the end.
            func end() throws -> Int32 {
                let deadline = SystemClock.instant() + Stage.patience
                while let line = reader.next(by: deadline) { lines.append(line) }
                isReaped = true
                return try Processes.wait(pid: pid).code
            }
        }

        // The programs here sleep a little again and again: a shell that has begun to wait for a child may do what a
        // signal asks for only after it.

        private static let hasScript = Files.canExecute("/usr/bin/script")

        @Test(
            "one Ctrl-C is one stop signal for each child, and never the terminal's own",
            .enabled(if: hasScript, "there is no script(1) to make a terminal"))
        func oneSignal() throws {
            let folder = try Folder([
                "cluster.json": #"{ "programs": { "web": { "command": ["./counts"], "count": 3 } } }"#,
                "counts": """
                #!/bin/sh
                trap 'echo got INT' INT
                trap 'echo got TERM; exit 0' TERM
                echo here
                while :; do sleep 0.1; done
                """,
            ])
            let screen = try Screen("exec jr-supervisor up --no-color", in: folder)
            // In whichever order.
            while screen.lines.count(where: { $0.contains("| here") || $0.contains("all ready") }) < 4 {
                try screen.line("")
            }
            screen.press("\u{3}")
            let code = try screen.end()
            #expect(code == 0, "\(screen.lines)")
            #expect(screen.lines.count { $0.contains("got TERM") } == 3, "\(screen.lines)")
            #expect(screen.lines.count { $0.contains("got INT") } == 0)
        }

        @Test(
            "Ctrl-C three times, each with what it does: with time, TERM, KILL; then it is 130 and nothing is left",
            .enabled(if: hasScript, "there is no script(1) to make a terminal"))
        func ladder() throws {
            let folder = try Folder([
                "cluster.json": #"{ "programs": { "deaf": { "command": ["./deaf"] } } }"#,
                "deaf": "#!/bin/sh\ntrap '' TERM INT\necho \"pid $$.\"\nwhile :; do sleep 60 & wait; done\n",
            ])
            let screen = try Screen("exec jr-supervisor up --no-color", in: folder)
            let digits = try screen.line("| pid ").split(separator: " ").last?.prefix { $0.isNumber } ?? ""
            let pid = try #require(Int32(digits))
            screen.press("\u{3}")
            try screen.line("stopping, with time for the work in progress")
            screen.press("\u{3}")
            try screen.line("TERM to everything")
            screen.press("\u{3}")
            try screen.line("KILL to everything")
            #expect(try screen.end() == 130)
            #expect(!isAlive(pid))
        }

        @Test(
            "the command of exec has the terminal: it reads, is stopped and resumed, gets Ctrl-C once, and gives it back",
            .enabled(if: hasScript, "there is no script(1) to make a terminal"))
        func foreground() throws {
            let folder = try Folder([
                "cluster.json": #"{ "programs": { "web": { "command": ["sleep", "600"] } } }"#,
                "command": """
                #!/bin/sh
                trap 'echo caught INT; exit 5' INT
                echo ready; read line; echo "read $line"
                while :; do sleep 0.1; done
                """,
            ])
            let script = """
                set -m
                jr-supervisor exec -- ./command
                echo "stopped $?"
                fg
                code=$?
                echo asking; read line; echo "after $line"
                exit $code
                """
            let screen = try Screen(script, in: folder)
            try screen.line("ready")
            screen.press("\u{1A}")
            try screen.line("stopped 148")
            screen.press("hello\n")
            try screen.line("read hello")
            screen.press("\u{3}")
            try screen.line("asking")
            screen.press("all\n")
            try screen.line("after all")
            #expect(try screen.end() == 5)
            #expect(screen.lines.count { $0.contains("caught INT") } == 1, "\(screen.lines)")
        }
    }
}
