import JRBase
import JRWire

/// What is one ``Value`` and needs no container: the types that arguments have of their own.
///
/// Containers find these statically, where the type is known, which spares the common types every look-up at run time.
protocol ArgumentScalar {
    /// What a person would call such a value, with its article: `a string`.
    static var wanted: String { get }
    init(argument value: Value) throws(CodingProblem)
    /// `depth` is the number of containers around the value; the caller has checked it.
    func argument(at depth: Int) throws(CodingProblem) -> Value
}

extension ArgumentScalar {
    static func read(_ value: Value, at path: @autoclosure () -> ArgumentPath) throws -> Self {
        do {
            return try Self(argument: value)
        } catch {
            throw path().decodingError(error, Self.self)
        }
    }

    static func misfit(_ value: Value) -> CodingProblem { .misfit(found: value.kind, wanted: wanted) }
}

extension Bool: ArgumentScalar {
    static var wanted: String { "a bool" }

    init(argument value: Value) throws(CodingProblem) {
        guard case .bool(let bool) = value else { throw Self.misfit(value) }
        self = bool
    }

    func argument(at depth: Int) -> Value { .bool(self) }
}

extension String: ArgumentScalar {
    static var wanted: String { "a string" }

    init(argument value: Value) throws(CodingProblem) {
        guard case .string(let string) = value else { throw Self.misfit(value) }
        self = string
    }

    func argument(at depth: Int) -> Value { .string(self) }
}

extension ArgumentScalar where Self: FixedWidthInteger {
    static var wanted: String {
        if Self.bitWidth < 64 { return "an int from \(Self.min) to \(Self.max)" }
        return isSigned ? "an int" : "an int of 0 or more"
    }

    /// A double counts when it is whole: JSON and other languages do not always tell `1.0` from `1`.
    init(argument value: Value) throws(CodingProblem) {
        let exact: Self?
        let found: String
        switch value {
        case .int(let number): (exact, found) = (Self(exactly: number), "\(number)")
        case .double(let number): (exact, found) = (Self(exactly: number), "\(number)")
        case .null, .bool, .string, .bytes, .date, .array, .map: throw Self.misfit(value)
        }
        guard let exact else { throw .misfit(found: found, wanted: Self.wanted) }
        self = exact
    }

    func argument(at depth: Int) throws(CodingProblem) -> Value {
        guard let number = Int64(exactly: self) else { throw .outOfRange("\(self)") }
        return .int(number)
    }
}

extension Int: ArgumentScalar {}
extension Int8: ArgumentScalar {}
extension Int16: ArgumentScalar {}
extension Int32: ArgumentScalar {}
extension Int64: ArgumentScalar {}
extension Int128: ArgumentScalar {}
extension UInt: ArgumentScalar {}
extension UInt8: ArgumentScalar {}
extension UInt16: ArgumentScalar {}
extension UInt32: ArgumentScalar {}
extension UInt64: ArgumentScalar {}
extension UInt128: ArgumentScalar {}

extension Double: ArgumentScalar {
    static var wanted: String { "a number" }

    init(argument value: Value) throws(CodingProblem) {
        guard let number = value.double else { throw Self.misfit(value) }
        self = number
    }

    func argument(at depth: Int) -> Value { .double(self) }
}

extension Float: ArgumentScalar {
    static var wanted: String { "a number within \(-Float.greatestFiniteMagnitude)...\(Float.greatestFiniteMagnitude)" }

    /// The nearest float; a finite number that has none is refused.
    init(argument value: Value) throws(CodingProblem) {
        guard let number = value.double else { throw Self.misfit(value) }
        self = Float(number)
        if isInfinite, number.isFinite { throw .misfit(found: "\(number)", wanted: Self.wanted) }
    }

    func argument(at depth: Int) -> Value { .double(Double(self)) }
}

extension WallTime: ArgumentScalar {
    static var wanted: String { "a date" }

    /// A string in RFC 3339 counts too: arguments that were typed as JSON have no other dates.
    init(argument value: Value) throws(CodingProblem) {
        switch value {
        case .date(let date): self = date
        case .string(let text):
            guard let date = try? Dates.parse(text) else {
                throw .misfit(found: "the string '\(text.prefix(40))'", wanted: Dates.expected)
            }
            self = date
        case .null, .bool, .int, .double, .bytes, .array, .map: throw Self.misfit(value)
        }
    }

    func argument(at depth: Int) -> Value { .date(self) }
}

/// Seconds and attoseconds by name. Its own coding is two halves of a 128-bit integer, of which an int cannot hold the
/// lower one from some nine seconds on.
extension Duration: ArgumentScalar {
    static var wanted: String { "a map of seconds and attoseconds, or a number of seconds" }
    private static let second: Int128 = 1_000_000_000_000_000_000

    /// A number of seconds counts too, for arguments that are written by hand.
    init(argument value: Value) throws(CodingProblem) {
        switch value {
        case .map(let members):
            guard case .int(let seconds)? = members["seconds"], case .int(let rest)? = members["attoseconds"] else {
                throw .misfit(found: "a map of other names", wanted: Self.wanted)
            }
            self.init(attoseconds: Int128(seconds) * Self.second + Int128(rest))
        case .int(let seconds): self.init(attoseconds: Int128(seconds) * Self.second)
        case .double(let seconds):
            guard let attoseconds = Int128(exactly: (seconds * 1e18).rounded()) else {
                throw .misfit(found: "\(seconds)", wanted: Self.wanted)
            }
            self.init(attoseconds: attoseconds)
        case .null, .bool, .string, .bytes, .date, .array: throw Self.misfit(value)
        }
    }

    func argument(at depth: Int) throws(CodingProblem) -> Value {
        let (seconds, rest) = attoseconds.quotientAndRemainder(dividingBy: Self.second)
        let members = [
            "seconds": try Int128(seconds).argument(at: depth), "attoseconds": try Int128(rest).argument(at: depth),
        ]
        return try Value.map(members).argument(at: depth)
    }
}

extension [UInt8]: ArgumentScalar {
    static var wanted: String { "bytes" }

    /// An array of ints from 0 to 255 counts too, and a string in Base64: arguments that were typed as JSON have no
    /// other bytes.
    init(argument value: Value) throws(CodingProblem) {
        switch value {
        case .bytes(let bytes): self = bytes
        case .array(let elements):
            self = []
            reserveCapacity(elements.count)
            for element in elements { append(try UInt8(argument: element)) }
        case .string(let text):
            guard let bytes = Base64.bytes(text) else {
                throw .misfit(found: "a string that is not Base64", wanted: Self.wanted)
            }
            self = bytes
        case .null, .bool, .int, .double, .date, .map: throw Self.misfit(value)
        }
    }

    func argument(at depth: Int) -> Value { .bytes(self) }
}

extension Value: ArgumentScalar {
    static var wanted: String { "a value" }

    init(argument value: Value) {
        self = value
    }

    func argument(at depth: Int) throws(CodingProblem) -> Value {
        guard fits(levels: Limits.nesting - depth) else { throw .tooDeep }
        return self
    }

    /// Never goes further down than `levels`, so that a value of any depth can be asked.
    private func fits(levels: Int) -> Bool {
        switch self {
        case .null, .bool, .int, .double, .string, .bytes, .date: levels >= 0
        case .array(let elements): levels >= 0 && elements.allSatisfy { $0.fits(levels: levels - 1) }
        case .map(let members): levels >= 0 && members.values.allSatisfy { $0.fits(levels: levels - 1) }
        }
    }
}

extension JobArguments: ArgumentScalar {
    static var wanted: String { "a map" }

    init(argument value: Value) throws(CodingProblem) {
        guard case .map(let members) = value else { throw Self.misfit(value) }
        self.init(members)
    }

    func argument(at depth: Int) throws(CodingProblem) -> Value { try Value.map(values).argument(at: depth) }
}
