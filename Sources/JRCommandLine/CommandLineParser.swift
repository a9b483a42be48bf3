import JRBase

extension CommandLineSpec {
    /// Reads the arguments of a process without the program's own name, left to right. `environment` is looked in for
    /// options that are not given; an empty variable counts as none.
    ///
    /// `--opt value`, `--opt=value`, `-o value`, `-ovalue` and, for flags, `-ab` are understood; `--` ends the options.
    public func parse(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws(UsageError) -> Invocation {
        var parser = CommandLineParser(spec: self, environment: environment)
        return try parser.parse(arguments)
    }
}

private struct CommandLineParser {
    let spec: CommandLineSpec
    let environment: [String: String]
    var verb: VerbSpec?
    var given: [String: ParsedCommand.Given] = [:]
    var arguments: [String] = []
    var remainder: [String] = []
    var answer: String?

    init(spec: CommandLineSpec, environment: [String: String]) {
        self.spec = spec
        self.environment = environment
    }

    mutating func parse(_ words: [String]) throws(UsageError) -> Invocation {
        var rest = words[...]
        while let word = rest.popFirst() {
            if word == "--" {
                try takeRemainder(rest)
                break
            } else if word.hasPrefix("--") {
                try takeLong(word.dropFirst(2), &rest)
            } else if word.hasPrefix("-"), word != "-" {
                try takeShort(word, &rest)
            } else {
                try takePlain(word, rest.first)
            }
            if let answer { return .answer(answer) }
        }
        try checkArguments()
        try readEnvironment()
        return .command(
            ParsedCommand(
                verb: verb?.name, arguments: arguments, remainder: remainder, specs: spec.options(with: verb),
                given: given))
    }

    private mutating func takePlain(_ word: String, _ next: String?) throws(UsageError) {
        guard !spec.verbs.isEmpty, verb == nil else {
            arguments.append(word)
            return
        }
        if let found = spec.verb(named: word) {
            verb = found
        } else if word == "help" {
            answer = spec.helpText(for: next.flatMap(spec.verb(named:)))
        } else {
            throw failure(.unknownVerb(word))
        }
    }

    private mutating func takeRemainder(_ rest: ArraySlice<String>) throws(UsageError) {
        if verb?.remainder != nil {
            remainder = Array(rest)
        } else if verb == nil, !spec.verbs.isEmpty, !rest.isEmpty {
            throw failure(.missingVerb)
        } else {
            arguments += rest
        }
    }

    private mutating func takeLong(_ word: Substring, _ rest: inout ArraySlice<String>) throws(UsageError) {
        let name = word.prefix { $0 != "=" }
        let value = name.endIndex < word.endIndex ? String(word[word.index(after: name.endIndex)...]) : nil
        guard let option = spec.options(with: verb).first(where: { $0.name == name }) else {
            throw failure(.unknownOption("--\(name)"))
        }
        try take(option, written: "--\(name)", attached: value, &rest)
    }

    private mutating func takeShort(_ word: String, _ rest: inout ArraySlice<String>) throws(UsageError) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            let written = "-\(letter)"
            guard let option = spec.options(with: verb).first(where: { $0.short == letter }) else {
                throw failure(.unknownOption(written))
            }
            if option.valueName != nil {
                if letters.first == "=" { letters.removeFirst() }
                let value = letters.isEmpty ? nil : String(letters)
                return try take(option, written: written, attached: value, &rest)
            }
            if letters.first == "=" {
                throw failure(.valueForFlag(option: written, value: String(letters.dropFirst())))
            }
            try take(option, written: written, attached: nil, &rest)
        }
    }

    private mutating func take(
        _ option: OptionSpec, written: String, attached: String?, _ rest: inout ArraySlice<String>
    ) throws(UsageError) {
        guard let valueName = option.valueName else {
            if let attached { throw failure(.valueForFlag(option: written, value: attached)) }
            given[option.name] = ParsedCommand.Given(values: [], origin: written)
            answer = answer ?? answerToBuiltIn(option.name)
            return
        }
        let value: String
        if let attached {
            value = attached
        } else if let next = rest.first {
            guard !Self.looksLikeOption(next) else {
                throw failure(.optionInsteadOfValue(option: written, found: next))
            }
            value = next
            rest.removeFirst()
        } else {
            throw failure(.missingValue(option: written, valueName: valueName))
        }
        try check(value, written, option.choices)
        guard option.isRepeatable || given[option.name] == nil else { throw failure(.repeatedOption(written)) }
        given[option.name, default: ParsedCommand.Given(values: [], origin: written)].values.append(value)
        if option.name == "completion", let shell = Shell(rawValue: value) { answer = spec.completions(for: shell) }
    }

    private func answerToBuiltIn(_ name: String) -> String? {
        switch name {
        case "help": spec.helpText(for: verb)
        case "version": "\(spec.program) \(spec.version)\n"
        case "manual": spec.manualPage()
        default: nil
        }
    }

    /// A dash and more, but not a negative number: taken for a value, a mistyped command would do something else.
    private static func looksLikeOption(_ word: String) -> Bool {
        word.hasPrefix("-") && word != "-" && Double(word) == nil
    }

    private func check(_ value: String, _ name: String, _ choices: [String]) throws(UsageError) {
        if !choices.isEmpty, !choices.contains(value) {
            throw failure(.notAChoice(value, name: name, choices: choices))
        }
    }

    /// Gives each argument of the table its share from the left, leaving enough for the required ones after it.
    private func checkArguments() throws(UsageError) {
        guard verb != nil || spec.verbs.isEmpty else { throw failure(.missingVerb) }
        let table = spec.arguments(of: verb)
        var rest = arguments[...]
        for (place, argument) in table.enumerated() {
            let neededLater = table[(place + 1)...].reduce(0) { $0 + $1.count.lowerBound }
            let share = min(argument.count.upperBound, max(rest.count - neededLater, argument.count.lowerBound))
            guard rest.count >= share else { throw failure(.missingArgument(argument.name)) }
            for value in rest.prefix(share) { try check(value, argument.name, argument.choices) }
            rest = rest.dropFirst(share)
        }
        if let extra = rest.first { throw failure(.extraArgument(extra)) }
        if let command = verb?.remainder, remainder.count < command.count.lowerBound {
            throw failure(.missingArgument("-- \(command.name)"))
        }
    }

    private mutating func readEnvironment() throws(UsageError) {
        for option in spec.options(with: verb) where option.setting == nil {
            guard given[option.name] == nil, let variable = option.environment, let value = environment[variable],
                !value.isEmpty
            else { continue }
            if option.valueName != nil {
                try check(value, variable, option.choices)
                given[option.name] = ParsedCommand.Given(values: [value], origin: variable)
            } else if ["1", "true", "yes"].contains(value.lowercased()) {
                given[option.name] = ParsedCommand.Given(values: [], origin: variable)
            } else if !["0", "false", "no"].contains(value.lowercased()) {
                throw failure(.notAChoice(value, name: variable, choices: ["1", "0", "true", "false", "yes", "no"]))
            }
        }
    }

    private func failure(_ fact: UsageError.Fact) -> UsageError { UsageError(fact, verb: verb?.name) }
}
