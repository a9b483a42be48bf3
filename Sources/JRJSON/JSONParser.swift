/// What a reader of JSON allows.
public struct JSONParsing: Sendable {
    /// How deep arrays and objects may nest, at most 512: the parser calls itself once a level.
    public var depth: Int
    /// How long the text may be.
    public var bytes: Int
    /// `// to the end of the line`, for files that people write.
    public var allowsComments: Bool

    public init(depth: Int = 32, bytes: Int = 16 * 1024 * 1024, allowsComments: Bool = false) {
        self.depth = min(depth, 512)
        self.bytes = bytes
        self.allowsComments = allowsComments
    }

    public static let strict = JSONParsing()
    public static let withComments = JSONParsing(allowsComments: true)
}

extension JSON {
    /// Reads one JSON text (RFC 8259), strictly: valid UTF-8, no key twice in an object, no number that does not fit,
    /// nothing after the value. Takes time in proportion to the text.
    public init(parsing bytes: ArraySlice<UInt8>, _ rules: JSONParsing = .strict) throws(JSONError) {
        var parser = JSONParser(bytes, rules)
        self = try parser.document()
    }

    public init(parsing bytes: [UInt8], _ rules: JSONParsing = .strict) throws(JSONError) {
        try self.init(parsing: bytes[...], rules)
    }

    public init(parsing text: String, _ rules: JSONParsing = .strict) throws(JSONError) {
        try self.init(parsing: Array(text.utf8)[...], rules)
    }
}

/// Recursive descent over bytes that were found to be UTF-8 before it starts.
struct JSONParser {
    let bytes: ArraySlice<UInt8>
    let rules: JSONParsing
    var index: Int
    var depth = 0

    /// The place of every value and every key in the order of the text, when the caller wants to know them.
    var places: [Position]?

    // Kept while moving on, so that the places of a whole text cost no second look at it.
    private var line = 1
    private var lineStart: Int
    private var continuationBytes = 0

    init(_ bytes: ArraySlice<UInt8>, _ rules: JSONParsing) {
        self.bytes = bytes
        self.rules = rules
        index = bytes.startIndex
        lineStart = bytes.startIndex
    }

    mutating func document() throws(JSONError) -> JSON {
        guard bytes.count <= rules.bytes else {
            throw failure("found \(bytes.count) bytes of JSON", "at most \(rules.bytes)")
        }
        try checkEncoding()
        try skipSpace()
        let value = try value()
        try skipSpace()
        guard index == bytes.endIndex else { throw found("nothing after the value") }
        return value
    }

    private func checkEncoding() throws(JSONError) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw failure("found a byte order mark", "JSON in UTF-8 without one")
        }
        do {
            _ = try UTF8Span(validating: bytes.span)
        } catch {
            let offset = error.byteOffsets.lowerBound
            let byte = String(bytes[bytes.startIndex + offset], radix: 16)
            throw JSONError(
                position: Position(offset: offset, in: bytes),
                message: "found byte 0x\(byte), which is not UTF-8 here", expected: "text in UTF-8")
        }
    }

    private mutating func value() throws(JSONError) -> JSON {
        notePlace()
        guard let byte = peek else { throw found("a value") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        case _ where Self.isWordByte(byte): return try word()
        default: throw found("a value (an object, array, string, number, true, false or null)")
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSON
    ) throws(JSONError) -> JSON {
        guard depth < rules.depth else {
            throw failure("values nest more than \(rules.depth) deep", "a flatter text")
        }
        depth += 1
        index += 1
        let value = try body(&self)
        depth -= 1
        return value
    }

    private mutating func array() throws(JSONError) -> JSON {
        var elements: [JSON] = []
        try skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value())
            try skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw found("',' or ']'") }
            try skipSpace()
            if peek == UInt8(ascii: "]") { throw found("a value: the last one has no ',' after it") }
        }
    }

    private mutating func object() throws(JSONError) -> JSON {
        var members: [JSONObject.Member] = []
        var keys = DistinctKeys()
        try skipSpace()
        if take(UInt8(ascii: "}")) { return .object(JSONObject(distinct: members)) }
        while true {
            let start = index
            notePlace()
            guard peek == UInt8(ascii: "\"") else { throw found("a key in double quotes, or '}'") }
            let key = try string()
            guard keys.insert(key, members) else {
                throw failure("the key \(Self.quoted(key)) is there twice", "each key once", at: start)
            }
            try skipSpace()
            guard take(UInt8(ascii: ":")) else { throw found("':' after the key") }
            try skipSpace()
            members.append((key, try value()))
            try skipSpace()
            if take(UInt8(ascii: "}")) { return .object(JSONObject(distinct: members)) }
            guard take(UInt8(ascii: ",")) else { throw found("',' or '}'") }
            try skipSpace()
            if peek == UInt8(ascii: "}") { throw found("a key: the last member has no ',' after it") }
        }
    }

    private mutating func word() throws(JSONError) -> JSON {
        let start = index
        while let byte = peek, Self.isWordByte(byte) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        switch text {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        default:
            throw failure("found \(Self.quoted(text))", "a value: the only words are true, false and null", at: start)
        }
    }

    private mutating func skipSpace() throws(JSONError) {
        while let byte = peek {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
                index += 1
            case UInt8(ascii: "\n"):
                index += 1
                line += 1
                lineStart = index
                continuationBytes = 0
            case UInt8(ascii: "/"):
                try skipComment()
            default:
                return
            }
        }
    }

    private mutating func skipComment() throws(JSONError) {
        guard rules.allowsComments else { throw found("no comment: this JSON may have none") }
        guard index + 1 < bytes.endIndex, bytes[index + 1] == UInt8(ascii: "/") else {
            throw failure("found '/'", "'//', which begins a comment to the end of the line")
        }
        index = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
    }
}

extension JSONParser {
    var peek: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

    mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        index += 1
        return true
    }

    /// Counts bytes of a string that begin no character, so that columns count characters.
    mutating func passedContinuationBytes(_ count: Int) { continuationBytes += count }

    private mutating func notePlace() {
        guard places != nil else { return }
        let column = index - lineStart - continuationBytes + 1
        places?.append(Position(line: line, column: column, offset: index - bytes.startIndex))
    }

    func failure(_ message: String, _ expected: String, at place: Int? = nil) -> JSONError {
        let offset = (place ?? index) - bytes.startIndex
        return JSONError(position: Position(offset: offset, in: bytes), message: message, expected: expected)
    }

    /// The error for whatever stands at the current place.
    func found(_ expected: String) -> JSONError {
        guard let byte = peek else { return failure("the text ends too early", expected) }
        if byte < 0x20 || byte == 0x7F { return failure("found control character \(byte)", expected) }
        let character = String(decoding: bytes[index...].prefix(4), as: UTF8.self).unicodeScalars.first
        guard let character else { return failure("the text ends too early", expected) }
        return failure("found \(Self.quoted(String(character)))", expected)
    }

    /// At most 40 characters between single quotes, nothing in them that would act on a terminal.
    static func quoted(_ text: String) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text.unicodeScalars.prefix(40).map(\.harmless))
        return "'\(String(view))\(text.unicodeScalars.count > 40 ? "…" : "")'"
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default:
            false
        }
    }
}

/// Tells a key that was there before: by looking through a few, by hash once there are many.
private struct DistinctKeys {
    private static let fewKeys = 8
    private var hashed: Set<String> = []

    mutating func insert(_ key: String, _ members: [JSONObject.Member]) -> Bool {
        if members.count < Self.fewKeys { return !members.contains { $0.key == key } }
        if hashed.isEmpty { hashed = Set(members.map(\.key)) }
        return hashed.insert(key).inserted
    }
}
