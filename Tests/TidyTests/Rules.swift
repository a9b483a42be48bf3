import Foundation

/// A text that must not stand in code, and what to write instead.
struct Ban: Sendable {
    let text: String
    let mend: String
    /// Whether it counts in comments and strings too.
    var isEverywhere = false
    let applies: @Sendable (SourceFile) -> Bool
}

enum Rules {
    static let bans: [Ban] = [
        Ban(text: "try!", mend: "Handle the error, or let the function throw it.") { $0.isInSources },
        Ban(text: "as!", mend: "Use 'as?' and handle nil, or change the types.") { $0.isInSources },
        Ban(text: "print(", mend: "Libraries return text; the programs print it.") { $0.isInSources && !$0.isProgram },
        Ban(text: "Date(", mend: "Use Instant or WallTime; shells read their clock through JRSystem.") {
            $0.isInSources
        },
        Ban(text: "Thread.sleep", mend: "Set a timer of the reactor.") { $0.isInSources },
        Ban(text: "Task.sleep", mend: "Set a timer of the reactor.") { $0.isInSources },
        Ban(text: "usleep", mend: "Set a timer of the reactor.") { $0.isInSources && $0.target != "JRSystem" },
        Ban(text: "fatalError(", mend: "Use preconditionFailure with the state and the event in its text.") {
            $0.isInSources
        },
        Ban(text: "unowned(unsafe)", mend: "Use a weak or a strong reference.") { $0.isInSources },
        Ban(
            text: ".rounded(",
            mend: "It needs libm, which pure targets do not link: use whole numbers, or Int(x + 0.5)."
        ) {
            $0.isPure
        },
        Ban(text: "TO" + "DO", mend: "Do it, or say in CONTRIBUTING or an issue what is missing.", isEverywhere: true) {
            _ in true
        },
        Ban(text: "FIX" + "ME", mend: "Mend it, or say in an issue what is wrong.", isEverywhere: true) { _ in true },
        Ban(text: "sleep(", mend: "Wait for the event itself.") { $0.isInTests },
        Ban(text: "usleep(", mend: "Wait for the event itself.") { $0.isInTests },
        Ban(text: "nanosleep(", mend: "Wait for the event itself.") { $0.isInTests },
    ]

    static func bannedTexts(_ file: SourceFile) -> [Breach] {
        bans.filter { $0.applies(file) }.flatMap { ban in
            (ban.isEverywhere ? file.lines : file.code).indices(containing: ban.text).map {
                file.breach($0, "'\(ban.text)' is not used here", mend: ban.mend)
            }
        }
    }

    /// Folders of one machine, which nobody else has.
    static func machinePaths(_ file: SourceFile) -> [Breach] {
        ["work", "home", "root", "Users"].flatMap { folder in
            file.lines.indices(containing: "/\(folder)/").map {
                file.breach(
                    $0, "'/\(folder)/' is a path of one machine",
                    mend: "Use a relative path, a temporary folder or #filePath.")
            }
        }
    }

    /// Tests may look inside; what is public is tested as users see it.
    static func testableImports(_ file: SourceFile) -> [Breach] {
        guard !file.isInTests else { return [] }
        return file.code.indices(containing: "@testable").map {
            file.breach($0, "'@testable' is for tests", mend: "Make what is needed public or package.")
        }
    }

    /// The reason why it is safe stands where it is used.
    static func unsafeCode(_ file: SourceFile) -> [Breach] {
        guard file.isSwift, file.isInSources else { return [] }
        return uncheckedCode(file) + unsafePointers(file)
    }

    private static func uncheckedCode(_ file: SourceFile) -> [Breach] {
        ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { text in
            file.code.indices(containing: text).compactMap { index in
                let near = file.lines[max(0, index - 8)..<min(file.lines.count, index + 4)]
                guard !near.contains(where: { $0.contains("SAFETY:") }) else { return nil }
                let mend = "Say in a '// SAFETY:' comment above it, or first thing below, why that is right."
                return file.breach(index, "'\(text)' turns the compiler's checks off", mend: mend)
            }
        }
    }

    /// In a shell, a pointer that is lent to a closure and goes to one system call needs no words.
    private static func unsafePointers(_ file: SourceFile) -> [Breach] {
        guard file.target != "JRSystem", !file.lines.contains(where: { $0.contains("SAFETY:") }) else { return [] }
        let kept = ["UnsafeMutable", "UnsafePointer", "UnsafeBuffer", "UnsafeRaw", "Unmanaged", "OpaquePointer"]
        let lent = file.isPure ? ["withUnsafe"] : []
        guard let first = (kept + lent).flatMap({ file.code.indices(containing: $0) }).min() else { return [] }
        let mend = "Use arrays, slices and spans, or say in a '// SAFETY:' comment why those of this file are safe."
        return [file.breach(first, "unsafe pointers need a reason", mend: mend)]
    }

    static func lineLength(_ file: SourceFile) -> [Breach] {
        file.lines.indices.compactMap { index in
            guard file.lines[index].count > 120 else { return nil }
            // What a test expects may be one long string.
            let code = file.code[index]
            if file.isInTests, code.contains(CodeScanner.stringMark), code.squeezed.count <= 120 { return nil }
            return file.breach(index, "a line of \(file.lines[index].count) characters, at most 120", mend: "Break it.")
        }
    }

    static func fileLength(_ file: SourceFile) -> [Breach] {
        let limit = file.isPure ? 500 : 700
        guard file.lines.count > limit + 1 else { return [] }
        let mend = "Take a subject out of it into its own file."
        return [file.breach(limit, "a file of \(file.lines.count - 1) lines, at most \(limit)", mend: mend)]
    }

    /// A file that held a folder's place goes when a real one comes.
    static func placeholders(_ files: [SourceFile]) -> [Breach] {
        files.filter { file in
            let folder = file.path.prefix { _ in true }.dropLast("Placeholder.swift".count)
            return file.path.hasSuffix("/Placeholder.swift")
                && files.contains { $0.path.hasPrefix(folder) && $0.path != file.path }
        }.map { $0.breach(0, "a placeholder beside real files", mend: "Delete it.") }
    }
}

extension String {
    /// Without what strings hold, with one space between words and none around them.
    var squeezed: String {
        replacing(CodeScanner.stringMark, with: " ").split(separator: " ").joined(separator: " ")
    }
}

extension [String] {
    /// The lines in which `text` begins, not in the middle of a name.
    func indices(containing text: String) -> [Int] {
        indices.filter { index in
            let line = self[index]
            guard line.utf8.count >= text.utf8.count, line.contains(text) else { return false }
            return line.ranges(of: text).contains { range in
                guard let before = line[..<range.lowerBound].last, let first = text.first, first.isLetter else {
                    return true
                }
                return !(before.isLetter || before.isNumber || before == "_")
            }
        }
    }
}
