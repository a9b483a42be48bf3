import Testing

/// A piece of Swift, in a page or in what is compiled, without its indentation.
struct Passage {
    let path: String
    /// Of its first line, from 1.
    let line: Int
    let text: String

    init(path: String, line: Int, lines: ArraySlice<Substring>) {
        self.path = path
        self.line = line
        var kept = lines
        while kept.first?.isEmpty == true { kept.removeFirst() }
        while kept.last?.isEmpty == true { kept.removeLast() }
        let indentation = kept.filter { !$0.isEmpty }.map { $0.prefix { $0 == " " }.count }.min() ?? 0
        text = kept.map { $0.dropFirst(indentation) + "\n" }.joined()
    }
}

/// What pages show and what is compiled.
enum Passages {
    /// The Swift blocks of a page in Markdown.
    static func blocks(_ path: String, _ text: String) -> [Passage] {
        pairs(text, from: { $0.hasSuffix("```swift") }, to: { $0.hasSuffix("```") }).map { first, lines in
            Passage(path: path, line: first, lines: lines)
        }
    }

    /// What stands between `// snippet` and `// end` in a file of this target.
    ///
    /// Tests take any free port where people write one down.
    static func snippets(_ path: String, _ text: String) -> [Passage] {
        let shown = text.replacing(":0\"", with: ":5000\"").replacing("\", 0)", with: "\", 5000)")
        return pairs(shown, from: { $0.hasSuffix("// snippet") }, to: { $0.hasSuffix("// end") }).map { first, lines in
            Passage(path: path, line: first, lines: lines)
        }
    }

    /// A program or job file without the comments at its top and at its end.
    static func program(_ path: String, _ text: String) -> Passage {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let top = lines.prefix { $0.hasPrefix("//") }.count
        let end = lines.lastIndex { !$0.hasPrefix("//") && !$0.isEmpty } ?? top
        return Passage(path: path, line: top + 1, lines: lines[top...end])
    }

    /// The lines between two marks, with the number of the first.
    private static func pairs(
        _ text: String, from begins: (Substring) -> Bool, to ends: (Substring) -> Bool
    ) -> [(first: Int, lines: ArraySlice<Substring>)] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var found: [(first: Int, lines: ArraySlice<Substring>)] = []
        var open: Int?
        for (index, line) in lines.enumerated() {
            if let start = open {
                guard ends(line) else { continue }
                found.append((start + 2, lines[(start + 1)..<index]))
                open = nil
            } else if begins(line) {
                open = index
            }
        }
        return found
    }
}
