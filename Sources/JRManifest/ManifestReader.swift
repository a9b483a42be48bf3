import JRBase
import JRJSON
import JRSettings
import JRSupervision

/// Reads `cluster.json` strictly: whatever is not understood is a problem, and all problems are found at once.
public enum ManifestReader {
    /// The longest manifest, in bytes.
    public static let longest = 1 << 20
    /// The most instances of one entry.
    public static let mostInstances = 1_000

    static let topLevelName = "cluster"
    static let defaultRuntimeDirectory = ".jr"

    public static func read(_ source: [UInt8]) -> ManifestReading {
        let empty = Manifest(name: topLevelName, runtimeDirectory: defaultRuntimeDirectory, entries: [])
        let root: LocatedJSON
        do throws(JSONError) {
            root = try LocatedJSON(parsing: source, JSONParsing(bytes: longest, allowsComments: true))
        } catch {
            let problem = ManifestProblem("\(error.message); expected \(error.expected)", at: error.position)
            return ManifestReading(manifest: empty, problems: [problem])
        }
        guard let members = root.object else {
            let problem = ManifestProblem(
                "a manifest is an object { … }, found \(root.kind)", at: root.position, length: root.markLength)
            return ManifestReading(manifest: empty, problems: [problem])
        }
        var draft = ManifestDraft(manifest: empty)
        var reader = ObjectReader(members, path: "", position: root.position)
        draft.read(&reader)
        reader.finish()
        draft.checkReferences(&reader)
        let problems = reader.problems.sorted { $0.position.offset < $1.position.offset }
        return ManifestReading(manifest: draft.manifest, problems: problems)
    }
}

/// A manifest being read, with the places its references came from.
private struct ManifestDraft {
    struct Reference {
        var from: String
        var to: LocatedJSON
        var name: String
        /// `distributors` when only those may be named.
        var onlyDistributors: Bool
    }

    var manifest: Manifest
    private var defaults = Policy()
    private var references: [Reference] = []
    private var listens: [(address: ListenAddress, path: String, value: LocatedJSON)] = []

    init(manifest: Manifest) {
        self.manifest = manifest
    }

    mutating func read(_ reader: inout ObjectReader) {
        if let value = reader.take("name") {
            if let name = value.string, Names.isValid(name) {
                manifest.name = name
            } else {
                reader.refuse("name", value, mustBe: "a name: \(Self.nameRule)")
            }
        }
        if let directory = reader.string("runtimeDirectory") { manifest.runtimeDirectory = directory }
        // Read first, wherever they stand: the entries lay their own values over them.
        reader.object("defaults") { inner in defaults = inner.policy(over: defaults) }
        reader.objects("distributors") { member, inner in distributor(member, &inner) }
        reader.objects("nodes") { member, inner in node(member, &inner) }
        reader.objects("programs") { member, inner in program(member, &inner) }
        if manifest.entries.isEmpty, reader.problems.isEmpty {
            reader.complain("nothing to start: give at least one of distributors, nodes, programs", atKey: "")
        }
    }

    // MARK: Entries

    private static let nameRule = "1 to 128 letters, digits, \"_\" and \"-\""

    private mutating func common(
        _ member: LocatedJSON.Member, _ kind: Entry.Kind, command: Entry.Command, _ reader: inout ObjectReader
    ) {
        var entry = Entry(name: member.key, kind: kind, command: command)
        if !Names.isValid(member.key)
            || member.key.utf8.contains(where: { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
        {
            reader.complain("\"\(member.key.harmless)\" is no name for an entry: \(Self.nameRule)", atKeyOf: member)
        } else if let other = manifest.entry(named: member.key) {
            reader.complain(
                "the name \"\(member.key)\" is taken by \(other.path): names are unique in a cluster", atKeyOf: member)
        }
        if case .distributor = kind {
        } else if let count = reader.int("count", 1...ManifestReader.mostInstances) {
            entry.count = count
        }
        entry.policy = reader.policy(over: defaults)
        if kind != .program {
            reader.hints["user"] =
                "only programs have it: a node's jobs and storage are for the user that jr-supervisor runs as"
            reader.hints["notify"] = "only programs have it: a \(entry.word) says that it is ready in its own way"
            reader.hints["watchdog"] = "only programs with \"notify\": true have it"
        } else {
            notices(&entry, &reader)
        }
        entry.settings = reader.settings(of: kind)
        entry.environment = environment(of: entry, &reader)
        if let directory = reader.string("workingDirectory") { entry.workingDirectory = directory }
        entry.places["name"] = member.keyPosition
        for key in ["command", "jobs", "workingDirectory", "user", "limits"] {
            if let value = reader.value(key) { entry.places[key] = value.array?.first?.position ?? value.position }
        }
        manifest.entries.append(entry)
    }

    /// What a program says over `NOTIFY_SOCKET`.
    private func notices(_ entry: inout Entry, _ reader: inout ObjectReader) {
        let notify = reader.bool("notify")
        entry.notifies = notify ?? false
        entry.watchdog = reader.duration("watchdog", "10ms", "24h")
        // Where "notify" is wrong itself, that is mended first.
        if entry.watchdog != nil, notify == false || !reader.has("notify") {
            reader.complain(
                "\(reader.name("watchdog")) needs \"notify\": true beside it: WATCHDOG=1 is said over NOTIFY_SOCKET",
                atKey: "watchdog")
        }
    }

    private mutating func distributor(_ member: LocatedJSON.Member, _ reader: inout ObjectReader) {
        let isInsecure = reader.bool("insecure") ?? false
        let named = address("listen", isInsecure: isInsecure, &reader)
        let listen = named ?? ListenAddress(host: "127.0.0.1", port: 5000)
        let http = address("http", isInsecure: isInsecure, &reader)
        if http != nil {
            reader.complain(
                "\(reader.name("http")): this version serves no HTTP page yet; remove the key", atKey: "http")
        }
        // One that was refused is not also in the way of others.
        let isKnown = named != nil || !reader.has("listen")
        if isKnown, let value = reader.value("listen") ?? reader.members.first?.value, listen.port != 0 {
            if let other = listens.first(where: { $0.address.port == listen.port && $0.address.host == listen.host }) {
                reader.complain("\(reader.name("listen")) is \(listen), which \(other.path) has already", at: value)
            }
            listens.append((listen, reader.name("listen"), value))
        }
        let command = command(&reader) ?? .own
        common(member, .distributor(DistributorSettings(listen: listen, http: http)), command: command, &reader)
    }

    private mutating func node(_ member: LocatedJSON.Member, _ reader: inout ObjectReader) {
        var settings = NodeSettings(distributors: [])
        let named = reader.strings("distributors", mustBe: "a list of names of distributors")
        if let named {
            settings.distributors = named.map(\.text)
            if named.isEmpty, let value = reader.value("distributors") {
                reader.complain("\(reader.name("distributors")) names none: a node without one gets no jobs", at: value)
            }
            for name in named {
                references.append(
                    Reference(from: reader.path, to: name.value, name: name.text, onlyDistributors: true))
            }
        } else if !reader.has("distributors") {
            settings.distributors = manifest.entries.compactMap { entry in
                if case .distributor = entry.kind { entry.name } else { nil }
            }
            if settings.distributors.isEmpty {
                reader.complain(
                    "\(reader.path) has no distributor: add one under \"distributors\"", atKeyOf: member)
            }
        }
        settings.jobs = reader.string("jobs")
        settings.credit = reader.int("credit", 1...1_000_000)
        reader.object("storage") { inner in settings.storage = Self.storage(&inner) }
        let command = command(&reader) ?? .own
        common(member, .node(settings), command: command, &reader)
    }

    private mutating func program(_ member: LocatedJSON.Member, _ reader: inout ObjectReader) {
        let command = command(&reader)
        if command == nil, !reader.has("command") {
            reader.complain("\(reader.path) needs a \"command\", such as [\"./my-app\"]", atKeyOf: member)
        }
        let user = reader.string("user", mustBe: "the name or number of a user of this machine, such as \"www-data\"")
        let after = reader.strings("after", mustBe: "a list of names of what must be ready first") ?? []
        for name in after {
            references.append(Reference(from: reader.path, to: name.value, name: name.text, onlyDistributors: false))
        }
        common(member, .program, command: command ?? .words([]), &reader)
        manifest.entries[manifest.entries.count - 1].after = after.map(\.text)
        manifest.entries[manifest.entries.count - 1].user = user
    }

    private func command(_ reader: inout ObjectReader) -> Entry.Command? {
        let wanted = "a list of words, such as [\"./my-app\", \"--flag\"] (there is no shell in between)"
        guard let words = reader.strings("command", mustBe: wanted) else { return nil }
        guard let first = words.first else {
            if let value = reader.value("command") {
                reader.complain(
                    "\(reader.name("command")) is empty: give the program first, then its arguments", at: value)
            }
            return nil
        }
        if first.text.isEmpty { reader.refuse("command", first.value, mustBe: wanted) }
        return .words(words.map(\.text))
    }

    private static func storage(_ reader: inout ObjectReader) -> StorageSettings {
        enum Kind: String, CaseIterable { case memory, journal, redis }
        let kind = reader.word("kind", Kind.self)
        if kind == nil, !reader.has("kind") {
            reader.complain("\(reader.path) needs a \"kind\": \"memory\", \"journal\" or \"redis\"", atKey: "")
        }
        let sync = reader.word("sync", StorageSettings.Sync.self)
        let directory = reader.string("directory")
        let url = reader.string("url")
        let strangers: [String]
        switch kind {
        case .memory: strangers = ["sync", "directory", "url"]
        case .journal: strangers = ["url"]
        case .redis: strangers = ["sync", "directory"]
        case nil: strangers = []
        }
        for key in strangers where reader.has(key) {
            let kind = kind?.rawValue ?? ""
            reader.complain("\(reader.name(key)) has no meaning for storage of the kind \"\(kind)\"", atKey: key)
        }
        switch kind {
        case .memory:
            return .memory
        case .journal, nil:
            return .journal(sync: sync ?? .always, directory: directory)
        case .redis:
            if let url, !url.hasPrefix("redis://"), !url.hasPrefix("redis+unix:/"), let value = reader.value("url") {
                reader.refuse("url", value, mustBe: "an address such as \"redis://localhost:6379/0\"")
            }
            return .redis(url: url)
        }
    }

    private func address(_ key: String, isInsecure: Bool, _ reader: inout ObjectReader) -> ListenAddress? {
        guard let value = reader.take(key) else { return nil }
        guard let address = value.string.flatMap({ ListenAddress($0) }) else {
            reader.refuse(key, value, mustBe: "an address such as \"127.0.0.1:5000\", with a port from 0 to 65,535")
            return nil
        }
        if !address.isLoopback, !isInsecure {
            reader.complain(
                "\(reader.name(key)) is \(address), which other machines can reach, and there is no authentication yet:"
                    + " listen on 127.0.0.1, or add \"insecure\": true if the network itself is trusted", at: value)
        }
        return address
    }

    private func environment(
        of entry: Entry, _ reader: inout ObjectReader
    ) -> [EnvironmentVariable] {
        guard let value = reader.take("env") else { return [] }
        guard let members = value.object else {
            reader.refuse("env", value, mustBe: "an object of texts, such as { \"LANG\": \"C.UTF-8\" }")
            return []
        }
        var variables: [EnvironmentVariable] = []
        for member in members {
            let name = "\(reader.name("env")).\(member.key.harmless)"
            if !EnvironmentVariable.isName(member.key) {
                reader.complain("\(name) is no name of a variable: letters, digits and \"_\"", atKeyOf: member)
            } else if entry.isSetByUs(member.key) {
                reader.complain("\(name) is set by the supervisor itself; remove it", atKeyOf: member)
            } else if let text = member.value.string, !text.utf8.contains(0) {
                guard reader.checkVariable(member, text, entry.settings) else { continue }
                variables.append(EnvironmentVariable(member.key, text))
            } else {
                reader.complain("\(name) must be a text, found \(member.value.shown)", at: member.value)
            }
        }
        return variables
    }

    // MARK: References

    func checkReferences(_ reader: inout ObjectReader) {
        for reference in references {
            let target = manifest.entry(named: reference.name)
            let isDistributor = if case .distributor = target?.kind { true } else { false }
            if isDistributor || (target != nil && !reference.onlyDistributors) { continue }
            let candidates = manifest.entries.filter { entry in
                if case .distributor = entry.kind { true } else { !reference.onlyDistributors }
            }.map(\.name)
            let what = reference.onlyDistributors ? "a distributor" : "an entry of this manifest"
            let hint =
                if let nearest = Names.nearest(to: reference.name, among: candidates) {
                    "did you mean \"\(nearest)\"?"
                } else {
                    candidates.isEmpty ? "there is none" : "there is: " + candidates.joined(separator: ", ")
                }
            reader.complain(
                "\(reference.from) names \"\(reference.name.harmless)\", which is not \(what) (\(hint))",
                at: reference.to)
        }
        checkCycles(&reader)
    }

    private func checkCycles(_ reader: inout ObjectReader) {
        var reported: Set<String> = []
        for entry in manifest.entries where !reported.contains(entry.name) {
            guard let cycle = cycle(from: entry.name, [entry.name]) else { continue }
            reported.formUnion(cycle)
            let path = cycle.joined(separator: " -> ")
            let place = references.first { $0.from == entry.path && cycle.contains($0.name) }
            if let place { reader.complain("\(entry.path) waits for itself: \(path)", at: place.to) }
        }
    }

    /// The way from the first name of `way` back to it; nil when there is none.
    private func cycle(from name: String, _ way: [String]) -> [String]? {
        for next in manifest.entry(named: name)?.dependencies ?? [] {
            if next == way.first { return way + [next] }
            if way.contains(next) { continue }
            if let found = cycle(from: next, way + [next]) { return found }
        }
        return nil
    }
}

extension ObjectReader {
    fileprivate mutating func complain(_ message: String, atKeyOf member: LocatedJSON.Member) {
        complain(message, at: member.keyPosition, length: member.key.count + 2)
    }
}

extension Entry {
    /// Whether the supervisor sets this variable for its processes.
    fileprivate func isSetByUs(_ variable: String) -> Bool {
        switch variable {
        case "NOTIFY_SOCKET": notifies
        case "WATCHDOG_USEC", "WATCHDOG_PID": watchdog != nil
        default: Plan.sets(variable, for: kind)
        }
    }
}

extension EnvironmentVariable {
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"): true
            default: false
            }
        }
    }
}
