extension CommandLineSpec {
    /// The manual page in roff (`man` macros), for section 1.
    public func manualPage() -> String {
        var page = ".TH \(Roff.escape(program.uppercased())) 1 \"\" \"\(Roff.escape("\(program) \(version)"))\"\n"
        page += ".SH NAME\n\(Roff.escape(program)) \\- \(Roff.escape(summary))\n"
        page += ".SH SYNOPSIS\n"
        if verbs.isEmpty { page += Roff.line(usage(of: nil)) }
        for verb in verbs { page += Roff.line(usage(of: verb)) + ".br\n" }
        if !verbs.isEmpty { page += ".SH VERBS\n" }
        for verb in verbs {
            page += ".SS \(Roff.escape(verb.name))\n" + Roff.line(Text.sentence(verb.summary))
            page += Self.entries(verb.arguments + (verb.remainder.map { [$0] } ?? [])) + Self.entries(verb.options)
            page += Roff.paragraphs(verb.details)
        }
        if !arguments.isEmpty { page += ".SH ARGUMENTS\n" + Self.entries(arguments) }
        page += ".SH OPTIONS\n" + Self.entries(options + Self.builtIn)
        page += environmentSection()
        if !details.isEmpty { page += ".SH NOTES\n" + Roff.paragraphs(details) }
        page += ".SH EXIT STATUS\n"
        for code in ExitCode.allCases { page += Roff.entry("\(code.rawValue)", code.meaning) }
        return page
    }

    private func environmentSection() -> String {
        var entries: [(variable: String, option: String)] = []
        for option in options + verbs.flatMap(\.options) {
            guard let variable = option.environment, !entries.contains(where: { $0.variable == variable }) else {
                continue
            }
            entries.append((variable, option.name))
        }
        guard !entries.isEmpty else { return "" }
        return ".SH ENVIRONMENT\n"
            + entries.map { Roff.entry($0.variable, "Read when --\($0.option) is not given.") }.joined()
    }

    private static func entries(_ options: [OptionSpec]) -> String {
        options.map { Roff.entry($0.usage.trimmedLeft, Text.sentence($0.fullHelp)) }.joined()
    }

    private static func entries(_ arguments: [ArgumentSpec]) -> String {
        arguments.map { Roff.entry($0.name, Text.sentence($0.help + notes(choices: $0.choices))) }.joined()
    }
}

private enum Roff {
    static func line(_ text: String) -> String { escape(text) + "\n" }

    static func entry(_ name: String, _ help: String) -> String {
        ".TP\n\\fB\(escape(name))\\fR\n\(escape(help))\n"
    }

    /// Each line is a paragraph, but those that begin with a space stand together and as they are.
    static func paragraphs(_ text: String) -> String {
        var page = ""
        var isExample = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix(" ") != isExample {
                page += isExample ? ".fi\n" : ".PP\n.nf\n"
                isExample.toggle()
            }
            page += (isExample ? "" : ".PP\n") + escape(String(line)) + "\n"
        }
        return page + (isExample ? ".fi\n" : "")
    }

    /// A dash as it is typed, and no character that begins a request or an escape.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\e"
            case "-": escaped += "\\-"
            case "\"": escaped += "\\(dq"
            default:
                // Not every troff reads UTF-8; all know a character by its number.
                for scalar in character.unicodeScalars {
                    escaped += scalar.isASCII ? String(scalar) : "\\[u\(hexadecimal(scalar.value))]"
                }
            }
        }
        return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
    }
}

extension Roff {
    /// `2026`: at least four digits, in capitals.
    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}

extension String {
    fileprivate var trimmedLeft: String { String(drop { $0 == " " }) }
}
