public import JRBase

/// Numbers as people read them.
public enum Words {
    /// `16 ms`, `1.4 s`, `2m27s`, `3h05m`, `2d04h`: two units at most.
    public static func duration(_ interval: Interval) -> String {
        let milliseconds = max(0, interval.nanoseconds) / 1_000_000
        if milliseconds < 1_000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1_000
        if seconds < 60 {
            let tenths = milliseconds % 1_000 / 100
            return seconds < 10 && tenths > 0 ? "\(seconds).\(tenths) s" : "\(seconds) s"
        }
        if seconds < 3_600 { return "\(seconds / 60)m" + twoDigits(seconds % 60) + "s" }
        if seconds < 86_400 { return "\(seconds / 3_600)h" + twoDigits(seconds % 3_600 / 60) + "m" }
        return "\(seconds / 86_400)d" + twoDigits(seconds % 86_400 / 3_600) + "h"
    }

    /// `1,234,567`
    public static func grouped(_ number: Int) -> String {
        var digits: [Character] = []
        for (index, digit) in String(number.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { digits.append(",") }
            digits.append(digit)
        }
        return (number < 0 ? "-" : "") + String(digits.reversed())
    }

    /// `1 instance`, `3 instances`
    public static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    private static func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
