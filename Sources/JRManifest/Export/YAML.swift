import JRJSON

/// Values as YAML, for people to read: keys in the order given, quotes only where they are needed.
enum YAML {
    /// A whole document, without the line that begins it.
    static func text(_ value: JSON) -> String {
        var text = ""
        write(value, 0, into: &text)
        return text
    }

    private static func write(_ value: JSON, _ depth: Int, into text: inout String) {
        let indent = String(repeating: " ", count: depth)
        switch value {
        case .object(let object):
            for (key, member) in object.members {
                text += indent + scalar(.string(key)) + ":"
                below(member, depth + 2, into: &text)
            }
        case .array(let elements):
            for element in elements {
                guard case .object(let object) = element, !object.members.isEmpty else {
                    text += indent + "-"
                    below(element, depth + 2, into: &text)
                    continue
                }
                // The first key stands beside the dash.
                var inner = ""
                write(element, depth + 2, into: &inner)
                text += indent + "- " + inner.dropFirst(depth + 2)
            }
        case .null, .bool, .int, .double, .string: text += indent + scalar(value) + "\n"
        }
    }

    /// What comes after a key or a dash.
    private static func below(_ value: JSON, _ depth: Int, into text: inout String) {
        switch value {
        case .object(let object) where object.members.isEmpty: text += " {}\n"
        case .array(let elements) where elements.isEmpty: text += " []\n"
        case .object:
            text += "\n"
            write(value, depth, into: &text)
        case .array:
            text += "\n"
            write(value, depth, into: &text)
        case .null, .bool, .int, .double, .string: text += " " + scalar(value) + "\n"
        }
    }

    private static func scalar(_ value: JSON) -> String {
        guard case .string(let string) = value else { return value.text }
        return isPlain(string) ? string : quoted(string)
    }

    /// Whether it is read as a text, and as this one, without quotes.
    private static func isPlain(_ text: String) -> Bool {
        let others = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        guard let first = text.unicodeScalars.first, !others.contains(text.lowercased()) else { return false }
        // Whatever begins otherwise could be a number, a date or a sign of YAML.
        let isLetter = { (scalar: Unicode.Scalar) in scalar.isASCII && scalar.properties.isAlphabetic }
        guard isLetter(first) || (first == "/" && text.utf8.count > 1) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            isLetter(scalar) || ("0"..."9").contains(scalar) || "._-/".unicodeScalars.contains(scalar)
        }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 32 || (0x7F...0x9F).contains(scalar.value): quoted += "\\x" + hex(scalar, 2)
            case "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}": quoted += "\\u" + hex(scalar, 4)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    private static func hex(_ scalar: Unicode.Scalar, _ digits: Int) -> String {
        let text = String(scalar.value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
