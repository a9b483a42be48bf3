/// A place in a text.
public struct Position: Sendable, Hashable {
    /// From 1.
    public var line: Int
    /// From 1, in Unicode scalars, as most editors count; a tab is one.
    public var column: Int
    /// From 0, in bytes.
    public var offset: Int

    public init(line: Int, column: Int, offset: Int) {
        self.line = line
        self.column = column
        self.offset = offset
    }

    /// The place `offset` bytes into `bytes`: looks through everything before it.
    public init(offset: Int, in bytes: ArraySlice<UInt8>) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        self.init(line: line, column: column, offset: offset)
    }

    /// The line of the text with a mark under this place, two lines without a final line break:
    ///
    ///        14 |   "comand": ["jr-node"],
    ///           |   ^~~~~~~~
    ///
    /// `length` is how many characters to mark. Of a long line the part around the place is shown; characters that
    /// would act on a terminal are replaced.
    public func excerpt(of bytes: [UInt8], length: Int = 1) -> String {
        let newline = UInt8(ascii: "\n")
        let place = min(max(offset, 0), bytes.count)
        let start = bytes[..<place].lastIndex(of: newline).map { $0 + 1 } ?? 0
        let end = bytes[place...].firstIndex(of: newline) ?? bytes.count
        let before = Self.visible(bytes[start..<place])
        let after = Self.visible(bytes[place..<end])
        let left = before.count > 60 ? "…" + String(before.suffix(59)) : before
        let right = after.count > 60 ? after.prefix(59) + "…" : after[...]

        let number = String(line)
        let margin = String(repeating: " ", count: max(0, 5 - number.count)) + number
        let marks = "^" + String(repeating: "~", count: max(0, min(length, right.count) - 1))
        let blank = String(repeating: " ", count: margin.count)
        let indent = String(repeating: " ", count: left.unicodeScalars.count)
        return "\(margin) | \(left)\(right)\n\(blank) | \(indent)\(marks)"
    }

    private static func visible(_ bytes: ArraySlice<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars where scalar != "\r" {
            text.append(scalar == "\t" ? " " : scalar.harmless)
        }
        return String(text)
    }
}

extension Unicode.Scalar {
    /// This character, or U+FFFD for one that would act on a terminal instead of being shown.
    var harmless: Unicode.Scalar {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "\u{FFFD}"
        default: self
        }
    }
}

extension Position: CustomStringConvertible {
    public var description: String { "\(line):\(column)" }
}

/// Why a text is not JSON: where, what was found there, and what may stand there.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    public let position: Position
    /// What is wrong: `found ']' after a comma`.
    public let message: String
    /// What is allowed instead: `a value, or no comma after the last one`.
    public let expected: String

    public init(position: Position, message: String, expected: String) {
        self.position = position
        self.message = message
        self.expected = expected
    }

    /// `3:7: found ']' after a comma; expected …`, to be put after the file's name and a colon.
    public var description: String { "\(position): \(message); expected \(expected)" }
}
