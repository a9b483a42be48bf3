public import JRBase

/// What a command line asks for.
public enum Invocation: Sendable {
    case command(ParsedCommand)
    /// Help, version or the like: the text goes to standard output, and the program ends with ``ExitCode/ok``.
    case answer(String)
}

/// A command line that was found right: its verb, options and arguments.
///
/// Options are asked for by their long names; asking for one that the table does not have is a bug and traps.
public struct ParsedCommand: Sendable {
    /// Nil if the program has no verbs.
    public let verb: String?
    public let arguments: [String]
    /// What followed `--`, if the verb takes a command and one was given.
    public let remainder: [String]

    let specs: [OptionSpec]
    let given: [String: Given]

    /// The values of an option; `origin` is what to name in an error about them.
    struct Given {
        var values: [String]
        var origin: String
    }

    public func flag(_ name: String) -> Bool {
        require(name)
        return given[name] != nil
    }

    /// The value from the command line, else from the option's environment variable, else nil.
    public func value(_ name: String) -> String? { values(name).last }

    /// All values of a repeatable option, in their order.
    public func values(_ name: String) -> [String] {
        require(name)
        return given[name]?.values ?? []
    }

    /// A value read by one of `Durations.parse`, `Sizes.parse`, `Dates.parse` or `Integers.parse`; what they refuse
    /// becomes a usage error that names the option.
    public func value<Value>(
        _ name: String, _ read: (String) throws(ValueError) -> Value
    ) throws(UsageError) -> Value? {
        guard let text = value(name) else { return nil }
        do {
            return try read(text)
        } catch {
            throw UsageError(
                .badValue(error.text, name: given[name]?.origin ?? name, expected: error.expected), verb: verb)
        }
    }

    /// The argument at a place; nil if fewer were given.
    public func argument(_ place: Int) -> String? {
        arguments.indices.contains(place) ? arguments[place] : nil
    }

    private func require(_ name: String) {
        precondition(
            specs.contains { $0.name == name }, "no option '\(name)' in the table of \(verb ?? "this program")")
    }
}
