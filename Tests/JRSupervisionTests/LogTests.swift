import JRBase
import JRJSON
import JRSupervision
import Testing

@Suite("The cutter of lines")
struct LineCutterTests {
    private func cut(_ text: [UInt8], portions: Int) -> [String] {
        var cutter = LineCutter()
        var found: [String] = []
        let body = { (piece: Span<UInt8>, ending: LineEnding) in
            var bytes: [UInt8] = []
            for index in piece.indices { bytes.append(piece[index]) }
            found.append("\(ending) \(bytes.count) \(String(decoding: bytes.prefix(20), as: UTF8.self))")
        }
        var start = 0
        while start < text.count {
            let end = min(start + portions, text.count)
            cutter.feed(Array(text[start..<end]).span, body)
            start = end
        }
        cutter.flush(body)
        return found
    }

    @Test("lines come out the same however the bytes come in", arguments: [1, 2, 3, 7, 8_191, 8_192, 8_193, 1 << 20])
    func portions(size: Int) {
        let long = [UInt8](repeating: UInt8(ascii: "x"), count: LineCutter.longest)
        let text: [UInt8] =
            Array("one\n\ntwo\r\n".utf8) + long + [10] + long + [UInt8(ascii: "y"), 10] + long + long + [10]
            + Array("end without newline".utf8)
        #expect(
            cut(text, portions: size) == [
                "newline 3 one", "newline 0 ", "newline 4 two\r", "newline 8192 xxxxxxxxxxxxxxxxxxxx",
                "split 8192 xxxxxxxxxxxxxxxxxxxx", "newline 1 y", "split 8192 xxxxxxxxxxxxxxxxxxxx",
                "newline 8192 xxxxxxxxxxxxxxxxxxxx", "unfinished 19 end without newline",
            ])
    }

    @Test("half a line is held until it is flushed, and what follows is a line of its own")
    func partial() {
        var cutter = LineCutter()
        var found: [LineEnding] = []
        cutter.feed(Array("half".utf8).span) { found.append($1) }
        #expect(found == [])
        #expect(cutter.hasHeldBytes)
        cutter.flush { found.append($1) }
        cutter.flush { found.append($1) }
        cutter.feed(Array(" rest\n".utf8).span) { found.append($1) }
        #expect(found == [.unfinished, .newline])
    }
}

@Suite("The text of logs")
struct LogTextTests {
    private func visible(_ text: [UInt8]) -> String {
        var bytes: [UInt8] = []
        LogText.appendVisible(text.span, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("nothing that a child prints acts on the terminal")
    func harmless() {
        #expect(visible(Array("plain text\t~".utf8)) == "plain text\t~")
        #expect(visible(Array("\u{1B}[2J red".utf8)) == "\\x1B[2J red")
        #expect(visible(Array("a\rb\r".utf8)) == "a\\x0Db")
        #expect(visible(Array("z\u{00FC}rich \u{202E}evil \u{9B}1m".utf8)) == "z\u{00FC}rich \\u{202E}evil \\x9B1m")
        #expect(visible([0x41, 0xFF, 0x00, 0x7F]) == "A\u{FFFD}\\x00\\x7F")
    }

    @Test("a line in a file says when, on which stream, and whether it was ended")
    func file() {
        var bytes: [UInt8] = []
        let time = Array(Dates.format(WallTime(milliseconds: 1_795_421_704_123)).utf8)
        LogText.appendTextLine(Array("hello".utf8).span, .newline, .out, time: time, to: &bytes)
        LogText.appendTextLine(Array("half".utf8).span, .unfinished, .err, time: time, to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "2026-11-23T08:15:04.123Z | hello\n2026-11-23T08:15:04.123Z ! half …\n")
        bytes = []
        let origin = LogOrigin(instance: "worker.1", incarnation: 2, stream: .err, sequence: 9)
        LogText.appendJSONLine(Array("a \"b\"".utf8).span, .split, origin, time: time, to: &bytes)
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == #"{"time":"2026-11-23T08:15:04.123Z","instance":"worker.1","incarnation":2,"stream":"err","#
                + #""sequence":9,"text":"a \"b\"","unfinished":true}"# + "\n")
    }
}

@Suite("What a program says of itself")
struct ReadyLineTests {
    @Test("the lines that are understood")
    func lines() {
        #expect(ReadyLine("READY=1") == ReadyLine(.ready))
        #expect(ReadyLine("READY=1 words=drain,resume")?.words == ["drain", "resume"])
        #expect(
            ReadyLine("DRAINED=1 waiting=2 scheduled=3 failed=x")
                == ReadyLine(.drained(Holdings(waiting: 2, scheduled: 3))))
        let jobs = ReadyLine("JOBS=1 running=1 waiting=2 scheduled=3 stored=7")
        #expect(jobs?.report == nil)
        #expect(jobs?.jobs == JobCounts(running: 1, waiting: 2, scheduled: 3, stored: 7))
        #expect(
            ReadyLine("READY=1 port=5012 recovered=7/7 other=x") == ReadyLine(.ready, port: 5012, recovered: "7/7"))
        #expect(ReadyLine("RECOVERING=1") == ReadyLine(.recovering))
        #expect(ReadyLine("DEGRADED=1 reason=no distributor yet") == ReadyLine(.degraded("no distributor yet")))
        #expect(ReadyLine("DEGRADED=1") == ReadyLine(.degraded("it said so")))
    }

    @Test("one that has not taken over all jobs of its predecessor is not ready, though it says so")
    func incomplete() {
        #expect(ReadyLine("READY=1 recovered=5/7") == ReadyLine(.recovering, recovered: "5/7"))
        #expect(ReadyLine("READY=1 recovered=0/0")?.report == .ready)
        #expect(ReadyLine("READY=1 recovered=all")?.report == .ready)
    }

    @Test("anything else says nothing", arguments: ["", "ready", "READY=0", "READY", "READY=", "=1", "port=5", "   "])
    func nothing(line: String) {
        #expect(ReadyLine(line) == nil)
    }

    @Test("a port out of range is not believed")
    func ports() {
        #expect(ReadyLine("READY=1 port=0")?.port == nil)
        #expect(ReadyLine("READY=1 port=65536")?.port == nil)
    }
}

@Suite("Words and models")
struct WordsTests {
    @Test("an exit in words says whose signal it was")
    func exits() {
        #expect(Exit.code(7).words() == "exit 7")
        #expect(Exit.code(78).words() == "exit 78 (configuration error)")
        #expect(Exit.signal(.kill, coreDumped: false).words() == "SIGKILL (not by us)")
        #expect(Exit.signal(.terminate, coreDumped: false).words(sent: [.terminate]) == "SIGTERM (by us)")
        #expect(
            Exit.signal(Signal(number: 11), coreDumped: true).words()
                == "SIGSEGV (not by us, core dumped; it touched memory that is not its own)")
        #expect(Exit.code(143).isAnswer(to: [.terminate]))
        #expect(!Exit.signal(.kill, coreDumped: false).isAnswer(to: [.terminate]))
        #expect(Exit.signal(.kill, coreDumped: false).shellCode == 137)
    }

    @Test("signals are read by name, with SIG or without, and by number")
    func signals() {
        #expect(Signal("TERM") == .terminate)
        #expect(Signal("sigterm") == .terminate)
        #expect(Signal("9") == .kill)
        #expect(Signal("65") == nil)
        #expect(Signal("NOPE") == nil)
        #expect(Signal.continue.description == "SIGCONT")
    }

    @Test("numbers are grouped and counted in words")
    func numbers() {
        #expect(Words.grouped(1_234_567) == "1,234,567")
        #expect(Words.grouped(-123) == "-123")
        #expect(Words.count(1, "instance") == "1 instance")
        #expect(Words.count(2_000, "instance") == "2,000 instances")
    }

    @Test("a status and a state record read back as they were written")
    func models() {
        var instance = InstanceStatus(name: "worker.1", state: .ready, cause: "it said so", incarnation: 2, restarts: 1)
        instance.pid = 42
        instance.uptimeSeconds = 1.5
        instance.lastExit = "SIGKILL (not by us)"
        let status = ClusterStatus(cluster: "demo", supervisorPid: 7, instances: [instance])
        #expect(ClusterStatus(status.json) == status)
        #expect(status.isReady)
        let record = StateRecord(
            supervisorPid: 7, instances: [.init(name: "a.1", incarnation: 3, pid: 5, startTime: 99)])
        #expect(StateRecord(record.json) == record)
        #expect(StateRecord(.null) == nil)
    }

    @Test("the kernel's table of sockets tells who listens where")
    func sockets() {
        let table = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0 100 0
               1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0
               2: 0100007F:1388 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 31338 1 0 100 0
            rubbish
            """
        let sockets = ListeningSocket.parse(table)
        #expect(sockets.map(\.port) == [5000, 8080])
        #expect(sockets.map(\.inode) == [31337, 4711])
        #expect(sockets[0].isInTheWay(of: ListenAddress(host: "127.0.0.1", port: 5000)))
        #expect(sockets[1].isInTheWay(of: ListenAddress(host: "127.0.0.1", port: 8080)))
        #expect(!sockets[1].isInTheWay(of: ListenAddress(host: "127.0.0.1", port: 8081)))
    }
}
