/// A text that is not the value it should be, and what is allowed: for options, environment and manifests, which add
/// the place.
public struct ValueError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The text that was given.
    public let text: String
    /// What would have been right, with an example: `a length of time such as 250ms, 30s or 2h`.
    public let expected: String

    /// Says of `text` that it is not what is expected.
    public init(_ text: String, expected: String) {
        self.text = text
        self.expected = expected
    }

    public var description: String { "'\(text)' is not \(expected)" }
}

/// Whole numbers as people write them.
public enum Integers {
    /// Digits with an optional sign; refused outside `range`.
    public static func parse(_ text: String, in range: ClosedRange<Int> = 0...Int.max) throws(ValueError) -> Int {
        guard let value = Int(text), range.contains(value) else {
            throw ValueError(text, expected: describe(range))
        }
        return value
    }

    private static func describe(_ range: ClosedRange<Int>) -> String {
        switch (range.lowerBound, range.upperBound) {
        case (.min, .max): "a whole number"
        case (let low, .max): "a whole number of \(low) or more"
        case (.min, let high): "a whole number of \(high) or less"
        case (let low, let high): "a whole number from \(low) to \(high)"
        }
    }
}

/// The text after digits and an optional fraction, and those as a number of units, exactly.
struct Quantity {
    private(set) var whole: Int128 = 0
    private(set) var fraction: Int128 = 0
    private(set) var fractionUnit: Int128 = 1

    /// Takes a number off the front of `text`; nil when there is none. Digits past the twelfth of either part end it
    /// unread, so that arithmetic cannot overflow.
    init?(takenFrom text: inout Substring.UTF8View) {
        guard let digit = text.first, Self.digit(digit) != nil else { return nil }
        var used = 0
        while used < 12, let byte = text.first, let digit = Self.digit(byte) {
            whole = whole * 10 + digit
            used += 1
            text = text.dropFirst()
        }
        let rest = text.dropFirst()
        guard text.first == UInt8(ascii: "."), let next = rest.first, Self.digit(next) != nil else { return }
        text = rest
        while fractionUnit < 1_000_000_000_000, let byte = text.first, let digit = Self.digit(byte) {
            fraction = fraction * 10 + digit
            fractionUnit *= 10
            text = text.dropFirst()
        }
    }

    /// Rounded down.
    func times(_ unit: Int64) -> Int128 {
        whole * Int128(unit) + fraction * Int128(unit) / fractionUnit
    }

    private static func digit(_ byte: UInt8) -> Int128? {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int128(byte - UInt8(ascii: "0")) : nil
    }
}
