import Glibc
import JRBase
import JRSystem
import TestSupport
import Testing

@Suite("Children that die with their parent", .mayBlock)
struct DeathTrampolineTests {
    private let trampoline: String

    init() throws {
        trampoline = Files.parent(of: try Files.currentExecutable()) + "/jr-exec"
        try #require(Files.canExecute(trampoline))
    }

    @Test("a program started through jr-exec is the same process with the same surroundings as one started directly")
    func surroundings() throws {
        let directory = try Files.realPath(Files.makeTemporaryDirectory(prefix: "jr-exec"))
        defer { try? Files.removeTree(directory) }
        let script = """
            echo "$0 $# $1|$2"; pwd; env | sort; grep -E 'Sig(Blk|Ign)' /proc/self/status; tr '\\0' ' ' < /proc/$$/cmdline
            cat /proc/$$/comm; ulimit -n; for fd in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo $fd; done
            exit 7
            """
        func run(_ trampoline: String?) throws -> String {
            let file = directory + "/output"
            let output = try Files.open(file, [.write, .create, .truncate], mode: 0o600)
            let pid = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sh", arguments: ["shell", "-c", script, "zero", "a b", ""],
                    environment: ["A=b c", "PATH=/usr/bin:/bin"], workingDirectory: directory,
                    descriptors: [(1, output.raw), (5, output.raw)], newProcessGroup: true,
                    trampoline: trampoline.map { Trampoline($0) }))
            let facts = Processes.facts(of: pid)
            #expect(facts?.groupID == pid && facts?.parentPID == SystemProgram.pid)
            #expect(try Processes.wait(pid: pid) == .exited(7))
            return String(decoding: try Files.read(file, limit: 1 << 20), as: UTF8.self)
        }
        let direct = try run(nil)
        #expect(direct.hasPrefix("zero 2 a b|\n\(directory)\nA=b c\n") && direct.hasSuffix("\n0\n1\n2\n5\n"))
        #expect(try run(trampoline) == direct)
    }

    @Test("it is the program already when its start returns")
    func isThere() throws {
        for _ in 0..<20 {
            let pid = try Processes.spawn(
                SpawnRequest(
                    executable: "/bin/sleep", arguments: ["sleep", "1000"], trampoline: Trampoline(trampoline)))
            #expect(try Files.realPath("/proc/\(pid)/exe") == Files.realPath("/bin/sleep"))
            try Processes.signal(pid: pid, Signals.kill)
            #expect(try Processes.wait(pid: pid) == .signalled(Signals.kill, coreDumped: false))
        }
    }

    @Test("what is wrong with a program or its directory is said as without jr-exec, and no child is left")
    func errors() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-exec")
        defer { try? Files.removeTree(directory) }
        try Files.write(directory + "/plain", [], mode: 0o600)
        try Files.write(directory + "/garbage", Array("garbage".utf8), mode: 0o700)
        try Files.write(directory + "/script", Array("#!/no/such\n".utf8), mode: 0o700)
        try Files.write(directory + "/busy", Files.read("/bin/true", limit: 1 << 24), mode: 0o700)
        let writer = try Files.open(directory + "/busy", .write)
        let cases: [(String, String?)] = [
            ("/no/such", nil), (directory, nil), (directory + "/plain", nil), (directory + "/garbage", nil),
            (directory + "/script", nil), ("/bin/true", "/no/such"), ("/bin/true", directory + "/plain"),
            (directory + "/busy", nil),
        ]
        for (executable, place) in cases {
            func failure(_ trampoline: String?) -> SystemError? {
                let request = SpawnRequest(
                    executable: executable, arguments: ["x"], workingDirectory: place,
                    trampoline: trampoline.map { Trampoline($0) })
                return #expect(throws: SystemError.self) { try Processes.spawn(request) }
            }
            #expect(failure(trampoline) == failure(nil))
        }
        _ = consume writer
        let none = #expect(throws: SystemError.self) {
            try Processes.spawn(
                SpawnRequest(executable: "/bin/true", arguments: ["true"], trampoline: Trampoline("/no/jr-exec")))
        }
        #expect(none?.subject == "/no/jr-exec", "what is wrong is not the program")
    }

    @Test("it is killed when its parent is, unless it may stay", arguments: ["", "stay"])
    func dies(word: String) throws {
        let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
        let reader = Descriptor(owning: readEnd)
        let writer = Descriptor(owning: writeEnd)
        let start = "\(trampoline) $$ 9 \(word) -- /bin/sleep sleep 1000 9>/dev/null"
        let parent = try Processes.spawn(
            SpawnRequest(
                executable: "/bin/sh", arguments: ["sh", "-c", "trap '' TERM HUP; \(start) & echo $!; wait"],
                descriptors: [(1, writer.raw)]))
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            var byte: UInt8 = 0
            let moved = withUnsafeMutableBytes(of: &byte) { IO.read(reader.raw, into: $0) }
            guard case .moved(1) = moved else { break }
            line.append(byte)
        }
        let child = try #require(Int32(String(decoding: line.dropLast(), as: UTF8.self)))
        let descriptor = try Processes.open(pid: child)
        try Processes.signal(pid: parent, Signals.kill)
        _ = try Processes.wait(pid: parent)
        // One that stays is seen not to go for as long as another has gone by then many times over.
        let isGone = try IO.waitReadable(descriptor.raw, timeout: word.isEmpty ? 20_000 : 100)
        #expect(isGone == word.isEmpty)
        if !isGone { try Processes.signal(pidDescriptor: descriptor.raw, Signals.kill) }
    }

    @Test("a child whose parent died before it could ask for the signal does not become the program")
    func parentGone() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "jr-exec")
        defer { try? Files.removeTree(directory) }
        let pid = try Processes.spawn(
            SpawnRequest(
                executable: trampoline,
                arguments: [
                    "jr-exec", "\(SystemProgram.pid + 1)", "3", "--", "/usr/bin/touch", "touch", directory + "/here",
                ]))
        #expect(try Processes.wait(pid: pid) == .signalled(Signals.kill, coreDumped: false))
        #expect(!Files.exists(directory + "/here"))
    }

    @Test("somebody who runs it by hand is told what it is")
    func usage() throws {
        for words in [[], ["--help"], ["x", "3", "--", "/bin/true"], ["1", "-3", "--", "/bin/true"]] {
            let (readEnd, writeEnd) = try Pipe(nonBlocking: false).takeEnds()
            let reader = Descriptor(owning: readEnd)
            let writer = Descriptor(owning: writeEnd)
            let pid = try Processes.spawn(
                SpawnRequest(executable: trampoline, arguments: ["jr-exec"] + words, descriptors: [(2, writer.raw)]))
            _ = consume writer
            let text = String(decoding: try Files.readAll(reader.raw, limit: 1_000), as: UTF8.self)
            #expect(text.hasPrefix("jr-exec: jr-supervisor starts programs through it"))
            #expect(try Processes.wait(pid: pid) == .exited(64))
        }
    }
}
