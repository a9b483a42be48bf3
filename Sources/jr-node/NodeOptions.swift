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
    var configuration: Configuration
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
        var configuration = Configuration(values)
        configuration.distributors = values.list(.distributors)
        let storageText = values.text(.storage) ?? "memory"
        do {
            configuration.storage = try StorageChoice(parsing: storageText)
        } catch {
            throw command.refused(.storage, error.text, expected: error.expected)
        }
        for text in configuration.distributors { _ = try Self.address(text, of: .distributors, command) }
        configuration.listen = try Self.listen(values, command)
        jobs = configuration.jobDirectory
        cache = configuration.cache
        drainLimit = Interval(configuration.drain)
        let name = try Self.name(values, configuration.storage, pid)
        do {
            node = try NodeConfiguration(configuration, name: name, registry: .shared)
        } catch {
            throw UsageError(.other("\(error)"), verb: nil)
        }
        self.configuration = configuration
        node.incarnation = environment["JR_INCARNATION"].flatMap { Int($0) } ?? 0
    }

    private static func name(
        _ values: [Setting: SettingValue], _ storage: StorageChoice, _ pid: Int32
    ) throws(UsageError) -> String {
        if let given = values.text(.name) { return given }
        guard storage == .memory else {
            throw UsageError(
                .other("a node that stores its jobs needs --name (or JR_NAME), to which they belong"), verb: nil)
        }
        return "node-\(pid)"
    }

    /// The address is tried here, so that the message names what it was given under.
    private static func listen(
        _ values: [Setting: SettingValue], _ command: ParsedCommand
    ) throws(UsageError) -> String? {
        guard let text = values.text(.listen) else { return nil }
        let address = try address(text, of: .listen, command)
        if address.isLoopback || command.flag("insecure") { return text }
        throw UsageError(
            .other(
                "\(address) can be reached from other machines, and connections are not authenticated: listen on "
                    + "127.0.0.1, or say --insecure if the network keeps strangers out"), verb: nil)
    }

    private static func address(
        _ text: String, of setting: Setting, _ command: ParsedCommand
    ) throws(UsageError) -> SocketAddress {
        do {
            return try SocketAddress(parsing: text)
        } catch {
            let expected = "an address such as 127.0.0.1:5000 (\(error.reason))"
            throw command.refused(setting, text, expected: expected)
        }
    }
}
