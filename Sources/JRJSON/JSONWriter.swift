/// How JSON is laid out.
public enum JSONLayout: Sendable {
    /// In one line without spaces.
    case compact
    /// A line a value, indented by two spaces a level.
    case pretty
}

extension JSON {
    /// Appends this value as JSON, in ASCII except for what strings hold. Numbers read back as the same numbers;
    /// control characters are escaped, those of a terminal above 127 too. There is no line break at the end.
    public func write(into bytes: inout [UInt8], _ layout: JSONLayout = .compact) {
        write(into: &bytes, layout, level: 0)
    }

    /// In one line.
    public var text: String { text(.compact) }

    public func text(_ layout: JSONLayout) -> String {
        var bytes: [UInt8] = []
        write(into: &bytes, layout)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Appends `string` as a JSON string, quotes included.
    public static func write(_ string: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        append(string.utf8.span, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Appends text that comes as bytes as a JSON string, quotes included. What is not UTF-8 in it becomes U+FFFD.
    public static func write(utf8 text: Span<UInt8>, into bytes: inout [UInt8]) {
        guard (try? UTF8Span(validating: text)) != nil else {
            return write(String(decoding: text.indices.map { text[$0] }, as: UTF8.self), into: &bytes)
        }
        bytes.append(UInt8(ascii: "\""))
        append(text, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Copies what needs no escape in pieces as long as they can be.
    private static func append(_ text: Span<UInt8>, to bytes: inout [UInt8]) {
        var copied = 0
        var index = 0
        while index < text.count {
            let byte = text[index]
            // U+0080 to U+009F, which terminals obey, are 0xC2 and a second byte below 0xA0.
            let isControlPair = byte == 0xC2 && index + 1 < text.count && text[index + 1] < 0xA0
            guard isControlPair || needsEscape(byte) else {
                index += 1
                continue
            }
            append(text, copied..<index, to: &bytes)
            escape(isControlPair ? text[index + 1] : byte, into: &bytes)
            index += isControlPair ? 2 : 1
            copied = index
        }
        append(text, copied..<text.count, to: &bytes)
    }

    private static func append(_ text: Span<UInt8>, _ range: Range<Int>, to bytes: inout [UInt8]) {
        // SAFETY: the pointer is lent for the copy.
        text.extracting(range).withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte == 0x7F
    }

    private func write(into bytes: inout [UInt8], _ layout: JSONLayout, level: Int) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): bytes.append(contentsOf: String(value).utf8)
        case .double(let value): bytes.append(contentsOf: (value.isFinite ? value.description : "null").utf8)
        case .string(let value): Self.write(value, into: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (place, element) in elements.enumerated() {
                Self.separate(&bytes, layout, level: level + 1, isFirst: place == 0)
                element.write(into: &bytes, layout, level: level + 1)
            }
            if !elements.isEmpty { Self.breakLine(&bytes, layout, level: level) }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (place, member) in object.members.enumerated() {
                Self.separate(&bytes, layout, level: level + 1, isFirst: place == 0)
                Self.write(member.key, into: &bytes)
                bytes.append(contentsOf: (layout == .pretty ? ": " : ":").utf8)
                member.value.write(into: &bytes, layout, level: level + 1)
            }
            if !object.isEmpty { Self.breakLine(&bytes, layout, level: level) }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    private static func separate(_ bytes: inout [UInt8], _ layout: JSONLayout, level: Int, isFirst: Bool) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        breakLine(&bytes, layout, level: level)
    }

    private static func breakLine(_ bytes: inout [UInt8], _ layout: JSONLayout, level: Int) {
        guard layout == .pretty else { return }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
    }

    private static func escape(_ character: UInt8, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\\"))
        switch character {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(character)
        case UInt8(ascii: "\n"): bytes.append(UInt8(ascii: "n"))
        case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\t"): bytes.append(UInt8(ascii: "t"))
        default:
            let digits = Array("0123456789abcdef".utf8)
            bytes.append(contentsOf: "u00".utf8)
            bytes.append(digits[Int(character >> 4)])
            bytes.append(digits[Int(character & 15)])
        }
    }
}
