import Foundation

/// What the targets are and what each may import.
enum Targets {
    /// These decide and never act: they depend on each other only.
    static let pure: Set<String> = [
        "JRBase", "JRJSON", "JRWire", "JRCore", "JRJournal", "JRSettings", "JRSupervision", "JRManifest",
        "JRChaos", "JRCommandLine",
    ]
    /// In C, and as pure: instructions of the processor that Swift cannot say.
    static let pureInC: Set<String> = ["CJRChecksum"]
    static let programs: Set<String> = ["jr", "jr-node", "jr-distributor", "jr-supervisor"]

    /// The modules of the toolchain and the system, and who may import them. Nobody else may import any.
    static let systemModules: [String: Set<String>] = [
        "Glibc": ["JRSystem"],
        "Synchronization": programs.union([
            "JRSystem", "JRReactor", "JRStorage", "JobReactor", "JobReactorTesting", "JRSupervisor",
        ]),
    ]
    /// What tests may import besides what they test.
    static let testModules: Set<String> = ["Testing", "Foundation", "Glibc", "Synchronization"]

    /// The dependencies of every target as the package says: `library("JRCore", ["JRBase", "JRWire"])`.
    static func dependencies(inPackage text: String) -> [String: Set<String>] {
        var found: [String: Set<String>] = [:]
        for kind in ["library(", "libraryRunOnce(", "program(", "tests("] {
            let parts = text.components(separatedBy: kind).dropFirst()
            // Products are declared with a label, targets without.
            for part in parts where part.drop(while: \.isWhitespace).first == "\"" {
                // The declaration ends where its parentheses do; none of them has inner ones before its list's end.
                let declaration = part.prefix { $0 != ")" }
                let names = declaration.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                    .filter { !$0.offset.isMultiple(of: 2) }.map { String($0.element) }.filter {
                        !$0.hasPrefix("-") && !$0.contains("/")
                    }
                if let name = names.first { found[name] = Set(names.dropFirst()) }
            }
        }
        return found
    }

    /// The dependencies in the table of the architecture page; nil for a target whose row is in words.
    static func dependencies(inArchitecture text: String) -> [String: Set<String>?] {
        var found: [String: Set<String>?] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("| `") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3 else { continue }
            let names = cells[2].components(separatedBy: ", ")
            let isList = names.allSatisfy { !$0.contains(" ") }
            found[cells[0].replacing("`", with: "")] = .some(names == ["nothing"] ? [] : isList ? Set(names) : nil)
        }
        return found
    }
}
