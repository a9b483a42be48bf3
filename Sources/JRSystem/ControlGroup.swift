import CJRLinux
import Glibc

/// A control group of the kernel (version 2) that this program made: all that descends from its processes is in it,
/// however it detaches itself, and can be killed at one stroke. Linux only.
///
/// Only for its processes: no controller is switched on, so that it may lie beside processes of its parent.
public struct ControlGroup: Sendable, Equatable {
    /// Of its directory.
    public let path: String

    /// - Parameter path: Of its directory, which need not be there.
    public init(path: String) {
        self.path = path
    }

    /// Where this program could make control groups: the directory of the one that it is in itself.
    ///
    /// - Parameters:
    ///   - groups: What `/proc/self/cgroup` says.
    ///   - mounts: What `/proc/self/mountinfo` says.
    /// - Returns: nil where there are none of version 2, or the program's own is not visible.
    public static func own(groups: String, mounts: String) -> String? {
        guard let line = groups.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let place = line.dropFirst(3)
        for mount in mounts.split(separator: "\n") {
            let halves = mount.split(separator: " ").split(separator: "-", maxSplits: 1)
            guard halves.count == 2, halves[1].first == "cgroup2", halves[0].count > 4 else { continue }
            // The third number names the part of the hierarchy that is mounted there, which is all of it or a subtree.
            let fields = Array(halves[0])
            let (root, point) = (fields[3], fields[4])
            if root == "/" { return place == "/" ? String(point) : "\(point)\(place)" }
            guard place == root || place.hasPrefix("\(root)/") else { continue }
            return "\(point)\(place.dropFirst(root.count))"
        }
        return nil
    }

    /// The same of this process; nil too where something cannot be read.
    public static func own() -> String? {
        guard let groups = try? Files.read("/proc/self/cgroup", limit: 1 << 20),
            let mounts = try? Files.read("/proc/self/mountinfo", limit: 16 << 20)
        else { return nil }
        return own(groups: String(decoding: groups, as: UTF8.self), mounts: String(decoding: mounts, as: UTF8.self))
    }

    /// Makes its directory if it is not there.
    ///
    /// - Throws: `EACCES`, `EROFS` and others where this user may not; `ENOENT` for a kernel before 5.14, which cannot
    ///   kill a group.
    public func make() throws(SystemError) {
        do throws(SystemError) {
            try Files.makeDirectory(path, mode: 0o755)
        } catch {
            guard error.code == EEXIST else { throw error }
        }
        _ = try Files.status(path + "/cgroup.kill")
    }

    /// Puts a process in, with all its threads. What it started before stays where it is.
    ///
    /// - Parameter pid: Of a process that this user may move.
    public func add(_ pid: Int32) throws(SystemError) {
        try put("\(pid)", "cgroup.procs")
    }

    /// Sends KILL to all that is in it and below it; none can slip away by forking.
    public func kill() throws(SystemError) {
        try put("1", "cgroup.kill")
    }

    /// Whether a process is in it or below it; those that ended and were not reaped do not count.
    public var isPopulated: Bool {
        guard let events = try? Files.read(path + "/cgroup.events", limit: 4_096) else { return false }
        return String(decoding: events, as: UTF8.self).split(separator: "\n").contains("populated 1")
    }

    /// The processes that are in it.
    public var members: [Int32] {
        guard let pids = try? Files.read(path + "/cgroup.procs", limit: 1 << 20) else { return [] }
        return String(decoding: pids, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
    }

    /// Removes its directory and those below it; fails while a process is in one of them.
    public func remove() throws(SystemError) {
        for name in (try? Files.list(path)) ?? [] {
            let below = "\(path)/\(name)"
            if (try? Files.status(below, followingLinks: false))?.kind == .directory {
                try ControlGroup(path: below).remove()
            }
        }
        try Files.removeDirectory(path)
    }

    private func put(_ text: String, _ file: String) throws(SystemError) {
        let descriptor = try Files.open("\(path)/\(file)", .write)
        try Files.writeAll(descriptor.raw, Array(text.utf8), subject: "\(path)/\(file)")
    }
}
