import Foundation

/// The files of this repository, as the rules see them.
struct Repository {
    let root: URL
    let files: [SourceFile]

    static let this = Repository(
        root: URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent())

    init(root: URL) {
        self.root = root
        files = ["Sources", "Tests", "Examples"].flatMap { Self.paths(under: $0, of: root) }
            .filter { path in [".swift", ".c", ".h"].contains { path.hasSuffix($0) } }
            .map { SourceFile(path: $0, text: Self.read($0, of: root)) }
    }

    func text(_ path: String) -> String { Self.read(path, of: root) }

    /// Documents, scripts and settings: what is committed beside the sources.
    var otherFiles: [SourceFile] {
        let folders = ["docs", "scripts", ".ci"].flatMap { Self.paths(under: $0, of: root) }
        let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile", "Package.swift", ".gitignore"]
        return (folders + top).map { SourceFile(path: $0, text: text($0)) }
    }

    /// The names of the folders in `folder`.
    func folders(in folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)) ?? []
        return names.filter { root.appending(path: "\(folder)/\($0)").hasDirectoryPath || !$0.contains(".") }.sorted()
    }

    private static func read(_ path: String, of root: URL) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""
    }

    private static func paths(under folder: String, of root: URL) -> [String] {
        let all = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
        return (all?.allObjects ?? []).compactMap { $0 as? String }.filter { !$0.hasPrefix(".") && !$0.contains("/.") }
            .map { "\(folder)/\($0)" }.sorted()
    }
}

/// A file with what the rules need to know about it.
struct SourceFile {
    let path: String
    let lines: [String]
    /// The lines without comments and without what strings hold.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        code = path.hasSuffix(".swift") ? CodeScanner.code(of: text) : lines
    }

    private var parts: [Substring] { path.split(separator: "/") }
    var folder: String { parts.first.map(String.init) ?? "" }
    var target: String { parts.count > 2 ? String(parts[1]) : "" }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isInSources: Bool { folder == "Sources" }
    var isInTests: Bool { folder == "Tests" }
    var isPure: Bool { isInSources && Targets.pure.contains(target) }
    var isProgram: Bool { isInSources && Targets.programs.contains(target) }

    func breach(_ index: Int, _ rule: String, mend: String) -> Breach {
        Breach(path: path, line: index + 1, rule: rule, mend: mend)
    }
}

/// A rule that is broken: where, which, and what to do.
struct Breach: CustomStringConvertible {
    let path: String
    let line: Int
    let rule: String
    let mend: String

    var description: String { "\(path):\(line): \(rule). \(mend)" }
}
