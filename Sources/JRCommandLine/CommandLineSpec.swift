public import JRSettings

/// Everything about a program's command line in one table: the parser, the help, the completions and the manual page
/// are made from it, so that they cannot disagree.
///
/// Each program answers by itself to `--help` (`-h`), `--version`, `--completion SHELL` and `--manual`; a table must
/// not have options of these names.
public struct CommandLineSpec: Sendable {
    public var program: String
    public var version: String
    /// One sentence without a full stop.
    public var summary: String
    /// What the program does if it has verbs. A program without verbs has arguments and options only.
    public var verbs: [VerbSpec]
    /// Of a program without verbs.
    public var arguments: [ArgumentSpec]
    /// These may stand before and after the verb.
    public var options: [OptionSpec]
    /// Paragraphs at the end of the help. Lines that begin with a space, such as examples, are kept as they are.
    public var details: String

    public init(
        program: String, version: String, summary: String, verbs: [VerbSpec] = [], arguments: [ArgumentSpec] = [],
        options: [OptionSpec] = [], details: String = ""
    ) {
        self.program = program
        self.version = version
        self.summary = summary
        self.verbs = verbs
        self.arguments = arguments
        self.options = options
        self.details = details
    }

    public func verb(named name: String) -> VerbSpec? { verbs.first { $0.name == name } }
}

/// One thing that a program can be told to do: `enqueue` in `jr enqueue`.
public struct VerbSpec: Sendable {
    public var name: String
    /// One sentence without a full stop.
    public var summary: String
    public var arguments: [ArgumentSpec]
    /// What follows `--` and is passed on as it is: a command. Without it, `--` only ends the options.
    public var remainder: ArgumentSpec?
    public var options: [OptionSpec]
    /// As of the whole program: paragraphs, and examples in lines that begin with a space.
    public var details: String

    public init(
        _ name: String, _ summary: String, arguments: [ArgumentSpec] = [], remainder: ArgumentSpec? = nil,
        options: [OptionSpec] = [], details: String = ""
    ) {
        self.name = name
        self.summary = summary
        self.arguments = arguments
        self.remainder = remainder
        self.options = options
        self.details = details
    }
}

/// An argument that is told by its place.
public struct ArgumentSpec: Sendable {
    /// As the help shows it: `NAME`.
    public var name: String
    public var help: String
    /// How many may be given.
    public var count: ClosedRange<Int>
    /// The only values it may have; empty if any.
    public var choices: [String]

    public init(_ name: String, _ help: String, count: ClosedRange<Int>, choices: [String] = []) {
        self.name = name
        self.help = help
        self.count = count
        self.choices = choices
    }

    public static func required(_ name: String, _ help: String, choices: [String] = []) -> ArgumentSpec {
        ArgumentSpec(name, help, count: 1...1, choices: choices)
    }

    public static func optional(_ name: String, _ help: String, choices: [String] = []) -> ArgumentSpec {
        ArgumentSpec(name, help, count: 0...1, choices: choices)
    }

    /// Any number of them; only the last argument can be this.
    public static func repeated(_ name: String, _ help: String, atLeast minimum: Int = 0) -> ArgumentSpec {
        ArgumentSpec(name, help, count: minimum...Int.max)
    }

    /// `NAME`, `[NAME]`, `NAME...` or `[NAME...]`.
    var usage: String {
        let many = count.upperBound > 1 ? name + "..." : name
        return count.lowerBound == 0 ? "[\(many)]" : many
    }
}

/// An option: `--count N`, `-n N`, or without a value `--json`.
public struct OptionSpec: Sendable {
    /// Without the dashes.
    public var name: String
    public var short: Character?
    /// What stands for the value in the help (`N`); nil for a flag.
    public var valueName: String?
    public var isRepeatable: Bool
    public var help: String
    /// What holds when the option is not given, as the help says it.
    public var defaultText: String?
    /// The environment variable that is read when the option is not given.
    public var environment: String?
    /// The only values it may have; empty if any.
    public var choices: [String]
    /// The setting whose option this is. Its value in the environment is read with all settings, and not by the parser.
    public var setting: Setting?

    /// An option without a value.
    public static func flag(
        _ name: String, short: Character? = nil, _ help: String, environment: String? = nil
    ) -> OptionSpec {
        OptionSpec(
            name: name, short: short, valueName: nil, isRepeatable: false, help: help, defaultText: nil,
            environment: environment, choices: [])
    }

    /// An option with a value, shown as `--name VALUE`.
    public static func option(
        _ name: String, short: Character? = nil, value: String, _ help: String, default defaultText: String? = nil,
        environment: String? = nil, choices: [String] = [], isRepeatable: Bool = false
    ) -> OptionSpec {
        OptionSpec(
            name: name, short: short, valueName: value, isRepeatable: isRepeatable, help: help,
            defaultText: defaultText, environment: environment, choices: choices)
    }
}

extension CommandLineSpec {
    static let help = OptionSpec.flag("help", short: "h", "Show this help and exit")
    /// What every program answers by itself.
    static let builtIn: [OptionSpec] = [
        help,
        .flag("version", "Show the version and exit"),
        .option(
            "completion", value: "SHELL", "Print a completion script and exit",
            choices: Shell.allCases.map(\.rawValue)),
        .flag("manual", "Print the manual page (roff) and exit"),
    ]

    /// The options that are understood with this verb, or before any.
    func options(with verb: VerbSpec?) -> [OptionSpec] { (verb?.options ?? []) + options + Self.builtIn }

    func arguments(of verb: VerbSpec?) -> [ArgumentSpec] { verb?.arguments ?? arguments }

    /// `jr` or `jr enqueue`.
    func invocation(of verb: String?) -> String { verb.map { "\(program) \($0)" } ?? program }
}
