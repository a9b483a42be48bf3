/// What is asked of the supervisor, beside the promises of ``Behaviours``, and the tests that show it.
enum SupervisionRequirements {
    static let page = "docs/requirements-supervisor.md"

    struct Requirement {
        let words: String
        /// The titles of tests, as they are written.
        var tests: [String] = []
        /// What of it no test of this repository shows, and why.
        var limit: String?

        init(_ words: String, _ tests: String..., limit: String? = nil) {
            self.words = words
            self.tests = tests
            self.limit = limit
        }
    }

    /// S1 is the first.
    static let rules: [Requirement] = [
        Requirement(
            "A process's end is learnt from the process, whoever keeps its pipes open",
            "a grandchild that holds the pipe hides neither the exit nor the restart, and what is left of the group ends",
            "an exit is learnt from the process although a grandchild keeps its pipe open, and the group can be ended",
            "what detached itself twice is reaped and ended, and the end of its parent is not held up"),
        Requirement(
            "Whoever reads or does not read its output never holds the supervisor up; what is dropped is counted",
            "a blocked console holds up neither restarts nor the end, and what was not shown is counted exactly",
            "what the console could not take is counted to the line once it takes lines again",
            "lines that cannot be written are counted, and writing goes on when it can"),
        Requirement(
            "A line that is not ended is shown after a moment and at the end, and long ones are cut",
            "half a line is shown after a moment with a mark, and does not hold up its neighbour",
            "the last line counts although it was never ended, and stands before the line on the end of its program",
            "lines come out the same however the bytes come in",
            "half a line is held until it is flushed, and what follows is a line of its own"),
        Requirement(
            "Children are watched and signalled by descriptors of theirs, never by a number that may be another's",
            "a pid descriptor tells of the end, takes signals before it and refuses them after",
            "a signal that ends a child is its status, and a child that has ended gets no more signals",
            "a process is known by its start time, even one with a confusing name",
            "a process that has the number of a dead instance, and leads a group of it, is left alone"),
        Requirement(
            "Every death is told with its own code, however many there are at once, and nobody else's child is reaped",
            "of 200 children that die at once every one is reported with its own code, and none is left a zombie",
            "500 that die at once are 500 ends with their codes, and none is left unreaped"),
        Requirement(
            "A child begins with no signal blocked or ignored",
            "a child's signal mask is empty and every signal has its default, whatever this program blocks or ignores",
            "a program started through jr-exec is the same process with the same surroundings as one started directly"),
        Requirement(
            "A child has the descriptors that are meant for it and no other",
            "a child has the descriptors it was granted and no other, although this program has inheritable ones",
            "a child has its three descriptors and what is meant for it, no blocked or ignored signal, no variable of ours",
            "descriptors whose numbers change places reach the child unmixed"),
        Requirement(
            "A program that somebody still writes to is waited for, and that is no crash",
            "a program that is still open for writing starts as soon as it is closed",
            "a program that stays open for writing is given up after a second"),
        Requirement(
            "What cannot be executed is an error of the start with its reason, and is not tried again and again",
            "a program that cannot be executed fails at once with the reason, and the missing jr-exec is told once",
            "what is wrong with a program or its directory is known at once, by name",
            "what is wrong with a program or its directory is said as without jr-exec, and no child is left",
            "a program that cannot be executed, or exits 64 or 78, is not tried again"),
        Requirement(
            "Each instance is a process group of its own, so that the terminal's signals reach only the supervisor",
            "one Ctrl-C is one stop signal for each child, and never the terminal's own",
            "a child in a group of its own leads it; one without shares ours"),
        Requirement(
            "Ctrl-C once lets work end, twice signals, three times kills, and none is lost",
            "Ctrl-C once after a good service is a success; before everything was ready, or pressed again, it is 130",
            "Ctrl-C three times, each with what it does: with time, TERM, KILL; then it is 130 and nothing is left",
            "the second and third request for down signal and kill all at once"),
        Requirement(
            "Instances of a rank stop together, so that a stop takes as long as the slowest and not as all of them",
            "what ignores TERM is killed after its grace, with everything in its group, and all of a rank together",
            "down stops programs, then nodes, then distributors, all of a rank together"),
        Requirement(
            "A stop is over when the whole group is, and its steps go on until then",
            "a stop drains, then signals, then kills, each after its time, and ends only with the group",
            "what a dead leader left in its group is ended before the next start",
            "what ignores TERM is killed after its grace, with everything in its group, and all of a rank together"),
        Requirement(
            "What has left its group is found, told and ended as well",
            "a stray in a session of its own and with another environment ends with its instance, and is named",
            "what a supervisor that was killed left in its group is ended by the next one before anything starts",
            "what a process starts stays in its group, however it detaches itself, and is killed with it",
            "what detached itself from its group is found and ended at the latest with everything else",
            "what detached itself twice is reaped and ended, and the end of its parent is not held up"),
        Requirement(
            "No child outlives a supervisor that was killed, at whatever moment that was",
            "kill -9 of the supervisor at any moment ends its whole cluster, and the next up works, with one of each",
            "after kill -9 of the supervisor its nodes leave, its programs are killed, and the next one ends what these left",
            "it is killed when its parent is, unless it may stay",
            "a child whose parent died before it could ask for the signal does not become the program",
            "a node whose supervisor is gone ends by itself, and so it is without any distributor"),
        Requirement(
            "One live copy of each instance: the next start comes after the end of the last, and its number is higher",
            ModelTitle.whole,
            "kill -9 of the supervisor at any moment ends its whole cluster, and the next up works, with one of each",
            "what an earlier supervisor left running is ended before its successor starts, and its number is passed",
            "of two nodes with one name the newer connection stays, unless its incarnation is older"),
        Requirement(
            "One operation at a time on an instance, each with one answer",
            ModelTitle.whole,
            "an operation on an instance waits for none: a stop ends what goes on, anything else is refused",
            "two operations on one instance never overlap: a stop ends the other, anything else is refused",
            "while a reload waits for what is new, what dies comes back as it was, and what is new is in its hands"),
        Requirement(
            "What the operator wants holds against the policy, over deaths, restarts and reloads",
            ModelTitle.whole,
            "what the operator wants beats the policy: a death during a stop is the stop, a start during it follows it",
            "an operation is answered when it has come true, and what an operator stopped stays stopped",
            "what somebody stopped stays stopped over a reload, and has the new settings when it is started"),
        Requirement(
            "Intervals are measured by the forward clock; the date is only shown",
            "by an hour and by ten days, forward and back, at every reading, changes nothing that is decided",
            "the supervisor decides by the forward clock, and has the date only to show it",
            limit: "The times in the report of `exec` are differences of dates."),
        Requirement(
            "A death is answered in the turn in which it is seen",
            "the first restart after a life that was ready is at once, then 100 ms doubling to the most, each ±20 %",
            "a process that is killed from outside is started again at once, as the next incarnation, and it says so",
            limit: "How long that takes is measured by Benchmarks, not by a test."),
        Requirement(
            "Ready is what the process says itself, on a descriptor that only it has; silence and early deaths are not",
            "a line that says READY just before the end counts, and the death after it is told",
            "a node that never says that it is ready is stopped, and who waits for it is told why",
            "a start that takes too long is stopped and counts as a death: it is never ready by waiting",
            "one is ready when it says so and not before; strangers and nonsense change nothing, and are told",
            "what a program says last counts although it has ended: ready, then finished",
            "one that says nothing is given up in time, and one that ends with 0 before it said so has failed",
            "only what comes from the instance counts; the others are told of once",
            "the verdict fails closed: failed, crash looping, blocked, and a start that was given up"),
        Requirement(
            "What one life said counts for none after it",
            "what comes from an earlier incarnation, and a timer that was replaced, change nothing",
            "a drain outlasts the process: its successor is drained as soon as it is ready, until somebody resumes it",
            ModelTitle.whole),
        Requirement(
            "A port in other hands blocks a start with the name of who has it, and costs no restarts",
            "a port in other hands blocks the start, with the name of who has it, and no longer than that",
            "a distributor whose port is taken is told with the name of who has it, exit 69",
            "the kernel's table of sockets tells who listens where"),
        Requirement(
            "Many deaths at once are one message and a return in steps",
            "the deaths of half an entry and more are one line with their causes, and so is the return of all of them",
            "all that die together come back a few at a time, without waiting for what they once came after",
            "twelve nodes that are killed at once are one line for people, and all are back without further ones",
            "random deaths and requests: never more than so many turns at once, and in the end everything is up"),
        Requirement(
            "Waits begin anew after a time of being ready, not of being alive",
            "having been ready for resetAfter, not having lived, starts the waits from the beginning",
            "a first life that was never ready is not restarted at once"),
        Requirement(
            "Giving up is loud, says why with the last lines, and a start undoes it",
            "a program that cannot be executed, or exits 64 or 78, is not tried again",
            "a program that is not there, and exit 78, are failures for good; with nothing left to run the end is 69",
            "a crash under a job names the job, and the text has cause, evidence and advice"),
        Requirement(
            "A file or socket that was left over keeps nothing from starting",
            "a second supervisor is refused with the pid of the first, and a lock that nobody holds is no obstacle",
            "a unix socket is its owner's alone, and replaced when nobody listens at it, or when asked",
            "kill -9 of the supervisor at any moment ends its whole cluster, and the next up works, with one of each"),
        Requirement(
            "Control is a socket of the user's alone, with a closed set of verbs",
            "nothing is left behind: no process, no socket, no url, no holder of the lock",
            "what is no verb, no JSON and no name is refused, with what there is",
            limit: "That another user is shown the door takes a second user: the modes are tested, the check is not."),
        Requirement(
            "The cause of a death is said in words: whose signal, what kind of error, which job",
            "an exit in words says whose signal it was",
            "each end has its advice",
            "a crash under a job names the job, and the text has cause, evidence and advice",
            "status shows the jobs of each node, its memory, and how its last process ended"),
        Requirement(
            "Children get of the supervisor's environment what is on a list, and nothing secret stands in a command line",
            "a child gets the variables of its manifest and ours, and of our environment only the listed ones",
            "a password stands in no command line, where every user of the machine could read it",
            "a child has its three descriptors and what is meant for it, no blocked or ignored signal, no variable of ours"
        ),
        Requirement(
            "Output comes when it is printed: our programs end lines at once, a foreign one may have a terminal",
            "with a terminal in place of pipes a program believes that somebody looks, and nothing of it is changed",
            "those in Python and Ruby are named with what helps, and others are not"),
        Requirement(
            "Log files are put aside by a rename, never copied, and a full disk loses lines by number",
            "files are put aside at their size and no line is lost or changes its place",
            "only as many files as asked for are kept",
            "lines that cannot be written are counted, and writing goes on when it can"),
        Requirement(
            "A manifest is taken whole or not at all, and a wrong one changes nothing",
            "reload shows the difference, changes only what changed, and a wrong manifest or a bad value changes nothing",
            "what cannot change while it runs is refused, each by its name",
            "what is new is started, what is other is rolled, distributors first, and what is gone goes last",
            ModelTitle.whole),
        Requirement(
            "Commands are lists of words; a line without shell characters needs no shell",
            "lines without shell characters are executed directly, the others by a shell that steps aside if it can"),
        Requirement(
            "A process that is there and does nothing any more is found out where it can say so, and so is the supervisor",
            "silent for so long from when it is ready, it is ended by ABRT, then KILL, and starts again as after a crash",
            "each word counts from when it came, and the timer is armed again only when it fires",
            "one that is told to end, or says that it ends, is not looked at any more",
            "one that says nothing any more, or that it hangs, is ended and started again, and that is told as such",
            "a program that hangs is found out after a re-exec too",
            "it says from its loop that it is alive, also after a re-exec, and not where somebody else is to say so"),
        Requirement(
            "Help fits a terminal, and who mistypes is told what is meant",
            "the help of each verb fits 80 columns, and its lines are as full as they can be",
            "whoever mistypes a name is told what it is, or what may be meant, and how an end reads in status"),
    ]
}

/// Named more than once.
private enum ModelTitle {
    static let whole =
        "whatever is asked for and whatever processes do: one life at a time, one operation at a time, each answered once"
}

extension SupervisionRequirements {
    /// A1 is the first.
    static let acceptance: [Requirement] = [
        Requirement(
            "A console that nobody reads",
            "a blocked console holds up neither restarts nor the end, and what was not shown is counted exactly"),
        Requirement(
            "The exit code of each end of a run",
            "exec passes on how its command ended, a signal never as success, and names it",
            "until idle the first program that failed decides, by the same table",
            "a program that ends by the signal it was sent, or with its shell's code for that, was stopped and did not fail",
            "a program that fails decides with its own code, never 0; anything else that fails is 69",
            "the command's end decides, a signal as 128 and its number, and the cluster is taken down before the end",
            "what is not ready is 69, a time-out 124, a command that is not there 127, and the first reason stays",
            "an exit is said in words and as a shell's code"),
        Requirement(
            "How fast a dead child is back",
            limit: "A figure, not a test: Benchmarks/README.md says how it is measured."),
        Requirement(
            "kill -9 of the supervisor at 200 moments, and never two of one name",
            "kill -9 of the supervisor at any moment ends its whole cluster, and the next up works, with one of each",
            limit: "8 moments in every run, 200 with `JR_TEST_FULL=1`."),
        Requirement(
            "A grandchild that keeps the pipe, one that stays in the group, one that left it",
            "a grandchild that holds the pipe hides neither the exit nor the restart, and what is left of the group ends",
            "what ignores TERM is killed after its grace, with everything in its group, and all of a rank together",
            "what detached itself twice is reaped and ended, and the end of its parent is not held up"),
        Requirement(
            "Lines that are cut, long or strange, and exact numbers of what was lost",
            "half a line is shown after a moment with a mark, and does not hold up its neighbour",
            "nothing that a child prints acts on the terminal",
            "what the console could not take is counted to the line once it takes lines again",
            "lines that cannot be written are counted, and writing goes on when it can",
            limit: "How fast is a figure of Benchmarks."),
        Requirement(
            "A killed node is ready when all its jobs were taken over, and none is lost",
            "a node is recovering until it has taken over every job, and how many and how fast is said",
            "a node that is killed with 4 jobs running and 100 stored, under load, has them all when it is ready again",
            "one that has not taken over all jobs of its predecessor is not ready, though it says so",
            "B29, B38: killed with 1,000 jobs stored, scheduled and running, a node is replaced, and each job ends once"
        ),
        Requirement(
            "Drains and rolls under load, and the way back to the old executable",
            "rolls under a steady load lose nothing and fail nothing",
            "the first that does not come up goes back to the old executable, and the others are not touched",
            "a roll to a job file that does not compile stops at the first node and takes it back; the mended one rolls",
            "drain and resume of a real node: jobs go to the other one meanwhile, and what it holds stays"),
        Requirement(
            "A job that kills its node is set aside",
            "a job that kills its node three times is set aside as failed, and the node goes on with the others",
            "B36: a job in progress at three deaths in a row is failed as poison, and says so"),
        Requirement(
            "Each mistake in a manifest has its text, with line, column and how to mend it",
            "there are many kinds of them",
            "check refuses each with 78 and exactly its text, and so would up",
            "a wrong manifest is refused with exactly the text that mends it",
            "every cut of a good manifest is refused and never traps"),
        Requirement(
            "Ctrl-C on a terminal",
            "one Ctrl-C is one stop signal for each child, and never the terminal's own",
            "Ctrl-C three times, each with what it does: with time, TERM, KILL; then it is 130 and nothing is left",
            "the command of exec has the terminal: it reads, is stopped and resumed, gets Ctrl-C once, and gives it back"
        ),
        Requirement(
            "Large numbers of instances",
            "500 that die at once are 500 ends with their codes, and none is left unreaped",
            "with 100 instances at rest it does nothing at all, for as long as others work",
            limit: "1,000 instances are started by Benchmarks, not by a test."),
        Requirement(
            "The end of a run is not mistaken while a job is on its way",
            "a run until idle is not over while the only job left is on its way to a node that does not read",
            "jobs that hop between nodes while the answers are on their way are always noticed",
            "two rounds of the same answers are needed, and a change between them begins anew",
            "jobs that were enqueued and not waited for, and jobs for later, are run before it ends with 0"),
        Requirement(
            "Two runs at once on one machine, and every port is free afterwards",
            "three at once share nothing: each has its own code, and the port of the manifest is not touched",
            "exec gives the command the cluster, exits with its code, and leaves nothing behind"),
        Requirement(
            "The date jumps",
            "by an hour and by ten days, forward and back, at every reading, changes nothing that is decided"),
        Requirement(
            "Random operations and deaths against a reference, a million steps",
            ModelTitle.whole,
            "random events never leave a state that its pid or its timer contradicts",
            "random deaths under a roll: one at a time, each once, the rest untouched, and it ends",
            limit: "Some 20,000 steps in every run, a million with `JR_TEST_FULL=1`."),
        Requirement(
            "Who has the port is named",
            "a port in use is named with who has it",
            "a distributor whose port is taken is told with the name of who has it, exit 69"),
        Requirement(
            "Reload, its difference, and scaling by who is idle",
            "reload shows the difference, changes only what changed, and a wrong manifest or a bad value changes nothing",
            "those go that hold nothing for later, then the idle, then the highest number",
            "scale: more nodes take jobs at once; fewer go only when they hold none, and what they hold is said",
            "what is down goes first, then the idle, then the one that was not restarted for longest"),
        Requirement(
            "A supervisor that replaces itself while its children run on",
            "three times under load: no restart, the same processes, every line once and in order; then all works",
            "a new program that cannot go on is refused with its words, and all goes on",
            "a child that dies meanwhile is told, with how it ended",
            "a signal that comes meanwhile is not lost: the new program stops everything",
            "after a re-exec it says the same as the same process, and hears what its programs say as before",
            "a machine goes on as if nothing had been: deaths, waits, drains and stops"),
        Requirement(
            "A service of systemd as any other: it says when it is ready, reloads and stops, and it alone",
            "who runs it is told when all is ready, of a reload and its end, and that it stops; children are not told where",
            "each phase is told once, with a status; a reload with the time and an end"),
        Requirement(
            "Figures beside other supervisors, on demand",
            limit: "Figures, not a test: Benchmarks/README.md says how they are measured."),
    ]

    // MARK: The page

    static var all: [(id: String, requirement: Requirement)] {
        rules.enumerated().map { ("S\($0.offset + 1)", $0.element) }
            + acceptance.enumerated().map { ("A\($0.offset + 1)", $0.element) }
    }

    /// Made, never written by hand.
    static func markdown(_ tests: [Behaviours.NamedTest]) -> String {
        """
        # What is asked of the supervisor, and the tests that show it

        Rules of supervision that are easily got wrong, and what an acceptance of the whole looks at. Each is shown by tests,
        or it is said what is not shown. This page is made from `Tests/TidyTests/SupervisionRequirements.swift`:
        `JR_UPDATE_DOCS=1 swift test --filter TidyTests` makes it anew, and fails for a title that no test has.

        ## Rules

        \(table("S", rules, tests))
        ## Acceptance

        \(table("A", acceptance, tests))
        """
    }

    private static func table(
        _ letter: String, _ requirements: [Requirement], _ tests: [Behaviours.NamedTest]
    ) -> String {
        var text = "| Number | What is asked | Test | File |\n|---|---|---|---|\n"
        for (index, requirement) in requirements.enumerated() {
            var rows = requirement.tests.map { title in
                (title, tests.first { $0.name == title }?.path.dropFirst("Tests/".count) ?? "**none**")
            }
            if let limit = requirement.limit {
                rows.append((requirement.tests.isEmpty ? "*Not here: \(limit)*" : "*\(limit)*", ""))
            }
            for (row, (title, path)) in rows.enumerated() {
                let first = row == 0 ? "| \(letter)\(index + 1) | \(requirement.words) " : "| | "
                text += first + "| \(title.replacing("|", with: "\\|")) | \(path) |\n"
            }
        }
        return text
    }
}
