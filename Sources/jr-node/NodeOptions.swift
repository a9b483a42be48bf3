import JRBase
import JRCommandLine
import JRCore
import JRSystem
import JobReactor

/// The command line of `jr-node`, and what it says.
struct NodeOptions {
    /// What to do with the job directory.
    enum Action: Equatable {
        case run
        case list
        case compile(output: String)
    }

    static let spec = CommandLineSpec(
        program: "jr-node", version: "0.1.0", summary: "Run the jobs of a job directory for one or more distributors",
        options: [
            .option("jobs", value: "DIR", "The job directory", default: "reactor_jobs", environment: "JR_JOBS"),
            .option(
                "name", short: "n", value: "NAME", "The node's name, to which its stored jobs belong",
                default: "node-PID, with storage in memory", environment: "JR_NAME"),
            .option(
                "distributors", short: "d", value: "HOST:PORT,...", "The distributors to dial",
                default: "127.0.0.1:5000", environment: "JR_DISTRIBUTORS"),
            .option(
                "storage", short: "s", value: "STORAGE",
                "memory, or journal:DIR with ?sync=always, ?sync=interval:50ms or ?sync=never", default: "memory",
                environment: "JR_STORAGE"),
            .option(
                "credit", value: "N", "How many jobs may be ready or running here at once", default: "256",
                environment: "JR_CREDIT"),
            .option(
                "cache", value: "DIR", "Where compiled job files are kept", default: JobDirectory.defaultCache,
                environment: "JR_CACHE"),
            .option(
                "program-timeout", value: "DURATION", "The longest an attempt of a program job may take",
                default: "no limit", environment: "JR_PROGRAM_TIMEOUT"),
            .option(
                "drain", value: "DURATION", "How long running jobs may take to end when the node is told to stop",
                default: "30s", environment: "JR_DRAIN"),
            .option(
                "compile-only", value: "OUT",
                "Write the job directory to OUT, its Swift files compiled, for machines without a compiler, and exit"
            ),
            .flag("list", "Load the job directory, print the names of its jobs and exit"),
        ],
        details: """
            In the job directory each NAME.swift defines jobs at its top level, and each executable file of any \
            language is a job named by its path without extension (mail/send.py is mail.send). Anything else is \
            refused, unless its name starts with a dot or .jrignore lists it.

            SIGTERM and SIGINT: running jobs end, for at most --drain, and the node exits 0. A second one ends it at \
            once.

            Examples:
              jr-node --jobs reactor_jobs --name worker_1 --storage journal:/var/lib/jr/worker_1
              jr-node --jobs reactor_jobs --compile-only build/jobs && jr-node --jobs build/jobs
            """)

    var action: Action
    var jobs: String
    var cache: String
    var node: NodeConfiguration
    var drainLimit: Interval

    init(_ command: ParsedCommand, environment: [String: String], pid: Int32) throws(UsageError) {
        action =
            if let output = command.value("compile-only") {
                .compile(output: output)
            } else {
                command.flag("list") ? .list : .run
            }
        jobs = command.value("jobs") ?? "reactor_jobs"
        cache = command.value("cache") ?? JobDirectory.defaultCache
        drainLimit = try command.value("drain", Durations.parse) ?? .seconds(Int64(30))
        let storage = try command.value("storage", StorageText.parse) ?? .memory
        var settings = NodeSettings(name: try Self.name(command, storage, pid))
        if let credit = try command.value("credit", Self.credit) { settings.credit = credit }
        node = NodeConfiguration(
            settings: settings, storage: storage,
            distributors: try command.value("distributors", Self.addresses) ?? [.tcp(host: "127.0.0.1", port: 5000)],
            incarnation: environment["JR_INCARNATION"].flatMap { Int($0) } ?? 0)
        node.programTimeout = try command.value("program-timeout", Durations.parse)
    }

    private static func name(
        _ command: ParsedCommand, _ storage: StorageChoice, _ pid: Int32
    ) throws(UsageError) -> String {
        let given = try command.value("name") { (text: String) throws(ValueError) in
            guard Names.isValid(text) else {
                throw ValueError(text, expected: "1 to \(Limits.nameBytes) letters, digits or '_.:-'")
            }
            return text
        }
        if let given { return given }
        guard storage == .memory else {
            throw UsageError(
                .other("a node with a journal needs --name (or JR_NAME), to which its stored jobs belong"), verb: nil)
        }
        return "node-\(pid)"
    }

    private static func credit(_ text: String) throws(ValueError) -> Int {
        try Integers.parse(text, in: 1...1_000_000)
    }

    private static func addresses(_ text: String) throws(ValueError) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            do {
                addresses.append(try SocketAddress(parsing: String(part.drop(while: \.isWhitespace))))
            } catch {
                throw ValueError(String(part), expected: "an address such as 127.0.0.1:5000 (\(error.reason))")
            }
        }
        return addresses
    }
}

/// `memory`, `journal:DIR` or `journal:DIR?sync=always|never|interval:50ms`.
enum StorageText {
    static func parse(_ text: String) throws(ValueError) -> StorageChoice {
        if text == "memory" { return .memory }
        let expected = "memory, or journal:DIR with ?sync=always, ?sync=interval:50ms or ?sync=never"
        guard text.hasPrefix("journal:") else { throw ValueError(text, expected: expected) }
        let parts = text.dropFirst("journal:".count).split(separator: "?", omittingEmptySubsequences: false)
        guard let directory = parts.first, !directory.isEmpty, parts.count <= 2 else {
            throw ValueError(text, expected: expected)
        }
        let question = parts.count == 2 ? String(parts[1]) : "sync=always"
        guard question.hasPrefix("sync=") else { throw ValueError(text, expected: expected) }
        return .journal(
            directory: String(directory), sync: try sync(String(question.dropFirst("sync=".count)), expected))
    }

    /// The interval's length may be left out.
    private static func sync(_ text: String, _ expected: String) throws(ValueError) -> StorageChoice.Sync {
        switch text {
        case "always": return .always
        case "never": return .never
        case "interval": return .interval(.milliseconds(50))
        default:
            guard text.hasPrefix("interval:") else { throw ValueError(text, expected: expected) }
            return .interval(try Durations.parse(String(text.dropFirst("interval:".count))))
        }
    }
}
