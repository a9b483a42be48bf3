import JRBase
import JRWire

/// Encodes any `Encodable` as a ``Value``.
struct ArgumentEncoder: Encoder {
    let node: EncodingNode
    let path: ArgumentPath
    let session: EncodingSession

    var codingPath: [any CodingKey] { path.keys }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    static func value(of encodable: some Encodable) throws -> Value {
        try EncodingSession().value(of: encodable, at: .root)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        KeyedEncodingContainer(KeyedArgumentEncoding(node: open(.keyed), path: path, session: session))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        UnkeyedArgumentEncoding(node: open(.unkeyed), path: path, session: session)
    }

    /// What is put into it is checked when it is: a type may ask for a container and not use it.
    func singleValueContainer() -> any SingleValueEncodingContainer {
        SingleArgumentEncoding(encoder: self)
    }

    func put(_ value: Value) throws {
        guard node.open(.single) else { throw path.encodingError(.mixedContainers, value) }
        node.single = value
    }

    /// Where containers are made nothing can be thrown: a failure is kept for the end, and what follows it goes to a
    /// node that nobody reads.
    private func open(_ form: EncodingNode.Form) -> EncodingNode {
        if path.depth > Limits.nesting {
            session.fail(path.encodingError(.tooDeep, Value.null))
        } else if node.open(form) {
            return node
        } else {
            session.fail(path.encodingError(.mixedContainers, Value.null))
        }
        let unread = EncodingNode()
        _ = unread.open(form)
        return unread
    }
}

/// What one encoding has in common.
final class EncodingSession {
    private var failure: EncodingError?
    private var calls = 0

    /// The first failure counts.
    func fail(_ error: EncodingError) {
        failure = failure ?? error
    }

    /// Types within types that add no container (such as optionals) do not count as depth; this many are no accident.
    private static let mostCalls = 8 * Limits.nesting

    func value<T: Encodable>(of encodable: T, at path: ArgumentPath) throws -> Value {
        guard path.depth <= Limits.nesting, calls < Self.mostCalls else {
            throw path.encodingError(.tooDeep, encodable)
        }
        if let scalar = encodable as? any ArgumentScalar { return try value(ofScalar: scalar, in: path.depth, path) }
        calls += 1
        defer { calls -= 1 }
        let node = EncodingNode()
        try encodable.encode(to: ArgumentEncoder(node: node, path: path, session: self))
        if let failure { throw failure }
        return node.value
    }

    /// The path is made for errors alone.
    func value(
        ofScalar scalar: some ArgumentScalar, in depth: Int, _ path: @autoclosure () -> ArgumentPath
    ) throws -> Value {
        do {
            guard depth <= Limits.nesting else { throw CodingProblem.tooDeep }
            return try scalar.argument(at: depth)
        } catch let problem as CodingProblem {
            throw path().encodingError(problem, scalar)
        }
    }
}

/// What an encoder was given so far. Containers are values, and all that stand for the same place share one of these.
final class EncodingNode {
    enum Form {
        case nothing, single, keyed, unkeyed
    }

    private var form = Form.nothing
    var single = Value.null
    private var members: [String: Value] = [:]
    private var elements: [Value] = []
    /// The elements as long as they all are bytes that came at once.
    private var bytes: [UInt8]?
    /// What nested containers and encoders of superclasses write, and its place here.
    private var named: [String: EncodingNode] = [:]
    private var numbered: [Int: EncodingNode] = [:]

    var count: Int { bytes?.count ?? elements.count }

    /// A type that encodes nothing is one without properties.
    var value: Value {
        switch form {
        case .nothing: return .map([:])
        case .single: return single
        case .keyed:
            for (key, node) in named { members[key] = node.value }
            return .map(members)
        case .unkeyed:
            if let bytes { return .bytes(bytes) }
            for (index, node) in numbered { elements[index] = node.value }
            return .array(elements)
        }
    }

    /// False when it is something else already. Keyed and unkeyed ones may be opened again and go on.
    func open(_ wanted: Form) -> Bool {
        guard form == .nothing || (form == wanted && wanted != .single) else { return false }
        form = wanted
        return true
    }

    func set(_ value: Value, for key: String) {
        members[key] = value
        if !named.isEmpty { named[key] = nil }
    }

    func append(_ value: Value) {
        spreadBytes()
        elements.append(value)
    }

    func append(contentsOf more: some Sequence<UInt8>) {
        if elements.isEmpty, bytes == nil {
            bytes = Array(more)
        } else {
            for byte in more { append(.int(Int64(byte))) }
        }
    }

    func child(for key: String) -> EncodingNode {
        if let node = named[key] { return node }
        let node = EncodingNode()
        named[key] = node
        return node
    }

    func appendChild() -> EncodingNode {
        let node = EncodingNode()
        append(.null)
        numbered[elements.count - 1] = node
        return node
    }

    private func spreadBytes() {
        guard let bytes else { return }
        self.bytes = nil
        elements = bytes.map { .int(Int64($0)) }
    }
}
