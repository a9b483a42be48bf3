extension Rules {
    /// Whole tables of state and event are read more easily in one piece: path and function, and why.
    static let longFunctions: [String: String] = [:]

    /// A function of more than 70 lines does more than one thing.
    static func functionLength(_ file: SourceFile) -> [Breach] {
        guard file.isSwift else { return [] }
        return file.code.indices.compactMap { index in
            guard let name = functionName(file.code[index]), let end = endOfBody(from: index, in: file.code) else {
                return nil
            }
            // The lines inside a long string are read as one thing.
            let length = file.code[index...end].filter { !$0.contains(CodeScanner.stringMark) || !$0.squeezed.isEmpty }
                .count
            guard length > 70, longFunctions["\(file.path) \(name)"] == nil else { return nil }
            return file.breach(
                index, "'\(name)' has \(length) lines, at most 70", mend: "Take parts out into functions with names.")
        }
    }

    private static let modifiers: Set<Substring> = [
        "public", "private", "fileprivate", "internal", "package", "open", "static", "class", "final", "mutating",
        "nonmutating", "consuming", "borrowing", "override", "convenience", "required", "isolated", "nonisolated",
        "nonisolated(nonsending)", "nonisolated(unsafe)", "lazy", "weak", "prefix", "postfix", "infix", "indirect",
    ]

    /// The name of what a line begins to define: a function, initialiser, subscript or property.
    static func functionName(_ line: String) -> String? {
        let words = line.split(separator: " ").drop { modifiers.contains($0) || $0.hasPrefix("@") }
        guard let first = words.first else { return nil }
        let keyword = first.prefix { $0.isLetter }
        switch keyword {
        case "func": return words.dropFirst().first.map { String($0.prefix { $0 != "(" && $0 != "<" }) }
        case "var":
            // A closure that is called at once is an expression, not a function.
            guard line.contains("{"), !line.contains("=") else { return nil }
            return words.dropFirst().first.map { String($0.prefix { $0 != ":" }) }
        case "init", "deinit", "subscript": return String(keyword)
        default: return nil
        }
    }

    /// The line with the closing brace of a body that begins at or after `start`; nil if there is no body, as in a
    /// protocol.
    private static func endOfBody(from start: Int, in code: [String]) -> Int? {
        var depth = 0
        var parentheses = 0
        for index in start..<code.count {
            if index > start, depth == 0, parentheses == 0, functionName(code[index]) != nil { return nil }
            for byte in code[index].utf8 {
                switch byte {
                case UInt8(ascii: "("): parentheses += 1
                case UInt8(ascii: ")"): parentheses -= 1
                case UInt8(ascii: "{") where parentheses == 0 || depth > 0: depth += 1
                case UInt8(ascii: "}") where depth == 0 && parentheses == 0: return nil
                case UInt8(ascii: "}") where depth > 0:
                    depth -= 1
                    if depth == 0 { return index }
                default: break
                }
            }
        }
        return nil
    }
}
