public import JRBase

/// A setting's value. Which case it is follows from the setting's ``SettingKind``.
public enum SettingValue: Sendable, Equatable {
    case bool(Bool)
    case int(Int)
    case duration(Interval)
    /// `none`, of a setting that limits a time.
    case noLimit
    /// In bytes.
    case size(Int)
    case text(String)
    case list([String])

    /// As it is written in the environment and after an option; reading that gives the same value.
    public var text: String {
        switch self {
        case .bool(let bool): String(bool)
        case .int(let int): String(int)
        case .duration(let interval): Durations.formatExactly(interval)
        case .noLimit: "none"
        case .size(let bytes): Sizes.formatExactly(bytes)
        case .text(let text): text
        case .list(let texts): texts.joined(separator: ",")
        }
    }
}

extension SettingKind {
    /// Strict: nothing is trimmed, and nothing outside the limits is bent into them.
    public func parse(_ text: String) throws(ValueError) -> SettingValue {
        if let value = try read(text) { return value }
        throw ValueError(text, expected: expected)
    }

    /// Nil, or a throw of its own, for what is not allowed.
    private func read(_ text: String) throws(ValueError) -> SettingValue? {
        switch self {
        case .bool: return text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
        case .int(let range): return Int(text).flatMap { range.contains($0) ? .int($0) : nil }
        case .duration(let range): return SettingKind.duration(text, range)
        case .seconds(let range):
            let isBare = text.utf8.last.map { SettingKind.digits.contains($0) } ?? false
            return SettingKind.duration(isBare ? text + "s" : text, range)
        case .limit(let range): return text == "none" ? .noLimit : SettingKind.duration(text, range)
        case .size(let range):
            return (try? Sizes.parse(text)).flatMap { range.contains($0) ? .size($0) : nil }
        case .name: return Names.isValid(text) ? .text(text) : nil
        case .address: return SettingKind.isAddress(text) ? .text(text) : nil
        case .addresses:
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
                .map { String($0.drop(while: \.isWhitespace)) }
            // The part that is wrong is named, and not the whole list.
            if let wrong = parts.first(where: { !SettingKind.isAddress($0) }) {
                throw ValueError(wrong, expected: SettingKind.address.expected)
            }
            return .list(parts)
        case .text:
            return text.isEmpty || text.utf8.contains(0) ? nil : .text(text)
        }
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")

    private static func duration(_ text: String, _ range: ClosedRange<Interval>) -> SettingValue? {
        (try? Durations.parse(text)).flatMap { range.contains($0) ? .duration($0) : nil }
    }

    /// The form only: who opens it checks host and path.
    private static func isAddress(_ text: String) -> Bool {
        if text.hasPrefix("unix:") { return text.utf8.count > 5 && !text.utf8.contains(0) }
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex else { return false }
        let port = text[text.index(after: colon)...].utf8
        return (1...5).contains(port.count) && port.allSatisfy { digits.contains($0) }
            && Int(text[text.index(after: colon)...]).map { $0 <= 65_535 } == true
            && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
}

/// Values by name, with the default where nothing is said. Asking for another type than the setting has is a bug and
/// traps.
extension [Setting: SettingValue] {
    public func bool(_ setting: Setting) -> Bool {
        guard case .bool(let bool) = value(of: setting) else { wrongType(setting) }
        return bool
    }

    /// A number, or a size in bytes.
    public func int(_ setting: Setting) -> Int {
        switch value(of: setting) {
        case .int(let int), .size(let int): return int
        default: wrongType(setting)
        }
    }

    public func duration(_ setting: Setting) -> Interval {
        guard case .duration(let interval) = value(of: setting) else { wrongType(setting) }
        return interval
    }

    /// Nil for `none`.
    public func limit(_ setting: Setting) -> Interval? {
        switch value(of: setting) {
        case .duration(let interval): return interval
        case .noLimit: return nil
        default: wrongType(setting)
        }
    }

    /// Nil when nothing is said and there is no default.
    public func text(_ setting: Setting) -> String? {
        switch value(of: setting) {
        case .text(let text): return text
        case nil: return nil
        default: wrongType(setting)
        }
    }

    /// Empty when nothing is said and there is no default.
    public func list(_ setting: Setting) -> [String] {
        switch value(of: setting) {
        case .list(let texts): return texts
        case nil: return []
        default: wrongType(setting)
        }
    }

    private func value(of setting: Setting) -> SettingValue? { self[setting] ?? setting.defaultValue }

    private func wrongType(_ setting: Setting) -> Never {
        preconditionFailure("the setting \(setting) is a \(setting.spec.kind), and was asked for as another type")
    }
}
