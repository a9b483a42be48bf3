import JRWire

// Every container has each method twice: for scalars, chosen at compile time, and for all other types. The widest
// integers need ones of their own, because the standard library's defaults for them would win over both.

struct KeyedArgumentEncoding<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: EncodingNode
    let path: ArgumentPath
    let session: EncodingSession

    var codingPath: [any CodingKey] { path.keys }

    mutating func encodeNil(forKey key: Key) throws { try encode(Value.null, forKey: key) }

    mutating func encode<T: Encodable & ArgumentScalar>(_ value: T, forKey key: Key) throws {
        try put(value, key)
    }

    mutating func encode(_ value: Int128, forKey key: Key) throws { try put(value, key) }

    mutating func encode(_ value: UInt128, forKey key: Key) throws { try put(value, key) }

    mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
        node.set(try session.value(of: value, at: path.appending(key)), for: key.stringValue)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        encoder(key).container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        encoder(key).unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { encoder(ArgumentKey.superclass) }

    mutating func superEncoder(forKey key: Key) -> any Encoder { encoder(key) }

    private func put(_ scalar: some ArgumentScalar, _ key: Key) throws {
        node.set(
            try session.value(ofScalar: scalar, in: path.depth + 1, path.appending(key)), for: key.stringValue)
    }

    private func encoder(_ key: any CodingKey) -> ArgumentEncoder {
        ArgumentEncoder(node: node.child(for: key.stringValue), path: path.appending(key), session: session)
    }
}

struct UnkeyedArgumentEncoding: UnkeyedEncodingContainer {
    let node: EncodingNode
    let path: ArgumentPath
    let session: EncodingSession

    var codingPath: [any CodingKey] { path.keys }
    var count: Int { node.count }

    mutating func encodeNil() throws { try encode(Value.null) }

    mutating func encode<T: Encodable & ArgumentScalar>(_ value: T) throws { try put(value) }

    mutating func encode(_ value: Int128) throws { try put(value) }

    mutating func encode(_ value: UInt128) throws { try put(value) }

    mutating func encode<T: Encodable>(_ value: T) throws {
        node.append(try session.value(of: value, at: path.appending(count)))
    }

    /// Bytes that come at once and alone, as those of Foundation's `Data` do, stay bytes.
    mutating func encode<S: Sequence>(contentsOf bytes: S) throws where S.Element == UInt8 {
        node.append(contentsOf: bytes)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        encoder().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { encoder().unkeyedContainer() }

    mutating func superEncoder() -> any Encoder { encoder() }

    private func put(_ scalar: some ArgumentScalar) throws {
        node.append(try session.value(ofScalar: scalar, in: path.depth + 1, path.appending(count)))
    }

    private func encoder() -> ArgumentEncoder {
        let place = path.appending(count)
        return ArgumentEncoder(node: node.appendChild(), path: place, session: session)
    }
}

struct SingleArgumentEncoding: SingleValueEncodingContainer {
    let encoder: ArgumentEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    mutating func encodeNil() throws { try encoder.put(.null) }

    mutating func encode<T: Encodable & ArgumentScalar>(_ value: T) throws { try put(value) }

    mutating func encode(_ value: Int128) throws { try put(value) }

    mutating func encode(_ value: UInt128) throws { try put(value) }

    mutating func encode<T: Encodable>(_ value: T) throws {
        try encoder.put(try encoder.session.value(of: value, at: encoder.path))
    }

    private func put(_ scalar: some ArgumentScalar) throws {
        try encoder.put(try encoder.session.value(ofScalar: scalar, in: encoder.path.depth, encoder.path))
    }
}
