/// Dates and times of day as in RFC 3339, in the Gregorian calendar: `2026-11-23T08:15:04.123Z`.
public enum Dates {
    public static let expected = "a date and time such as 2026-11-23T08:15:04Z or 2026-11-23T09:15:04.5+01:00"

    /// With `Z` or an offset, which is taken off; what is below a millisecond is cut off. A leap second is the first
    /// moment of the next minute.
    public static func parse(_ text: String) throws(ValueError) -> WallTime {
        guard let time = read(text) else { throw ValueError(text, expected: expected) }
        return time
    }

    private static func read(_ text: String) -> WallTime? {
        var scanner = Scanner(rest: text[...].utf8)
        guard let year = scanner.number(digits: 4), scanner.take("-"),
            let month = scanner.number(digits: 2), (1...12).contains(month), scanner.take("-"),
            let day = scanner.number(digits: 2), day >= 1, day <= days(inMonth: month, of: year),
            scanner.take("T") || scanner.take("t") || scanner.take(" "),
            let hour = scanner.number(digits: 2), hour < 24, scanner.take(":"),
            let minute = scanner.number(digits: 2), minute < 60, scanner.take(":"),
            let second = scanner.number(digits: 2), second <= 60,
            let milliseconds = scanner.fraction(),
            let offset = scanner.offsetMinutes(), scanner.rest.isEmpty
        else { return nil }
        let minutes = (dayNumber(year, month, day) * 24 + hour) * 60 + minute - offset
        return WallTime(milliseconds: (minutes * 60 + second) * 1_000 + milliseconds)
    }

    /// In UTC with milliseconds: `2026-11-23T08:15:04.123Z`. Years past 9999 have more digits, and are not read back.
    public static func format(_ time: WallTime) -> String {
        let day = floorDivide(time.milliseconds, 86_400_000)
        let (year, month, dayOfMonth) = date(ofDay: day)
        let sign = year < 0 ? "-" : ""
        let yearText = sign + padded(abs(year), 4)
        return "\(yearText)-\(padded(month, 2))-\(padded(dayOfMonth, 2))T\(formatTimeOfDay(time))Z"
    }

    /// The part of a day in UTC: `08:15:04.123`.
    public static func formatTimeOfDay(_ time: WallTime) -> String {
        let remainder = time.milliseconds % 86_400_000
        let inDay = remainder < 0 ? remainder + 86_400_000 : remainder
        let clock = [inDay / 3_600_000, inDay / 60_000 % 60, inDay / 1_000 % 60].map { padded($0, 2) }
        return "\(clock.joined(separator: ":")).\(padded(inDay % 1_000, 3))"
    }

    private static func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    private static func floorDivide(_ number: Int64, _ divisor: Int64) -> Int64 {
        number / divisor - (number % divisor < 0 ? 1 : 0)
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    // Both ways between a date and its day since 1970-01-01, after Howard Hinnant, "chrono-Compatible Low-Level Date
    // Algorithms": years begin in March, so that the day that comes and goes is the last one, in eras of 400 years.
    private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private struct Scanner {
        var rest: Substring.UTF8View

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard let byte = rest.first, UInt32(byte) == character.value else { return false }
            rest = rest.dropFirst()
            return true
        }

        mutating func number(digits: Int) -> Int64? {
            var number: Int64 = 0
            for _ in 0..<digits {
                guard let digit = digit() else { return nil }
                number = number * 10 + digit
            }
            return number
        }

        private mutating func digit() -> Int64? {
            guard let byte = rest.first, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            rest = rest.dropFirst()
            return Int64(byte - UInt8(ascii: "0"))
        }

        /// The milliseconds of an optional fraction of any length; nil when its point has no digit after it.
        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            guard var milliseconds = digit().map({ $0 * 100 }) else { return nil }
            var weight: Int64 = 10
            while let digit = digit() {
                milliseconds += digit * weight
                weight /= 10
            }
            return milliseconds
        }

        mutating func offsetMinutes() -> Int64? {
            if take("Z") || take("z") { return 0 }
            let sign: Int64 = rest.first == UInt8(ascii: "-") ? -1 : 1
            guard take("+") || take("-"), let hours = number(digits: 2), hours < 24, take(":"),
                let minutes = number(digits: 2), minutes < 60
            else { return nil }
            return sign * (hours * 60 + minutes)
        }
    }
}
