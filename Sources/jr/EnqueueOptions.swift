import JRBase
import JRCommandLine
import JRJSON
import JRSystem
import JRWire
import JobReactor

/// From the command line of `jr enqueue` to a job.
enum EnqueueOptions {
    static func arguments(_ command: ParsedCommand) throws(UsageError) -> JobArguments {
        var arguments = JobArguments()
        if let text = command.value("args") { arguments.merge(try read(Array(text.utf8), "--args")) }
        if let path = command.value("args-file") {
            do throws(SystemError) {
                let bytes = try Files.read(path, limit: Limits.argumentBytes)
                arguments.merge(try parse(bytes, "--args-file \(path)", command))
            } catch {
                throw UsageError(.other("--args-file: \(error)"), verb: command.verb)
            }
        }
        for pair in command.arguments.dropFirst() {
            guard let equals = pair.firstIndex(of: "="), equals != pair.startIndex else {
                throw UsageError(
                    .badValue(pair, name: "KEY=VALUE", expected: "KEY=text or KEY:=JSON"), verb: command.verb)
            }
            let value = String(pair[pair.index(after: equals)...])
            if pair[pair.index(before: equals)] == ":" {
                let key = String(pair[..<pair.index(before: equals)])
                guard let json = try? JSON(parsing: value) else {
                    throw UsageError(.badValue(value, name: "\(key):=", expected: "a JSON value"), verb: command.verb)
                }
                arguments[key] = Value(json: json)
            } else {
                arguments[String(pair[..<equals])] = .string(value)
            }
        }
        return arguments
    }

    static func options(_ command: ParsedCommand, now: WallTime) throws(UsageError) -> JobOptions {
        var options = JobOptions()
        if let after = try command.value("after", Durations.parse) {
            if command.value("run-at") != nil {
                throw UsageError(.other("--after and --run-at exclude each other: give one"), verb: command.verb)
            }
            if after < .zero {
                throw UsageError(
                    .badValue("\(after)", name: "--after", expected: "a time of 0 or more"), verb: command.verb)
            }
            if after > .zero {
                options.delay = after
                options.due = now + after
            }
        }
        if let date = try command.value("run-at", Dates.parse), date > now { options.due = date }
        options.period = try command.value("period", Durations.parse)
        options.isDeferred = command.flag("defer")
        options.placement = Placement(
            preferred: command.values("node"), isStrict: command.flag("strict"), excluded: command.values("not-node"))
        options.maxAttempts = try command.value("max-attempts") { text throws(ValueError) in
            try Integers.parse(text, in: 1...1_000_000)
        }
        return options
    }

    private static func read(_ bytes: [UInt8], _ place: String) throws(UsageError) -> JobArguments {
        do throws(JSONError) {
            return try JobArguments(json: bytes)
        } catch {
            throw UsageError(.other("\(place): \(error)"), verb: "enqueue")
        }
    }

    private static func parse(_ bytes: [UInt8], _ place: String, _ command: ParsedCommand) throws(SystemError)
        -> JobArguments
    {
        do throws(UsageError) {
            return try read(bytes, place)
        } catch {
            Console.note(Spec.jr.text(for: error))
            Console.exit(65)
        }
    }
}
