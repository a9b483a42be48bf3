public import JRBase

/// Numbers for people.
public enum Numbers {
    /// With thousands separators: `1,234,567`.
    public static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude).utf8)
        var text = number < 0 ? "-" : ""
        for (place, digit) in digits.enumerated() {
            if place > 0, (digits.count - place) % 3 == 0 { text += "," }
            text.unicodeScalars.append(Unicode.Scalar(digit))
        }
        return text
    }

    /// How many a second, with a decimal when they are few: `2,310/s`, `0.4/s`.
    public static func rate(_ count: Int, in time: Interval) -> String {
        guard time > .zero else { return "0/s" }
        let rate = Double(count) / time.seconds
        if rate < 10 {
            let tenths = Int(rate * 10 + 0.5)
            return "\(tenths / 10).\(tenths % 10)/s"
        }
        return grouped(Int(min(rate + 0.5, 9e18))) + "/s"
    }
}

/// How far some work has come, in one line that is drawn again and again.
public struct ProgressBar: Sendable, Equatable {
    public var done: Int
    /// Nil if it is not known.
    public var total: Int?
    public var failed: Int
    public var elapsed: Interval

    public init(done: Int, total: Int?, failed: Int = 0, elapsed: Interval) {
        self.done = max(0, done)
        self.total = total
        self.failed = failed
        self.elapsed = elapsed
    }

    /// `[#####.....] 1,234/3,000  2,310/s  0 failed  eta 1s`, never longer than `width` columns. The bar takes what
    /// room there is, 10 to 40 columns, and goes first when there is none.
    public func line(width: Int = 80) -> String {
        let facts = [count, Numbers.rate(done, in: elapsed), "\(Numbers.grouped(failed)) failed", remaining]
        let text = facts.joined(separator: "  ")
        let room = min(40, width - text.utf8.count - 3)
        guard let total, room >= 10 else { return Terminal.truncate(text, to: width) }
        let share = total <= 0 ? 1 : min(1, Double(done) / Double(total))
        let full = Int(Double(room) * share)
        let bar = String(repeating: "#", count: full) + String(repeating: ".", count: room - full)
        return "[\(bar)] \(text)"
    }

    private var count: String {
        Numbers.grouped(done) + (total.map { "/" + Numbers.grouped($0) } ?? "")
    }

    private var remaining: String {
        guard let total, done < total else { return "in " + Durations.format(elapsed) }
        guard done > 0 else { return "eta unknown" }
        // Whole seconds, more rather than less: a finer guess would only flicker.
        let time = Interval.seconds(elapsed.seconds / Double(done) * Double(total - done))
        return "eta " + Durations.format(.seconds(time.millisecondsRoundedUp / 1_000 + 1))
    }
}
