/// The patterns of a `.jrignore` file, one a line: what of a job directory is no job.
///
/// A pattern is a path below the directory (`notes.txt`), a folder with all that is in it (`fixtures/`), or an ending
/// in any folder (`*.md`). Empty lines and lines that start with `#` mean nothing.
struct IgnoreRules: Sendable, Equatable {
    static let none = IgnoreRules()

    private var paths: Set<String> = []
    private var folders: [String] = []
    private var endings: [String] = []
    /// Lines that are no pattern, each with its number.
    private(set) var misunderstood: [(line: Int, text: String)] = []

    private init() {}

    init(_ text: [UInt8]) {
        for (index, line) in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            add(Self.trimmed(String(decoding: line, as: UTF8.self)), line: index + 1)
        }
    }

    func ignores(_ path: String) -> Bool {
        paths.contains(path) || folders.contains { path.hasPrefix($0) } || endings.contains { path.hasSuffix($0) }
    }

    /// Whether a folder needs no look: `path` is given without a slash at its end.
    func ignoresFolder(_ path: String) -> Bool {
        paths.contains(path) || folders.contains { (path + "/").hasPrefix($0) }
    }

    private mutating func add(_ pattern: String, line: Int) {
        if pattern.isEmpty || pattern.hasPrefix("#") { return }
        let ending = pattern.dropFirst()
        if pattern.hasPrefix("*."), !ending.contains("*"), !ending.contains("/") {
            endings.append(String(ending))
        } else if pattern.contains(where: { "*?[]!".contains($0) }) || pattern.hasPrefix("/") {
            misunderstood.append((line, pattern))
        } else if pattern.hasSuffix("/") {
            folders.append(pattern)
        } else {
            paths.insert(pattern)
        }
    }

    private static func trimmed(_ line: String) -> String {
        let start = line.drop(while: \.isWhitespace)
        return String(start.reversed().drop(while: \.isWhitespace).reversed())
    }

    static func == (left: IgnoreRules, right: IgnoreRules) -> Bool {
        left.paths == right.paths && left.folders == right.folders && left.endings == right.endings
            && left.misunderstood.map(\.line) == right.misunderstood.map(\.line)
    }
}
