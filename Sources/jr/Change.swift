import JRBase
import JRCommandLine
import JRCore
import JRJSON
import JRSystem
import JRWire
import JobReactor

/// `jr cancel | retry | destroy`: changes of jobs, one after another, and what came of each.
enum Change {
    /// What happened, for people; the states are those of `docs/protocol.md`.
    static func text(_ state: String, status: String?) -> String {
        switch state {
        case "cancelled": "cancelled"
        case "cancelling": "is running: it was told to stop and ends as cancelled"
        case "ended": "had ended before: \(status ?? "its status is not known")"
        case "ready": "runs as soon as there is room"
        case "destroyed": "destroyed"
        case "destroying": "is running: it was told to stop and is forgotten when it ends"
        default: state
        }
    }

    static func jobs(_ verb: String, _ command: ParsedCommand, _ session: Session) -> Never {
        let ids = command.arguments
        let asJSON = command.flag("json")
        session.run { next(verb, ids[...], asJSON, 0, session) }
    }

    private static func next(
        _ verb: String, _ ids: ArraySlice<String>, _ asJSON: Bool, _ code: Int32, _ session: Session
    ) {
        guard let text = ids.first else { Console.exit(code) }
        let id = JobID(text: text)
        session.client.ask(verb, ["id": .bytes(id.bytes)]) { result in
            var code = code
            switch result {
            case .success(let answer):
                let state = answer.map?["state"]?.string ?? ""
                if asJSON {
                    var row = answer.map ?? [:]
                    row["id"] = .string(id.description)
                    Console.result(Value.map(row).json.text)
                } else {
                    Console.result("\(text): \(self.text(state, status: answer.map?["status"]?.string))")
                }
            case .failure(let error):
                code = 1
                if asJSON {
                    let row: Value = [
                        "id": .string(id.description), "error": .string(error.why), "code": .string("\(error.code)"),
                    ]
                    Console.result(row.json.text)
                } else {
                    Console.note("\(text): \(error.why)")
                }
            }
            next(verb, ids.dropFirst(), asJSON, code, session)
        }
    }

    /// What can be found wrong with `destroy` is said before anything is dialled, and what cannot be undone is asked.
    static func check(_ command: ParsedCommand) throws(UsageError) {
        guard let node = command.value("node") else {
            if command.arguments.isEmpty {
                throw UsageError(.other("name the jobs to destroy, or all of a node with --node"), verb: "destroy")
            }
            return
        }
        if !command.arguments.isEmpty {
            throw UsageError(.other("give ids or --node, not both"), verb: "destroy")
        }
        guard !command.flag("yes"), Standard.isTerminal(0) else { return }
        _ = Standard.write(
            Standard.error, "jr: destroy all jobs that node '\(node)' holds and does not run? [y/N] ")
        guard let line = readLine(), ["y", "yes"].contains(line.lowercased()) else {
            Console.note("nothing was destroyed")
            Console.exit(1)
        }
    }

    static func destroyAll(of node: String, _ command: ParsedCommand, _ session: Session) -> Never {
        let asJSON = command.flag("json")
        session.run {
            session.client.ask("destroy", ["node": .string(node)]) { result in
                switch result {
                case .success(let answer):
                    let count = answer.map?["destroyed"]?.int ?? 0
                    Console.result(
                        asJSON ? answer.json.text : "\(count) \(count == 1 ? "job" : "jobs") of '\(node)' destroyed")
                    Console.exit(0)
                case .failure(let error):
                    Console.note(error.why)
                    Console.exit(1)
                }
            }
        }
    }
}
