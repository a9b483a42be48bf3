extension CommandLineSpec {
    /// The help of the program, or of one of its verbs, wrapped to `width` columns, with a line break at the end.
    public func helpText(for verb: VerbSpec? = nil, width: Int = 80) -> String {
        var text = "Usage: \(usage(of: verb))\n\n"
        text += Text.wrap(Text.sentence(verb?.summary ?? summary), width: width, indent: 0) + "\n"
        if verb == nil {
            text += section("Verbs", verbs.map { ($0.name, $0.summary) }, width: width)
        }
        text += section("Arguments", argumentRows(verb), width: width)
        if let verb {
            text += section("Options", Self.rows(verb.options), width: width)
            text += section("Options of every verb", Self.rows(options + [Self.help]), width: width)
        } else {
            text += section("Options", Self.rows(options + Self.builtIn), width: width)
        }
        let details = verb?.details ?? details
        if !details.isEmpty { text += "\n" + Text.wrapParagraphs(details, width: width) + "\n" }
        if verb == nil, !verbs.isEmpty {
            text += "\nSee '\(program) VERB --help' for what a verb takes.\n"
        }
        return text
    }

    /// How the program or verb is called, in one line: `jr enqueue [OPTIONS] NAME [KEY=VALUE...]`.
    func usage(of verb: VerbSpec?) -> String {
        var words = [invocation(of: verb?.name), "[OPTIONS]"]
        if verb == nil, !verbs.isEmpty { words.append("VERB ...") }
        words += arguments(of: verb).map(\.usage)
        if let command = verb?.remainder {
            words.append(command.count.lowerBound == 0 ? "[-- \(command.name)...]" : "-- \(command.name)...")
        }
        return words.joined(separator: " ")
    }

    private func argumentRows(_ verb: VerbSpec?) -> [(String, String)] {
        let all = arguments(of: verb) + (verb?.remainder.map { [$0] } ?? [])
        return all.map { ($0.name, $0.help + Self.notes(choices: $0.choices)) }
    }

    private static func rows(_ options: [OptionSpec]) -> [(String, String)] {
        options.map { ($0.usage, $0.fullHelp) }
    }

    static func notes(
        choices: [String], isRepeatable: Bool = false, default value: String? = nil, environment: String? = nil
    ) -> String {
        var notes: [String] = []
        if !choices.isEmpty { notes.append("one of " + choices.joined(separator: ", ")) }
        if isRepeatable { notes.append("may be repeated") }
        if let value { notes.append("default: \(value)") }
        if let environment { notes.append("environment: \(environment)") }
        return notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))"
    }

    private func section(_ title: String, _ rows: [(name: String, help: String)], width: Int) -> String {
        guard !rows.isEmpty else { return "" }
        // Names longer than this have their help on the next line, so that one of them does not push all help aside.
        let widest = rows.map(\.name.count).filter { $0 <= 26 }.max() ?? 26
        let indent = widest + 4
        var text = "\n\(title):\n"
        for (name, help) in rows {
            let lines = Text.wrap(help, width: width, indent: indent)
            if name.count <= widest {
                text += "  " + name + lines.dropFirst(name.count + 2) + "\n"
            } else {
                text += "  \(name)\n\(lines)\n"
            }
        }
        return text
    }
}

extension OptionSpec {
    /// `-n, --count N`; the long name begins at the same column with and without a letter.
    var usage: String {
        let letter = short.map { "-\($0), " } ?? "    "
        return "\(letter)--\(name)" + (valueName.map { " \($0)" } ?? "")
    }

    var fullHelp: String {
        help
            + CommandLineSpec.notes(
                choices: choices, isRepeatable: isRepeatable, default: defaultText, environment: environment)
    }
}

enum Text {
    /// With a full stop at its end, whether it had one or not.
    static func sentence(_ text: String) -> String { text.last == "." ? text : text + "." }

    /// Each line that does not begin with a space is a paragraph to wrap.
    static func wrapParagraphs(_ text: String, width: Int) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasPrefix(" ") ? String($0) : wrap(String($0), width: width, indent: 0) }
            .joined(separator: "\n")
    }

    /// The words of `text` in lines of at most `width` columns, each after `indent` spaces. A word that is longer than
    /// a line has a line of its own.
    static func wrap(_ text: String, width: Int, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = margin
        for word in text.split(separator: " ") {
            let isFirst = line.count == indent
            if !isFirst, line.count + 1 + word.count > max(width, indent + 20) {
                lines.append(line)
                line = margin + word
            } else {
                line += (isFirst ? "" : " ") + word
            }
        }
        lines.append(line)
        return lines.joined(separator: "\n")
    }
}
