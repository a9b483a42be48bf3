extension Rules {
    /// Who may import what: what the package gives a target, and the system's modules in the table.
    static func imports(_ file: SourceFile, _ dependencies: [String: Set<String>]) -> [Breach] {
        guard file.isSwift, file.isInSources || file.isInTests else { return [] }
        return file.code.indices.compactMap { index in
            guard let module = importedModule(file.code[index]) else { return nil }
            if dependencies[file.target]?.contains(module) == true { return nil }
            if file.isInTests, Targets.testModules.contains(module) { return nil }
            if let users = Targets.systemModules[module] {
                if users.contains(file.target) { return nil }
                let mend = "Only \(users.sorted().joined(separator: ", ")) may: put what needs it there."
                return file.breach(index, "\(file.target) may not import \(module)", mend: mend)
            }
            let allowed = (dependencies[file.target] ?? []).sorted().joined(separator: ", ")
            return file.breach(
                index, "\(file.target) may not import \(module)",
                mend: "It may import \(allowed.isEmpty ? "nothing" : allowed); move the code, not the boundary.")
        }
    }

    /// `A` of `import A`, `public import A` and `import struct A.B`.
    static func importedModule(_ line: String) -> String? {
        var words = line.split(separator: " ")[...]
        while let word = words.first,
            word.hasPrefix("@") || ["public", "package", "internal", "private", "fileprivate"].contains(word)
        {
            words.removeFirst()
        }
        guard words.popFirst() == "import", let last = words.last else { return nil }
        return last.split(separator: ".").first.map(String.init)
    }
}
