/// Sizes in bytes as people write them: `100B`, `512KiB`, `1.5GiB`.
public enum Sizes {
    public static let expected = "a size such as 100B, 512KiB, 16MiB or 1GiB"

    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// One number with a unit (`B KiB MiB GiB TiB`), rounded down to whole bytes.
    public static func parse(_ text: String) throws(ValueError) -> Int {
        var rest = text[...].utf8
        guard let quantity = Quantity(takenFrom: &rest),
            let unit = units.first(where: { $0.name.utf8.elementsEqual(rest) })
        else { throw ValueError(text, expected: expected) }
        guard let bytes = Int(exactly: quantity.times(unit.bytes)) else {
            throw ValueError(text, expected: "a size below 8388608TiB")
        }
        return bytes
    }

    /// For people, with one decimal, cut off and not rounded up: `512B`, `9.1M`, `14.0G`.
    public static func format(_ bytes: Int) -> String {
        if bytes < 0 { return "-" + format(bytes == .min ? .max : -bytes) }
        let value = Int64(bytes)
        guard let unit = units.first(where: { value >= $0.bytes }), unit.bytes > 1 else { return "\(bytes)B" }
        let tenth = value % unit.bytes * 10 / unit.bytes
        return "\(value / unit.bytes).\(tenth)\(unit.name.prefix(1))"
    }

    /// In the largest unit that divides it, so that ``parse(_:)`` gives the same number: `16MiB`, `1025B`. Below zero
    /// is `0B`.
    public static func formatExactly(_ bytes: Int) -> String {
        let value = Int64(max(0, bytes))
        guard let unit = units.first(where: { value >= $0.bytes && value % $0.bytes == 0 }) else { return "0B" }
        return "\(value / unit.bytes)\(unit.name)"
    }
}
