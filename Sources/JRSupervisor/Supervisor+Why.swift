import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem
import JRWire

/// What the supervisor knows of why an instance is as it is.
extension Supervisor {
    func explain(_ positions: [Int]) -> JSON {
        let explanations = positions.map { position -> JSON in
            let member = cluster.members[position]
            let waits =
                member.machine.state == .waiting
                ? member.after.filter { !cluster.members[$0].machine.state.allowsDependents } : []
            var facts = Explanation.Facts(
                name: plan.instances[position].name, machine: member.machine,
                seconds: slots[position].changedAt.map { (loop.now.instant - $0).seconds },
                jobs: slots[position].jobsAtDeath,
                waitsFor: waits.map { (plan.instances[$0].name, cluster.members[$0].machine.state) },
                log: slots[position].log.path)
            facts.said = slots[position].said
            return Explanation(facts).json
        }
        return ["why": .array(explanations)]
    }

    /// Reads which jobs a node that has just died had in progress, before its successor forgets it.
    func noteJobsAtDeath(_ position: Int) {
        guard let directory = plan.instances[position].storageDirectory else { return }
        slots[position].jobsAtDeath = RunningJobs.read(directory + "/RUNNING")
    }
}

/// The file in which a journal marks the jobs whose attempts run: ids of 16 bytes, zero where there is none.
enum RunningJobs {
    private static let longest = 1 << 20
    private static let mostShown = 5

    /// The first few of them, as they read.
    static func read(_ path: String) -> [String] {
        guard let bytes = try? Files.read(path, limit: longest) else { return [] }
        var found: [String] = []
        for start in stride(from: 0, to: bytes.count - 15, by: 16) where found.count < mostShown {
            // Two words as the machine writes them.
            let id = JobID(high: word(bytes, at: start), low: word(bytes, at: start + 8))
            if id != JobID(high: 0, low: 0) { found.append(id.description) }
        }
        return found
    }

    private static func word(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
