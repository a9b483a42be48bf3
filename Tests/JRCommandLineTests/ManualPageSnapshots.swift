import JRCommandLine
import Testing

@Suite struct ManualPageSnapshots {
    @Test("the manual page says all that the help says, and the exit codes")
    func manual() {
        expectSame(
            sample.manualPage(),
            #"""
            .TH JR 1 "" "jr 1.2.3"
            .SH NAME
            jr \- Enqueue, inspect and cancel jobs
            .SH SYNOPSIS
            jr enqueue [OPTIONS] NAME [KEY=VALUE...]
            .br
            jr journal [OPTIONS] ACTION DIR
            .br
            jr exec [OPTIONS] \-\- COMMAND...
            .br
            .SH VERBS
            .SS enqueue
            Give a job to a distributor and print its id.
            .TP
            \fBNAME\fR
            The job's name.
            .TP
            \fBKEY=VALUE\fR
            Its arguments.
            .TP
            \fB\-n, \-\-count N\fR
            How many times (default: 1).
            .TP
            \fB\-f, \-\-follow\fR
            Show what happens to it.
            .TP
            \fB\-\-not\-node NODE\fR
            A node that must not run it (may be repeated).
            .TP
            \fB\-\-status STATUS\fR
            Only in this state (one of new, queued, complete).
            .TP
            \fB\-\-after DURATION\fR
            How long to wait before it runs; a node keeps the job until then, and runs it as soon as it is due.
            .PP
            Examples:
            .PP
            .nf
              jr enqueue mail to=a@b.c \-\-after 20s
            .fi
            .SS journal
            Check the journal of a node.
            .TP
            \fBACTION\fR
            What to do (one of verify, dump).
            .TP
            \fBDIR\fR
            The journal's folder.
            .SS exec
            Run a command in a cluster.
            .TP
            \fBCOMMAND\fR
            The command and its arguments.
            .SH OPTIONS
            .TP
            \fB\-u, \-\-url URL\fR
            Where the distributor listens (default: the cluster in .jr; environment: JR_URL).
            .TP
            \fB\-\-json\fR
            Print JSON lines (environment: JR_JSON).
            .TP
            \fB\-\-no\-color\fR
            Print without colours.
            .TP
            \fB\-h, \-\-help\fR
            Show this help and exit.
            .TP
            \fB\-\-version\fR
            Show the version and exit.
            .TP
            \fB\-\-completion SHELL\fR
            Print a completion script and exit (one of bash, zsh, fish).
            .TP
            \fB\-\-manual\fR
            Print the manual page (roff) and exit.
            .SH ENVIRONMENT
            .TP
            \fBJR_URL\fR
            Read when \-\-url is not given.
            .TP
            \fBJR_JSON\fR
            Read when \-\-json is not given.
            .SH EXIT STATUS
            .TP
            \fB0\fR
            done as asked
            .TP
            \fB1\fR
            what was asked for failed
            .TP
            \fB3\fR
            something that should be ready is not
            .TP
            \fB4\fR
            no supervisor runs here
            .TP
            \fB64\fR
            the command line is wrong
            .TP
            \fB65\fR
            input data is wrong
            .TP
            \fB66\fR
            a file to read does not exist or cannot be read
            .TP
            \fB69\fR
            a service is not there or never became ready
            .TP
            \fB70\fR
            a bug in this program
            .TP
            \fB74\fR
            reading or writing failed, or a roll\-out was aborted
            .TP
            \fB75\fR
            try again later: something is in use
            .TP
            \fB76\fR
            jobs were lost or failed
            .TP
            \fB77\fR
            not permitted
            .TP
            \fB78\fR
            the manifest or the environment is wrong
            .TP
            \fB124\fR
            it took too long
            .TP
            \fB126\fR
            the command cannot be executed
            .TP
            \fB127\fR
            the command was not found
            .TP
            \fB130\fR
            interrupted from the terminal
            .TP
            \fB143\fR
            ended by a signal before its work was done

            """#)
    }

    @Test("a sentence has one full stop, whether the table has it or not")
    func fullStops() {
        let spec = CommandLineSpec(
            program: "x", version: "1", summary: "Do it.", options: [.flag("all", "Do it all.")])
        #expect(spec.manualPage().contains("Do it all.\n"))
        #expect(spec.helpText().contains("\nDo it.\n"))
    }

    @Test("what roff would take for a request is escaped")
    func escapes() {
        let page = CommandLineSpec(
            program: "x", version: "1", summary: ".so \\file", details: ".so a\n'so \"b\"\n -\\\nend"
        ).manualPage()
        #expect(page.contains("x \\- \\&.so \\efile\n"))
        #expect(page.contains("\n.PP\n\\&.so a\n.PP\n\\&'so \\(dqb\\(dq\n.PP\n.nf\n \\-\\e\n.fi\n.PP\nend\n"))
    }
}
