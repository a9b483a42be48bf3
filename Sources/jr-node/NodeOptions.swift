import JRBase
import JRCommandLine
import JRCore
import JRSettings
import JRSystem
import JRWire
import JobReactor

/// The command line of `jr-node`, and what it says.
struct NodeOptions {
    /// What to do with the job directory.
    enum Action: Equatable {
        case run
        case list
        case compile(output: String)
    }

    private static let settings = OptionSpec.settings(
        of: .node, defaults: [.name: "node-PID, with storage in memory", .listen: "not at all"])

    private static let own: [OptionSpec] = [
        .flag(
            "insecure", "Allow a listening address that other machines reach: connections are not authenticated",
            environment: "JR_INSECURE"),
        .option(
            "compile-only", value: "OUT",
            "Write the job directory to OUT, its Swift files compiled, for machines without a compiler, and exit"),
        .flag("list", "Load the job directory, print the names of its jobs and exit"),
    ]

    static let spec = CommandLineSpec(
        program: "jr-node", version: "0.1.0", summary: "Run the jobs of a job directory for one or more distributors",
        options: settings + own,
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
        let values = try command.settings(environment: environment)
        jobs = values.text(.jobDirectory) ?? "."
        cache = values.text(.cache) ?? JobDirectory.defaultCache
        drainLimit = values.duration(.drain)
        let storageText = values.text(.storage) ?? "memory"
        let storage: StorageChoice
        do {
            storage = try StorageText.parse(storageText)
        } catch {
            throw command.refused(.storage, error.text, expected: error.expected)
        }
        let name = try Self.name(values, storage, pid)
        node = NodeConfiguration(
            settings: Self.settings(name, values), storage: storage,
            distributors: try Self.addresses(values.list(.distributors), of: .distributors, command),
            incarnation: environment["JR_INCARNATION"].flatMap { Int($0) } ?? 0)
        node.listen = try Self.listen(values, command)
        node.programTimeout = values.limit(.programTimeout)
        node.mergesJobItself = values.bool(.mergeJobItselfToArgs)
        node.slowTurn = values.limit(.slowTurn)
        node.logsJobs = values.bool(.logJobProcessing)
        node.logsArguments = values.bool(.logArguments)
    }

    private static func settings(_ name: String, _ values: [Setting: SettingValue]) -> NodeSettings {
        var settings = NodeSettings(name: name)
        settings.credit = values.int(.credit)
        settings.maxAttempts = values.int(.maxAttempts)
        settings.retry.base = values.duration(.retryMultiplier)
        settings.removeDoneJobs = values.bool(.removeDoneJobs)
        settings.removeCancelledJobs = values.bool(.removeCancelledJobs)
        settings.removeFailedJobs = values.bool(.removeFailedJobs)
        settings.retryJobsAtStart = values.bool(.retryJobsAtStart)
        settings.poisonDeaths = values.int(.poisonDeaths)
        settings.outcomeLife = values.duration(.outcomeLife)
        settings.poolJobs = values.int(.poolThreads)
        settings.programJobs = values.int(.programJobs)
        settings.scheduledJobs = values.int(.scheduledJobs)
        settings.scheduledBytes = values.int(.scheduledBytes)
        return settings
    }

    private static func name(
        _ values: [Setting: SettingValue], _ storage: StorageChoice, _ pid: Int32
    ) throws(UsageError) -> String {
        if let given = values.text(.name) { return given }
        guard storage == .memory else {
            throw UsageError(
                .other("a node with a journal needs --name (or JR_NAME), to which its stored jobs belong"), verb: nil)
        }
        return "node-\(pid)"
    }

    private static func listen(
        _ values: [Setting: SettingValue], _ command: ParsedCommand
    ) throws(UsageError) -> String? {
        guard let text = values.text(.listen), let address = try addresses([text], of: .listen, command).first else {
            return nil
        }
        if address.isLoopback || command.flag("insecure") { return text }
        throw UsageError(
            .other(
                "\(address) can be reached from other machines, and connections are not authenticated: listen on "
                    + "127.0.0.1, or say --insecure if the network keeps strangers out"), verb: nil)
    }

    private static func addresses(
        _ texts: [String], of setting: Setting, _ command: ParsedCommand
    ) throws(UsageError) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        for text in texts {
            do {
                addresses.append(try SocketAddress(parsing: text))
            } catch {
                let expected = "an address such as 127.0.0.1:5000 (\(error.reason))"
                throw command.refused(setting, text, expected: expected)
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
