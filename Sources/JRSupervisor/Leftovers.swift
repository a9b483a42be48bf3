import JRBase
import JRSupervision
import JRSystem

/// Processes that a supervisor of this runtime directory started and that are still there although it is not.
///
/// They are found by what the state file says, by the variable `JR_RUNTIME` in their environment, which they inherit
/// however they detach themselves, and by their control group. Two of one node would run jobs twice: so they end before
/// anything starts.
struct Leftover: Equatable {
    var pid: Int32
    /// The instance it was, as far as it can be told.
    var name: String
    var startTime: UInt64

    /// How long they have after TERM, and then after KILL.
    private static let patience = [
        (Signals.terminate, Interval.seconds(2 as Int64)), (Signals.kill, .seconds(5 as Int64)),
    ]

    static func find(runtime: RuntimeDirectory, record: StateRecord?, _ groups: [ControlGroup] = []) -> [Leftover] {
        var found: [Int32: Leftover] = [:]
        let own = ancestors()
        for instance in record?.instances ?? [] {
            guard let pid = instance.pid, let startTime = instance.startTime, !own.contains(pid) else { continue }
            guard let facts = Processes.facts(of: pid), facts.startTime == startTime, facts.state != "Z" else {
                continue
            }
            found[pid] = Leftover(pid: pid, name: instance.name, startTime: startTime)
        }
        let mark = Array("JR_RUNTIME=\(runtime.path)".utf8)
        for pid in ((try? Files.list("/proc")) ?? []).compactMap({ Int32($0) }) where found[pid] == nil {
            guard !own.contains(pid), let name = instance(of: pid, mark: mark),
                let facts = Processes.facts(of: pid), facts.state != "Z"
            else { continue }
            found[pid] = Leftover(pid: pid, name: name, startTime: facts.startTime)
        }
        for (name, pid) in groups.flatMap({ Self.members(of: $0) }) where found[pid] == nil && !own.contains(pid) {
            guard let facts = Processes.facts(of: pid), facts.state != "Z" else { continue }
            found[pid] = Leftover(pid: pid, name: name, startTime: facts.startTime)
        }
        return found.values.sorted { $0.pid < $1.pid }
    }

    private static func members(of group: ControlGroup) -> [(name: String, pid: Int32)] {
        ((try? Files.list(group.path)) ?? []).flatMap { name in
            ControlGroup(path: "\(group.path)/\(name)").members.map { (name, $0) }
        }
    }

    /// Ends them, first kindly, and waits until they are gone. Blocks for some seconds at most.
    ///
    /// - Returns: those that are still there.
    static func end(_ leftovers: [Leftover]) -> [Leftover] {
        var left = leftovers
        for (signal, time) in patience where !left.isEmpty {
            for leftover in left { leftover.signal(signal) }
            let deadline = SystemClock.instant() + time
            left = left.filter { !$0.isGone(by: deadline) }
        }
        return left
    }

    /// Ends all children of this process, and what they leave to it when they are gone.
    static func endChildren() {
        for _ in 0..<3 {
            let pids = ((try? Files.list("/proc")) ?? []).compactMap { Int32($0) }
            let children = pids.compactMap { pid -> Leftover? in
                guard let facts = Processes.facts(of: pid), facts.parentPID == SystemProgram.pid, facts.state != "Z"
                else { return nil }
                return Leftover(pid: pid, name: "a child", startTime: facts.startTime)
            }
            if children.isEmpty { return }
            _ = end(children)
        }
    }

    private var isAlive: Bool {
        guard let facts = Processes.facts(of: pid) else { return false }
        return facts.startTime == startTime && facts.state != "Z"
    }

    private func signal(_ number: Int32) {
        guard isAlive, let facts = Processes.facts(of: pid) else { return }
        // Its group was made for it alone; a member that is known to live keeps the number from being reused.
        if facts.groupID == pid { try? Processes.signal(group: pid, number) }
        // The descriptor is opened before the last look, so that the signal cannot reach a successor of this pid.
        guard let descriptor = try? Processes.open(pid: pid), isAlive else { return }
        try? Processes.signal(pidDescriptor: descriptor.raw, number)
        try? Processes.signal(pidDescriptor: descriptor.raw, Signals.continue)
    }

    private func isGone(by deadline: Instant) -> Bool {
        guard let descriptor = try? Processes.open(pid: pid), isAlive else { return true }
        let rest = max(0, (deadline - SystemClock.instant()).millisecondsRoundedUp)
        return (try? IO.waitReadable(descriptor.raw, timeout: Int32(clamping: rest))) ?? true
    }

    /// The name in the environment of a process of this runtime directory; nil for all others.
    private static func instance(of pid: Int32, mark: [UInt8]) -> String? {
        guard let environment = try? Files.read("/proc/\(pid)/environ", limit: 8 << 20) else { return nil }
        let variables = environment.split(separator: 0)
        guard variables.contains(where: { $0.elementsEqual(mark) }) else { return nil }
        let name = variables.first { $0.starts(with: "JR_NAME=".utf8) }
        return name.map { String(decoding: $0.dropFirst(8), as: UTF8.self) } ?? "a process"
    }

    /// This process and those it descends from, which may have been started from within the cluster.
    private static func ancestors() -> Set<Int32> {
        var pids: Set<Int32> = []
        var pid = SystemProgram.pid
        while pid > 0, pids.insert(pid).inserted { pid = Processes.facts(of: pid)?.parentPID ?? 0 }
        return pids
    }
}
