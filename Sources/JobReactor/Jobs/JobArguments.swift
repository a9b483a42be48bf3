import JRBase
public import JRWire

/// The arguments of a job: values by name.
///
/// They arrive encoded and are decoded at the first look, so that a job which does not read them costs nothing for
/// them. A value may be null, bool, int, double, string, bytes, date, array or map (``Value``).
///
///     args["count"] = 3
///     let path = args["path"]?.string
public struct JobArguments: Sendable, ExpressibleByDictionaryLiteral {
    private enum Content: Sendable {
        case encoded([UInt8])
        case decoded([String: Value])
    }

    private var content: Content

    /// Arguments with these values.
    public init(_ values: [String: Value] = [:]) {
        content = .decoded(values)
    }

    public init(dictionaryLiteral elements: (String, Value)...) {
        content = .decoded(Dictionary(elements) { _, later in later })
    }

    /// Encoded arguments, a MessagePack map. Bytes that are not one read as no arguments; ``validate(_:)`` tells.
    public init(encoded bytes: [UInt8]) {
        content = .encoded(bytes)
    }

    /// Throws unless the bytes are exactly one MessagePack map with string keys.
    public static func validate(_ bytes: [UInt8]) throws(UnpackError) {
        var unpacker = Unpacker(bytes[...])
        _ = try unpacker.map()
        try unpacker.expectEnd()
    }

    /// All values by name.
    public var values: [String: Value] {
        get {
            switch content {
            case .decoded(let values): return values
            case .encoded(let bytes):
                var unpacker = Unpacker(bytes[...])
                return (try? unpacker.map()) ?? [:]
            }
        }
        set { content = .decoded(newValue) }
    }

    /// The arguments as they travel and are stored. Free when they were not changed.
    public var encoded: [UInt8] {
        switch content {
        case .encoded(let bytes): return bytes
        case .decoded(let values):
            var writer = ByteWriter(reserving: Self.room(for: values))
            writer.pack(map: values)
            return writer.bytes
        }
    }

    /// Bytes enough for flat values, so that the array does not grow while it is written.
    private static func room(for values: [String: Value]) -> Int {
        var room = 5
        for (key, value) in values {
            switch value {
            case .string(let text): room += text.utf8.count
            case .bytes(let bytes): room += bytes.count
            case .array, .map: room += 64
            case .null, .bool, .int, .double, .date: break
            }
            // Heads of both, and any number or date.
            room += key.utf8.count + 20
        }
        return room
    }

    /// The value of that name. Setting nil removes it.
    public subscript(key: String) -> Value? {
        // Decoding is remembered by the first change only: a look must not need a mutable copy.
        get { values[key] }
        _modify {
            var values = self.values
            defer { content = .decoded(values) }
            yield &values[key]
        }
    }

    /// Takes over all values of `others`, which win over those of the same name.
    public mutating func merge(_ others: JobArguments) {
        values = values.merging(others.values) { _, other in other }
    }
}

extension JobArguments: Equatable {
    public static func == (left: JobArguments, right: JobArguments) -> Bool { left.values == right.values }
}
