/// A value of the Redis serialization protocol, of version 2 or 3.
enum RESPValue: Sendable, Equatable {
    /// A short text, such as `OK`.
    case simple(String)
    /// What the server refuses, with its code first: `READONLY You can't write against a read only replica.`
    case error(String)
    case integer(Int64)
    /// Any bytes. Verbatim text is one of these, without its format.
    case bulk([UInt8])
    case null
    case double(Double)
    case boolean(Bool)
    /// The digits of a number that may have any length.
    case bigNumber(String)
    /// Arrays and sets.
    case array([RESPValue])
    /// Keys and values in turn, as they came.
    case map([RESPValue])
    /// What the server says unasked.
    case push([RESPValue])

    /// As text, when it is a text of any kind.
    var text: String? {
        switch self {
        case .simple(let text), .bigNumber(let text): text
        case .bulk(let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): String(number)
        case .error, .null, .double, .boolean, .array, .map, .push: nil
        }
    }

    /// As a number, also one that came as text: scripts send what does not fit a double that way.
    var int: Int64? {
        if case .integer(let number) = self { return number }
        return text.flatMap { Int64($0) }
    }

    /// The elements of an array, a set or, keys and values in turn, a map, which version 2 sends as an array.
    var elements: [RESPValue]? {
        switch self {
        case .array(let elements), .map(let elements): elements
        case .simple, .error, .integer, .bulk, .null, .double, .boolean, .bigNumber, .push: nil
        }
    }

    /// The value of a key in a map.
    subscript(key: String) -> RESPValue? {
        guard let elements else { return nil }
        for index in stride(from: 0, to: elements.count - 1, by: 2) where elements[index].text == key {
            return elements[index + 1]
        }
        return nil
    }
}

/// What may come from a server at the most. Past any of them the connection is given up, before memory is taken.
enum RESPLimits {
    /// A line: everything but the bytes of bulk strings.
    static let lineBytes = 64 * 1024
    /// One bulk string. No record is longer than a frame of the wire.
    static let bulkBytes = 64 * 1024 * 1024
    /// Values in one reply, counted through all levels.
    static let values = 1 << 20
    static let nesting = 8
    /// All bytes of one reply.
    static let replyBytes = 256 * 1024 * 1024
}

/// Why bytes are no reply. There is no way to find the next one after it: the connection is over.
enum RESPDamage: Error, Sendable, Equatable, CustomStringConvertible {
    case unknownType(UInt8)
    case lineTooLong
    case notANumber
    case lengthTooLarge(Int64)
    case tooManyValues
    case tooDeep
    case replyTooLong
    /// A bulk string, or a line, was not followed by CR LF.
    case noLineEnd

    var description: String {
        switch self {
        case .unknownType(let byte): "no value begins with the byte \(byte)"
        case .lineTooLong: "a line has more than \(RESPLimits.lineBytes) bytes"
        case .notANumber: "a number is not one"
        case .lengthTooLarge(let length): "a length is \(length)"
        case .tooManyValues: "a reply has more than \(RESPLimits.values) values"
        case .tooDeep: "values nest deeper than \(RESPLimits.nesting)"
        case .replyTooLong: "a reply has more than \(RESPLimits.replyBytes) bytes"
        case .noLineEnd: "CR LF is missing after a value"
        }
    }
}
