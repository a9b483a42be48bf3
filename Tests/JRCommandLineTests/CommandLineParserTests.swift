import JRBase
import JRCommandLine
import Testing

@Suite struct CommandLineParserTests {
    @Test(
        "an option and its value are understood in every way of writing them",
        arguments: ["--count 5", "--count=5", "-n 5", "-n5", "-n=5", "-fn 5", "-fn5"])
    func spellings(option: String) throws {
        let parsed = try #require(try command("enqueue mail \(option)"))
        #expect(parsed.value("count") == "5")
        #expect(parsed.flag("follow") == option.hasPrefix("-f"))
        #expect(parsed.arguments == ["mail"])
    }

    @Test("options of the program stand before or after the verb, and between the arguments")
    func globalOptions() throws {
        for line in ["--url x --json enqueue a b", "enqueue --json a -u x b", "enqueue a b --url=x --json"] {
            let parsed = try #require(try command(line))
            #expect(parsed.verb == "enqueue")
            #expect(parsed.value("url") == "x")
            #expect(parsed.flag("json"))
            #expect(!parsed.flag("no-color"))
            #expect(parsed.arguments == ["a", "b"])
        }
    }

    @Test("a repeatable option keeps all its values in their order")
    func repeatable() throws {
        let parsed = try #require(try command("enqueue a --not-node x --not-node=y"))
        #expect(parsed.values("not-node") == ["x", "y"])
        #expect(parsed.values("count") == [])
        #expect(parsed.value("count") == nil)
    }

    @Test("a value may be empty, hold '=', be a dash or a negative number")
    func oddValues() throws {
        #expect(try command("enqueue a --count=")?.value("count") == "")
        #expect(try command("enqueue a --count=x=y")?.value("count") == "x=y")
        #expect(try command("enqueue a --count -")?.value("count") == "-")
        #expect(try command("enqueue a --count -5")?.value("count") == "-5")
        #expect(try command("enqueue a -")?.arguments == ["a", "-"])
    }

    @Test("after '--' everything is a command where one is taken, and an argument elsewhere")
    func remainder() throws {
        let exec = try #require(try command("exec --json -- ls --help -- -x"))
        #expect(exec.remainder == ["ls", "--help", "--", "-x"])
        #expect(exec.arguments == [])
        let enqueue = try #require(try command("enqueue a -- --count b"))
        #expect(enqueue.arguments == ["a", "--count", "b"])
        #expect(enqueue.remainder == [])
    }

    @Test("a program without verbs takes arguments at once, the required ones before the optional")
    func withoutVerbs() throws {
        let one = try #require(try command("w1 --credit 5", of: plain))
        #expect(one.verb == nil)
        #expect(one.argument(0) == "w1")
        #expect(one.argument(1) == nil)
        #expect(try command("jobs w1", of: plain)?.arguments == ["jobs", "w1"])
        #expect(
            complaint("", of: plain)
                == "jr-node: NAME is missing. Usage: 'jr-node [OPTIONS] [DIR] NAME'. See 'jr-node --help'.")
    }

    @Test("the environment is read when an option is not given, and an empty variable is none")
    func environment() throws {
        let both = ["JR_URL": "e", "JR_JSON": "1"]
        let parsed = try #require(try command("enqueue a", environment: both))
        #expect(parsed.value("url") == "e")
        #expect(parsed.flag("json"))
        #expect(try command("enqueue a --url x", environment: both)?.value("url") == "x")
        #expect(try command("enqueue a", environment: ["JR_URL": "", "JR_JSON": "0"])?.value("url") == nil)
        #expect(try command("enqueue a", environment: ["JR_JSON": "no"])?.flag("json") == false)
    }

    @Test("values are read as what they mean, and a wrong one names its option or variable")
    func typedValues() throws {
        let parsed = try #require(try command("enqueue a --after 1.5s --count 7"))
        #expect(try parsed.value("after", Durations.parse) == .milliseconds(1_500))
        #expect(try parsed.value("count") { (text) throws(ValueError) in try Integers.parse(text, in: 1...10) } == 7)
        #expect(try parsed.value("url", Dates.parse) == nil)
        let late = try #require(try command("enqueue a --after soon"))
        let error = #expect(throws: UsageError.self) { try late.value("after", Durations.parse) }
        #expect(
            error.map(sample.text)
                == "jr: --after: 'soon' is not a length of time such as 250ms, 30s, 5m, 2h or 1h30m. See 'jr enqueue --help'."
        )
        let url = try #require(try command("enqueue a", environment: ["JR_URL": "x"]))
        let variable = #expect(throws: UsageError.self) { try url.value("url", Sizes.parse) }
        #expect(variable.map(sample.text)?.hasPrefix("jr: JR_URL: 'x' is not a size") == true)
    }

    @Test(
        "help and version are given wherever they are asked for",
        arguments: [
            ("--help", "Usage: jr [OPTIONS] VERB"), ("-h", "Usage: jr [OPTIONS] VERB"),
            ("help", "Usage: jr [OPTIONS] VERB"),
            ("--url x --help", "Usage: jr [OPTIONS] VERB"), ("enqueue --help", "Usage: jr enqueue"),
            ("help enqueue", "Usage: jr enqueue"),
            ("enqueue a -fh", "Usage: jr enqueue"), ("--version", "jr 1.2.3\n"), ("exec --version", "jr 1.2.3\n"),
            ("--completion fish", "# fish"), ("--manual", ".TH JR"),
        ])
    func answers(line: String, start: String) throws {
        guard case .answer(let text) = try sample.parse(line.split(separator: " ").map(String.init)) else {
            Issue.record("'\(line)' is not answered")
            return
        }
        #expect(text.hasPrefix(start))
    }

    @Test("asking for an option that is not in the table stops the program")
    func unknownOptionTraps() async {
        await #expect(processExitsWith: .failure) { _ = try command("enqueue a")?.flag("nope") }
    }
}

@Suite struct UsageErrorTests {
    @Test(
        "a wrong command line is answered with what is wrong, what was meant and where to read more",
        arguments: [
            ("", "jr: a verb is missing. Verbs: enqueue, journal, exec. See 'jr --help'."),
            ("--json", "jr: a verb is missing. Verbs: enqueue, journal, exec. See 'jr --help'."),
            ("-- enqueue", "jr: a verb is missing. Verbs: enqueue, journal, exec. See 'jr --help'."),
            ("enqeue a", "jr: unknown verb 'enqeue'. Did you mean 'enqueue'? See 'jr --help'."),
            ("zebra", "jr: unknown verb 'zebra'. See 'jr --help'."),
            (
                "enqueue a --conut 5",
                "jr: unknown option '--conut' for 'enqueue'. Did you mean '--count'? See 'jr enqueue --help'."
            ),
            (
                "enqueue a --conut=5",
                "jr: unknown option '--conut' for 'enqueue'. Did you mean '--count'? See 'jr enqueue --help'."
            ),
            (
                "enqueue a --jsno",
                "jr: unknown option '--jsno' for 'enqueue'. Did you mean '--json'? See 'jr enqueue --help'."
            ),
            ("enqueue a -fz", "jr: unknown option '-z' for 'enqueue'. See 'jr enqueue --help'."),
            ("--count 5 enqueue", "jr: unknown option '--count'. It belongs after the verb: enqueue. See 'jr --help'."),
            ("--zebra", "jr: unknown option '--zebra'. See 'jr --help'."),
            ("enqueue a --count", "jr: option '--count' needs a value. Write '--count N'. See 'jr enqueue --help'."),
            ("enqueue a -fn", "jr: option '-n' needs a value. Write '-n N'. See 'jr enqueue --help'."),
            (
                "enqueue a --count --follow",
                "jr: option '--count' needs a value, but is followed by '--follow'. "
                    + "A value that begins with '-' is written as '--count=--follow'. See 'jr enqueue --help'."
            ),
            (
                "enqueue a --json=yes",
                "jr: option '--json' takes no value, but is given 'yes'. See 'jr enqueue --help'."
            ),
            ("enqueue a -f=yes", "jr: option '-f' takes no value, but is given 'yes'. See 'jr enqueue --help'."),
            (
                "enqueue a --count 1 -n 2",
                "jr: option '-n' is given twice. It can have one value only. See 'jr enqueue --help'."
            ),
            (
                "enqueue",
                "jr: NAME is missing. Usage: 'jr enqueue [OPTIONS] NAME [KEY=VALUE...]'. See 'jr enqueue --help'."
            ),
            (
                "journal verify a b",
                "jr: unexpected argument 'b'. Usage: 'jr journal [OPTIONS] ACTION DIR'. See 'jr journal --help'."
            ),
            (
                "journal verify",
                "jr: DIR is missing. Usage: 'jr journal [OPTIONS] ACTION DIR'. See 'jr journal --help'."
            ),
            (
                "journal verfy a",
                "jr: ACTION: 'verfy' is not allowed. Did you mean 'verify'? Allowed: verify, dump. See 'jr journal --help'."
            ),
            (
                "enqueue a --status zebra",
                "jr: --status: 'zebra' is not allowed. Allowed: new, queued, complete. See 'jr enqueue --help'."
            ),
            (
                "exec ls",
                "jr: unexpected argument 'ls'. Usage: 'jr exec [OPTIONS] -- COMMAND...'. See 'jr exec --help'."
            ),
            ("exec", "jr: -- COMMAND is missing. Usage: 'jr exec [OPTIONS] -- COMMAND...'. See 'jr exec --help'."),
            ("enqueue a --\u{1B}[2J", "jr: unknown option '--\\x1b[2J' for 'enqueue'. See 'jr enqueue --help'."),
        ])
    func complaints(line: String, text: String) {
        #expect(complaint(line) == text)
    }

    @Test("a wrong value in the environment names the variable")
    func environment() {
        #expect(
            complaint("enqueue a", environment: ["JR_JSON": "maybe"])
                == "jr: JR_JSON: 'maybe' is not allowed. Allowed: 1, 0, true, false, yes, no. See 'jr enqueue --help'.")
    }

    @Test("no words make the parser trap")
    func anyWords() {
        let words = [
            "", "-", "--", "---", "--=", "-=", "-n=", "--count", "enqueue", "é", "-é", "--help=x", "-nn", "=", "help",
            "--completion",
        ]
        for first in words {
            for second in words {
                for third in words {
                    do throws(UsageError) {
                        _ = try sample.parse([first, second, third])
                    } catch {
                        #expect(sample.text(for: error).hasPrefix("jr: "))
                    }
                }
            }
        }
    }
}
