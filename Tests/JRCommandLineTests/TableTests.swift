import JRBase
import JRCommandLine
import Testing

@Suite struct TableTests {
    static let table: Table = {
        var table = Table([
            .init("INSTANCE"), .init("STATE"), .init("PID", .right), .init("MEMORY", .right),
            .init("LAST", shrinksTo: 8),
        ])
        table.append(["distributor.1", "ready", "4201", "9.1M"])
        table.append(["worker.3", "ready", "4377", "14.0M", "SIGKILL 14s ago, 4/4 recovered in 16ms"])
        table.append([.init("Größe", .red), "backingOff", "-", "", "a\u{1B}[2J\nb"])
        return table
    }()

    @Test("columns are as wide as what is in them, and no line ends with spaces")
    func wide() {
        let wanted = """
            INSTANCE       STATE        PID  MEMORY  LAST
            distributor.1  ready       4201    9.1M
            worker.3       ready       4377   14.0M  SIGKILL 14s ago, 4/4 recovered in 16ms
            Größe          backingOff     -          a\\x1b[2J\\nb

            """
        #expect(Self.table.text() == wanted)
    }

    @Test("in a narrow terminal the columns that may shrink are cut")
    func narrow() {
        let wanted = """
            INSTANCE       STATE        PID  MEMORY  LAST
            distributor.1  ready       4201    9.1M
            worker.3       ready       4377   14.0M  SIGKILL 14…
            Größe          backingOff     -          a\\x1b[2J\\nb

            """
        #expect(Self.table.text(width: 52) == wanted)
        #expect(Self.table.text(width: 10).contains("SIGKILL…\n"))
    }

    @Test("colours go around the text and not around the space after it")
    func coloured() {
        let lines = Self.table.text(Style(isOn: true)).split(separator: "\n")
        #expect(lines[0].hasPrefix("\u{1B}[1mINSTANCE\u{1B}[0m       \u{1B}[1mSTATE\u{1B}[0m"))
        #expect(lines[3].hasPrefix("\u{1B}[31mGröße\u{1B}[0m          backingOff"))
    }

    @Test("missing cells are empty, cells too many are dropped, and a table may be empty")
    func ragged() {
        var table = Table([.init("A"), .init("B", .right)])
        #expect(table.text() == "A  B\n")
        table.append(["1", "2", "3"])
        table.append([String]())
        #expect(table.text() == "A  B\n1  2\n\n")
    }
}

@Suite struct TerminalTests {
    @Test(
        "what would act on a terminal is shown instead",
        arguments: [
            ("plain", "plain"), ("Größe 😀 👩‍👩‍👧 日本", "Größe 😀 👩‍👩‍👧 日本"), ("\u{1B}[31mred\u{1B}[0m", "\\x1b[31mred\\x1b[0m"),
            ("a\r\nb\tc\u{0}\u{7}\u{7F}", "a\\r\\nb\\tc\\x00\\x07\\x7f"), ("\u{9B}31m\u{85}", "\\x9b31m\\x85"),
            ("\u{202E}evil\u{2066}\u{2028}\u{FEFF}\u{E0041}", "\\u{202e}evil\\u{2066}\\u{2028}\\u{feff}\\u{e0041}"),
        ])
    func escapes(text: String, shown: String) {
        #expect(Terminal.escape(text) == shown)
        #expect(Terminal.escape(Array(text.utf8)) == shown)
    }

    @Test("bytes that are not UTF-8 become replacement characters")
    func invalid() {
        #expect(Terminal.escape([0x61, 0xFF, 0x1B] as [UInt8]) == "a\u{FFFD}\\x1b")
    }

    @Test("wide characters take two columns, marks none")
    func widths() {
        for (text, width) in [("abc", 3), ("Größe", 5), ("日本", 4), ("😀", 2), ("e\u{301}", 1), ("…", 1), ("", 0)] {
            #expect(Terminal.width(of: text) == width, "\(text)")
        }
    }

    @Test("a text is cut to its columns and says so")
    func truncates() {
        for (width, wanted) in [(8, "日本語日"), (7, "日本語…"), (6, "日本…"), (1, "…"), (0, "")] {
            #expect(Terminal.truncate("日本語日", to: width) == wanted, "\(width)")
        }
    }

    @Test("colours need a terminal, and NO_COLOR, --no-color and dumb terminals turn them off")
    func style() {
        let cases: [(isTerminal: Bool, environment: [String: String], noColor: Bool, isOn: Bool)] = [
            (true, [:], false, true), (true, ["NO_COLOR": ""], false, true), (true, ["NO_COLOR": "0"], false, false),
            (true, [:], true, false), (true, ["TERM": "dumb"], false, false), (false, ["TERM": "xterm"], false, false),
        ]
        for (isTerminal, environment, noColor, isOn) in cases {
            #expect(Style(isTerminal: isTerminal, environment: environment, noColor: noColor).isOn == isOn)
        }
        #expect(Style.plain.apply(.red, to: "x") == "x")
        #expect(Style.colour(at: 0) == Style.colour(at: 5))
        #expect(Style.colour(at: -1) == Style.colour(at: 4))
    }
}

@Suite struct ProgressTests {
    @Test(
        "progress is a line with a bar, the count, the rate, the failures and the time left",
        arguments: [
            (
                ProgressBar(done: 1_234, total: 3_000, elapsed: .milliseconds(534)), 57,
                "[######..........] 1,234/3,000  2,311/s  0 failed  eta 1s"
            ),
            (
                ProgressBar(done: 0, total: 3_000, elapsed: .zero), 57,
                "[...................] 0/3,000  0/s  0 failed  eta unknown"
            ),
            (
                ProgressBar(done: 3_000, total: 3_000, failed: 1_000, elapsed: .seconds(90)), 60,
                "[################] 3,000/3,000  33/s  1,000 failed  in 1m30s"
            ),
            (
                ProgressBar(done: 5, total: 4, elapsed: .seconds(10)), 48,
                "[#################] 5/4  0.5/s  0 failed  in 10s"
            ),
            (ProgressBar(done: 0, total: 0, elapsed: .seconds(1)), 45, "[###############] 0/0  0.0/s  0 failed  in 1s"),
            (ProgressBar(done: 12, total: nil, elapsed: .seconds(3)), 80, "12  4.0/s  0 failed  in 3s"),
            (ProgressBar(done: 1_234, total: 3_000, elapsed: .milliseconds(534)), 30, "1,234/3,000  2,311/s  0 faile…"),
        ])
    func lines(bar: ProgressBar, width: Int, line: String) {
        #expect(bar.line(width: width) == line)
    }

    @Test("the bar is at most 40 columns, and no line is longer than its width")
    func limits() {
        let bar = ProgressBar(done: .max, total: .max, failed: .min, elapsed: Interval(nanoseconds: .max))
        for width in -1...200 { #expect(bar.line(width: width).count <= max(0, width)) }
        let line = ProgressBar(done: 1, total: 2, elapsed: .seconds(1)).line(width: 200)
        #expect(line.hasPrefix("[" + String(repeating: "#", count: 20) + String(repeating: ".", count: 20) + "]"))
    }

    @Test("numbers have separators between thousands")
    func grouped() {
        for (number, text) in [
            (0, "0"), (999, "999"), (1_000, "1,000"), (-1_234_567, "-1,234,567"), (.min, "-9,223,372,036,854,775,808"),
        ] {
            #expect(Numbers.grouped(number) == text)
        }
        #expect(Numbers.rate(.max, in: Interval(nanoseconds: 1)).hasSuffix("/s"))
    }
}
