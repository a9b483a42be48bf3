/// A JSON value that knows where it and every value and key in it stand: for readers that answer to people.
public struct LocatedJSON: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        case null
        case bool(Bool)
        case int(Int64)
        case double(Double)
        case string(String)
        case array([LocatedJSON])
        case object([Member])
    }

    public struct Member: Sendable, Equatable {
        public let key: String
        public let keyPosition: Position
        public let value: LocatedJSON
    }

    public let content: Content
    public let position: Position

    /// As ``JSON/init(parsing:_:)``.
    public init(parsing bytes: [UInt8], _ rules: JSONParsing = .strict) throws(JSONError) {
        var parser = JSONParser(bytes[...], rules)
        parser.places = []
        let value = try parser.document()
        var places = (parser.places ?? [])[...]
        self.init(value, takingFrom: &places)
    }

    /// `places` are those of the values and keys of `value`, in the order of the text.
    private init(_ value: JSON, takingFrom places: inout ArraySlice<Position>) {
        position = Self.next(&places)
        switch value {
        case .null: content = .null
        case .bool(let value): content = .bool(value)
        case .int(let value): content = .int(value)
        case .double(let value): content = .double(value)
        case .string(let value): content = .string(value)
        case .array(let elements):
            var located: [LocatedJSON] = []
            for element in elements { located.append(LocatedJSON(element, takingFrom: &places)) }
            content = .array(located)
        case .object(let object):
            var located: [Member] = []
            for (key, value) in object.members {
                let keyPosition = Self.next(&places)
                let value = LocatedJSON(value, takingFrom: &places)
                located.append(Member(key: key, keyPosition: keyPosition, value: value))
            }
            content = .object(located)
        }
    }

    private static func next(_ places: inout ArraySlice<Position>) -> Position {
        places.popFirst() ?? Position(line: 1, column: 1, offset: 0)
    }

    /// The same value without its places.
    public var value: JSON {
        switch content {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        case .array(let elements): .array(elements.map(\.value))
        case .object(let members): .object(JSONObject(distinct: members.map { ($0.key, $0.value.value) }))
        }
    }
}

extension LocatedJSON {
    public var kind: String { value.kind }

    public var isNull: Bool { content == .null }

    public var bool: Bool? {
        if case .bool(let value) = content { value } else { nil }
    }

    /// The integer; nil for every other value, `1.0` included.
    public var int: Int64? {
        if case .int(let value) = content { value } else { nil }
    }

    /// The number, an integer too.
    public var double: Double? {
        switch content {
        case .double(let value): value
        case .int(let value): Double(value)
        case .null, .bool, .string, .array, .object: nil
        }
    }

    public var string: String? {
        if case .string(let value) = content { value } else { nil }
    }

    public var array: [LocatedJSON]? {
        if case .array(let value) = content { value } else { nil }
    }

    public var object: [Member]? {
        if case .object(let value) = content { value } else { nil }
    }

    /// The member's value; nil when there is none, or when this is no object.
    public subscript(key: String) -> LocatedJSON? {
        object?.first { $0.key == key }?.value
    }
}
