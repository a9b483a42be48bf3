/// Numbers as people read them.
public enum Words {
    /// `1,234,567`
    public static func grouped(_ number: Int) -> String {
        var digits: [Character] = []
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { digits.append(",") }
            digits.append(digit)
        }
        return (number < 0 ? "-" : "") + String(digits.reversed())
    }

    /// `1 instance`, `3 instances`, `2 processes`
    public static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : noun.hasSuffix("s") ? "es" : "s")"
    }
}
