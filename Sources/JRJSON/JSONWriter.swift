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
        if string.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
            bytes.append(contentsOf: string.utf8)
        } else {
            for scalar in string.unicodeScalars { write(scalar, into: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private func write(into bytes: inout [UInt8], _ layout: JSONLayout, level: Int) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .int(let value): bytes.append(contentsOf: String(value).utf8)
        case .double(let value): bytes.append(contentsOf: (value.isFinite ? "\(value)" : "null").utf8)
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

    private static func write(_ scalar: Unicode.Scalar, into bytes: inout [UInt8]) {
        switch scalar {
        case "\"": bytes.append(contentsOf: "\\\"".utf8)
        case "\\": bytes.append(contentsOf: "\\\\".utf8)
        case "\n": bytes.append(contentsOf: "\\n".utf8)
        case "\r": bytes.append(contentsOf: "\\r".utf8)
        case "\t": bytes.append(contentsOf: "\\t".utf8)
        case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}":
            let digits = String(scalar.value, radix: 16)
            bytes.append(contentsOf: "\\u".utf8)
            bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
            bytes.append(contentsOf: digits.utf8)
        default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
        }
    }
}
