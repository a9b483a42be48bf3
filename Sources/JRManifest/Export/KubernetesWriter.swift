import JRBase
import JRJSON
import JRSettings
import JRSupervision

/// Writes the objects of one entry.
struct KubernetesWriter {
    let plan: Plan
    let names: KubernetesNames
    let image: String
    let volume: Int

    func documents(for entry: Entry) -> [JSON] {
        switch entry.kind {
        case .distributor(let settings):
            return [
                service(entry, port: settings.listen.port), networkPolicy(entry, port: settings.listen.port),
                deployment(entry, strategy: "Recreate"),
            ]
        case .node:
            let set = entry.needsName ? [headlessService(entry), statefulSet(entry)] : [deployment(entry)]
            return set + [disruptionBudget(entry)]
        case .program:
            return [entry.policy.restart == .always ? deployment(entry) : job(entry)]
        }
    }

    // MARK: Objects

    private func object(_ version: String, _ kind: String, _ entry: Entry, _ spec: JSON) -> JSON {
        [
            "apiVersion": .string(version), "kind": .string(kind),
            "metadata": ["name": .string(names.name(of: entry.name)), "labels": labels(entry)],
            "spec": spec,
        ]
    }

    private func service(_ entry: Entry, port: Int) -> JSON {
        object(
            "v1", "Service", entry,
            [
                "selector": selector(entry),
                "ports": [["name": "jr", "port": .int(Int64(port)), "targetPort": "jr"]],
            ])
    }

    /// Gives the pods of a StatefulSet their names; nobody connects to a node.
    private func headlessService(_ entry: Entry) -> JSON {
        object("v1", "Service", entry, ["clusterIP": "None", "selector": selector(entry)])
    }

    private func networkPolicy(_ entry: Entry, port: Int) -> JSON {
        let friends: JSON = ["podSelector": ["matchLabels": ["app.kubernetes.io/part-of": .string(names.cluster)]]]
        return object(
            "networking.k8s.io/v1", "NetworkPolicy", entry,
            [
                "podSelector": ["matchLabels": selector(entry)], "policyTypes": ["Ingress"],
                "ingress": [["from": [friends], "ports": [["protocol": "TCP", "port": .int(Int64(port))]]]],
            ])
    }

    private func deployment(_ entry: Entry, strategy: String? = nil) -> JSON {
        var spec: JSONObject = ["replicas": .int(Int64(entry.count))]
        // Two distributors of one name would share the nodes between them.
        if let strategy { spec["strategy"] = ["type": .string(strategy)] }
        spec["selector"] = ["matchLabels": selector(entry)]
        spec["template"] = template(entry)
        return object("apps/v1", "Deployment", entry, .object(spec))
    }

    private func statefulSet(_ entry: Entry) -> JSON {
        var spec: JSONObject = [
            "serviceName": .string(names.name(of: entry.name)), "replicas": .int(Int64(entry.count)),
            // The instances have the numbers that they have under jr-supervisor, and do not wait for each other.
            "ordinals": ["start": 1], "podManagementPolicy": "Parallel",
            "selector": ["matchLabels": selector(entry)], "template": template(entry),
        ]
        if hasVolume(entry) {
            let claim: JSON = [
                "metadata": ["name": "jobs"],
                "spec": [
                    "accessModes": ["ReadWriteOnce"],
                    "resources": ["requests": ["storage": .string(Self.quantity(volume))]],
                ],
            ]
            spec["volumeClaimTemplates"] = [claim]
        }
        return object("apps/v1", "StatefulSet", entry, .object(spec))
    }

    private func disruptionBudget(_ entry: Entry) -> JSON {
        object(
            "policy/v1", "PodDisruptionBudget", entry,
            ["maxUnavailable": 1, "selector": ["matchLabels": selector(entry)]])
    }

    /// A program that ends: all of its instances once, tried again as its `restart` says.
    private func job(_ entry: Entry) -> JSON {
        let count = JSON.int(Int64(entry.count))
        let isRetried = entry.policy.restart == .onFailure
        return object(
            "batch/v1", "Job", entry,
            [
                "completions": count, "parallelism": count,
                "backoffLimit": isRetried ? .int(Int64(Int32.max)) : 0,
                "template": template(entry, restart: isRetried ? "OnFailure" : "Never"),
            ])
    }

    // MARK: Pods

    private func selector(_ entry: Entry) -> JSON {
        [
            "app.kubernetes.io/name": .string(names.name(of: entry.name)),
            "app.kubernetes.io/part-of": .string(names.cluster),
        ]
    }

    private func labels(_ entry: Entry) -> JSON {
        var labels = selector(entry).object ?? [:]
        labels["app.kubernetes.io/component"] = .string(entry.word)
        return .object(labels)
    }

    private func hasVolume(_ entry: Entry) -> Bool {
        if case .journal? = entry.nodeSettings?.storage { true } else { false }
    }

    private func template(_ entry: Entry, restart: String? = nil) -> JSON {
        var spec: JSONObject = [:]
        if let restart { spec["restartPolicy"] = .string(restart) }
        let seconds = Self.seconds(entry.timeToStop)
        spec["terminationGracePeriodSeconds"] = .int(max(1, seconds))
        spec["automountServiceAccountToken"] = false
        // Variables of services could begin with JR_, and unknown ones of those are refused.
        spec["enableServiceLinks"] = false
        spec["containers"] = [container(entry)]
        if entry.nodeSettings != nil { spec["volumes"] = [["name": "state", "emptyDir": [:]]] }
        return ["metadata": ["labels": labels(entry)], "spec": .object(spec)]
    }

    private func container(_ entry: Entry) -> JSON {
        let instance = isNumbered(entry) ? plan.template(entry) : Plan.instance(entry, 1, plan.surroundings)
        var container: JSONObject = ["name": .string(entry.word), "image": .string(image)]
        container["workingDir"] = .string(instance.workingDirectory)
        container["command"] = .array(command(entry, instance).map { .string($0) })
        if entry.policy.tty { container["tty"] = true }
        container["env"] = .array(environment(entry, instance))
        if let listen = entry.listen {
            container["ports"] = [["name": "jr", "containerPort": .int(Int64(listen.port))]]
        }
        probes(entry, into: &container)
        if entry.nodeSettings != nil {
            container["lifecycle"] = ["preStop": ["exec": ["command": .array(Self.drain(entry))]]]
            var mounts: [JSON] = [["name": "state", "mountPath": .string(KubernetesPlaces.state)]]
            if hasVolume(entry) { mounts.append(["name": "jobs", "mountPath": .string(KubernetesPlaces.volume)]) }
            container["volumeMounts"] = .array(mounts)
        }
        return .object(container)
    }

    /// A node finds two files for the descriptors by which a supervisor and it would talk: what it says can be read
    /// there, and what is written there it hears.
    private func command(_ entry: Entry, _ instance: Plan.Instance) -> [String] {
        let words = instance.arguments.map(Self.expanded)
        var steps: [String] = []
        steps += limits(entry.policy)
        if entry.nodeSettings != nil {
            let state = KubernetesPlaces.state
            steps.append("mkfifo -m 600 \(state)/life 2>/dev/null")
            steps.append("exec \"$@\" 3>\(state)/ready 4<>\(state)/life")
        } else if !steps.isEmpty {
            steps.append("exec \"$@\"")
        }
        return steps.isEmpty ? words : ["/bin/sh", "-c", steps.joined(separator: "; "), "sh"] + words
    }

    /// In the units of a shell's `ulimit`.
    private func limits(_ policy: Policy) -> [String] {
        var steps: [String] = []
        let limits = policy.limits
        if let files = limits.openFiles { steps.append("ulimit -Sn \(files)") }
        if let core = limits.core {
            steps.append("ulimit -c " + (core == Policy.Limits.unlimited ? "unlimited" : "\(core / 512)"))
        }
        if let bytes = limits.addressSpace { steps.append("ulimit -v \(bytes / 1024)") }
        if let time = limits.cpuTime { steps.append("ulimit -St \(time)") }
        if let umask = policy.umask { steps.append("umask \(Policy.octal(umask))") }
        return steps
    }

    private func environment(_ entry: Entry, _ instance: Plan.Instance) -> [JSON] {
        var addresses: [String: ListenAddress] = [:]
        for other in plan.manifest.entries {
            guard let listen = other.listen else { continue }
            let isItself = other.name == entry.name
            addresses[other.name] =
                isItself ? listen : ListenAddress(host: names.name(of: other.name), port: listen.port)
        }
        var variables = isNumbered(entry) ? [identity(entry)] : []
        for variable in plan.exportedEnvironment(of: instance, addresses) {
            variables.append(["name": .string(variable.name), "value": .string(Self.expanded(variable.value))])
        }
        if entry.nodeSettings != nil {
            variables.append(["name": "JR_READY_FD", "value": "3"])
            variables.append(["name": "JR_LIFE_FD", "value": "4"])
        }
        return variables
    }

    /// Whether there are several instances, or can be tomorrow.
    private func isNumbered(_ entry: Entry) -> Bool { entry.count > 1 || entry.nodeSettings != nil }

    /// What tells the instances of an entry apart.
    private func identity(_ entry: Entry) -> JSON {
        let field: String
        switch entry.kind {
        case .node where entry.needsName: field = "metadata.labels['apps.kubernetes.io/pod-index']"
        default: field = "metadata.name"
        }
        return ["name": "INSTANCE", "valueFrom": ["fieldRef": ["fieldPath": .string(field)]]]
    }

    private func probes(_ entry: Entry, into container: inout JSONObject) {
        var probe: JSONObject
        switch entry.kind {
        case .distributor: probe = ["tcpSocket": ["port": "jr"]]
        case .node:
            probe = ["exec": ["command": ["grep", "-q", "^READY=1", .string(KubernetesPlaces.state + "/ready")]]]
        case .program: return
        }
        probe["timeoutSeconds"] = 5
        var start = probe
        // Not ready in time, it is started again, as "ready" says.
        start["periodSeconds"] = 1
        start["failureThreshold"] = .int(max(1, Self.seconds(entry.policy.ready)))
        container["startupProbe"] = .object(start)
        probe["periodSeconds"] = 10
        container["readinessProbe"] = .object(probe)
    }

    /// Tells the node to take no more jobs, and waits until none runs; TERM comes when this has ended.
    private static func drain(_ entry: Entry) -> [JSON] {
        let state = KubernetesPlaces.state
        let script =
            "echo drain > \(state)/life && until grep -q '^DRAINED=1' \(state)/ready; do sleep 0.2; done"
        let limit = "\(max(1, seconds(entry.policy.stop.drain)))"
        return ["timeout", .string(limit), "sh", "-c", .string(script)]
    }

    // MARK: Values

    private static func seconds(_ interval: Interval) -> Int64 { (interval.millisecondsRoundedUp + 999) / 1_000 }

    private static func quantity(_ bytes: Int) -> String {
        for (unit, size) in [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)] where bytes % size == 0 {
            return "\(bytes / size)\(unit)"
        }
        return String(bytes)
    }

    /// A text in which `$` stands for itself, and ``Plan/anyIndex`` for what tells the instances apart.
    private static func expanded(_ text: String) -> String {
        text.exchanging("$", for: "$$").exchanging(Plan.anyIndex, for: "$(INSTANCE)")
    }
}
