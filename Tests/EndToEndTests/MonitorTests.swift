import Glibc
import JRBase
import JRJSON
import JRReactor
import JRSystem
import JobReactor
import TestSupport
import Testing

/// `jr monitor` before a distributor and a node of the test's own.
@Suite("jr monitor", .serialized, .mayBlock)
struct MonitorTests {
    private struct Broken: Error, CustomStringConvertible {
        let description = "no\u{1B}[2J\nway"
    }

    /// A distributor, a node and an application in this process.
    private final class Stage {
        let directory: String
        let reactor: Reactor
        let jobs: Distributor
        private let node: Node

        init() async throws {
            directory = try Files.makeTemporaryDirectory(prefix: "jr-monitor-")
            reactor = try Reactor(name: "application")
            try reactor.start { _ in }
            var configuration = Configuration(environment: [:])
            configuration.log = nil
            configuration.maxAttempts = 1
            jobs = try Distributor("main", listen: "127.0.0.1:0", configuration: configuration, on: reactor)
            node = try Node(
                "worker", distributors: ["\(jobs.address)"], storage: .memory, configuration: configuration, on: reactor
            ) {
                Handler("good") { (_: inout JobArguments) in }
                Handler("bad") { (_: inout JobArguments) in throw Broken() }
            }
            node.start()
            try await node.ready()
        }

        deinit {
            jobs.stop()
            reactor.stop()
            reactor.waitUntilStopped()
            try? Files.removeTree(directory)
        }

        /// `jr monitor` with its output on a pipe or a terminal's other end.
        func start(_ words: [String], input: Int32? = nil, output: Int32) throws -> Int32 {
            let errors = try Files.open(directory + "/monitor.err", [.write, .create, .truncate], mode: 0o600)
            return try Programs.start(
                ["jr", "monitor", "--url", jobs.url, "--every", "10ms"] + words, in: directory, input: input,
                output: output, errors: errors.raw)
        }

        func run(_ words: String...) throws -> Finished {
            try Programs.run(["jr", "monitor", "--url", jobs.url] + words, in: directory)
        }
    }

    /// What a program says, as it says it.
    private final class Reader {
        private let raw: Int32
        private(set) var text = ""

        init(_ raw: Int32) { self.raw = raw }

        /// Reads until `isThere`; false when the other side ends before.
        func read(until isThere: (String) -> Bool) -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            while !isThere(text) {
                let count = Glibc.read(raw, &buffer, buffer.count)
                guard count > 0 else { return false }
                text += String(decoding: buffer[..<count], as: UTF8.self)
            }
            return true
        }
    }

    @Test("B41: --once prints one picture and ends; as JSON one object")
    func once() async throws {
        let stage = try await Stage()
        _ = try? await stage.jobs.enqueue("bad").value
        let text = try stage.run("--once")
        #expect(text.status == .exited(0), "\(text.errors)")
        #expect(text.lines.first?.hasPrefix("main   1 node ") == true, "\(text.output)")
        #expect(text.output.contains("\nworker  ready  "))
        #expect(text.output.contains("worker: bad failed at attempt 1, the last: Broken: no\\x1b[2J\\nway\n"))
        #expect(text.lines.allSatisfy { $0.count <= 80 })
        let json = try stage.run("--once", "--json")
        #expect(json.lines.count == 1)
        let value = try JSON(parsing: json.output)
        #expect(value["distributor"]?["name"]?.string == "main")
        #expect(value["nodes"]?.array?.first?["view"]?["failed"]?.int == 1)
        #expect(value["rates"]?["done"] != nil && value["mark"] == nil)
    }

    @Test("B41: on a pipe each change is a line, and nothing in it acts on a terminal")
    func pipe() async throws {
        let stage = try await Stage()
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let readEnd = Descriptor(owning: ends.read)
        let pid: Int32
        do {
            let writeEnd = Descriptor(owning: ends.write)
            pid = try stage.start([], output: writeEnd.raw)
        }
        let reader = Reader(readEnd.raw)
        #expect(reader.read { $0.contains("node worker is ready (memory)\n") && $0.contains(" done 0 ") })
        _ = try await stage.jobs.enqueue("good").value
        #expect(reader.read { $0.contains(" done 1 (") && $0.contains(" kept 0 done 1") })
        _ = try? await stage.jobs.enqueue("bad").value
        #expect(reader.read { $0.contains("worker: bad failed at attempt 1, the last: Broken: no\\x1b[2J\\nway\n") })
        #expect(!reader.text.contains("\u{1B}"))
        try Processes.signal(pid: pid, SIGINT)
        let status = try Processes.wait(pid: pid)
        #expect(status.code == 130, "\(status)")
    }

    @Test("B41: it ends when nobody reads any more")
    func nobodyReads() async throws {
        let stage = try await Stage()
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let pid: Int32
        do {
            let readEnd = Descriptor(owning: ends.read)
            let writeEnd = Descriptor(owning: ends.write)
            pid = try stage.start(["--json"], output: writeEnd.raw)
            #expect(Reader(readEnd.raw).read { $0.hasSuffix("\n") })
        }
        _ = try await stage.jobs.enqueue("good").value
        #expect(try Processes.wait(pid: pid) == .exited(0))
    }

    @Test(
        "B41: on a terminal the picture is drawn in place; q ends with 0, Ctrl-C with 130, and the terminal is as before"
    )
    func terminal() async throws {
        let stage = try await Stage()
        for (key, code) in [("q", 0), ("\u{3}", 130)] as [(String, Int32)] {
            let screen = try Screen(stage, key: key)
            #expect(screen.reader.read { $0.contains("q ends") && $0.hasSuffix("\u{1B}[J") })
            #expect(screen.reader.text.contains("\u{1B}[?1049h") && screen.reader.text.contains("\u{1B}[H"))
            let done = "  \((try await stage.jobs.cluster().nodes.first?.completed ?? 0) + 1)       0  memory"
            _ = try await stage.jobs.enqueue("good").value
            #expect(screen.reader.read { $0.contains(done) && $0.hasSuffix("\u{1B}[J") })
            try screen.press()
            #expect(screen.reader.read { $0.contains("\u{1B}[?25h\u{1B}[?1049l") })
            _ = screen.reader.read { _ in false }
            let modes = screen.reader.text.split { $0 == " " || $0.isNewline || $0 == ";" }
            #expect(modes.contains("icanon") && modes.contains("echo"), "the terminal is as it was")
            #expect(try screen.ended() == .exited(code))
        }
    }

    /// `jr monitor` on a terminal that `script` makes, whose keys come from a pipe.
    private final class Screen {
        let reader: Reader
        private let keys: Descriptor
        private let output: Descriptor
        private let key: String
        private let pid: Int32

        init(_ stage: Stage, key: String) throws {
            self.key = key
            let input = try Pipe(nonBlocking: false).takeEnds()
            let output = try Pipe(nonBlocking: false).takeEnds()
            keys = Descriptor(owning: input.write)
            self.output = Descriptor(owning: output.read)
            let readEnd = Descriptor(owning: input.read)
            let writeEnd = Descriptor(owning: output.write)
            let jr = "'\(try Programs.path("jr"))' monitor --url \(stage.jobs.url) --every 10ms"
            // The shell would end with the monitor's Ctrl-C.
            let script = "trap : INT; stty cols 80 rows 24; \(jr); code=$?; stty -a; exit $code"
            pid = try Programs.start(
                ["/usr/bin/script", "-qec", "sh -c \"\(script.replacing("$", with: "\\$"))\"", "/dev/null"],
                in: stage.directory, input: readEnd.raw, output: writeEnd.raw, errors: writeEnd.raw)
            reader = Reader(self.output.raw)
        }

        func press() throws {
            #expect(write(keys.raw, key, key.utf8.count) == key.utf8.count)
        }

        func ended() throws -> JRSystem.ExitStatus { try Processes.wait(pid: pid) }
    }

    @Test("B41: without a distributor it says so and ends with 69; a time that is none is a mistake of its caller")
    func wrong() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-monitor-")
        defer { try? Files.removeTree(directory) }
        let nobody = try Programs.run(["jr", "monitor", "--url", "jr://127.0.0.1:1"], in: directory)
        #expect(nobody.status == .exited(69) && nobody.errors.contains("no distributor answers"), "\(nobody.errors)")
        #expect(nobody.output.isEmpty)
        let time = try Programs.run(["jr", "monitor", "--every", "soon"], in: directory)
        #expect(time.status == .exited(64), "\(time.errors)")
    }
}
