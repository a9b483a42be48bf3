import JRBase
import JRWire

/// Decodes any `Decodable` from a ``Value``. It holds the value as it is: nothing is copied on the way down.
struct ArgumentDecoder: Decoder {
    let value: Value
    let path: ArgumentPath

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// The path is made for errors and for what is not a scalar.
    static func read<T: Decodable>(_ type: T.Type, _ value: Value, at path: @autoclosure () -> ArgumentPath) throws -> T
    {
        if let scalar = type as? any ArgumentScalar.Type, let result = try scalar.read(value, at: path()) as? T {
            return result
        }
        return try T(from: try ArgumentDecoder(value: value, checked: path()))
    }

    static func wanted(_ type: Any.Type) -> String {
        (type as? any ArgumentScalar.Type)?.wanted ?? "a value of the type \(type)"
    }

    init(value: Value, checked path: ArgumentPath) throws {
        guard path.depth <= Limits.nesting else { throw path.decodingError(.tooDeep, Value.self) }
        self.value = value
        self.path = path
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .map(let members) = value else {
            throw path.decodingError(.misfit(found: value.kind, wanted: "a map"), [String: Value].self)
        }
        return KeyedDecodingContainer(KeyedArgumentDecoding<Key>(members: members, path: path))
    }

    /// Bytes are an array of ints as well, for types such as Foundation's `Data`, which ask for one.
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        switch value {
        case .array(let elements): UnkeyedArgumentDecoding(elements: .values(elements), path: path)
        case .bytes(let bytes): UnkeyedArgumentDecoding(elements: .bytes(bytes), path: path)
        case .null, .bool, .int, .double, .string, .date, .map:
            throw path.decodingError(.misfit(found: value.kind, wanted: "an array"), [Value].self)
        }
    }

    func singleValueContainer() -> any SingleValueDecodingContainer { SingleArgumentDecoding(value: value, path: path) }
}

// Every container has each method twice: for scalars, chosen at compile time, and for all other types. The widest
// integers need ones of their own, because the standard library's defaults for them would win over both.

private struct KeyedArgumentDecoding<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let members: [String: Value]
    let path: ArgumentPath

    var codingPath: [any CodingKey] { path.keys }
    var allKeys: [Key] { members.keys.compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { members[key.stringValue] != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try member(key, wanted: "a value") == .null }

    func decode<T: Decodable & ArgumentScalar>(_ type: T.Type, forKey key: Key) throws -> T {
        try scalar(key)
    }

    func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try scalar(key) }

    func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try scalar(key) }

    func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
        try ArgumentDecoder.read(
            type, try member(key, wanted: ArgumentDecoder.wanted(type)), at: path.appending(key))
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(key, wanted: "a map").container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key, wanted: "an array").unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { try decoder(ArgumentKey.superclass, wanted: "a map") }

    func superDecoder(forKey key: Key) throws -> any Decoder { try decoder(key, wanted: "a value") }

    private func scalar<T: ArgumentScalar>(_ key: Key) throws -> T {
        try T.read(try member(key, wanted: T.wanted), at: path.appending(key))
    }

    private func decoder(_ key: any CodingKey, wanted: String) throws -> ArgumentDecoder {
        try ArgumentDecoder(value: try member(key, wanted: wanted), checked: path.appending(key))
    }

    private func member(_ key: any CodingKey, wanted: @autoclosure () -> String) throws -> Value {
        guard let value = members[key.stringValue] else { throw path.missing(key, wanted()) }
        return value
    }
}

private struct UnkeyedArgumentDecoding: UnkeyedDecodingContainer {
    enum Elements {
        case values([Value])
        case bytes([UInt8])
    }

    let elements: Elements
    let path: ArgumentPath
    private(set) var currentIndex = 0

    init(elements: Elements, path: ArgumentPath) {
        self.elements = elements
        self.path = path
    }

    var codingPath: [any CodingKey] { path.keys }
    var isAtEnd: Bool { currentIndex >= length }
    var count: Int? { length }

    mutating func decodeNil() throws -> Bool {
        let isNull = try element(Value.self) == .null
        // Only a null that was read is used up.
        if isNull { currentIndex += 1 }
        return isNull
    }

    mutating func decode<T: Decodable & ArgumentScalar>(_ type: T.Type) throws -> T { try scalar() }

    mutating func decode(_ type: Int128.Type) throws -> Int128 { try scalar() }

    mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try scalar() }

    mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
        let result = try ArgumentDecoder.read(type, try element(type), at: path.appending(currentIndex))
        currentIndex += 1
        return result
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        let container = try decoder().container(keyedBy: type)
        currentIndex += 1
        return container
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        let container = try decoder().unkeyedContainer()
        currentIndex += 1
        return container
    }

    mutating func superDecoder() throws -> any Decoder {
        let decoder = try decoder()
        currentIndex += 1
        return decoder
    }

    private var length: Int {
        switch elements {
        case .values(let values): values.count
        case .bytes(let bytes): bytes.count
        }
    }

    private mutating func scalar<T: ArgumentScalar>() throws -> T {
        let result = try T.read(try element(T.self), at: path.appending(currentIndex))
        currentIndex += 1
        return result
    }

    private func decoder() throws -> ArgumentDecoder {
        try ArgumentDecoder(value: try element(Value.self), checked: path.appending(currentIndex))
    }

    private func element(_ type: Any.Type) throws -> Value {
        guard currentIndex < length else {
            throw path.appending(currentIndex).decodingError(.tooFew(length), type)
        }
        switch elements {
        case .values(let values): return values[currentIndex]
        case .bytes(let bytes): return .int(Int64(bytes[currentIndex]))
        }
    }
}

private struct SingleArgumentDecoding: SingleValueDecodingContainer {
    let value: Value
    let path: ArgumentPath

    var codingPath: [any CodingKey] { path.keys }

    func decodeNil() -> Bool { value == .null }

    func decode<T: Decodable & ArgumentScalar>(_ type: T.Type) throws -> T { try T.read(value, at: path) }

    func decode(_ type: Int128.Type) throws -> Int128 { try Int128.read(value, at: path) }

    func decode(_ type: UInt128.Type) throws -> UInt128 { try UInt128.read(value, at: path) }

    func decode<T: Decodable>(_ type: T.Type) throws -> T { try ArgumentDecoder.read(type, value, at: path) }
}
