import JRCommandLine
import Testing

/// Compares whole texts, and says which line differs first.
func expectSame(_ text: String, _ wanted: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    let wantedLines = wanted.split(separator: "\n", omittingEmptySubsequences: false)
    let place =
        zip(lines, wantedLines).enumerated().first { $1.0 != $1.1 }?.offset ?? min(lines.count, wantedLines.count)
    func line(_ lines: [Substring]) -> Substring { place < lines.count ? lines[place] : "(the end)" }
    #expect(
        text == wanted, "line \(place + 1) is '\(line(lines))' and not '\(line(wantedLines))'",
        sourceLocation: sourceLocation)
}

@Suite struct HelpSnapshots {
    @Test("the help of a program lists its verbs and options")
    func program() {
        expectSame(
            sample.helpText(),
            #"""
            Usage: jr [OPTIONS] VERB ...

            Enqueue, inspect and cancel jobs.

            Verbs:
              enqueue  Give a job to a distributor and print its id
              journal  Check the journal of a node
              exec     Run a command in a cluster

            Options:
              -u, --url URL           Where the distributor listens (default: the cluster in
                                      .jr; environment: JR_URL)
                  --json              Print JSON lines (environment: JR_JSON)
                  --no-color          Print without colours
              -h, --help              Show this help and exit
                  --version           Show the version and exit
                  --completion SHELL  Print a completion script and exit (one of bash, zsh,
                                      fish)
                  --manual            Print the manual page (roff) and exit

            See 'jr VERB --help' for what a verb takes.

            """#)
    }

    @Test("the help of a verb lists its arguments, its options and those of every verb")
    func verb() {
        expectSame(
            sample.helpText(for: sample.verbs[0]),
            #"""
            Usage: jr enqueue [OPTIONS] NAME [KEY=VALUE...]

            Give a job to a distributor and print its id.

            Arguments:
              NAME       The job's name
              KEY=VALUE  Its arguments

            Options:
              -n, --count N         How many times (default: 1)
              -f, --follow          Show what happens to it
                  --not-node NODE   A node that must not run it (may be repeated)
                  --status STATUS   Only in this state (one of new, queued, complete)
                  --after DURATION  How long to wait before it runs; a node keeps the job
                                    until then, and runs it as soon as it is due

            Options of every verb:
              -u, --url URL   Where the distributor listens (default: the cluster in .jr;
                              environment: JR_URL)
                  --json      Print JSON lines (environment: JR_JSON)
                  --no-color  Print without colours
              -h, --help      Show this help and exit

            Examples:
              jr enqueue mail to=a@b.c --after 20s

            """#)
    }

    @Test("help is wrapped to the width of the terminal")
    func narrow() {
        expectSame(
            sample.helpText(for: sample.verbs[0], width: 50),
            #"""
            Usage: jr enqueue [OPTIONS] NAME [KEY=VALUE...]

            Give a job to a distributor and print its id.

            Arguments:
              NAME       The job's name
              KEY=VALUE  Its arguments

            Options:
              -n, --count N         How many times (default:
                                    1)
              -f, --follow          Show what happens to it
                  --not-node NODE   A node that must not run
                                    it (may be repeated)
                  --status STATUS   Only in this state (one of
                                    new, queued, complete)
                  --after DURATION  How long to wait before it
                                    runs; a node keeps the job
                                    until then, and runs it as
                                    soon as it is due

            Options of every verb:
              -u, --url URL   Where the distributor listens
                              (default: the cluster in .jr;
                              environment: JR_URL)
                  --json      Print JSON lines (environment:
                              JR_JSON)
                  --no-color  Print without colours
              -h, --help      Show this help and exit

            Examples:
              jr enqueue mail to=a@b.c --after 20s

            """#)
    }

    @Test("a program without verbs has arguments in its help")
    func withoutVerbs() {
        expectSame(
            plain.helpText(),
            #"""
            Usage: jr-node [OPTIONS] [DIR] NAME

            Run the jobs of a folder.

            Arguments:
              DIR   The folder of jobs
              NAME  The node's name

            Options:
                  --credit N          Jobs to hold at once (default: 256)
              -h, --help              Show this help and exit
                  --version           Show the version and exit
                  --completion SHELL  Print a completion script and exit (one of bash, zsh,
                                      fish)
                  --manual            Print the manual page (roff) and exit

            """#)
    }

    @Test("paragraphs at the end are wrapped, examples in them are kept as they are")
    func details() {
        let example = "  " + String(repeating: "x", count: 50)
        let spec = CommandLineSpec(
            program: "x", version: "1", summary: "x", details: "One two three four five six\n\n\(example)\nseven")
        #expect(spec.helpText(width: 24).hasSuffix("\n\nOne two three four five\nsix\n\n\(example)\nseven\n"))
    }
}
