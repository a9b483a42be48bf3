import JRBase
public import JRSystem

/// Programs that an earlier incarnation of a node left running when it was killed.
///
/// Their attempts are over as far as the node's storage knows, and their jobs run again: so they end first. They are
/// found by their environment, which tells the cluster and the node; without a supervisor there are no such names, and
/// nothing is ended.
public enum LeftPrograms {
    /// Kills them, with their groups, and waits until they are gone, for five seconds at most. Returns their pids.
    public static func end(environment: [String: String] = SystemProgram.environment) -> [Int32] {
        guard let runtime = environment["JR_RUNTIME"], let name = environment["JR_NAME"] else { return [] }
        let marks = ["JR_RUNTIME=\(runtime)", "JR_NAME=\(name)"].map { Array($0.utf8) }
        var ended: [Int32] = []
        var processes: [Int32] = []
        for pid in ((try? Files.list("/proc")) ?? []).compactMap({ Int32($0) }) where pid != SystemProgram.pid {
            // Opened before it is looked at: the signal cannot reach a successor of this pid.
            guard let process = try? Processes.open(pid: pid), isProgram(pid, marks) else { continue }
            if let facts = Processes.facts(of: pid), facts.groupID == pid {
                try? Processes.signal(group: pid, Signals.kill)
            }
            try? Processes.signal(pidDescriptor: process.raw, Signals.kill)
            ended.append(pid)
            processes.append(process.take())
        }
        for raw in processes {
            let process = Descriptor(owning: raw)
            _ = try? IO.waitReadable(process.raw, timeout: 5_000)
        }
        return ended
    }

    /// The same on a thread of its own: each process of the machine is looked at, and a start has other things to do
    /// meanwhile.
    ///
    /// - Parameter environment: names the cluster and the node.
    /// - Returns: what waits until it is done, and gives the pids.
    public static func beginEnding(
        environment: [String: String] = SystemProgram.environment
    ) -> @Sendable () -> [Int32] {
        let ended = Monitor<[Int32]?>(nil)
        let work = { @Sendable in
            let pids = end(environment: environment)
            ended.update { $0 = pids }
        }
        // Where there is no further thread, this one does it.
        do { try Threads.start(name: "jr-left", work) } catch { work() }
        return { ended.wait(until: { $0 }) ?? [] }
    }

    private static func isProgram(_ pid: Int32, _ marks: [[UInt8]]) -> Bool {
        guard let environment = try? Files.read("/proc/\(pid)/environ", limit: 8 << 20) else { return false }
        let variables = environment.split(separator: 0)
        return variables.contains { $0.starts(with: "JR_JOB_ID=".utf8) }
            && marks.allSatisfy { mark in variables.contains { $0.elementsEqual(mark) } }
    }
}
