/// What is wrong with one setting, with what it was given under and what is right.
public struct SettingError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Fact: Sendable, Equatable {
        /// What was found, and what is allowed, in words that end "is not ...".
        case badValue(String, expected: String)
        /// There is no such setting; the nearest name of the same sort, if any is near.
        case unknown(nearest: String?)
    }

    /// Nil when there is no such setting.
    public let setting: Setting?
    /// A key, an environment variable, a place in a manifest or an option with its dashes.
    public let name: String
    public let fact: Fact

    public init(_ setting: Setting, given text: String, as name: String, expected: String) {
        self.setting = setting
        self.name = name
        fact = .badValue(text, expected: expected)
    }

    public init(unknown name: String, nearest: String?) {
        setting = nil
        self.name = name
        fact = .unknown(nearest: nearest)
    }

    /// One line for people, harmless to a terminal: `JR_CREDIT: '0' is not a whole number from 1 to 1000000`.
    public var description: String {
        let name = SettingError.shown(name)
        switch fact {
        case .badValue(let text, let expected):
            return "\(name): '\(SettingError.shown(text))' is not \(expected)"
        case .unknown(nearest: let nearest?):
            return "'\(name)' is no setting. Did you mean '\(nearest)'?"
        case .unknown(nearest: nil):
            return "'\(name)' is no setting. docs/configuration.md has them all"
        }
    }

    /// Short, and without characters that act on a terminal.
    private static func shown(_ text: String) -> String {
        var shown = ""
        for scalar in text.unicodeScalars.prefix(80) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: shown += "\u{FFFD}"
            default: shown.unicodeScalars.append(scalar)
            }
        }
        return text.unicodeScalars.count > 80 ? shown + "…" : shown
    }
}
