import Glibc
import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem
import Testing

@testable import JRSupervisor

private func programs(_ programs: String, defaults: String = "") -> String {
    "{ \"programs\": { \(programs) }, \"defaults\": { \(defaults) } }"
}

/// A named pipe that a script writes to when it has come to a place, and the test reads from.
private final class Meeting {
    let reader: LineReader
    private let other: Int32

    init(_ path: String) {
        mkfifo(path, 0o600)
        // Both ends are held, so that neither side's coming and going ends the stream.
        other = open(path, O_RDWR)
        reader = LineReader(open(path, O_RDONLY))
    }

    deinit { close(other) }

    func wait() -> String? { reader.next(by: SystemClock.instant() + Stage.patience) }
}

extension ShellTests {
    @Suite("Logs of a supervisor", .serialized)
    struct LogPlaneTests {
        @Test("a blocked console holds up neither restarts nor the end, and what was not shown is counted exactly")
        func blockedConsole() throws {
            let lines = 200_000
            let stage = try Stage(
                programs(
                    """
                    "flood": { "command": ["./flood"], "restart": "never" },
                    "other": { "command": ["./other"] }
                    """),
                files: [
                    "flood":
                        "yes 'a line of forty characters, as any that is good' | head -n \(lines)\necho done > flood.fifo\n",
                    "other": "echo $JR_INCARNATION $$ > other.fifo\nexec sleep 60\n",
                ], blocksConsole: true)
            let flood = Meeting(stage.directory + "/flood.fifo")
            let other = Meeting(stage.directory + "/other.fifo")
            try stage.up()
            let first = try #require(other.wait())
            #expect(flood.wait() == "done", "the flood is taken although nobody reads the console")
            let pid = try #require(Int32(first.split(separator: " ").last ?? ""))
            let begun = SystemClock.instant()
            try Processes.signal(pid: pid, Signals.kill)
            let second = try #require(other.wait())
            #expect(second.hasPrefix("2 "))
            #expect(SystemClock.instant() - begun < .seconds(1 as Int64))
            stage.interrupt()
            #expect(stage.waitForEnd() == 0)
            let log = try Files.read(stage.runtime.logs + "/flood.1.log", limit: 64 << 20)
            #expect(log.split(separator: 10).count { $0.last == UInt8(ascii: "d") } == lines, "the file has every line")
        }

        @Test("what the console could not take is counted to the line once it takes lines again")
        func droppedAreCounted() throws {
            let lines = 200_000
            let stage = try Stage(
                programs(
                    """
                    "flood": { "command": ["./flood"], "restart": "never" }, "other": { "command": ["sleep", "60"] }
                    """),
                files: [
                    "flood":
                        "yes 'a line of forty characters, as any that is good' | head -n \(lines)\necho done > flood.fifo\n"
                ], blocksConsole: true)
            let flood = Meeting(stage.directory + "/flood.fifo")
            try stage.up(style: .text(colors: false))
            #expect(flood.wait() == "done")
            // Only now is anything read: the filling first, then lines.
            try stage.line("not shown here; the log file has them")
            stage.interrupt()
            try stage.line("all stopped")
            #expect(stage.waitForEnd() == 0)
            let dropped = stage.seen.filter { $0.contains("not shown here") }.map { note in
                Int((note.split(separator: "* ").last ?? "").prefix { $0 != " " }.filter { $0 != "," }) ?? 0
            }
            let shown = stage.seen.count { $0.contains("flood.1") && $0.contains("| a line of forty") }
            #expect(dropped.reduce(0, +) > 0)
            #expect(shown + dropped.reduce(0, +) == lines)
        }

        @Test("half a line is shown after a moment with a mark, and does not hold up its neighbour")
        func partialLines() throws {
            let stage = try Stage(
                programs(
                    """
                    "half": { "command": ["./half"] }, "ticks": { "command": ["./ticks"] }
                    """),
                files: ["half": "printf 'half a li'\nexec sleep 60\n", "ticks": "echo tick\nexec sleep 60\n"])
            try stage.up()
            try stage.line("half a li", "\"unfinished\":true")
            if !stage.seen.contains(where: { $0.contains("\"tick\"") }) { try stage.line("\"tick\"") }
        }

        @Test("the last line counts although it was never ended, and stands before the line on the end of its program")
        func lastLine() throws {
            let stage = try Stage(
                programs("\"once\": { \"command\": [\"./once\"], \"restart\": \"never\" }"),
                files: ["once": "printf 'the last words'\n"])
            try stage.up()
            try stage.line("the last words", "\"unfinished\":true")
            #expect(stage.waitForEnd() == 0)
            let log = String(
                decoding: try Files.read(stage.runtime.logs + "/once.1.log", limit: 1 << 20), as: UTF8.self)
            #expect(log.contains(" | the last words …\n"))
        }

        @Test("files are put aside at their size and no line is lost or changes its place")
        func rotation() throws {
            let lines = 5_000
            let stage = try Stage(
                programs(
                    "\"count\": { \"command\": [\"seq\", \"1\", \"\(lines)\"], \"restart\": \"never\" }",
                    defaults: "\"logs\": { \"maxSize\": \"16KiB\", \"keep\": 100 }"))
            try stage.up()
            #expect(stage.waitForEnd() == 0)
            let path = stage.runtime.logs + "/count.1.log"
            var numbers: [Int] = []
            var files = 0
            for number in stride(from: 100, through: 0, by: -1) {
                guard let bytes = try? Files.read(number == 0 ? path : "\(path).\(number)", limit: 1 << 20) else {
                    continue
                }
                files += 1
                #expect(bytes.count <= 16 * 1024)
                numbers += bytes.split(separator: 10).compactMap { line in
                    let text = String(decoding: line, as: UTF8.self)
                    return text.range(of: " | ").flatMap { Int(text[$0.upperBound...]) }
                }
            }
            #expect(numbers == Array(1...lines))
            #expect(files > 5)
        }

        @Test("only as many files as asked for are kept")
        func keep() throws {
            let directory = try Files.makeTemporaryDirectory(prefix: "jr-rotation")
            defer { try? Files.removeTree(directory) }
            let file = RotatingFile(path: directory + "/a.log", maxSize: 100, keep: 2)
            for number in 0..<50 { #expect(file.write(Array("line number \(number)\n".utf8)) == 0) }
            #expect(try Files.list(directory) == ["a.log", "a.log.1", "a.log.2"])
            let last = String(decoding: try Files.read(directory + "/a.log", limit: 1_000), as: UTF8.self)
            #expect(last.hasSuffix("line number 49\n"))
        }

        @Test("lines that cannot be written are counted, and writing goes on when it can")
        func unwritable() throws {
            let directory = try Files.makeTemporaryDirectory(prefix: "jr-rotation")
            defer { try? Files.removeTree(directory) }
            let file = RotatingFile(path: directory + "/missing/a.log", maxSize: 100, keep: 2)
            #expect(file.write(Array("one\ntwo\n".utf8)) == 2)
            try Files.makeDirectory(directory + "/missing")
            #expect(file.write(Array("three\n".utf8)) == 0)
        }

        @Test("a reader gets the last lines across files, and goes on where the file was put aside")
        func follower() throws {
            let directory = try Files.makeTemporaryDirectory(prefix: "jr-follower")
            defer { try? Files.removeTree(directory) }
            let file = RotatingFile(path: directory + "/a.log", maxSize: 100, keep: 20)
            let line = { (number: Int) in Array("2026-11-23T08:15:04.123Z | \(number)\n".utf8) }
            for number in 1...10 { _ = file.write(line(number)) }
            let follower = LogFollower(instance: "a.1", path: directory + "/a.log")
            #expect(follower.last(7).map(\.text) == ["4", "5", "6", "7", "8", "9", "10"])
            #expect(follower.next() == [])
            _ = file.write(line(11))
            #expect(follower.next().map(\.text) == ["11"])
            _ = file.write(line(12))
            _ = file.write(line(13))
            #expect((follower.next() + follower.next()).map(\.text) == ["12", "13"])
        }

        @Test("lines of both formats are read, and what is neither is text")
        func lines() {
            let text = LogLine(Array("2026-11-23T08:15:04.123Z ! a b".utf8)[...], instance: "a.1")
            #expect(text.mark == "!" && text.text == "a b" && text.time == "2026-11-23T08:15:04.123Z")
            let json = LogLine(
                Array(#"{"time":"2026-11-23T08:15:04.123Z","instance":"a.1","stream":"out","text":"hello"}"#.utf8)[...],
                instance: "a.1")
            #expect(json.mark == "|" && json.text == "hello" && json.time == "2026-11-23T08:15:04.123Z")
            for other in ["something else", "", "Z", "Z ", "Z |x", "Z ? a", " | a", "2026Z", "a | b"] {
                let line = LogLine(Array(other.utf8)[...], instance: "a.1")
                #expect(line.text == other && line.time == "" && line.mark == "|")
                let json = line.json
                #expect(json["text"]?.string == other && json["stream"]?.string == "out")
            }
            for (bytes, text) in [("Z |", ""), ("Z * ", ""), ("Z !  a | b ", " a | b ")] {
                let line = LogLine(Array(bytes.utf8)[...], instance: "a.1")
                #expect(line.text == text && line.time == "Z" && String(line.mark) == String(Array(bytes)[2]))
            }
        }

        @Test(
            "a page has the lines in the order of their times, what is the same in them made once, and nothing that acts"
        )
        func page() {
            let line = { (instance: String, text: String) in LogLine(Array(text.utf8)[...], instance: instance) }
            let lines = [
                line("a.1", "2026-11-23T08:15:04.123Z | one"), line("a.1", "  of two lines"),
                line("a.1", "2026-11-23T08:15:04.900Z ! t\u{1B}wo"), line("a.1", "2026-11-23T08:15:05Z | five"),
                line("b.1", "2026-11-23T08:15:04.500Z | three"), line("b.1", "2026-11-23T08:15:05.100Z * four"),
            ]
            var made: [String] = []
            var page = LogPage(
                prefix: { instance, mark in
                    made.append("\(instance)\(mark)")
                    return "\(instance) \(mark) "
                },
                clock: { time in
                    made.append(time)
                    return time.isEmpty ? "" : "\(time.dropFirst(11).prefix(8)) "
                }, escape: { $0.replacing("\u{1B}", with: "?") })
            #expect(
                page.text(of: LogPage.inOrder(lines)) == """
                    08:15:04 a.1 | one
                    a.1 |   of two lines
                    08:15:04 b.1 | three
                    08:15:04 a.1 ! t?wo
                    08:15:05 b.1 * four
                    08:15:05 a.1 | five

                    """)
            #expect(
                made == [
                    "2026-11-23T08:15:04Z", "a.1|", "", "b.1|", "a.1!", "2026-11-23T08:15:05Z", "b.1*",
                    "2026-11-23T08:15:05Z",
                ])
            #expect(LogPage.inOrder(Array(lines[..<4])) == Array(lines[..<4]))
            #expect(LogPage.json(of: [lines[4]]) == lines[4].json.text + "\n")
        }

        @Test("the last lines of a log of many blocks are those of its end")
        func manyBlocks() throws {
            let directory = try Files.makeTemporaryDirectory(prefix: "jr-follower")
            defer { try? Files.removeTree(directory) }
            let texts = (0..<4_000).map { "line \($0) " + String(repeating: "x", count: $0 % 97) }
            try Files.write(directory + "/a.log", Array(texts.map { $0 + "\n" }.joined().utf8))
            for count in [0, 1, 1_500, 3_999, 4_000, 9_000] {
                let last = LogFollower(instance: "a.1", path: directory + "/a.log").last(count)
                #expect(last.map(\.text) == Array(texts.suffix(count)))
            }
        }
    }
}
