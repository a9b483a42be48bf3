import JRSupervision
import JRSystem

/// Who listens where we want to.
enum PortHolder {
    private static let longestTable = 64 << 20

    /// `port 5000 is in use by pid 812 (ruby)`; nil when the address is free.
    static func words(for address: ListenAddress) -> String? {
        guard let socket = socket(at: address) else { return nil }
        return "port \(address.port) is in use by \(holder(of: socket.inode) ?? "a process of another user")"
    }

    /// The socket that listens at an address; nil when it is free.
    static func socket(at address: ListenAddress) -> ListeningSocket? {
        guard address.port != 0 else { return nil }
        return listeners().first { $0.isInTheWay(of: address) }
    }

    /// Everything that listens on this machine.
    static func listeners() -> [ListeningSocket] {
        ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            (try? Files.read(path, limit: longestTable)).map {
                ListeningSocket.parse(String(decoding: $0, as: UTF8.self))
            } ?? []
        }
    }

    /// Of several the oldest: the others have it from that one, if only until they become another program.
    private static func holder(of inode: UInt64) -> String? {
        let link = "socket:[\(inode)]"
        let pids = ((try? Files.list("/proc")) ?? []).compactMap { Int32($0) }.filter { pid in
            let directory = "/proc/\(pid)/fd"
            return ((try? Files.list(directory)) ?? []).contains { (try? Files.readLink("\(directory)/\($0)")) == link }
        }
        let age = { (pid: Int32) in Processes.facts(of: pid)?.startTime ?? .max }
        guard let pid = pids.min(by: { age($0) < age($1) }) else { return nil }
        return "pid \(pid)" + (Processes.name(of: pid).map { " (\($0))" } ?? "")
    }
}
