import JRBase
import JRSupervision
import JRSystem

/// A control group an instance, where this machine lets us: what leaves its process group stays in it.
extension Supervisor {
    /// Makes the group that has all others in it, or says in the log why there is none.
    ///
    /// - Returns: those of supervisors of this runtime directory that were killed.
    func makeControlGroup() -> [ControlGroup] {
        guard options.ownsProcess else { return [] }
        let isWanted = plan.instances.contains { $0.entry.policy.controlGroup }
        guard let own = ControlGroup.own() else {
            if isWanted { noteWithoutControlGroups("there are none of version 2") }
            return []
        }
        let suffix = "-" + String(FNV.sum(runtime.path), radix: 16)
        let left = Self.controlGroups(in: own, suffix)
        guard isWanted else { return left }
        let group = ControlGroup(path: "\(own)/\(Self.groupPrefix)\(SystemProgram.pid)\(suffix)")
        do throws(SystemError) {
            try group.make()
            controlGroup = group
        } catch {
            noteWithoutControlGroups("\(error)")
        }
        return left
    }

    private static let groupPrefix = "jobreactor-"

    /// The groups of dead supervisors: those of the same runtime directory are given, empty ones of others removed.
    private static func controlGroups(in place: String, _ suffix: String) -> [ControlGroup] {
        var found: [ControlGroup] = []
        for name in (try? Files.list(place)) ?? [] where name.hasPrefix(groupPrefix) {
            let group = ControlGroup(path: "\(place)/\(name)")
            guard let pid = Int32(name.dropFirst(groupPrefix.count).prefix { $0 != "-" }) else { continue }
            if name.hasSuffix(suffix) {
                found.append(group)
            } else if Processes.facts(of: pid) == nil {
                try? group.remove()
            }
        }
        return found
    }

    private func noteWithoutControlGroups(_ reason: String) {
        isWithoutControlGroups = true
        log("without control groups, \(reason): what detaches itself is found by its environment, when all ends")
    }

    /// That of one instance; nil where there is none.
    func makeControlGroup(of position: Int) -> ControlGroup? {
        guard plan.instances[position].entry.policy.controlGroup else { return nil }
        // A reload may be the first to ask for one.
        if controlGroup == nil, !isWithoutControlGroups { _ = makeControlGroup() }
        guard let all = controlGroup else { return nil }
        let group = ControlGroup(path: "\(all.path)/\(plan.instances[position].name)")
        do throws(SystemError) {
            try group.make()
            return group
        } catch {
            controlGroup = nil
            noteWithoutControlGroups("\(error)")
            return nil
        }
    }

    /// Says what an ended process has left outside of its process group.
    func noteDetached(_ position: Int) {
        let detached = slots[position].detached
        guard !detached.isEmpty else { return }
        let words = detached.prefix(5).map { "pid \($0)" + (Processes.name(of: $0).map { " (\($0))" } ?? "") }
        let more = detached.count > 5 ? " and \(detached.count - 5) more" : ""
        note(position, "ending what it had detached: \(words.joined(separator: ", "))\(more)")
    }

    func removeControlGroups() {
        try? controlGroup?.remove()
    }
}

/// A short name for a path: 64-bit FNV-1a.
private enum FNV {
    static func sum(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
