import JRBase
import JRJSON
import JRSettings
import JRSupervision

/// Objects of Kubernetes: a file for each entry, in the order in which they are to be made.
///
/// A node with a journal is a StatefulSet, whose pods keep their names and their volumes; one whose jobs are elsewhere,
/// or gone with it anyway, is a Deployment.
extension ClusterExport {
    mutating func kubernetes(_ plan: Plan, _ entries: [Entry], _ choices: Choices) {
        let names = KubernetesNames(plan.manifest)
        let image = choices.image ?? names.cluster + ":latest"
        kubernetesNotes(image: image, choices)
        // In a container everything has another place.
        let surroundings = Plan.Surroundings(
            manifestDirectory: KubernetesPlaces.manifest, runtimeDirectory: KubernetesPlaces.state,
            programDirectory: KubernetesPlaces.programs, environment: [:])
        var manifest = plan.manifest
        for index in manifest.entries.indices { manifest.entries[index].inContainer() }
        let inside = Plan(manifest, surroundings)
        for entry in entries {
            guard let moved = manifest.entry(named: entry.name) else { continue }
            kubernetesNotes(on: entry, names)
            let writer = KubernetesWriter(plan: inside, names: names, image: image, volume: choices.volume)
            let documents = writer.documents(for: moved).map { "---\n" + YAML.text($0) }
            let comments = files.isEmpty ? commonComments : ""
            let number = ["distributor": "10", "node": "20"][entry.word] ?? "30"
            files.append(
                File(
                    name: "\(number)-\(names.name(of: entry.name)).yaml",
                    text: head + comments + self.comments(on: entry) + documents.joined()))
        }
    }

    // MARK: Notes

    private mutating func kubernetesNotes(image: String, _ choices: Choices) {
        let places = KubernetesPlaces.self
        note(
            nil,
            "the image \(image) has to have the programs in \(places.programs), what is beside the manifest in"
                + " \(places.manifest), sh, grep and timeout"
                + (choices.image == nil ? "; --image names another one" : "")
                + ". Job files in Swift: jr-node --compile-only saves it the compiler")
        note(
            nil,
            "distributors listen where all pods reach them, and connections are not authenticated: a NetworkPolicy lets"
                + " only pods of this cluster in, where the network plug-in enforces it. An application needs the same"
                + " label app.kubernetes.io/part-of")
        note(
            nil,
            "\"backoff\" and \"crashLoop\": Kubernetes restarts by its own rules, at once and then after 10 s that"
                + " double to 5 min, and calls it CrashLoopBackOff; \"logs\": see kubectl logs")
    }

    private mutating func kubernetesNotes(on entry: Entry, _ names: KubernetesNames) {
        let policy = entry.policy
        if policy.stop.signal != .terminate {
            let name = policy.stop.signal.shortName
            note(
                entry,
                "\"stop.signal\" is \(name): Kubernetes sends TERM, unless the image says STOPSIGNAL SIG\(name)")
        }
        if entry.isOurs, policy.restart != .always {
            note(entry, "\"restart\" is \(policy.restart.rawValue): a pod of this kind is always started again")
        }
        if entry.isOurs, entry.command != .own {
            note(
                entry,
                "its command has to write READY=1 to the descriptor in JR_READY_FD, as programs that use the library"
                    + " do; for any other take out the probes")
        }
        if !entry.isOurs, !entry.after.isEmpty {
            note(entry, "\"after\": Kubernetes starts everything at once; it has to try until what it needs is there")
        }
        if entry.notifies {
            note(
                entry,
                "\"notify\": there is no NOTIFY_SOCKET in a pod; give the container a readinessProbe that asks the"
                    + " program itself" + (entry.watchdog == nil ? "" : ", and for \"watchdog\" a livenessProbe"))
        }
        if let user = entry.user {
            note(entry, "\"user\" is \(user): give its number to \"securityContext\": { \"runAsUser\": … }")
        }
        if policy.limits.processes != nil {
            note(entry, "\"limits.processes\": the number of processes of a pod is a setting of the kubelet")
        }
        if entry.workingDirectory?.hasPrefix("/") == true || Self.leavesDirectory(entry.workingDirectory) {
            note(entry, "\"workingDirectory\" is outside of the manifest's directory: the image has to have it as well")
        }
        if case .words(let words) = entry.command, let first = words.first,
            first.hasPrefix("/") || Self.leavesDirectory(first)
        {
            note(entry, "its program is outside of the manifest's directory: the image has to have it as well")
        }
        if let settings = entry.nodeSettings { kubernetesNotes(on: entry, settings) }
    }

    private mutating func kubernetesNotes(on entry: Entry, _ settings: NodeSettings) {
        if settings.jobs?.hasPrefix("/") == true || Self.leavesDirectory(settings.jobs) {
            note(entry, "\"jobs\" is outside of the manifest's directory: the image has to have it as well")
        }
        switch settings.storage {
        case .memory:
            note(entry, "its jobs are in memory: they are lost with the pod, also when it is replaced by a new one")
        case .journal(_, let directory):
            note(
                entry,
                "its jobs are on the volume of a pod, not "
                    + (directory.map { "in \"\($0.harmless)\"" } ?? "in the runtime directory")
                    + ": those that are stored now stay behind (jr journal export moves them). With fewer replicas the"
                    + " jobs of those that go wait on their volumes")
        case .redis(let url):
            let address = url ?? entry.settings[.redisURL]?.text
            let host = address ?? entry.settings[.redisHost]?.text ?? "localhost"
            if host.holds("localhost") || host.holds("127.0.0.1") || host.hasPrefix("redis+unix:") {
                note(entry, "its Redis server is on this machine; in a pod that is the pod itself: name another host")
            }
            if let address, address.contains("@") {
                note(entry, "the address of its Redis server may hold a password: a Secret is the place for it")
            }
            if !entry.takesOver {
                note(entry, "\"redisTakeOver\" is false, so its jobs wait for its name: it is a StatefulSet")
            }
        }
    }

    private static func leavesDirectory(_ path: String?) -> Bool {
        path?.split(separator: "/").contains("..") ?? false
    }
}

/// Where things are in a container.
enum KubernetesPlaces {
    static let manifest = "/app"
    static let programs = "/usr/local/bin"
    /// Lives as long as the pod.
    static let state = "/run/jr"
    /// The mount point of a node's volume.
    static let volume = "/var/lib/jr"
}

/// Names that Kubernetes takes, none of them twice.
struct KubernetesNames {
    /// With the number of a pod and the mark of a revision it must not have more than 63 characters.
    private static let longest = 50

    let cluster: String
    private var names: [String: String] = [:]

    init(_ manifest: Manifest) {
        cluster = Self.label(manifest.name)
        var taken: Set<String> = []
        for entry in manifest.entries {
            let wanted = Self.label("\(manifest.name)-\(entry.name)")
            var name = wanted
            var number = 1
            while !taken.insert(name).inserted {
                number += 1
                name = "\(wanted.prefix(Self.longest - 5))-\(number)"
            }
            names[entry.name] = name
        }
    }

    func name(of entry: String) -> String { names[entry] ?? entry }

    /// Small letters, digits and `-`, with a letter first and no `-` at the end.
    private static func label(_ text: String) -> String {
        var label = text.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
        while let first = label.first, !first.isLetter { label.removeFirst() }
        label = Array(label.prefix(longest))
        while label.last == "-" { label.removeLast() }
        return label.isEmpty ? "jr" : String(label)
    }
}

extension Entry {
    /// Whether other nodes run the jobs of one that does not come back.
    var takesOver: Bool { settings[.redisTakeOver]?.text != "false" }

    /// Whether the jobs of a node belong to its name, so that it has to keep it.
    var needsName: Bool {
        switch nodeSettings?.storage {
        case .journal?: true
        case .redis?: !takesOver
        case .memory?, nil: false
        }
    }

    /// Changes what cannot be in a container as it is on a machine.
    fileprivate mutating func inContainer() {
        if case .words(let words) = command, let program = words.first?.split(separator: "/").last,
            ["jr-node", "jr-distributor"].contains(program)
        {
            dropOptions(["--name", "--listen", "--distributors", "--storage"])
            givenName = nil
        }
        switch kind {
        case .distributor(var settings):
            settings.listen.host = "0.0.0.0"
            kind = .distributor(settings)
        case .node(var settings):
            if case .journal(let sync, _) = settings.storage {
                settings.storage = .journal(sync: sync, directory: KubernetesPlaces.volume)
            }
            kind = .node(settings)
        case .program: break
        }
    }
}
