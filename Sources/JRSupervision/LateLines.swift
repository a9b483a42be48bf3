/// Programs whose lines come late through a pipe.
public enum LateLines {
    /// What to say of an entry whose program is known to keep what it prints for a while; nil for all others.
    ///
    /// - Parameters:
    ///   - entry: As the manifest has it.
    ///   - inherited: The environment of the supervisor.
    public static func hint(for entry: Entry, inherited: [String: String]) -> String? {
        guard case .program = entry.kind, !entry.policy.tty, let words = words(entry.command) else { return nil }
        let program = String(words[0].split(separator: "/").last ?? "")
        let language = String(program.prefix { $0.isLetter })
        let version = program.dropFirst(language.count)
        guard ["python", "pypy", "ruby"].contains(language), version.allSatisfy({ $0.isNumber || $0 == "." }) else {
            return nil
        }
        let first = "\(entry.path): \(program) keeps what it prints for a while, because it prints into a pipe"
        if language == "ruby" { return "\(first): give it \"tty\": true, or $stdout.sync = true in the program" }
        let variable = "PYTHONUNBUFFERED"
        let said = entry.environment.last { $0.name == variable }?.value ?? inherited[variable] ?? ""
        if !said.isEmpty || words.contains("-u") { return nil }
        return "\(first): give it \"tty\": true, or PYTHONUNBUFFERED=1 in its env"
    }

    private static func words(_ command: Entry.Command) -> [String]? {
        switch command {
        case .own: return nil
        case .words(let words): return words.isEmpty ? nil : words
        case .shell(let text):
            let words = text.split(separator: " ").map { String($0) }
            return words.isEmpty ? nil : words
        }
    }
}

extension Plan {
    /// What is not wrong and yet likely to surprise, a sentence each.
    public var hints: [String] {
        manifest.entries.compactMap { LateLines.hint(for: $0, inherited: surroundings.environment) }
    }
}
