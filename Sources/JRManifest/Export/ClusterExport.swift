import JRBase
public import JRSupervision

/// A cluster written down for another engine: files, and what that engine cannot do.
public struct ClusterExport: Sendable, Equatable {
    /// What a cluster can be handed to.
    public enum Engine: String, Sendable, CaseIterable {
        case systemd, kubernetes, procfile
    }

    /// One file to write.
    public struct File: Sendable, Equatable {
        /// Without a directory.
        public var name: String
        /// All of it.
        public var text: String
    }

    /// Something that could not be carried over, or was changed on the way.
    public struct Note: Sendable, Equatable {
        /// The entry it is about; nil for the cluster as a whole.
        public var entry: String?
        /// A sentence without a full stop.
        public var text: String
    }

    /// What the manifest does not say and an engine wants to know.
    public struct Choices: Sendable, Equatable {
        /// Whom the units of systemd run as; nil leaves it out.
        public var user: String?
        /// The container image of everything; nil takes the cluster's name.
        public var image: String?
        /// How large the volume of a node's journal is, in bytes.
        public var volume: Int

        /// - Parameters:
        ///   - user: Whom the units of systemd run as.
        ///   - image: The container image of everything.
        ///   - volume: How large the volume of a node's journal is, in bytes.
        public init(user: String? = nil, image: String? = nil, volume: Int = 10 << 30) {
            self.user = user
            self.image = image
            self.volume = volume
        }
    }

    /// How every file of an export begins, by which a later export knows that it may replace it.
    public static let mark = "# Made by `jr-supervisor export "

    /// In the order in which they are told.
    public internal(set) var files: [File] = []
    /// What could not be carried over, or was changed on the way.
    public internal(set) var notes: [Note] = []
    private let engine: Engine

    /// Writes a cluster down.
    ///
    /// - Parameters:
    ///   - plan: The cluster with the paths of this machine.
    ///   - engine: Whom it is handed to.
    ///   - choices: What the manifest does not say.
    public init(_ plan: Plan, for engine: Engine, _ choices: Choices = Choices()) {
        self.engine = engine
        let manifest = withFixedPorts(plan.manifest)
        let whole = Plan(manifest, plan.surroundings)
        let wanted = Set(plan.instances.map(\.entry.name))
        let entries = whole.manifest.entries.filter { wanted.contains($0.name) }
        switch engine {
        case .systemd: systemd(whole, entries, choices)
        case .kubernetes: kubernetes(whole, entries, choices)
        case .procfile: procfile(whole, entries)
        }
    }

    /// The first line of a file.
    var head: String { Self.mark + engine.rawValue + "`; export again instead of editing it.\n" }

    /// The notes for people, a line each: what is said of several entries is said once.
    public var noteLines: [String] {
        var lines: [(text: String, names: [String])] = []
        for note in notes {
            let name = note.entry.map { [$0] } ?? []
            if let index = lines.firstIndex(where: { $0.text == note.text }) {
                lines[index].names += name.filter { !lines[index].names.contains($0) }
            } else {
                lines.append((note.text, name))
            }
        }
        return lines.map { $0.names.isEmpty ? $0.text : $0.names.joined(separator: ", ") + ": " + $0.text }
    }

    /// The notes on one entry as lines of a comment.
    func comments(on entry: Entry) -> String {
        notes.filter { $0.entry == entry.name }.map { Self.comment($0.text) }.joined()
    }

    /// The notes on the whole cluster as lines of a comment.
    var commonComments: String { notes.filter { $0.entry == nil }.map { Self.comment($0.text) }.joined() }

    /// Lines of at most 100 characters that begin with `#`.
    static func comment(_ text: String) -> String {
        var lines: [String] = []
        var line = "#"
        for word in text.harmless.split(separator: " ") {
            if line.count + word.count >= 100, line != "#" {
                lines.append(line)
                line = "#  "
            }
            line += " " + word
        }
        return (lines + [line]).map { $0 + "\n" }.joined()
    }

    mutating func note(_ entry: Entry?, _ text: String) {
        notes.append(Note(entry: entry?.name, text: text))
    }

    /// Whoever names a distributor has to know its port before it is up: nobody tells the real one any more.
    private mutating func withFixedPorts(_ manifest: Manifest) -> Manifest {
        var manifest = manifest
        var taken = Set(manifest.entries.compactMap { $0.listen?.port }.filter { $0 != 0 })
        for index in manifest.entries.indices {
            guard case .distributor(var settings) = manifest.entries[index].kind, settings.listen.port == 0 else {
                continue
            }
            let port = (5_000...65_535).first { !taken.contains($0) } ?? 5_000
            taken.insert(port)
            settings.listen.port = port
            manifest.entries[index].kind = .distributor(settings)
            note(
                manifest.entries[index],
                "it listens on any free port (0) in the manifest, which nobody else could know; here on \(port)")
        }
        return manifest
    }
}

/// What all engines need to know of an entry.
extension Entry {
    /// Where a distributor listens.
    var listen: ListenAddress? {
        if case .distributor(let settings) = kind { settings.listen } else { nil }
    }

    var nodeSettings: NodeSettings? {
        if case .node(let settings) = kind { settings } else { nil }
    }

    /// `distributor`, `node` or `program`
    var word: String {
        switch kind {
        case .distributor: "distributor"
        case .node: "node"
        case .program: "program"
        }
    }

    /// Whether its process says that it is ready, and ends its work when it is told to leave.
    var isOurs: Bool { kind != .program }

    /// From the wish to stop it to KILL: only what works through jobs is given time for them.
    var timeToStop: Interval { policy.stop.kill + (isOurs ? policy.stop.drain : .zero) }
}

extension Plan {
    /// Stands for an instance's number in names and paths until an engine's own way to write it takes its place.
    static let anyIndex = "\u{F8FF}"

    /// An entry's instance with ``anyIndex`` for its number, where one text stands for all of them.
    func template(_ entry: Entry) -> Instance {
        var instance = Plan.instance(entry, 1, surroundings)
        let name = instance.name
        instance.name = "\(entry.name).\(Plan.anyIndex)"
        if let directory = instance.storageDirectory, directory.hasSuffix("/" + name) {
            instance.storageDirectory = String(directory.dropLast(name.count)) + instance.name
        }
        return instance
    }

    /// What an instance finds in its environment under another engine, without what only a supervisor knows.
    ///
    /// - Parameters:
    ///   - instance: Whose environment it is.
    ///   - addresses: Where the distributors are reached, by entry.
    func exportedEnvironment(
        of instance: Instance, _ addresses: [String: ListenAddress]
    ) -> [EnvironmentVariable] {
        let start = Start(incarnation: 0, readyDescriptor: nil, lifeDescriptor: nil, addresses: addresses)
        let left = ["JR_INCARNATION", "JR_RUNTIME"] + Plan.inheritedVariables
        let own = instance.entry.environment.map(\.name)
        return environment(of: instance, start).compactMap { line in
            guard let equals = line.firstIndex(of: "=") else { return nil }
            let name = String(line[..<equals])
            if left.contains(name), !own.contains(name) { return nil }
            return EnvironmentVariable(name, String(line[line.index(after: equals)...]))
        }
    }
}
