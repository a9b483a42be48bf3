import JRBase
public import JRWire

/// Anything `Codable` goes into arguments and comes out of them.
///
/// The properties are the names, and each has the nearest kind of ``Value``: `WallTime` is a date, `[UInt8]` and
/// Foundation's `Data` are bytes, integers of any width are ints, `Float` and `Double` are doubles (also infinite ones
/// and NaN), a `Duration` is a map of `seconds` and `attoseconds`. Foundation's `Date` is what it encodes itself as, a
/// double: seconds since 2001; prefer `WallTime`.
///
///     struct SendEmail: Codable { var to: String, copies: Int?, at: WallTime }
///     let args = try JobArguments(encoding: SendEmail(to: "a@example.org", copies: nil, at: date))
///     let email = try args.decode(SendEmail.self)
extension JobArguments {
    /// What `value` encodes as, which must have names: a struct, a class, a dictionary with strings as keys, an enum
    /// with associated values. A type without properties is no arguments.
    ///
    /// Throws ``JobReactorError/Code/invalidJob`` for anything else, for an integer beyond `Int64`, for values that
    /// nest deeper than 32, and when the type's own encoding throws. May be called on any thread.
    public init(encoding value: some Encodable) throws(JobReactorError) {
        let encoded: Value
        do {
            encoded = try ArgumentEncoder.value(of: value)
        } catch {
            throw CodingSubject.arguments.unencodable(type(of: value), error)
        }
        guard case .map(let members) = encoded else {
            throw JobReactorError(
                .invalidJob, what: "\(type(of: value)) cannot be the arguments of a job",
                why: "it encodes as \(encoded.kind), and arguments have names",
                mend: "Make it a property of a struct, and enqueue that")
        }
        self.init(members)
    }

    /// The arguments as a value of `type`. Names that the type does not know are ignored.
    ///
    /// Numbers are taken as they are meant: an integer also from a whole double, a `Double` from an int. A bool is only
    /// a bool. `WallTime` also reads an RFC 3339 string, `[UInt8]` an array of ints or a Base64 string, which is what
    /// dates and bytes are in JSON; a `Duration` also reads a number of seconds.
    ///
    /// Throws ``JobReactorError/Code/invalidArguments``, with the name, what was found there and what is wanted. May be
    /// called on any thread.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(JobReactorError) -> T {
        do {
            return try ArgumentDecoder.read(type, .map(values), at: .root)
        } catch {
            throw CodingSubject.arguments.unfit(type, error)
        }
    }
}

extension Value {
    /// What `value` encodes as; see ``JobArguments/init(encoding:)``. Here it need not have names.
    ///
    /// Throws ``JobReactorError/Code/invalidJob`` for an integer beyond `Int64`, for values that nest deeper than 32,
    /// and when the type's own encoding throws.
    public init(encoding value: some Encodable) throws(JobReactorError) {
        do {
            self = try ArgumentEncoder.value(of: value)
        } catch {
            throw CodingSubject.value.unencodable(type(of: value), error)
        }
    }

    /// This value as one of `type`, by the rules of ``JobArguments/decode(_:)``.
    ///
    /// Throws ``JobReactorError/Code/invalidArguments``.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(JobReactorError) -> T {
        do {
            return try ArgumentDecoder.read(type, self, at: .root)
        } catch {
            throw CodingSubject.value.unfit(type, error)
        }
    }
}

/// In arguments a value is itself. Other coders, such as Foundation's for JSON, have it in their own form: dates are
/// RFC 3339 strings, bytes are Base64 strings. Neither is guessed back from a string, and a whole double may come back
/// as an int, as such coders do not tell them apart.
extension Value: Codable {
    public init(from decoder: any Decoder) throws {
        if let decoder = decoder as? ArgumentDecoder {
            self = decoder.value
        } else {
            self = try Self.foreign(decoder)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        if let encoder = encoder as? ArgumentEncoder {
            try encoder.put(try encoder.session.value(of: self, at: encoder.path))
            return
        }
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .bytes(let bytes): try container.encode(Base64.text(bytes))
        case .date(let date): try container.encode(Dates.format(date))
        case .array(let elements): try container.encode(elements)
        case .map(let members): try container.encode(members)
        }
    }

    /// A decoder does not say what comes next: it is asked for one kind after the other.
    private static func foreign(_ decoder: any Decoder) throws -> Value {
        guard decoder.codingPath.count <= Limits.nesting else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: decoder.codingPath, debugDescription: CodingProblem.tooDeep.text,
                    underlyingError: CodingProblem.tooDeep))
        }
        let container = try decoder.singleValueContainer()
        // Read as a dictionary, whose keys no decoder changes.
        if (try? decoder.container(keyedBy: ArgumentKey.self)) != nil {
            return .map(try container.decode([String: Value].self))
        }
        if (try? decoder.unkeyedContainer()) != nil { return .array(try container.decode([Value].self)) }
        if container.decodeNil() { return .null }
        if let value = try? container.decode(Bool.self) { return .bool(value) }
        if let value = try? container.decode(Int64.self) { return .int(value) }
        if let value = try? container.decode(Double.self) { return .double(value) }
        return .string(try container.decode(String.self))
    }
}

/// In arguments they are a map; other coders have them in the form of a dictionary (see ``Value``'s).
extension JobArguments: Codable {
    public init(from decoder: any Decoder) throws {
        let value = try Value(from: decoder)
        guard case .map(let members) = value else {
            throw DecodingError.typeMismatch(
                [String: Value].self,
                DecodingError.Context(
                    codingPath: decoder.codingPath, debugDescription: "\(value.kind), not a map",
                    underlyingError: CodingProblem.misfit(found: value.kind, wanted: "a map")))
        }
        self.init(members)
    }

    public func encode(to encoder: any Encoder) throws { try Value.map(values).encode(to: encoder) }
}
