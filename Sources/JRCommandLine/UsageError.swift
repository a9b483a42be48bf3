import JRBase
public import JRSettings

/// What is wrong with a command line, as facts; ``CommandLineSpec/text(for:)`` says it to people.
public struct UsageError: Error, Sendable, Equatable {
    public enum Fact: Sendable, Equatable {
        case missingVerb
        case unknownVerb(String)
        /// The option as it was written, with its dashes.
        case unknownOption(String)
        case missingValue(option: String, valueName: String)
        /// An option's value is missing because what follows looks like an option.
        case optionInsteadOfValue(option: String, found: String)
        case valueForFlag(option: String, value: String)
        case repeatedOption(String)
        case missingArgument(String)
        case extraArgument(String)
        case extraCommand
        /// `name` is an option, an argument or an environment variable.
        case badValue(String, name: String, expected: String)
        case notAChoice(String, name: String, choices: [String])
        /// All that is wrong with settings, at least one.
        case settings([SettingError])
        /// Anything else that only the program can know: a whole sentence without a full stop.
        case other(String)
    }

    public let fact: Fact
    /// The verb that was being read.
    public let verb: String?

    public init(_ fact: Fact, verb: String?) {
        self.fact = fact
        self.verb = verb
    }
}

extension CommandLineSpec {
    /// The error in one line (for settings: one each), with the nearest right word and where to read more. To go to
    /// standard error; the program ends with ``ExitCode/usage``.
    public func text(for error: UsageError) -> String {
        if case .settings(let problems) = error.fact {
            let lines = problems.map { "\(program): \($0)" } + ["See '\(invocation(of: error.verb)) --help'."]
            return lines.joined(separator: "\n")
        }
        let (what, hint) = explain(error)
        let hints = [hint, "See '\(invocation(of: error.verb)) --help'."].compactMap(\.self)
        return "\(program): \(what). " + hints.joined(separator: " ")
    }

    private func explain(_ error: UsageError) -> (what: String, hint: String?) {
        func shown(_ text: String) -> String { "'\(Terminal.escape(text))'" }
        switch error.fact {
        case .missingVerb:
            return ("a verb is missing", "Verbs: \(verbs.map(\.name).joined(separator: ", ")).")
        case .unknownVerb(let name):
            return ("unknown verb \(shown(name))", suggestion(name, among: verbs.map(\.name)))
        case .unknownOption(let option):
            let place = error.verb.map { " for '\($0)'" } ?? ""
            return ("unknown option \(shown(option))\(place)", suggestion(forOption: option, verb: error.verb))
        case .missingValue(let option, let valueName):
            return ("option '\(option)' needs a value", "Write '\(option) \(valueName)'.")
        case .optionInsteadOfValue(let option, let found):
            return (
                "option '\(option)' needs a value, but is followed by \(shown(found))",
                "A value that begins with '-' is written as '\(option)=\(Terminal.escape(found))'."
            )
        case .valueForFlag(let option, let value):
            return ("option '\(option)' takes no value, but is given \(shown(value))", nil)
        case .repeatedOption(let option):
            return ("option '\(option)' is given twice", "It can have one value only.")
        case .missingArgument(let name):
            return ("\(name) is missing", "Usage: '\(usage(of: error.verb.flatMap(verb(named:))))'.")
        case .extraArgument(let argument):
            return (
                "unexpected argument \(shown(argument))", "Usage: '\(usage(of: error.verb.flatMap(verb(named:))))'."
            )
        case .extraCommand:
            return ("there is a command after '--', but none is run here", nil)
        case .badValue(let text, let name, let expected):
            return ("\(name): \(shown(text)) is not \(expected)", nil)
        case .notAChoice(let text, let name, let choices):
            let allowed = "Allowed: \(choices.joined(separator: ", "))."
            let hints = [suggestion(text, among: choices), allowed].compactMap(\.self)
            return ("\(name): \(shown(text)) is not allowed", hints.joined(separator: " "))
        case .settings(let problems):
            return (problems.map(\.description).joined(separator: "; "), nil)
        case .other(let sentence):
            return (sentence, nil)
        }
    }

    private func suggestion(_ word: String, among candidates: [String]) -> String? {
        Names.nearest(to: word, among: candidates).map { "Did you mean '\($0)'?" }
    }

    private func suggestion(forOption option: String, verb name: String?) -> String? {
        let current = name.flatMap(verb(named:))
        let candidates = options(with: current).map { "--\($0.name)" }
        if name == nil {
            let owners = verbs.filter { $0.options.contains { "--\($0.name)" == option } }.map(\.name)
            if !owners.isEmpty { return "It belongs after the verb: \(owners.joined(separator: ", "))." }
        }
        // One letter says too little to guess from.
        return option.hasPrefix("--") ? suggestion(option, among: candidates) : nil
    }
}
