/// Rows under titles, in columns as wide as their contents; of what does not fit a terminal's width, the columns that
/// may shrink are cut, the widest first.
public struct Table: Sendable {
    public enum Alignment: Sendable {
        case left, right
    }

    public struct Column: Sendable {
        public var title: String
        public var alignment: Alignment
        /// The width below which it is not cut; nil if it is never cut.
        public var minimum: Int?

        public init(_ title: String, _ alignment: Alignment = .left, shrinksTo minimum: Int? = nil) {
            self.title = title
            self.alignment = alignment
            self.minimum = minimum
        }
    }

    public struct Cell: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        public var text: String
        public var effect: Style.Effect?

        /// `text` may come from anywhere: what would act on the terminal is made visible.
        public init(_ text: String, _ effect: Style.Effect? = nil) {
            self.text = Terminal.escape(text)
            self.effect = effect
        }

        public init(stringLiteral text: String) { self.init(text) }
    }

    public let columns: [Column]
    public private(set) var rows: [[Cell]] = []

    public init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Cells that are missing at the end are empty, and those too many are dropped.
    public mutating func append(_ cells: [Cell]) {
        rows.append(columns.indices.map { $0 < cells.count ? cells[$0] : "" })
    }

    public mutating func append(_ cells: [String]) {
        append(cells.map { Cell($0) })
    }

    /// The titles and the rows, each with a line break, no line with spaces at its end. `width` is the terminal's; nil
    /// for no limit, as when the text goes to a file.
    public func text(width: Int? = nil, _ style: Style = .plain) -> String {
        let widths = columnWidths(width)
        let titles = columns.map { Cell($0.title, .bold) }
        return ([titles] + rows).map { line($0, widths, style) + "\n" }.joined()
    }

    private static let gap = "  "

    private func columnWidths(_ width: Int?) -> [Int] {
        var widths = columns.indices.map { place in
            ([columns[place].title] + rows.map { $0[place].text }).map { Terminal.width(of: $0) }.max() ?? 0
        }
        guard let width else { return widths }
        var excess = widths.reduce(0, +) + Self.gap.count * (columns.count - 1) - width
        while excess > 0 {
            let shrinkable = columns.indices.filter { widths[$0] > columns[$0].minimum ?? .max }
            guard let widest = shrinkable.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ style: Style) -> String {
        let last = cells.lastIndex { !$0.text.isEmpty }.map { $0 + 1 } ?? 0
        var line = ""
        for place in 0..<last {
            let text = Terminal.truncate(cells[place].text, to: widths[place])
            let space = String(repeating: " ", count: widths[place] - Terminal.width(of: text))
            let shown = style.apply(cells[place].effect, to: text)
            if place > 0 { line += Self.gap }
            switch columns[place].alignment {
            case .left: line += place == last - 1 ? shown : shown + space
            case .right: line += space + shown
            }
        }
        return line
    }
}
