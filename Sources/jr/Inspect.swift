import JRBase
import JRCommandLine
import JRJSON
import JRSystem
import JRWire
import JobReactor

/// `jr list | show | nodes | stats`: questions, and their answers as tables or JSON.
enum Inspect {
    static func list(_ command: ParsedCommand, _ session: Session) throws(UsageError) -> Never {
        var parameters: [String: Value] = [:]
        if let node = command.value("node") { parameters["node"] = .string(node) }
        if let status = command.value("status") { parameters["status"] = .string(status) }
        if !command.flag("all") { parameters["ended"] = false }
        let limit = try command.value("limit") { text throws(ValueError) in try Integers.parse(text, in: 1...1_000_000)
        }
        parameters["limit"] = .int(Int64(limit ?? 1_000))
        let asJSON = command.flag("json")
        session.ask("list", parameters) { answer in
            let rows = (answer.array ?? []).compactMap(\.map)
            if asJSON {
                for row in rows { Console.result(json(row).text) }
                return 0
            }
            var table = Table([
                .init("ID"), .init("NAME", shrinksTo: 8), .init("STATUS"), .init("ATTEMPT", .right), .init("NODE"),
                .init("DUE"), .init("NOTE", shrinksTo: 10),
            ])
            for row in rows {
                table.append([
                    row["id"]?.string ?? "", row["name"]?.string ?? "", row["status"]?.string ?? "",
                    "\(row["attempt"]?.int ?? 0)", row["node"]?.string ?? "-",
                    row["due"]?.date.map(Dates.format) ?? "-",
                    Terminal.escape(row["last_error"]?.string ?? row["waiting"]?.string ?? ""),
                ])
            }
            printTable(table, empty: "no jobs")
            return 0
        }
    }

    static func show(_ command: ParsedCommand, _ session: Session) -> Never {
        let text = command.argument(0) ?? ""
        let asJSON = command.flag("json")
        session.ask("show", ["id": .bytes(JobID(text: text).bytes)]) { answer in
            guard let row = answer.map else {
                Console.note(
                    "no job '\(text)' is held by a connected node or the distributor: jobs that are done are removed, "
                        + "and a node that is down cannot answer (see 'jr nodes')")
                return 1
            }
            if asJSON {
                Console.result(json(row).text)
                return 0
            }
            for member in json(row).object?.members ?? JSONObject().members {
                let value = member.value.string ?? member.value.text
                Console.result("\(member.key): \(Terminal.escape(value))")
            }
            return 0
        }
    }

    static func nodes(_ command: ParsedCommand, _ session: Session) -> Never {
        let asJSON = command.flag("json")
        session.ask("nodes", [:]) { answer in
            let rows = (answer.array ?? []).compactMap(\.map)
            if asJSON {
                for row in rows { Console.result(json(row).text) }
                return 0
            }
            var table = Table([
                .init("NODE"), .init("STATE"), .init("HELD", .right), .init("CREDIT", .right), .init("STORED"),
                .init("JOBS", shrinksTo: 10),
            ])
            for row in rows {
                table.append([
                    row["name"]?.string ?? "", row["state"]?.string ?? "", "\(row["held"]?.int ?? 0)",
                    "\(row["credit"]?.int ?? 0)", row["promise"]?.string ?? "",
                    (row["jobs"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
                ])
            }
            printTable(table, empty: "no node is connected")
            return 0
        }
    }

    static func stats(_ command: ParsedCommand, _ session: Session) -> Never {
        let asJSON = command.flag("json")
        session.ask("stats", [:]) { answer in
            if asJSON {
                Console.result(answer.json.text)
                return 0
            }
            let distributor = answer.map?["distributor"]?.map ?? [:]
            let counts = distributor.keys.sorted().filter { $0 != "name" }
                .map { "\($0) \(distributor[$0]?.json.text ?? "")" }
            Console.result("distributor \(distributor["name"]?.string ?? ""): " + counts.joined(separator: ", "))
            for node in (answer.map?["nodes"]?.array ?? []).compactMap(\.map) {
                let counts = node.keys.sorted().filter { $0 != "name" && $0 != "promise" }
                    .map { "\($0) \(node[$0]?.json.text ?? "")" }
                Console.result("node \(node["name"]?.string ?? ""): " + counts.joined(separator: ", "))
            }
            return 0
        }
    }

    /// A row for JSON: the arguments are decoded.
    private static func json(_ row: [String: Value]) -> JSON {
        var row = row
        if let bytes = row["arguments"]?.bytes { row["arguments"] = .map(JobArguments(encoded: bytes).values) }
        return Value.map(row).json
    }

    private static func printTable(_ table: Table, empty: String) {
        let isTerminal = Standard.isTerminal(Standard.output)
        let style = Style(isTerminal: isTerminal, environment: SystemProgram.environment)
        let text = table.rows.isEmpty ? empty : table.text(width: isTerminal ? Standard.terminalWidth() : nil, style)
        Console.result(text.hasSuffix("\n") ? String(text.dropLast()) : text)
    }
}
