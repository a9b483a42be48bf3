public import JRBase

/// One row of the table: all there is to say about a setting.
public struct SettingSpec: Sendable {
    public let setting: Setting
    public let kind: SettingKind
    /// `JR_MAX_ATTEMPTS`
    public let environment: String
    /// Of the programs to which it applies, without dashes: `max-attempts`.
    public let option: String
    /// The option's short form.
    public let letter: Character?
    /// What stands for the value in the help: `N`.
    public let placeholder: String
    /// What holds when nothing is said, as one would write it; nil when only the program knows, see ``defaultNote``.
    public let defaultText: String?
    /// In words, where there is no default to write down.
    public let defaultNote: String?
    public let manifest: ManifestPlace
    public let scope: SettingScope
    /// One sentence without a full stop.
    public let help: String

    /// - Parameter rest: What differs from the rule: `JR_KEY_IN_CAPITALS`, `--key-with-dashes`.
    init(
        _ setting: Setting, _ kind: SettingKind, default defaultText: String? = nil, note: String? = nil,
        _ scope: SettingScope, manifest: ManifestPlace = .key, environment: String? = nil, option: String? = nil,
        letter: Character? = nil, placeholder: String? = nil, _ help: String
    ) {
        let words = SettingSpec.words(of: setting.rawValue)
        self.setting = setting
        self.kind = kind
        self.environment = environment ?? "JR_" + words.joined(separator: "_").uppercased()
        self.option = option ?? words.joined(separator: "-")
        self.letter = letter
        self.placeholder = placeholder ?? kind.placeholder
        self.defaultText = defaultText
        self.defaultNote = note
        self.manifest = manifest
        self.scope = scope
        self.help = help
    }

    /// `redisURL` is `redis` and `url`.
    private static func words(of key: String) -> [String] {
        var words: [String] = []
        var wasCapital = true
        for character in key {
            if words.isEmpty || (character.isUppercase && !wasCapital) { words.append("") }
            words[words.count - 1].append(contentsOf: character.lowercased())
            wasCapital = character.isUppercase
        }
        return words
    }
}

/// Whom a setting concerns.
public struct SettingScope: OptionSet, Sendable {
    public let rawValue: Int

    public init(rawValue: Int) {
        self.rawValue = rawValue
    }

    /// A process that uses the library: `JR.config`.
    public static let application = SettingScope(rawValue: 1)
    /// `jr-distributor`, and `distributors` in a manifest.
    public static let distributor = SettingScope(rawValue: 2)
    /// `jr-node`, and `nodes` in a manifest.
    public static let node = SettingScope(rawValue: 4)
    /// A program that only connects: `jr`, and `programs` in a manifest.
    public static let program = SettingScope(rawValue: 8)

    /// In words: `application, node`.
    public var names: [String] {
        let all: [(SettingScope, String)] = [
            (.application, "application"), (.distributor, "distributor"), (.node, "node"), (.program, "program"),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }
}

/// Where a manifest has a setting.
public enum ManifestPlace: Sendable, Equatable {
    /// In an entry to which it applies, under its own key.
    case key
    /// In an entry, in a form of its own: `stop.drain`.
    case place(String)
    /// Nowhere: the supervisor gives it.
    case supervisor
}

/// What a setting's values are like, and their limits.
public enum SettingKind: Sendable, Equatable {
    /// `true` or `false`
    case bool
    case int(ClosedRange<Int>)
    /// A length of time with a unit.
    case duration(ClosedRange<Interval>)
    /// As ``duration(_:)``; a number alone is seconds.
    case seconds(ClosedRange<Interval>)
    /// As ``duration(_:)``, or `none`.
    case limit(ClosedRange<Interval>)
    /// In bytes, with a unit.
    case size(ClosedRange<Int>)
    /// 1 to 128 letters, digits or `_.:-`
    case name
    /// `HOST:PORT` or `unix:/PATH`
    case address
    /// Addresses, separated by commas.
    case addresses
    /// Any text that is not empty, of what these words say; who uses it checks the rest.
    case text(String)

    var placeholder: String {
        switch self {
        case .bool: "BOOL"
        case .int: "N"
        case .duration, .seconds, .limit: "DURATION"
        case .size: "SIZE"
        case .name: "NAME"
        case .address: "HOST:PORT"
        case .addresses: "HOST:PORT,..."
        case .text: "TEXT"
        }
    }

    /// What is allowed, in words that end "is not ...".
    public var expected: String {
        switch self {
        case .bool: return "true or false"
        case .int(let range): return "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .duration(let range):
            return "a length of time from \(SettingKind.bounds(range)), such as 250ms, 30s or 5m"
        case .seconds(let range):
            return "a number of seconds or a length of time from \(SettingKind.bounds(range)), such as 5, 250ms or 1m"
        case .limit(let range):
            return "a length of time from \(SettingKind.bounds(range)), such as 250ms, 30s or 5m, or none"
        case .size(let range):
            let (low, high) = (Sizes.formatExactly(range.lowerBound), Sizes.formatExactly(range.upperBound))
            return "a size from \(low) to \(high), such as 512KiB or 16MiB"
        case .name: return "1 to \(Limits.nameBytes) letters, digits or '_.:-'"
        case .address: return "an address such as 127.0.0.1:5000, [::1]:5000 or unix:/run/jr.sock"
        case .addresses: return "a list of addresses such as 127.0.0.1:5000,127.0.0.1:5001"
        case .text(let what): return what
        }
    }

    private static func bounds(_ range: ClosedRange<Interval>) -> String {
        "\(Durations.formatExactly(range.lowerBound)) to \(Durations.formatExactly(range.upperBound))"
    }
}
