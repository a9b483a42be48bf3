import JRSupervision
import JRSystem

/// What this machine or this user cannot give to a process.
struct Unfit: Error {
    var reason: String
}

extension Supervisor {
    /// What an instance is started through; nil for one that needs nothing of it.
    ///
    /// A foreign program knows no life line, and the kernel kills it when the thread that started it dies. That is the
    /// loop's, in `jr-supervisor` the main thread, which lives as long as the process. Nodes and distributors live on
    /// for as long as it takes to end their work.
    func trampoline(for instance: Plan.Instance) throws(Unfit) -> Trampoline? {
        let isOurs = instance.rank < 2
        let entry = instance.entry
        let wanted = entry.wantsTrampoline
        if isOurs, wanted == nil { return nil }
        let directory = plan.surroundings.programDirectory
        guard let path = Executables.trampoline(in: directory) else {
            let missing = "there is no \(directory)/jr-exec, which belongs beside jr-supervisor"
            if let wanted { throw Unfit(reason: "\(wanted) cannot be given to it: \(missing)") }
            if !hasMissedTrampoline {
                hasMissedTrampoline = true
                note("\(missing): if the supervisor is killed, programs of the cluster run on until the next up")
            }
            return nil
        }
        var trampoline = Trampoline(path)
        trampoline.diesWithParent = !isOurs
        trampoline.limits = entry.policy.limits.forTrampoline
        trampoline.fileModeMask = entry.policy.umask.map { UInt32($0) }
        if let name = entry.user { trampoline.account = try Account.permitted(name) }
        return trampoline
    }
}

extension Account {
    /// Looks a user up, nil for the one that this process belongs to already.
    static func permitted(_ name: String) throws(Unfit) -> Account? {
        guard let account = find(name) else { throw Unfit(reason: "there is no user \(name) on this machine") }
        if account.userID == SystemProgram.userID { return nil }
        guard SystemProgram.userID == 0 else {
            throw Unfit(
                reason: "only root can start it as the user \(name), and this is user \(SystemProgram.userID):"
                    + " start jr-supervisor as root, or as \(name) without \"user\"")
        }
        return account
    }
}

extension Policy.Limits {
    /// Those that a child takes over from nobody.
    var forTrampoline: [ResourceLimit] {
        let ours: [(ResourceLimit.Resource, Int?)] = [
            (.core, core), (.addressSpace, addressSpace), (.processes, processes), (.cpuTime, cpuTime),
        ]
        return ours.compactMap { resource, value in
            guard let value else { return nil }
            let soft = value == Policy.Limits.unlimited ? ResourceLimit.unlimited : UInt64(value)
            // The first signal can be caught, and says in the exit what it was; the last one cannot.
            let hard = resource == .cpuTime ? soft + UInt64(Policy.Limits.cpuGrace) : soft
            return ResourceLimit(resource, soft: soft, hard: hard)
        }
    }

    /// What is more than this process can give, a sentence each.
    func refusals() -> [String] {
        if SystemProgram.userID == 0 { return [] }
        var refusals: [String] = []
        for limit in forTrampoline {
            guard let hardest = try? ResourceLimit.hardest(limit.resource), limit.hard > hardest else { continue }
            let key = limit.resource.rawValue
            refusals.append(
                "limits.\(key) is more than the hard limit of this user, \(hardest): only root can raise it")
        }
        if let openFiles, let hard = try? ProcessSettings.openFileLimit().hard, openFiles > hard {
            refusals.append(
                "limits.openFiles is more than the hard limit of this user, \(hard): only root can raise it")
        }
        return refusals
    }
}

extension Entry {
    /// The first key that needs `jr-exec`, for a message.
    fileprivate var wantsTrampoline: String? {
        if user != nil { return "\"user\"" }
        if policy.umask != nil { return "\"umask\"" }
        return policy.limits.said.first { $0.key != "openFiles" }.map { "limits.\($0.key)" }
    }
}
