import Foundation

/// What the system promises, by number, and the tests that say they hold it to that: those with the number in their
/// display name.
enum Behaviours {
    static let page = "docs/behaviours.md"

    /// A test as its declaration names it.
    struct NamedTest: Equatable {
        let path: String
        let line: Int
        let name: String

        /// `B12` is number 12.
        var numbers: [Int] {
            name.matches(of: /\bB([0-9]+)\b/).compactMap { Int($0.output.1) }
        }
    }

    /// The tests of a file that have a display name.
    static func tests(in file: SourceFile) -> [NamedTest] {
        file.code.indices(containing: "@Test(").compactMap { index in
            // Long names stand on the line after.
            for line in file.lines[index...].prefix(2) {
                guard let match = line.firstMatch(of: /"((?:[^"\\]|\\.)*)"/) else { continue }
                return NamedTest(path: file.path, line: index + 1, name: String(match.output.1))
            }
            return nil
        }
    }

    /// The page: made, never written by hand.
    static func markdown(_ tests: [NamedTest]) -> String {
        var text = """
            # What is promised, and the tests that hold it to that

            Every promise has a number, and tests with that number in their names. This page is made from these names:
            `JR_UPDATE_DOCS=1 swift test --filter TidyTests` makes it anew.

            | Number | Promise | Test | File |
            |---|---|---|---|

            """
        for (index, words) in all.enumerated() {
            let own = tests.filter { $0.numbers.contains(index + 1) }
            let rows = own.isEmpty ? [("**none**", "")] : own.map { ($0.name, $0.path.dropFirst("Tests/".count)) }
            for (row, (name, path)) in rows.enumerated() {
                let first = row == 0 ? "| B\(index + 1) | \(words) " : "| | "
                text += first + "| \(name.replacing("|", with: "\\|")) | \(path) |\n"
            }
        }
        return text
    }

    /// B1 is the first.
    static let all = [
        "`JR.run` starts the reactor beside the caller, `runForever` on the caller's thread",
        "`JR.isReady` and `JR.ready()` tell when everything listens or is connected",
        "A distributor has an address, a port that can be read back, and one to advertise",
        "A node has a name, storage and distributors; several of both may share a process and a reactor",
        "A node and a distributor share one connection, whoever dialled, and dial again for ever",
        "A stop takes no more jobs and lets running ones end within a limit",
        "Jobs, callbacks and errbacks are defined by closures, in the order in which they run",
        "Jobs are defined by types as well, in the same registry and on the same wire",
        "A body runs in a turn, awaits, runs on the pool, or is a program; heavy work need not stop the reactor",
        "A node loads its job directory: Swift files, compiled once, and executable files",
        "A job reaches the reactor: timers, connections, further enqueues",
        "Arguments are named values of ten kinds; anything Codable goes in and comes out",
        "Callbacks run in order with what was changed before them; a throw ends the chain and runs the errbacks",
        "Errbacks see the arguments as before the attempt, and the error; they run after each failure",
        "What errbacks add stays; an errback that throws ends them and the job goes on",
        "The error of an earlier attempt is no part of a later success, but stays readable",
        "`mergeJobItselfToArgs` shows a job its own facts; a context has them anyway",
        "An enqueue takes delay, time, period, placement, key, attempts and retry, by name or typed",
        "An enqueue answers with the id at once; `accepted` waits until the job is stored",
        "A due time is absolute; one that has passed is now",
        "A periodic job runs a period after its last end, with its own state, through failures too",
        "A job that no node knows waits in sight until one does",
        "Any thread may enqueue, a thousand at once, and nothing is lost",
        "Wrong options are thrown at the call",
        "The least loaded free node gets a job; equal nodes share equally",
        "A named node is preferred, or waited for where that is asked",
        "An excluded node never gets the job",
        "Without a node jobs wait in order, at no cost, in sight and within limits",
        "When a node goes, what it had not stored goes elsewhere; what it had runs when it is back, on Redis elsewhere too",
        "Nodes and distributors come and go at any time",
        "Seven statuses, and one table of the moves between them",
        "A job is stored at each step of its life, with every field",
        "A failed job is tried again, later each time, until its attempts are used up",
        "A job is cancelled from inside or from outside, at any time of its life",
        "Which ended jobs are kept, and whether old ones are taken up, are settings",
        "A node takes its unfinished jobs up again; one that kills it again and again is set aside",
        "Feedback carries the arguments with all that was added, or the error after the last attempt",
        "Feedback comes once, across broken connections and restarts",
        "A feedback closure harms nobody, and is let go when it is no longer needed",
        "One interface of storage and one suite for all kinds of it",
        "The jobs of a node can be listed, shown and destroyed, from code and the command line",
        "A node whose storage fails takes nothing, says so, and heals when it can",
        "Names are whole: no node sees the jobs of one whose name contains its own",
        "One table of settings, from code, environment, options and manifests",
        "Logs are structured, go where one likes, and are silent about arguments",
        "Nothing polls: one timer, however many jobs wait",
    ]
}
