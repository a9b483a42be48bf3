import JRBase
import JRJSON
import JRSettings
import JRSupervision

extension ObjectReader {
    /// The settings that an entry of this kind has under their own keys. One that is no key here is unknown, with a
    /// hint where it belongs.
    mutating func settings(of kind: Entry.Kind) -> [Setting: SettingValue] {
        let scope = kind.scope
        var found: [Setting: SettingValue] = [:]
        for setting in Setting.allCases {
            let applies = !setting.spec.scope.isDisjoint(with: scope)
            if applies, scope != .program, setting.spec.manifest == .key {
                allowUnlisted(setting.rawValue)
                found[setting] = value(of: setting)
            } else {
                hints[setting.rawValue] = ObjectReader.hint(setting, applies: applies, kind)
            }
        }
        others = scope == .program ? nil : "the settings of a \(kind.word) (see docs/configuration.md)"
        return found
    }

    private mutating func value(of setting: Setting) -> SettingValue? {
        let key = setting.rawValue
        switch setting.spec.kind {
        case .bool: return bool(key).map(SettingValue.bool)
        case .int(let range): return int(key, range).map(SettingValue.int)
        case .seconds:
            guard let value = take(key) else { return nil }
            if let parsed = value.numberOrText.flatMap({ try? setting.parse($0) }) { return parsed }
            refuse(key, value, mustBe: setting.spec.kind.expected)
        case .duration, .limit, .size, .name, .address, .addresses, .text:
            guard let value = take(key) else { return nil }
            if let parsed = value.string.flatMap({ try? setting.parse($0) }) { return parsed }
            refuse(key, value, mustBe: "a text with \(setting.spec.kind.expected)")
        }
        return nil
    }

    /// What to write instead of a setting's key.
    private static func hint(_ setting: Setting, applies: Bool, _ kind: Entry.Kind) -> String {
        let variable = "write it as \"env\": { \"\(setting.spec.environment)\": \"…\" }"
        if kind == .program {
            return Plan.sets(setting.spec.environment, for: kind) ? "the supervisor sets it" : variable
        }
        if !applies {
            let kinds = setting.spec.scope.intersection([.distributor, .node]).names
            return kinds.isEmpty
                ? "the supervisor sets it" : "it is a setting of a \(kinds.joined(separator: " or a "))"
        }
        switch setting.spec.manifest {
        case .place(setting.rawValue): return variable
        case .place(let place): return place.contains(" ") ? "it is \(place)" : "here it is \"\(place)\""
        case .key, .supervisor: return "the supervisor sets it"
        }
    }

    /// A variable whose name begins as ours do: a setting with a value that it allows, and not one that the entry has
    /// under its key as well. Returns whether it is.
    mutating func checkVariable(_ member: LocatedJSON.Member, _ text: String, _ settings: [Setting: SettingValue])
        -> Bool
    {
        let name = "\(name("env")).\(member.key.harmless)"
        let setting: Setting?
        do {
            setting = try Setting.forEnvironment(member.key)
        } catch {
            var hint = "docs/configuration.md has them all"
            if case .unknown(nearest: let nearest?) = error.fact { hint = "did you mean \"\(nearest)\"?" }
            complain("\(name) is no setting (\(hint))", at: member.keyPosition, length: member.key.count + 2)
            return false
        }
        guard let setting else { return true }
        if settings[setting] != nil {
            complain(
                "\(name) and \(self.name(setting.rawValue)) set the same; keep one of them", at: member.keyPosition,
                length: member.key.count + 2)
            return false
        }
        if (try? setting.parse(text)) != nil { return true }
        complain("\(name) must be \(setting.spec.kind.expected), found \(member.value.shown)", at: member.value)
        return false
    }
}

extension LocatedJSON {
    /// In a function of its own: as a chain of `??` it crashes the optimiser of Swift 6.3.1.
    fileprivate var numberOrText: String? {
        switch content {
        case .string(let text): text
        case .int(let number): String(number)
        case .double(let number): String(number)
        case .null, .bool, .array, .object: nil
        }
    }
}

extension Entry.Kind {
    fileprivate var scope: SettingScope {
        switch self {
        case .distributor: .distributor
        case .node: .node
        case .program: .program
        }
    }

    fileprivate var word: String {
        switch self {
        case .distributor: "distributor"
        case .node: "node"
        case .program: "program"
        }
    }
}
