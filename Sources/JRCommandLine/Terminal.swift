/// What text does on a terminal.
public enum Terminal {
    /// `text` with everything visible and nothing that acts: control characters and escapes as `\x1b`, line breaks and
    /// tabs as `\n` and `\t`, and what changes the direction of text or is invisible as `\u{202e}`.
    public static func escape(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if acts(scalar) {
                escaped.append(contentsOf: name(of: scalar).unicodeScalars)
            } else {
                escaped.append(scalar)
            }
        }
        return String(escaped)
    }

    /// As ``escape(_:)-(String)``; bytes that are not UTF-8 become U+FFFD.
    public static func escape(_ bytes: some Collection<UInt8>) -> String {
        escape(String(decoding: bytes, as: UTF8.self))
    }

    private static func acts(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        // Joiners are what compound emoji and several scripts are written with, and do nothing elsewhere.
        case .format: scalar != "\u{200D}" && scalar != "\u{200C}"
        default: false
        }
    }

    private static func name(of scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(scalar.value, radix: 16)
            if scalar.value > 0xFF { return "\\u{\(digits)}" }
            return "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        }
    }

    /// How many columns `text` takes: two for wide characters (East Asian ones, emoji), none for marks on others.
    public static func width(of text: some StringProtocol) -> Int {
        if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
        return text.reduce(0) { $0 + width(of: $1) }
    }

    static func width(of character: Character) -> Int {
        guard let first = character.unicodeScalars.first else { return 0 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        if first.properties.isEmojiPresentation || character.unicodeScalars.contains("\u{FE0F}") { return 2 }
        switch first.value {
        // The wide and full-width blocks of Unicode Standard Annex 11.
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
            return 2
        default:
            return 1
        }
    }

    /// `text` in at most `width` columns: what is cut off is replaced by `…`.
    public static func truncate(_ text: String, to width: Int) -> String {
        if self.width(of: text) <= width { return text }
        guard width > 0 else { return "" }
        var used = 1
        let kept = text.prefix { character in
            used += self.width(of: character)
            return used <= width
        }
        return kept + "…"
    }
}
