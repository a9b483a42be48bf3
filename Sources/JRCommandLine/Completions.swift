import JRBase

/// A shell that the programs print completion scripts for.
public enum Shell: String, Sendable, CaseIterable {
    case bash, zsh, fish
}

extension CommandLineSpec {
    /// A script that completes verbs, options and what has a fixed set of values; other values are file names.
    public func completions(for shell: Shell) -> String {
        switch shell {
        case .bash: bashCompletions()
        case .zsh: zshCompletions()
        case .fish: fishCompletions()
        }
    }

    private var functionName: String { "_" + program.exchanging("-", for: "_") }

    // MARK: bash

    private func bashCompletions() -> String {
        let verbNames = verbs.map(\.name)
        var script = """
            # bash completion for \(program): source it, or put it into the directory of completions.
            \(functionName)() {
                local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD - 1]}" verb="" words="" index
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case "${COMP_WORDS[index]}" in

            """
        if !verbs.isEmpty {
            script += "            \(verbNames.joined(separator: "|"))) verb=\"${verb:-${COMP_WORDS[index]}}\" ;;\n"
        }
        script += """
                        --) return ;;
                    esac
                done
                case "$verb" in

            """
        for verb in verbs { script += bashCase(verb.name, verb, ownWords: []) }
        script += bashCase("*", nil, ownWords: verbNames)
        script += """
                esac
                COMPREPLY=($(compgen -W "$words" -- "$word"))
            }
            complete -o default -F \(functionName) \(program)

            """
        return script
    }

    private func bashCase(_ pattern: String, _ verb: VerbSpec?, ownWords: [String]) -> String {
        let options = options(with: verb)
        let choices = arguments(of: verb).flatMap(\.choices)
        let words = ownWords + choices + options.map { "--\($0.name)" }
        var text = "    \(pattern))\n        words=\"\(words.joined(separator: " "))\"\n        case \"$before\" in\n"
        for option in options where !option.choices.isEmpty {
            let choices = option.choices.joined(separator: " ")
            text += "        \(option.patterns.joined(separator: "|"))) words=\"\(choices)\" ;;\n"
        }
        let free = options.filter { $0.valueName != nil && $0.choices.isEmpty }.flatMap(\.patterns)
        if !free.isEmpty { text += "        \(free.joined(separator: "|"))) return ;;\n" }
        return text + "        esac\n        ;;\n"
    }

    // MARK: zsh

    private func zshCompletions() -> String {
        var script = "#compdef \(program)\n\(functionName)() {\n    local state line\n"
        if verbs.isEmpty {
            script += zshArguments("    ", nil) + "}\n"
        } else {
            script += "    local -a verbs=(\n"
            for verb in verbs { script += "        \(Self.quoted("\(verb.name):\(verb.summary)"))\n" }
            script += "    )\n    _arguments -C \\\n"
            script += options(with: nil).flatMap(\.zshSpecs).map { "        \(Self.quoted($0)) \\\n" }.joined()
            script += "        '1:verb:->verb' '*::argument:->argument'\n"
            script += "    if [[ \"$state\" == verb ]]; then _describe verb verbs; return; fi\n"
            script += "    case \"$words[1]\" in\n"
            for verb in verbs {
                script += "    \(verb.name))\n" + zshArguments("        ", verb) + "        ;;\n"
            }
            script += "    esac\n}\n"
        }
        // The file is either found by the completion system, which runs it to complete, or sourced, to announce it.
        return script + """
            if [[ "$funcstack[1]" == \(functionName) ]]; then
                \(functionName) "$@"
            else
                compdef \(functionName) \(program)
            fi

            """
    }

    private func zshArguments(_ margin: String, _ verb: VerbSpec?) -> String {
        let options = options(with: verb).flatMap(\.zshSpecs)
        let arguments = arguments(of: verb).enumerated().map { place, argument in
            let words = argument.choices.isEmpty ? "_files" : "(\(argument.choices.joined(separator: " ")))"
            return (argument.count.upperBound > 1 ? "*" : "\(place + 1)") + ":\(argument.name):\(words)"
        }
        let command = verb?.remainder == nil ? [] : ["*:command:_files"]
        return "\(margin)_arguments \\\n"
            + (options + arguments + command).map { "\(margin)    \(Self.quoted($0))" }.joined(separator: " \\\n")
            + "\n"
    }

    // MARK: fish

    private func fishCompletions() -> String {
        var script = "# fish completion for \(program)\n"
        for option in options + Self.builtIn { script += fishLine(option, condition: nil) }
        for verb in verbs {
            script +=
                "complete -c \(program) -n __fish_use_subcommand -f -a \(verb.name) -d \(Self.quoted(verb.summary))\n"
        }
        for verb in verbs {
            let condition = "__fish_seen_subcommand_from \(verb.name)"
            for option in verb.options { script += fishLine(option, condition: condition) }
            script += fishChoices(verb.arguments, condition: " -n \(Self.quoted(condition))")
        }
        return script + fishChoices(arguments, condition: "")
    }

    private func fishLine(_ option: OptionSpec, condition: String?) -> String {
        var line = "complete -c \(program)"
        if let condition { line += " -n \(Self.quoted(condition))" }
        line += " -l \(option.name)"
        if let short = option.short { line += " -s \(short)" }
        if option.valueName != nil { line += option.choices.isEmpty ? " -r" : " -x" }
        if !option.choices.isEmpty { line += " -a \(Self.quoted(option.choices.joined(separator: " ")))" }
        return line + " -d \(Self.quoted(option.help))\n"
    }

    private func fishChoices(_ arguments: [ArgumentSpec], condition: String) -> String {
        let choices = arguments.flatMap(\.choices)
        guard !choices.isEmpty else { return "" }
        return "complete -c \(program)\(condition) -a \(Self.quoted(choices.joined(separator: " ")))\n"
    }

    /// One word of a shell. A quote inside becomes a typographic one: these are descriptions, and the three shells have
    /// no common way to write it.
    private static func quoted(_ text: String) -> String { "'" + text.exchanging("'", for: "’") + "'" }
}

extension OptionSpec {
    fileprivate var patterns: [String] { ["--\(name)"] + (short.map { ["-\($0)"] } ?? []) }

    /// One specification for `_arguments` for each way to write the option.
    fileprivate var zshSpecs: [String] {
        let help = help.exchanging("[", for: "(").exchanging("]", for: ")").exchanging(":", for: " -")
        let action = choices.isEmpty ? "_files" : "(\(choices.joined(separator: " ")))"
        let value = valueName.map { ":\($0):\(action)" } ?? ""
        let again = isRepeatable ? "*" : ""
        return patterns.map { "\(again)\($0)[\(help)]\(value)" }
    }
}
