import JRBase
import JRSettings

/// A manifest on a certain machine: every instance with its command line, its environment and what it waits for, in the
/// order in which they start.
public struct Plan: Sendable, Equatable {
    /// What the plan must know of the machine, given as values.
    public struct Surroundings: Sendable, Equatable {
        /// Absolute.
        public var manifestDirectory: String
        /// Absolute.
        public var runtimeDirectory: String
        /// Where `jr-node` and `jr-distributor` are: the directory of the supervisor's own executable.
        public var programDirectory: String
        /// The supervisor's own environment, of which the children get a few variables.
        public var environment: [String: String]

        public init(
            manifestDirectory: String, runtimeDirectory: String, programDirectory: String, environment: [String: String]
        ) {
            self.manifestDirectory = manifestDirectory
            self.runtimeDirectory = runtimeDirectory
            self.programDirectory = programDirectory
            self.environment = environment
        }
    }

    public struct Instance: Sendable, Equatable {
        /// `worker.1`
        public var name: String
        public var entry: Entry
        /// From 1.
        public var index: Int
        public var arguments: [String]
        /// Absolute.
        public var workingDirectory: String
        /// Positions of the instances that must be ready first.
        public var after: [Int]
        /// 0 for distributors, 1 for nodes, 2 for programs.
        public var rank: Int
        /// Absolute; nil for what stores nothing in a directory.
        public var storageDirectory: String?
        /// Absolute: the directory its log files are in.
        public var logDirectory: String

        /// Whether its process says by itself that it is ready.
        public var saysReady: Bool { rank < 2 || entry.notifies }
    }

    public internal(set) var manifest: Manifest
    public let surroundings: Surroundings
    /// Every place, those that are retired with them: a place keeps its position for as long as the plan lives.
    public internal(set) var instances: [Instance]
    /// Places of which nothing is to run any more.
    public internal(set) var retired: Set<Int> = []

    /// Variables that the supervisor sets for everything, and a manifest therefore cannot.
    private static let ownVariables = [
        "JR_NAME", "JR_DISTRIBUTORS", "JR_URL", "JR_READY_FD", "JR_LIFE_FD", "JR_INCARNATION", "JR_RUNTIME",
        "JR_KEPT_JOBS",
    ]

    /// Further ones that come from the entries of nodes and distributors. A program may run a node of its own, and sets
    /// them as it likes.
    private static let entryVariables = [
        "JR_STORAGE", "JR_JOBS", "JR_CREDIT", "JR_LISTEN", "JR_CACHE", "JR_DRAIN", "JR_INSECURE",
    ]

    /// Whether the supervisor sets a variable itself, so that a manifest cannot.
    ///
    /// - Parameters:
    ///   - variable: Its name.
    ///   - kind: That of the entries for which it would be set.
    public static func sets(_ variable: String, for kind: Entry.Kind) -> Bool {
        if ownVariables.contains(variable) { return true }
        // A node may listen as well: only it says where.
        if case .node = kind, variable == "JR_LISTEN" || variable == "JR_INSECURE" { return false }
        return kind != .program && entryVariables.contains(variable)
    }

    /// What children get of the supervisor's environment.
    public static let inheritedVariables = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SWIFT_BACKTRACE"]

    /// - Parameter only: Names of entries; those and what they depend on are planned. Nil plans everything.
    public init(_ manifest: Manifest, _ surroundings: Surroundings, only: [String]? = nil) {
        self.manifest = manifest
        self.surroundings = surroundings
        let wanted = only.map { Plan.closure(of: $0, in: manifest) }
        let entries = manifest.entries.filter { wanted?.contains($0.name) ?? true }
        var planned: [Instance] = []
        for entry in entries {
            for index in 1...max(1, entry.count) { planned.append(Plan.instance(entry, index, surroundings)) }
        }
        for position in planned.indices {
            let names = planned[position].entry.dependencies
            planned[position].after = planned.indices.filter { names.contains(planned[$0].entry.name) }
        }
        instances = planned
    }

    private static func closure(of names: [String], in manifest: Manifest) -> Set<String> {
        var found: Set<String> = []
        var open = names
        while let name = open.popLast() {
            if found.insert(name).inserted { open.append(contentsOf: manifest.entry(named: name)?.dependencies ?? []) }
        }
        return found
    }

    /// An instance by itself, before it is known what it waits for.
    ///
    /// - Parameters:
    ///   - entry: What it is an instance of.
    ///   - index: Which one, from 1.
    ///   - surroundings: What must be known of the machine.
    public static func instance(_ entry: Entry, _ index: Int, _ surroundings: Surroundings) -> Instance {
        let name = index == 1 ? entry.firstName : "\(entry.name).\(index)"
        var rank = 2
        var storage: String?
        switch entry.kind {
        case .distributor:
            rank = 0
        case .node(let settings):
            rank = 1
            if case .journal(_, let directory) = settings.storage {
                let own = surroundings.runtimeDirectory + "/storage/" + name
                // One directory cannot hold the journals of several nodes.
                storage = directory.map { Paths.resolve($0, in: surroundings.manifestDirectory) + "/" + name } ?? own
            }
        case .program:
            break
        }
        let directory = Paths.resolve(entry.workingDirectory ?? ".", in: surroundings.manifestDirectory)
        let logs = Paths.resolve(entry.policy.logs.directory, in: surroundings.runtimeDirectory)
        return Instance(
            name: name, entry: entry, index: index, arguments: arguments(entry, index, surroundings),
            workingDirectory: directory, after: [], rank: rank, storageDirectory: storage, logDirectory: logs)
    }

    private static func arguments(_ entry: Entry, _ index: Int, _ surroundings: Surroundings) -> [String] {
        switch entry.command {
        case .own:
            if case .distributor = entry.kind { return [surroundings.programDirectory + "/jr-distributor"] }
            return [surroundings.programDirectory + "/jr-node"]
        case .shell(let line):
            return ["/bin/sh", "-c", line]
        case .words(var words):
            if let port = entry.port(of: index) { words = words.map { PortText.substitute(port, in: $0) } }
            guard let program = words.first else { return words }
            if program == "jr-node" || program == "jr-distributor" {
                words[0] = surroundings.programDirectory + "/" + program
            } else if program.contains("/") {
                words[0] = Paths.resolve(program, in: surroundings.manifestDirectory)
            }
            return words
        }
    }

    // MARK: Questions

    /// The positions meant by a name: an instance's, or an entry's with all its instances. Empty when there is none.
    public func positions(named name: String) -> [Int] {
        let exact = live.filter { instances[$0].name == name }
        return exact.isEmpty ? live.filter { instances[$0].entry.name == name } : exact
    }

    /// The places that are not retired, in the order of the manifest.
    public var live: [Int] {
        let all = instances.indices.filter { !retired.contains($0) }
        let order = Dictionary(
            manifest.entries.enumerated().map { ($0.element.name, $0.offset) }, uniquingKeysWith: { first, _ in first })
        return all.sorted { left, right in
            let first = (order[instances[left].entry.name] ?? .max, instances[left].index, left)
            let second = (order[instances[right].entry.name] ?? .max, instances[right].index, right)
            return first < second
        }
    }

    /// What the name of no instance may have meant, and what there is.
    ///
    /// - Parameters:
    ///   - name: As somebody wrote it.
    ///   - isEntry: Whether only the name of an entry would have done.
    public func suggestion(for name: String, isEntry: Bool = false) -> String {
        let entries = manifest.entries.map(\.name)
        if let place = live.first(where: { instances[$0].name == name }) {
            return "that is one instance of \"\(instances[place].entry.name)\""
        }
        if entries.contains(name) {
            return "it has no instance now: `jr-supervisor scale \(name)=1` starts one"
        }
        let names = isEntry ? entries : live.map { instances[$0].name } + entries
        if let nearest = Names.nearest(to: name, among: names) { return "did you mean \"\(nearest)\"?" }
        return "there is: " + manifest.entries.map(\.name).joined(separator: ", ")
    }

    // MARK: Environment

    /// What only the start of an incarnation knows.
    public struct Start: Sendable, Equatable {
        public var incarnation: Int
        public var readyDescriptor: Int32?
        public var lifeDescriptor: Int32?
        /// Where a program that does so says that it is ready.
        public var notifySocket: String?
        /// Where the distributors listen that are up or whose port is fixed, by entry.
        public var addresses: [String: ListenAddress]
        /// Where a node keeps the jobs that it loads, or finds those that it is to load.
        public var keptJobs: String?
        /// Of the user whose process it is, where that is another one than the supervisor's.
        public var userName: String?
        public var home: String?

        public init(
            incarnation: Int, readyDescriptor: Int32?, lifeDescriptor: Int32?, addresses: [String: ListenAddress]
        ) {
            self.incarnation = incarnation
            self.readyDescriptor = readyDescriptor
            self.lifeDescriptor = lifeDescriptor
            self.addresses = addresses
        }
    }

    /// The whole environment of a new incarnation, `NAME=value` each, sorted by name.
    public func environment(of position: Int, _ start: Start) -> [String] {
        environment(of: instances[position], start)
    }

    /// The same for an instance as it was in an earlier plan.
    public func environment(of instance: Instance, _ start: Start) -> [String] {
        var variables: [String: String] = [:]
        for name in Plan.inheritedVariables { variables[name] = surroundings.environment[name] }
        if let home = start.home { variables["HOME"] = home }
        variables["USER"] = start.userName
        variables["LOGNAME"] = start.userName
        if let port = instance.entry.port(of: instance.index) { variables["PORT"] = String(port) }
        for variable in instance.entry.environment { variables[variable.name] = variable.value }
        for (setting, value) in instance.entry.settings { variables[setting.spec.environment] = value.text }
        variables["JR_NAME"] = instance.name
        variables["JR_INCARNATION"] = String(start.incarnation)
        variables["JR_RUNTIME"] = surroundings.runtimeDirectory
        variables["JR_READY_FD"] = start.readyDescriptor.map { String($0) }
        if let socket = start.notifySocket {
            variables["NOTIFY_SOCKET"] = socket
            // Without WATCHDOG_PID it is for whoever says it for the process, such as a command that a script starts.
            if let watchdog = instance.entry.watchdog {
                variables["WATCHDOG_USEC"] = String(watchdog.nanoseconds / 1_000)
            }
        }
        variables["JR_LIFE_FD"] = start.lifeDescriptor.map { String($0) }
        addresses(of: instance, start, into: &variables)
        if case .node = instance.entry.kind { variables["JR_KEPT_JOBS"] = start.keptJobs }
        if case .node(let settings) = instance.entry.kind { node(instance, settings, into: &variables) }
        return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    }

    private func addresses(of instance: Instance, _ start: Start, into variables: inout [String: String]) {
        let named: [String]
        switch instance.entry.kind {
        case .distributor(let settings):
            let address = start.addresses[instance.entry.name] ?? settings.listen
            variables["JR_LISTEN"] = address.description
            if !address.isLoopback { variables["JR_INSECURE"] = "1" }
            return
        case .node(let settings):
            named = settings.distributors
        case .program:
            named = manifest.entries.map(\.name)
        }
        let known = named.compactMap { start.addresses[$0] }.filter { $0.port != 0 }
        if known.isEmpty { return }
        variables["JR_DISTRIBUTORS"] = known.map(\.description).joined(separator: ",")
        variables["JR_URL"] = known.first.map { "jr://\($0)" }
    }

    private func node(_ instance: Instance, _ settings: NodeSettings, into variables: inout [String: String]) {
        switch settings.storage {
        case .memory: variables["JR_STORAGE"] = "memory"
        case .journal(let sync, _):
            variables["JR_STORAGE"] = "journal:\(instance.storageDirectory ?? "")?sync=\(sync.rawValue)"
        case .redis(let url): variables["JR_STORAGE"] = url ?? "redis"
        }
        variables["JR_JOBS"] = settings.jobs.map { Paths.resolve($0, in: surroundings.manifestDirectory) }
        variables["JR_CREDIT"] = settings.credit.map { String($0) }
        variables["JR_DRAIN"] = Durations.formatExactly(instance.entry.policy.stop.drain)
        variables["JR_CACHE"] = surroundings.runtimeDirectory + "/cache"
    }

    // MARK: Machines

    /// The cluster of this plan before anything was started.
    ///
    /// - Parameters:
    ///   - incarnations: The last number of each instance under an earlier supervisor.
    ///   - seed: For the jitter of the waits.
    ///   - startsAtOnce: How many nodes start at once.
    public func cluster(
        incarnations: [String: Int] = [:], seed: UInt64, startsAtOnce: Int = .max
    ) -> ClusterMachine {
        var random = SeededRandom(seed: seed)
        return ClusterMachine(
            members: instances.indices.map { position in
                member(position, incarnation: incarnations[instances[position].name] ?? 0, seed: random.next())
            }, startsAtOnce: startsAtOnce)
    }

    /// One place of it.
    public func member(_ position: Int, incarnation: Int, seed: UInt64) -> ClusterMachine.Member {
        let instance = instances[position]
        let isOurs = instance.rank < 2
        let machine = InstanceMachine(
            policy: instance.entry.policy, drains: isOurs, reportsReady: instance.saysReady, incarnation: incarnation,
            seed: seed)
        return ClusterMachine.Member(machine: machine, after: instance.after, rank: instance.rank)
    }
}

extension Entry {
    /// The `PORT` of an instance, as readers of a Procfile give it out.
    func port(of index: Int) -> Int? { basePort.map { $0 + index - 1 } }
}

/// Command lines of a Procfile.
public enum PortText {
    /// `$PORT` and `${PORT}` replaced, and nothing else: `$PORTS` is another variable.
    ///
    /// - Parameters:
    ///   - port: What they stand for.
    ///   - text: A command line, or a word of one.
    public static func substitute(_ port: Int, in text: String) -> String {
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("${PORT}") {
                result += String(port)
                rest = rest.dropFirst(7)
            } else if rest.hasPrefix("$PORT"), !(rest.dropFirst(5).first.map(isVariableCharacter) ?? false) {
                result += String(port)
                rest = rest.dropFirst(5)
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    private static func isVariableCharacter(_ character: Character) -> Bool {
        character == "_" || character.isASCII && (character.isLetter || character.isNumber)
    }
}

/// Paths as text.
public enum Paths {
    /// `path` seen from `directory` (absolute), without `.` and empty parts; `..` is kept for the system to follow.
    public static func resolve(_ path: String, in directory: String) -> String {
        let whole = path.hasPrefix("/") ? path : directory + "/" + path
        return "/" + whole.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
    }
}
