import JRBase
import JRSettings
import JRSupervision

/// A Procfile: a line for each instance, which says all that other readers of Procfiles would not say to it.
extension ClusterExport {
    mutating func procfile(_ plan: Plan, _ entries: [Entry]) {
        note(
            nil,
            "readers of Procfiles start everything at once, and most end everything when one ends; jr-supervisor up"
                + " keeps to its own rules for it")
        // What came from a Procfile keeps the order of its lines, to which the ports belong.
        let isFromProcfile = entries.allSatisfy { $0.basePort != nil }
        let ordered = isFromProcfile ? entries.sorted { ($0.basePort ?? 0) < ($1.basePort ?? 0) } : entries
        var lines: [String] = []
        var taken = Set(ordered.map(\.name))
        for entry in ordered {
            for index in 1...max(1, entry.count) {
                let name = entry.count == 1 ? entry.name : Self.lineName(entry.name, index, &taken)
                lines.append("\(name): \(line(entry, Plan.instance(entry, index, plan.surroundings), plan))\n")
            }
            procfileNotes(entry, plan)
        }
        let comments = noteLines.map(Self.comment).joined()
        files = [File(name: "Procfile", text: head + comments + lines.joined())]
    }

    private static func lineName(_ entry: String, _ index: Int, _ taken: inout Set<String>) -> String {
        var name = entry + String(index)
        while !taken.insert(name).inserted { name += "_" }
        return name
    }

    private mutating func line(_ entry: Entry, _ instance: Plan.Instance, _ plan: Plan) -> String {
        var words: [String]
        switch entry.command {
        case .shell(let text): return text
        case .own: words = [entry.nodeSettings == nil ? "jr-distributor" : "jr-node"]
        case .words(let given): words = given
        }
        let isOwn = ["jr-node", "jr-distributor"].contains(words.first)
        if isOwn {
            for (option, value) in options(entry, instance, plan) where !Self.has(option, words) {
                words += [option, value]
            }
            if entry.listen?.isLoopback == false, !words.contains("--insecure") { words.append("--insecure") }
        }
        let isVariable = { (word: String) in entry.basePort != nil && word.holds("$PORT") }
        var text = words.map { isVariable($0) ? $0 : Self.shellWord($0) }.joined(separator: " ")
        let own = variables(entry, instance, plan, isOwn: isOwn)
        if !own.isEmpty, entry.basePort == nil || isOwn {
            text = "env " + own.map { Self.shellWord("\($0.name)=\($0.value)") }.joined(separator: " ") + " " + text
        }
        if let directory = entry.workingDirectory { text = "cd \(Self.shellWord(directory)) && exec \(text)" }
        if entry.isOurs, !isReadBack(text, as: entry) {
            note(
                entry,
                "jr-supervisor itself would take this line for that of a program, because it needs a shell or sets a"
                    + " variable that begins with JR_")
        }
        return text
    }

    /// What has to be set before the program. Our own take settings as options instead.
    private mutating func variables(
        _ entry: Entry, _ instance: Plan.Instance, _ plan: Plan, isOwn: Bool
    ) -> [EnvironmentVariable] {
        let left = isOwn ? [] : entry.nodeSettings == nil ? ["JR_NAME", "PORT"] : ["PORT"]
        let all = isOwn ? entry.environment : plan.exportedEnvironment(of: instance, Self.addresses(plan))
        return all.filter { variable in
            if left.contains(variable.name) || (isOwn && Self.setting(variable) != nil) { return false }
            guard variable.value.contains(where: \.isNewline) else { return true }
            note(entry, "\(variable.name) has a line break in it, which no line of a Procfile can have: left out")
            return false
        }
    }

    /// The setting whose option says the same as a variable.
    private static func setting(_ variable: EnvironmentVariable) -> Setting? {
        Setting.allCases.first { $0.spec.environment == variable.name && $0 != .redisURL && $0 != .url }
    }

    /// What a manifest says of a distributor or node, and our own supervisor would say by the environment.
    private func options(_ entry: Entry, _ instance: Plan.Instance, _ plan: Plan) -> [(String, String)] {
        var options: [(String, String)] = [("--name", instance.name)]
        if let listen = entry.listen {
            options.append(("--listen", listen.description))
        }
        if let settings = entry.nodeSettings {
            let addresses = Self.addresses(plan)
            let dialled = settings.distributors.compactMap { addresses[$0]?.description }
            if !dialled.isEmpty { options.append(("--distributors", dialled.joined(separator: ","))) }
            if let jobs = settings.jobs { options.append(("--jobs", jobs)) }
            options.append(("--storage", storage(settings.storage, instance, plan)))
            if let credit = settings.credit { options.append(("--credit", String(credit))) }
            let drain = entry.policy.stop.drain
            if drain != Policy().stop.drain { options.append(("--drain", Durations.formatExactly(drain))) }
        }
        for setting in Setting.allCases {
            guard let value = entry.settings[setting] else { continue }
            options.append(("--" + setting.spec.option, value.text))
        }
        for variable in entry.environment {
            guard let setting = Self.setting(variable) else { continue }
            options.append(("--" + setting.spec.option, variable.value))
        }
        return options
    }

    private func storage(_ storage: StorageSettings, _ instance: Plan.Instance, _ plan: Plan) -> String {
        switch storage {
        case .memory: return "memory"
        case .redis(let url): return url ?? "redis"
        case .journal(let sync, let directory):
            // As it is written: the file may be taken elsewhere.
            let place = directory ?? plan.manifest.runtimeDirectory + "/storage"
            return "journal:\(place)/\(instance.name)" + (sync == .always ? "" : "?sync=\(sync.rawValue)")
        }
    }

    private static func addresses(_ plan: Plan) -> [String: ListenAddress] {
        Dictionary(
            plan.manifest.entries.compactMap { entry in entry.listen.map { (entry.name, $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    private static func has(_ option: String, _ words: [String]) -> Bool {
        words.contains { $0 == option || $0.hasPrefix(option + "=") }
    }

    /// Whether our own reader sees what it is.
    private func isReadBack(_ line: String, as entry: Entry) -> Bool {
        let read = Procfile.read(Array("x: \(line)\n".utf8)).manifest.entries.first
        return read?.word == entry.word
    }

    private mutating func procfileNotes(_ entry: Entry, _ plan: Plan) {
        let usual = Policy()
        let policy = entry.policy
        var keys: [String] = []
        if policy.restart != usual.restart { keys.append("restart") }
        if policy.backoff != usual.backoff { keys.append("backoff") }
        if policy.crashLoop != usual.crashLoop { keys.append("crashLoop") }
        if policy.ready != usual.ready { keys.append("ready") }
        let isDrainSaid = entry.nodeSettings != nil && entry.command == .own
        var stop = policy.stop
        if isDrainSaid { stop.drain = usual.stop.drain }
        if stop != usual.stop { keys.append("stop") }
        if policy.limits != usual.limits { keys.append("limits") }
        if policy.umask != usual.umask { keys.append("umask") }
        if policy.tty != usual.tty { keys.append("tty") }
        if policy.controlGroup != usual.controlGroup { keys.append("controlGroup") }
        if entry.user != nil { keys.append("user") }
        if entry.notifies { keys.append("notify") }
        if entry.watchdog != nil { keys.append("watchdog") }
        if policy.logs != usual.logs { keys.append("logs") }
        if !entry.after.isEmpty { keys.append("after") }
        if !keys.isEmpty {
            note(entry, keys.map { "\"\($0)\"" }.joined(separator: ", ") + ": there is no place for it in a Procfile")
        }
        let distributors = plan.manifest.entries.count { $0.listen != nil }
        if let settings = entry.nodeSettings, settings.distributors.count < distributors {
            note(entry, "it dials not all distributors; jr-supervisor up Procfile waits for all of them all the same")
        }
    }

    /// As it is where a shell takes it for itself, and in single quotes otherwise.
    private static func shellWord(_ word: String) -> String {
        let isSafe = word.unicodeScalars.allSatisfy { scalar in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || "/._-+=:,@%?[]".unicodeScalars.contains(scalar)
        }
        if isSafe, !word.isEmpty, Procfile.isPlain(word) { return word }
        // Nothing else can be done about a line break: the line would end there.
        let word = String(word.map { $0.isNewline ? " " : $0 })
        return "'" + word.exchanging("'", for: "'\\''") + "'"
    }
}
