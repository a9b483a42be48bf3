/// Colours and weights, or none of them.
public struct Style: Sendable {
    public enum Effect: Int, Sendable, CaseIterable {
        case bold = 1
        case dim = 2
        case red = 31
        case green = 32
        case yellow = 33
        case blue = 34
        case magenta = 35
        case cyan = 36
    }

    public let isOn: Bool

    public init(isOn: Bool) {
        self.isOn = isOn
    }

    public static let plain = Style(isOn: false)

    /// On only for a terminal that is not `dumb`, without `NO_COLOR` (https://no-color.org: set and not empty) in the
    /// environment and without `--no-color`.
    public init(isTerminal: Bool, environment: [String: String], noColor: Bool = false) {
        let isRefused = noColor || environment["NO_COLOR"].map { !$0.isEmpty } ?? false
        self.init(isOn: isTerminal && !isRefused && environment["TERM"] != "dumb")
    }

    public func apply(_ effect: Effect, to text: String) -> String {
        isOn ? "\u{1B}[\(effect.rawValue)m\(text)\u{1B}[0m" : text
    }

    public func apply(_ effect: Effect?, to text: String) -> String {
        effect.map { apply($0, to: text) } ?? text
    }

    /// A colour to tell things apart by, the same for the same place in a list.
    public static func colour(at place: Int) -> Effect {
        let colours: [Effect] = [.cyan, .yellow, .green, .magenta, .blue]
        return colours[(place % colours.count + colours.count) % colours.count]
    }
}
