/// Lengths of time as people write them: `250ms`, `30s`, `1.5h`, `2m41s`.
public enum Durations {
    public static let expected = "a length of time such as 250ms, 30s, 5m, 2h or 1h30m"

    /// Largest first, as a length of time of several parts is written.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
        ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
    ]

    /// One number with a unit (`d h m s ms us ns`), or several from the largest unit to the smallest. There is no
    /// length without a unit, and none below zero.
    public static func parse(_ text: String) throws(ValueError) -> Interval {
        var rest = text[...].utf8
        var total: Int128 = 0
        var next = 0
        repeat {
            guard let quantity = Quantity(takenFrom: &rest) else { throw ValueError(text, expected: expected) }
            let letters = rest.prefix { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
            let place = units[next...].firstIndex { $0.name.utf8.elementsEqual(letters) }
            guard let place else { throw ValueError(text, expected: expected) }
            rest = rest.dropFirst(letters.count)
            total += quantity.times(units[place].nanoseconds)
            next = place + 1
        } while !rest.isEmpty
        guard let nanoseconds = Int64(exactly: total) else {
            throw ValueError(text, expected: "a length of time below 292 years")
        }
        return Interval(nanoseconds: nanoseconds)
    }

    /// As ``parse(_:)``, and only what lies within bounds.
    ///
    /// - Parameters:
    ///   - text: as people write it.
    ///   - range: the bounds, which are said where it does not.
    public static func parse(_ text: String, within range: ClosedRange<Interval>) throws(ValueError) -> Interval {
        let interval = try parse(text)
        guard range.contains(interval) else {
            let bounds = "\(formatExactly(range.lowerBound)) to \(formatExactly(range.upperBound))"
            throw ValueError(text, expected: "a length of time from \(bounds), such as 250ms, 30s or 5m")
        }
        return interval
    }

    /// For people, about three digits, cut off and not rounded up: `1.9ms`, `250ms`, `12.8s`, `2m41s`, `3h5m`, `4d2h`.
    public static func format(_ interval: Interval) -> String {
        if interval.nanoseconds < 0 {
            return "-" + format(Interval(nanoseconds: Int64.zero.subtractingSaturated(interval.nanoseconds)))
        }
        let value = interval.nanoseconds
        guard let place = units.firstIndex(where: { value >= $0.nanoseconds }) else { return "0s" }
        let unit = units[place]
        if unit.nanoseconds > 1_000_000_000 {
            let smaller = units[place + 1]
            let rest = value % unit.nanoseconds / smaller.nanoseconds
            return "\(value / unit.nanoseconds)\(unit.name)" + (rest == 0 ? "" : "\(rest)\(smaller.name)")
        }
        let whole = value / unit.nanoseconds
        let tenth = value % unit.nanoseconds * 10 / unit.nanoseconds
        return whole >= 100 || tenth == 0 ? "\(whole)\(unit.name)" : "\(whole).\(tenth)\(unit.name)"
    }

    /// Every part, so that ``parse(_:)`` gives the same interval: `1h1m500ms`. Below zero is `0s`.
    public static func formatExactly(_ interval: Interval) -> String {
        var rest = max(0, interval.nanoseconds)
        var text = ""
        for unit in units where rest >= unit.nanoseconds {
            text += "\(rest / unit.nanoseconds)\(unit.name)"
            rest %= unit.nanoseconds
        }
        return text.isEmpty ? "0s" : text
    }
}
