import JRBase
import JRSupervision

/// Units of systemd: one for each entry, a template where there are several of it, and a target for all.
extension ClusterExport {
    mutating func systemd(_ plan: Plan, _ entries: [Entry], _ choices: Choices) {
        let cluster = plan.manifest.name
        let target = "jr-\(cluster).target"
        if choices.user == nil {
            note(
                nil,
                "no user is named: as system units these run as root. Export with --user NAME, or install them with"
                    + " systemctl --user")
        }
        note(
            nil,
            "processes get systemd's environment, not that of the shell in which jr-supervisor was started: what they"
                + " need belongs into \"env\"")
        note(nil, "output goes to the journal of systemd, not to \"logs\": journalctl -u 'jr-\(cluster)-*'")
        note(
            nil,
            "a crash loop is not told as such (\"crashLoop\"): systemd only counts restarts (systemctl show -p"
                + " NRestarts)")
        let units = entries.map { unit($0, plan, target: target, choices) }
        let wanted = entries.flatMap { entry in Self.unitNames(of: entry, cluster) }
        var text = head + commonComments
        text += "[Unit]\nDescription=Cluster \(Self.escaped(cluster))\n"
        text += wanted.map { "Wants=\($0)\n" }.joined()
        text += "\n[Install]\nWantedBy=\(choices.user == nil ? "default.target" : "multi-user.target")\n"
        files = [File(name: target, text: text)] + units
    }

    /// Whether one file stands for all instances: nodes can be more tomorrow, if their command does not name them.
    private static func isTemplate(_ entry: Entry) -> Bool {
        entry.count > 1 || (entry.nodeSettings != nil && entry.givenName == nil)
    }

    private static func unitNames(of entry: Entry, _ cluster: String) -> [String] {
        guard isTemplate(entry) else { return ["jr-\(cluster)-\(entry.name).service"] }
        return (1...max(1, entry.count)).map { "jr-\(cluster)-\(entry.name)@\($0).service" }
    }

    private mutating func unit(_ entry: Entry, _ plan: Plan, target: String, _ choices: Choices) -> File {
        let cluster = plan.manifest.name
        let isTemplate = Self.isTemplate(entry)
        let instance = isTemplate ? plan.template(entry) : Plan.instance(entry, 1, plan.surroundings)
        systemdNotes(entry)
        let number = isTemplate ? " %i" : ""
        var text = head + comments(on: entry)
        text += "[Unit]\n"
        text += "Description=\(Self.escaped(cluster)): \(entry.word) \(Self.escaped(entry.name))\(number)\n"
        text += "PartOf=\(target)\nAfter=network.target\n"
        text += Self.dependencies(of: entry, plan)
        if entry.policy.restart != .never {
            text += "# A restart is tried for ever, as by jr-supervisor.\nStartLimitIntervalSec=0\n"
        }
        text += "\n[Service]\n"
        text += service(entry, instance, plan, choices)
        if isTemplate { text += "\n[Install]\nWantedBy=\(target)\n" }
        return File(name: "jr-\(cluster)-\(entry.name)\(isTemplate ? "@" : "").service", text: text)
    }

    private static func dependencies(of entry: Entry, _ plan: Plan) -> String {
        let cluster = plan.manifest.name
        let found = entry.dependencies.compactMap { plan.manifest.entry(named: $0) }.flatMap {
            Self.unitNames(of: $0, cluster)
        }
        guard !found.isEmpty else { return "" }
        let names = found.joined(separator: " ")
        // A node dials until a distributor answers, and is not to go down with it.
        return "\(entry.isOurs ? "Wants" : "Requires")=\(names)\nAfter=\(names)\n"
    }

    private func service(_ entry: Entry, _ instance: Plan.Instance, _ plan: Plan, _ choices: Choices) -> String {
        let policy = entry.policy
        var lines = ["Type=\(entry.isOurs || entry.notifies ? "notify" : "exec")"]
        if entry.notifies { lines += ["# A command that the program starts may say so for it.", "NotifyAccess=all"] }
        if let watchdog = entry.watchdog { lines.append("WatchdogSec=\(Self.seconds(watchdog))") }
        if let user = entry.user ?? choices.user { lines.append("User=\(Self.escaped(user))") }
        lines.append("WorkingDirectory=\(Self.escaped(instance.workingDirectory))")
        lines.append("ExecStart=\(Self.commandLine(instance.arguments))")
        let addresses = Dictionary(
            plan.manifest.entries.compactMap { entry in entry.listen.map { (entry.name, $0) } },
            uniquingKeysWith: { first, _ in first })
        for variable in plan.exportedEnvironment(of: instance, addresses) {
            lines.append("Environment=\(Self.quoted(variable.name + "=" + variable.value))")
        }
        lines.append("SyslogIdentifier=\(Self.escaped(instance.name))")
        lines += restart(policy, isOurs: entry.isOurs)
        lines.append("TimeoutStartSec=\(Self.seconds(policy.ready))")
        lines += stop(entry)
        lines += limits(policy)
        return lines.map { $0 + "\n" }.joined()
    }

    private func limits(_ policy: Policy) -> [String] {
        var lines: [String] = []
        let limits = policy.limits
        if let files = limits.openFiles { lines.append("LimitNOFILE=\(files):\(max(files, 524_288))") }
        if let core = limits.core {
            lines.append("LimitCORE=" + (core == Policy.Limits.unlimited ? "infinity" : "\(core)"))
        }
        if let bytes = limits.addressSpace { lines.append("LimitAS=\(bytes)") }
        if let processes = limits.processes { lines.append("LimitNPROC=\(processes)") }
        if let time = limits.cpuTime { lines.append("LimitCPU=\(time):\(time + Policy.Limits.cpuGrace)") }
        if let umask = policy.umask { lines.append("UMask=\(Policy.octal(umask))") }
        if policy.tty {
            lines.append("# \"tty\": the journal reads a pipe; a program that holds its lines back there does so")
        }
        return lines
    }

    private func restart(_ policy: Policy, isOurs: Bool) -> [String] {
        var lines: [String] = []
        switch policy.restart {
        case .always: lines.append("Restart=always")
        case .onFailure: lines.append("Restart=on-failure")
        case .never: lines.append("Restart=no")
        }
        if policy.restart != .always, !isOurs {
            lines += ["# Ended with 0 it is finished, and what comes after it may start.", "RemainAfterExit=yes"]
        }
        guard policy.restart != .never else { return lines }
        lines.append("RestartSec=\(Self.seconds(policy.backoff.then))")
        if policy.backoff.max > policy.backoff.then {
            var steps = 0
            var wait = policy.backoff.then
            while wait < policy.backoff.max {
                wait = wait + wait
                steps += 1
            }
            lines += [
                "# From systemd 254 on the wait can grow as in the manifest, but it stays long after a good life:",
                "#RestartSteps=\(steps)", "#RestartMaxDelaySec=\(Self.seconds(policy.backoff.max))",
            ]
        }
        lines += [
            "# A wrong command line or wrong settings: to try again cannot help.", "RestartPreventExitStatus=64 78",
        ]
        return lines
    }

    private func stop(_ entry: Entry) -> [String] {
        var lines: [String] = []
        var signal = entry.policy.stop.signal
        if entry.isOurs {
            // Both begin the drain; what a job has started itself is not to get them.
            if signal != .interrupt { signal = .terminate }
            lines += ["KillMode=mixed", "KillSignal=SIG\(signal.shortName)"]
        } else {
            lines.append("KillSignal=SIG\(signal.shortName)")
            let code = 128 + signal.number
            lines.append("SuccessExitStatus=\(code) SIG\(signal.shortName)")
        }
        lines.append("TimeoutStopSec=\(Self.seconds(entry.timeToStop))")
        return lines
    }

    private mutating func systemdNotes(_ entry: Entry) {
        let policy = entry.policy
        if policy.restart != .never {
            note(
                entry,
                "\"backoff\": systemd waits \(Durations.formatExactly(policy.backoff.then)) before every restart; there"
                    + " is no restart at once after a good life, and before systemd 254 the wait does not grow")
        }
        let signal = policy.stop.signal
        if entry.isOurs, signal != .terminate, signal != .interrupt {
            note(
                entry,
                "\"stop.signal\" is \(signal.shortName), but systemd's only signal before KILL is the one that begins"
                    + " the drain: TERM")
        }
        if entry.isOurs, entry.command != .own {
            note(
                entry,
                "Type=notify: its command has to say READY=1 over NOTIFY_SOCKET, as programs that use the library do;"
                    + " for any other write Type=exec")
        }
    }

    // MARK: How systemd reads values

    /// Seconds, to the millisecond.
    private static func seconds(_ interval: Interval) -> String {
        let milliseconds = interval.millisecondsRoundedUp
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)s" : "\(milliseconds)ms"
    }

    /// A value in which `%` stands for itself, and ``Plan/anyIndex`` for the instance.
    private static func escaped(_ text: String) -> String {
        text.exchanging("%", for: "%%").exchanging(Plan.anyIndex, for: "%i")
    }

    /// In double quotes, with the escapes of C.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 32:
                quoted += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return escaped(quoted + "\"")
    }

    /// Words in which `$` stands for itself.
    private static func commandLine(_ words: [String]) -> String {
        let others = "/._-+=:,@%" + Plan.anyIndex
        let plain = { (word: String) in
            !word.isEmpty
                && word.unicodeScalars.allSatisfy { scalar in
                    scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                        || others.unicodeScalars.contains(scalar)
                }
        }
        let texts = words.enumerated().map { place, word in
            // Variables are put in everywhere but into the name of the program.
            let text = place == 0 ? word : word.exchanging("$", for: "$$")
            return plain(text) && word != ";" ? escaped(text) : quoted(text)
        }
        return texts.joined(separator: " ")
    }
}
