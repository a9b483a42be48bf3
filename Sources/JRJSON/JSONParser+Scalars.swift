extension JSONParser {
    /// A string, from its opening quote to past its closing one. Most have no escape and are taken over in one piece.
    mutating func string() throws(JSONError) -> String {
        let start = index
        index += 1
        var plainStart = index
        var text = ""
        var continuations = 0
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                text += String(decoding: bytes[plainStart..<index], as: UTF8.self)
                index += 1
                passedContinuationBytes(continuations)
                return text
            case UInt8(ascii: "\\"):
                text += String(decoding: bytes[plainStart..<index], as: UTF8.self)
                text.unicodeScalars.append(try escape())
                plainStart = index
            case 0..<0x20:
                let name = byte == UInt8(ascii: "\n") ? "a line break" : "control character \(byte)"
                throw failure(
                    "found \(name) in a string", "it written as an escape (\\n, \\t, \\u00XX), or a closing '\"'")
            default:
                if byte & 0xC0 == 0x80 { continuations += 1 }
                index += 1
            }
        }
        throw failure("the string has no end", "a closing '\"'", at: start)
    }

    private mutating func escape() throws(JSONError) -> Unicode.Scalar {
        let start = index
        index += 1
        guard let letter = peek else { throw found("the rest of an escape") }
        index += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape(from: start)
        default:
            index = start + 1
            throw found("one of \" \\ / b f n r t u after a backslash")
        }
    }

    /// The four digits after `\u`; of a surrogate pair, both halves.
    private mutating func unicodeEscape(from start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        let isLeading = first < 0xDC00
        guard isLeading, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
            throw failure("half of a surrogate pair stands alone", "both halves, as in \\ud83d\\ude00", at: start)
        }
        let second = try fourHexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else {
            throw failure("half of a surrogate pair stands alone", "both halves, as in \\ud83d\\ude00", at: start)
        }
        return scalar
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt32 {
        var number: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Self.hexDigit(byte) else {
                throw found("four hexadecimal digits after \\u")
            }
            number = number << 4 | digit
            index += 1
        }
        return number
    }

    private static func hexDigit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }

    mutating func number() throws(JSONError) -> JSON {
        let start = index
        _ = take(UInt8(ascii: "-"))
        let whole = index
        try digits("a digit")
        if bytes[whole] == UInt8(ascii: "0"), index - whole > 1 {
            throw failure("a number begins with 0", "no leading zeros", at: start)
        }
        var isInteger = true
        if take(UInt8(ascii: ".")) {
            isInteger = false
            try digits("a digit after the decimal point")
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "-")) { _ = take(UInt8(ascii: "+")) }
            try digits("a digit of the exponent")
        }
        if let byte = peek, Self.isWordByte(byte) || byte == UInt8(ascii: ".") {
            throw found("the number to end here")
        }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        if isInteger {
            if let value = Int64(text) { return .int(value) }
            throw failure(
                "the integer \(Self.quoted(text)) does not fit 64 bits",
                "one from \(Int64.min) to \(Int64.max), or a decimal point", at: start)
        }
        guard let value = Double(text), value.isFinite else {
            throw failure("the number \(Self.quoted(text)) is too large", "one up to 1.7976931348623157e308", at: start)
        }
        return .double(value)
    }

    private mutating func digits(_ expected: String) throws(JSONError) {
        let start = index
        while let byte = peek, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { index += 1 }
        if index == start { throw found(expected) }
    }
}
