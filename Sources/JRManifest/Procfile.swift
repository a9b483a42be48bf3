import JRBase
import JRJSON
import JRSupervision

/// Reads a Procfile: `NAME: COMMAND` a line, blank lines and `#` comments. Any other line is a problem.
///
/// Ports are given out as readers of Procfiles expect: 5000 for the first line, 100 more for each line after it, 1 more
/// for each instance. Lines that start `jr-distributor` or `jr-node` get what a manifest's distributors and nodes get.
public enum Procfile {
    static let firstPort = 5_000
    static let portsPerLine = 100

    /// Whether a file of this name is read as a Procfile.
    public static func isName(_ fileName: String) -> Bool {
        fileName == "Procfile" || fileName.hasPrefix("Procfile.") || fileName.hasSuffix(".procfile")
    }

    public static func read(_ source: [UInt8]) -> ManifestReading {
        var manifest = Manifest(
            name: ManifestReader.topLevelName, runtimeDirectory: ManifestReader.defaultRuntimeDirectory, entries: [])
        var problems: [ManifestProblem] = []
        var offset = 0
        for (index, bytes) in source.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
        {
            let position = Position(line: index + 1, column: 1, offset: offset)
            offset += bytes.count + 1
            let line = String(decoding: bytes, as: UTF8.self).trimmed
            if line.isEmpty || line.hasPrefix("#") { continue }
            switch entry(line, port: firstPort + portsPerLine * manifest.entries.count) {
            case .success(let entry):
                if manifest.entry(named: entry.name) != nil {
                    problems.append(
                        ManifestProblem(
                            "the name \"\(entry.name)\" is taken by a line above", at: position, length: line.count))
                } else if manifest.entries.contains(where: { $0.firstName == entry.firstName }) {
                    problems.append(
                        ManifestProblem(
                            "the name \(entry.firstName) is taken by a line above: each needs its own", at: position,
                            length: line.count))
                } else {
                    manifest.entries.append(entry)
                    manifest.entries[manifest.entries.count - 1].places["name"] = position
                }
            case .failure(let refusal):
                problems.append(ManifestProblem(refusal.message, at: position, length: line.count))
            }
        }
        if manifest.entries.isEmpty, problems.isEmpty {
            problems.append(
                ManifestProblem(
                    "nothing to start: give at least one line NAME: COMMAND",
                    at: Position(line: 1, column: 1, offset: 0)))
        }
        connect(&manifest)
        return ManifestReading(manifest: manifest, problems: problems)
    }

    private struct Refusal: Error { var message: String }

    private static func entry(_ line: String, port: Int) -> Result<Entry, Refusal> {
        guard let colon = line.firstIndex(of: ":") else {
            return .failure(Refusal(message: "expected NAME: COMMAND, a comment (#) or an empty line"))
        }
        let name = String(line[..<colon])
        let command = String(line[line.index(after: colon)...]).trimmed
        guard Names.isValid(name), !name.contains(".") else {
            return .failure(
                Refusal(
                    message: "expected NAME: COMMAND; \"\(name.harmless)\" is no name: letters, digits, \"_\" and \"-\""
                ))
        }
        guard !command.isEmpty, !command.utf8.contains(0) else {
            return .failure(Refusal(message: "\(name) has no command"))
        }
        var entry = Entry(name: name, kind: .program, command: self.command(command))
        entry.basePort = port
        takeVariables(&entry)
        if case .words(let words) = entry.command {
            let substituted = words.map { PortText.substitute(port, in: $0) }
            switch words.first.map(baseName) {
            case "jr-distributor":
                let text = option("--listen", in: substituted) ?? "127.0.0.1:\(port)"
                guard let listen = ListenAddress(text) else {
                    return .failure(
                        Refusal(
                            message: "\(name): --listen must be an address such as 127.0.0.1:5000, "
                                + "found \"\(text.harmless)\""
                        ))
                }
                guard listen.isLoopback || words.contains("--insecure") else {
                    return .failure(
                        Refusal(
                            message: "\(name) listens on \(listen), which other machines can reach, and there is no "
                                + "authentication yet: listen on 127.0.0.1, or add --insecure if the network itself is "
                                + "trusted"
                        ))
                }
                entry.kind = .distributor(DistributorSettings(listen: listen))
            case "jr-node":
                entry.kind = .node(NodeSettings(distributors: [], jobs: option("--jobs", in: substituted)))
            default:
                break
            }
            if entry.kind != .program { takeName(option("--name", in: substituted), &entry) }
            if let text = option("--storage", in: substituted) { takeStorage(text, &entry) }
        }
        return .success(entry)
    }

    // MARK: What a line says of an entry

    /// `env NAME=VALUE PROGRAM` is the program with variables. Ours are left to `env`, which is what is written there:
    /// the supervisor would set others.
    private static func takeVariables(_ entry: inout Entry) {
        guard case .words(let words) = entry.command, words.first == "env" else { return }
        let texts = words.dropFirst().prefix { $0.contains("=") }
        let rest = words.dropFirst(1 + texts.count)
        guard let program = rest.first, !program.hasPrefix("-") else { return }
        let variables = texts.compactMap { text -> EnvironmentVariable? in
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard EnvironmentVariable.isName(parts[0]), !parts[0].hasPrefix("JR_"), !text.contains("$") else {
                return nil
            }
            return EnvironmentVariable(parts[0], parts[1])
        }
        guard variables.count == texts.count else { return }
        entry.environment = variables
        entry.command = .words(Array(rest))
    }

    /// A node that says its name itself is known by it.
    private static func takeName(_ name: String?, _ entry: inout Entry) {
        guard let name, Names.isValid(name) else { return }
        entry.givenName = name
    }

    /// Whether its jobs survive it, and where they are; what is wrong with it the node says itself.
    private static func takeStorage(_ text: String, _ entry: inout Entry) {
        guard case .node(var settings) = entry.kind else { return }
        if text == "memory" {
            settings.storage = .memory
        } else if text.hasPrefix("redis") {
            settings.storage = .redis(url: text == "redis" ? nil : text)
        } else if text.hasPrefix("journal:") {
            let parts = text.dropFirst(8).split(separator: "?", maxSplits: 1).map(String.init)
            let word = parts.count > 1 ? parts[1].split(separator: "=").last?.split(separator: ":").first : nil
            let sync = word.flatMap { StorageSettings.Sync(rawValue: String($0)) } ?? .always
            settings.storage = .journal(sync: sync, directory: directory(parts.first ?? "", of: entry))
        }
        entry.kind = .node(settings)
    }

    /// The directory in which each node has one that is called as it is; nil for the usual one.
    private static func directory(_ path: String, of entry: Entry) -> String? {
        let ending = "/" + entry.firstName
        guard path.hasSuffix(ending) else { return nil }
        let directory = String(path.dropLast(ending.count))
        return directory == ManifestReader.defaultRuntimeDirectory + "/storage" ? nil : directory
    }

    /// Distributors first, as in a manifest, and every node to all of them.
    private static func connect(_ manifest: inout Manifest) {
        let distributors = manifest.entries.compactMap { entry in
            if case .distributor = entry.kind { entry.name } else { nil }
        }
        for index in manifest.entries.indices {
            guard case .node(var settings) = manifest.entries[index].kind else { continue }
            settings.distributors = distributors
            manifest.entries[index].kind = .node(settings)
        }
        let rank = { (entry: Entry) in
            switch entry.kind {
            case .distributor: 0
            case .node: 1
            case .program: 2
            }
        }
        manifest.entries = (0...2).flatMap { wanted in manifest.entries.filter { rank($0) == wanted } }
    }

    // MARK: Command lines

    /// Without characters that mean something to a shell, the words are executed as they are: one process less, and
    /// signals reach the program itself.
    static func command(_ line: String) -> Entry.Command {
        let plain = PortText.substitute(0, in: line)
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        let first = words.first ?? ""
        let isAssignment = first.contains("=")
        let isSimple = !isAssignment && plain.split(separator: " ").allSatisfy { isPlain(String($0)) }
        if isSimple, !builtins.contains(first) { return .words(words) }
        // The shell replaces itself by the program where the line is a single command; otherwise it has to stay.
        let hasOperators = plain.contains { "|&;(){}!`".contains($0) }
        return .shell(hasOperators || isAssignment || builtins.contains(first) ? line : "exec " + line)
    }

    /// Whether a shell would take a word as it is: also an address, in which `?` and `[` stand for themselves because
    /// no file is called like that.
    static func isPlain(_ word: String) -> Bool {
        var signs = "|&;<>()$`\\\"'*?[]#~!{}"
        if word.hasPrefix("journal:") || word.hasPrefix("redis") { signs.removeAll { $0 == "?" } }
        if word.split(separator: ",").allSatisfy({ ListenAddress(String($0)) != nil }) {
            signs.removeAll { $0 == "[" || $0 == "]" }
        }
        return !word.contains { signs.contains($0) }
    }

    private static let builtins: Set<String> = [
        "cd", "exec", "exit", "export", "set", "unset", "source", ".", ":", "eval", "trap", "umask", "ulimit", "if",
        "for", "while", "until", "case",
    ]

    private static func option(_ name: String, in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if word == name, index + 1 < words.count { return words[index + 1] }
            if word.hasPrefix(name + "=") { return String(word.dropFirst(name.count + 1)) }
        }
        return nil
    }

    private static func baseName(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }
}

extension String {
    /// Without spaces, tabs and carriage returns at its ends.
    fileprivate var trimmed: String {
        let isBlank = { (character: Character) in character == " " || character == "\t" || character == "\r" }
        let start = drop(while: isBlank)
        guard let last = start.lastIndex(where: { !isBlank($0) }) else { return "" }
        return String(start[...last])
    }
}
