import JRBase

/// Why bytes are not the MessagePack they should be.
public enum UnpackError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes end inside a value.
    case truncated(offset: Int)
    /// A value is of another type than it must be here.
    case unexpected(offset: Int, found: UInt8, wanted: String)
    /// A string is not valid UTF-8.
    case notUTF8(offset: Int)
    /// A number or a length does not fit.
    case outOfRange(offset: Int)
    /// Arrays and maps are nested deeper than is allowed.
    case tooDeep(offset: Int)
    /// A map has a key twice.
    case duplicateKey(String)
    /// So many bytes follow after the end.
    case trailingBytes(Int)

    public var description: String {
        switch self {
        case .truncated(let offset): "the bytes end inside a value at byte \(offset)"
        case .unexpected(let offset, let found, let wanted):
            "byte \(offset) is 0x\(String(found, radix: 16)) where \(wanted) is expected"
        case .notUTF8(let offset): "the string at byte \(offset) is not UTF-8"
        case .outOfRange(let offset): "the number at byte \(offset) is out of range"
        case .tooDeep(let offset): "values nest deeper than \(Limits.nesting) at byte \(offset)"
        case .duplicateKey(let key): "the key '\(key)' appears twice in one map"
        case .trailingBytes(let count): "\(count) bytes follow after the end of the value"
        }
    }
}

/// Reads MessagePack. Every length is checked against the bytes at hand before anything is allocated.
public struct Unpacker: Sendable {
    /// Room made at once for an announced count: nested counts could each announce all that is left to read, and
    /// together ask for far more memory than bytes were sent.
    static let mostReserved = 1_024

    private static let fewKeys = 16

    /// What stands before the two words of an id: bytes, of which there are sixteen.
    static let idMark: UInt16 = 0xC410

    private var reader: ByteReader

    public init(_ bytes: ArraySlice<UInt8>) {
        reader = ByteReader(bytes)
    }

    public var isAtEnd: Bool { reader.isAtEnd }

    public func expectEnd() throws(UnpackError) {
        if !reader.isAtEnd { throw .trailingBytes(reader.remaining) }
    }

    /// Takes a nil if one is next.
    public mutating func skipNil() -> Bool {
        guard reader.peek() == 0xC0 else { return false }
        _ = try? reader.byte()
        return true
    }

    public mutating func bool() throws(UnpackError) -> Bool {
        let offset = reader.offset
        switch try byte() {
        case 0xC2: return false
        case 0xC3: return true
        case let other: throw .unexpected(offset: offset, found: other, wanted: "a bool")
        }
    }

    public mutating func int() throws(UnpackError) -> Int64 {
        let offset = reader.offset
        guard let value = try integer(marker: try byte()) else {
            throw .unexpected(
                offset: offset, found: reader.bytes[reader.bytes.startIndex + offset], wanted: "an integer")
        }
        return value
    }

    /// A non-negative integer that fits. One for each type, as a generic one looks at its type each time when it is
    /// called from another module.
    public mutating func unsigned(_ type: Int.Type = Int.self) throws(UnpackError) -> Int { try fitting() }
    /// A non-negative integer of one byte.
    public mutating func unsigned(_ type: UInt8.Type = UInt8.self) throws(UnpackError) -> UInt8 { try fitting() }
    /// A non-negative integer of four bytes.
    public mutating func unsigned(_ type: UInt32.Type = UInt32.self) throws(UnpackError) -> UInt32 { try fitting() }
    /// A non-negative integer of eight bytes.
    public mutating func unsigned(_ type: UInt64.Type = UInt64.self) throws(UnpackError) -> UInt64 { try fitting() }

    @inline(__always)
    private mutating func fitting<Number: FixedWidthInteger>() throws(UnpackError) -> Number {
        if let small = reader.byte(below: 0x80) { return Number(small) }
        let offset = reader.offset
        if reader.peek() == 0xCF {
            _ = try byte()
            guard let value = Number(exactly: try number(UInt64.self)) else { throw .outOfRange(offset: offset) }
            return value
        }
        let value = try int()
        guard value >= 0, let fitting = Number(exactly: value) else { throw .outOfRange(offset: offset) }
        return fitting
    }

    public mutating func string() throws(UnpackError) -> String {
        let offset = reader.offset
        let marker = try byte()
        let count: Int
        switch marker {
        case 0xA0...0xBF: count = Int(marker & 0x1F)
        case 0xD9: count = Int(try number(UInt8.self))
        case 0xDA: count = Int(try number(UInt16.self))
        case 0xDB: count = Int(try number(UInt32.self))
        default: throw .unexpected(offset: offset, found: marker, wanted: "a string")
        }
        let bytes = try take(count)
        do { return String(copying: try UTF8Span(validating: bytes.span)) } catch { throw .notUTF8(offset: offset) }
    }

    /// The bytes of a bin value, not copied.
    public mutating func bytes() throws(UnpackError) -> ArraySlice<UInt8> {
        let offset = reader.offset
        let marker = try byte()
        let count: Int
        switch marker {
        case 0xC4: count = Int(try number(UInt8.self))
        case 0xC5: count = Int(try number(UInt16.self))
        case 0xC6: count = Int(try number(UInt32.self))
        default: throw .unexpected(offset: offset, found: marker, wanted: "bytes")
        }
        return try take(count)
    }

    public mutating func jobID() throws(UnpackError) -> JobID {
        if let (high, low) = reader.words(behind: Self.idMark) { return JobID(high: high, low: low) }
        let offset = reader.offset
        guard let id = JobID(bytes: try bytes()) else { throw .outOfRange(offset: offset) }
        return id
    }

    /// The number of elements that follow; each takes at least a byte, so a count beyond the bytes left is refused.
    public mutating func arrayCount() throws(UnpackError) -> Int {
        let offset = reader.offset
        let marker = try byte()
        guard let count = try collectionCount(marker, short: 0x90, two: 0xDC, four: 0xDD) else {
            throw .unexpected(offset: offset, found: marker, wanted: "an array")
        }
        if count > reader.remaining { throw .truncated(offset: offset) }
        return count
    }

    public mutating func mapCount() throws(UnpackError) -> Int {
        let offset = reader.offset
        let marker = try byte()
        guard let count = try collectionCount(marker, short: 0x80, two: 0xDE, four: 0xDF) else {
            throw .unexpected(offset: offset, found: marker, wanted: "a map")
        }
        if count > reader.remaining / 2 { throw .truncated(offset: offset) }
        return count
    }

    public mutating func map(depth: Int = 0) throws(UnpackError) -> [String: Value] {
        let count = try mapCount()
        var members: [String: Value] = [:]
        members.reserveCapacity(min(count, Self.mostReserved))
        for _ in 0..<count {
            let key = try string()
            if members.updateValue(try value(depth: depth + 1), forKey: key) != nil { throw .duplicateKey(key) }
        }
        return members
    }

    /// Reads a map without making a dictionary of it.
    ///
    /// - Parameter take: reads the value of this key, or gives false for one that it does not know, which is passed
    ///   over.
    public mutating func members(
        _ take: (String, inout Unpacker) throws(UnpackError) -> Bool
    ) throws(UnpackError) {
        let count = try mapCount()
        // In a few keys a search costs less than hashing them.
        var few: [String] = []
        few.reserveCapacity(min(count, Self.fewKeys))
        var more: Set<String> = []
        for _ in 0..<count {
            let key = try string()
            if few.contains(key) || more.contains(key) { throw .duplicateKey(key) }
            if few.count < Self.fewKeys { few.append(key) } else { more.insert(key) }
            if try !take(key, &self) { _ = try value(depth: 1) }
        }
    }

    public mutating func value(depth: Int = 0) throws(UnpackError) -> Value {
        let offset = reader.offset
        guard depth <= Limits.nesting else { throw .tooDeep(offset: offset) }
        guard let marker = reader.peek() else { throw .truncated(offset: offset) }
        switch marker {
        case 0xC0:
            _ = try byte()
            return .null
        case 0xC2, 0xC3: return .bool(try bool())
        case 0xA0...0xBF, 0xD9...0xDB: return .string(try string())
        case 0xC4...0xC6: return .bytes(Array(try bytes()))
        case 0x80...0x8F, 0xDE, 0xDF: return .map(try map(depth: depth))
        case 0x90...0x9F, 0xDC, 0xDD:
            let count = try arrayCount()
            var elements: [Value] = []
            elements.reserveCapacity(min(count, Self.mostReserved))
            for _ in 0..<count { elements.append(try value(depth: depth + 1)) }
            return .array(elements)
        case 0xCA:
            _ = try byte()
            return .double(Double(Float(bitPattern: try number(UInt32.self))))
        case 0xCB:
            _ = try byte()
            return .double(Double(bitPattern: try number(UInt64.self)))
        case 0xD6, 0xD7, 0xC7: return .date(try date())
        default: return .int(try int())
        }
    }

    /// A timestamp extension, cut to the millisecond.
    private mutating func date() throws(UnpackError) -> WallTime {
        let offset = reader.offset
        let marker = try byte()
        let size = marker == 0xC7 ? try byte() : marker == 0xD6 ? 4 : 8
        let type = try byte()
        guard type == 0xFF, size == 4 || size == 8 || size == 12 else {
            throw .unexpected(offset: offset, found: marker, wanted: "a timestamp (the only extension in use)")
        }
        let seconds: Int64
        var nanoseconds: UInt64 = 0
        switch size {
        case 4: seconds = Int64(try number(UInt32.self))
        case 8:
            let both = try number(UInt64.self)
            nanoseconds = both >> 34
            seconds = Int64(both & (1 << 34 - 1))
        default:
            nanoseconds = UInt64(try number(UInt32.self))
            seconds = Int64(bitPattern: try number(UInt64.self))
        }
        // Counted from the end of a negative second, so that the first date of all is not out of range.
        let isNegative = seconds < 0
        let (milliseconds, overflow) = (isNegative ? seconds + 1 : seconds).multipliedReportingOverflow(by: 1_000)
        guard !overflow, nanoseconds < 1_000_000_000 else { throw .outOfRange(offset: offset) }
        let part = Int64(nanoseconds / 1_000_000) - (isNegative ? 1_000 : 0)
        return WallTime(milliseconds: milliseconds.addingSaturated(part))
    }

    private mutating func integer(marker: UInt8) throws(UnpackError) -> Int64? {
        switch marker {
        case 0x00...0x7F: return Int64(marker)
        case 0xE0...0xFF: return Int64(Int8(bitPattern: marker))
        case 0xCC: return Int64(try number(UInt8.self))
        case 0xCD: return Int64(try number(UInt16.self))
        case 0xCE: return Int64(try number(UInt32.self))
        case 0xCF:
            let offset = reader.offset
            guard let value = Int64(exactly: try number(UInt64.self)) else { throw .outOfRange(offset: offset) }
            return value
        case 0xD0: return Int64(Int8(bitPattern: try number(UInt8.self)))
        case 0xD1: return Int64(Int16(bitPattern: try number(UInt16.self)))
        case 0xD2: return Int64(Int32(bitPattern: try number(UInt32.self)))
        case 0xD3: return Int64(bitPattern: try number(UInt64.self))
        default: return nil
        }
    }

    private mutating func collectionCount(_ marker: UInt8, short: UInt8, two: UInt8, four: UInt8) throws(UnpackError)
        -> Int?
    {
        if marker & 0xF0 == short { return Int(marker & 0x0F) }
        if marker == two { return Int(try number(UInt16.self)) }
        if marker == four { return Int(try number(UInt32.self)) }
        return nil
    }

    @inline(__always)
    private mutating func byte() throws(UnpackError) -> UInt8 {
        do { return try reader.byte() } catch { throw .truncated(offset: reader.offset) }
    }

    @inline(__always)
    private mutating func take(_ count: Int) throws(UnpackError) -> ArraySlice<UInt8> {
        do { return try reader.take(count) } catch { throw .truncated(offset: reader.offset) }
    }

    @inline(__always)
    private mutating func number<Number: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(
        _ type: Number.Type = Number.self
    ) throws(UnpackError) -> Number {
        do { return try reader.bigEndian(type) } catch { throw .truncated(offset: reader.offset) }
    }
}
