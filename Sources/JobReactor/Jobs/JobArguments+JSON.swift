import JRBase
public import JRJSON
public import JRWire

/// Arguments as people type and read them. JSON has neither bytes nor dates: bytes become a Base64 string, dates an
/// RFC 3339 one; neither is guessed back from a string.
extension JobArguments {
    /// A JSON object. Throws `JSONError` with the place for anything else.
    public init(json text: [UInt8]) throws(JSONError) {
        let json = try LocatedJSON(parsing: text)
        guard case .object(let object) = json.value else {
            throw JSONError(
                position: json.position, message: "the arguments are \(json.kind)",
                expected: "an object such as {\"path\": \"README.md\"}")
        }
        self.init(object)
    }

    /// The members of a JSON object.
    public init(_ object: JSONObject) {
        self.init(Dictionary(object.members.map { ($0.key, Value(json: $0.value)) }) { _, later in later })
    }

    /// The arguments as a JSON object, keys in alphabetical order.
    public var json: JSON { Value.map(values).json }
}

extension Value {
    /// The same value; a number with neither fraction nor exponent is an int.
    public init(json: JSON) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .double(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let elements): self = .array(elements.map(Value.init(json:)))
        case .object(let object):
            self = .map(Dictionary(object.members.map { ($0.key, Value(json: $0.value)) }) { _, later in later })
        }
    }

    /// The same value; bytes become a Base64 string and dates an RFC 3339 one.
    public var json: JSON {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        case .bytes(let bytes): .string(Base64.text(bytes))
        case .date(let date): .string(Dates.format(date))
        case .array(let elements): .array(elements.map(\.json))
        case .map(let members):
            .object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) }))
        }
    }
}
