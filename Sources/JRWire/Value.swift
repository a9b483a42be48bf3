public import JRBase

/// A value of a job's arguments.
///
/// On the wire and in storage it is MessagePack; a date is its timestamp extension, to the millisecond.
public indirect enum Value: Sendable, Equatable {
    /// Nothing.
    case null
    /// True or false.
    case bool(Bool)
    /// A whole number.
    case int(Int64)
    /// A number with a fraction, infinite or not a number.
    case double(Double)
    /// Text.
    case string(String)
    /// Bytes.
    case bytes([UInt8])
    /// A moment.
    case date(WallTime)
    /// Values in order.
    case array([Value])
    /// Values by name.
    case map([String: Value])
}

extension Value: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: Value...) { self = .array(elements) }
    /// Of two elements with the same key the later one counts.
    public init(dictionaryLiteral elements: (String, Value)...) {
        self = .map(Dictionary(elements) { _, later in later })
    }
}

extension Value {
    /// A whole number. One that does not fit 64 bits with a sign traps, as `Int64` does.
    public init(_ number: some BinaryInteger) { self = .int(Int64(number)) }
    /// A number with a fraction.
    public init(_ number: Double) { self = .double(number) }
    /// A text.
    public init(_ text: String) { self = .string(text) }
    /// Yes or no.
    public init(_ answer: Bool) { self = .bool(answer) }
    /// A moment.
    public init(_ date: WallTime) { self = .date(date) }

    /// The text, if it is one.
    public var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The whole number, if it is one; not a double, whatever its value.
    public var int: Int? {
        if case .int(let value) = self { Int(value) } else { nil }
    }

    /// A double, or an int as one.
    public var double: Double? {
        switch self {
        case .double(let value): value
        case .int(let value): Double(value)
        case .null, .bool, .string, .bytes, .date, .array, .map: nil
        }
    }

    /// The truth, if it is one.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The bytes, if it is such.
    public var bytes: [UInt8]? {
        if case .bytes(let value) = self { value } else { nil }
    }

    /// The moment, if it is one; not a string that looks like one.
    public var date: WallTime? {
        if case .date(let value) = self { value } else { nil }
    }

    /// The values, if it is an array.
    public var array: [Value]? {
        if case .array(let value) = self { value } else { nil }
    }

    /// The values by name, if it is a map.
    public var map: [String: Value]? {
        if case .map(let value) = self { value } else { nil }
    }

    /// What a person would call the kind of this value, for messages.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a bool"
        case .int: "an int"
        case .double: "a double"
        case .string: "a string"
        case .bytes: "bytes"
        case .date: "a date"
        case .array: "an array"
        case .map: "a map"
        }
    }
}
