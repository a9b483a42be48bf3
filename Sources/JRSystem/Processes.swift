import CJRLinux
import Glibc
import JRBase

/// What to start, and what the child is given. It gets nothing else: no other descriptor, no blocked or ignored signal.
public struct SpawnRequest: Sendable {
    /// The file to run, looked up nowhere. A relative one is relative to `workingDirectory`.
    public var executable: String
    /// `argv`, the program's own name included.
    public var arguments: [String]
    /// `NAME=VALUE` entries: all the child gets.
    public var environment: [String]
    /// The child's working directory; nil for this program's.
    public var workingDirectory: String?
    /// Which of this program's descriptors the child gets, under which number. 0, 1 and 2 are `/dev/null` unless
    /// granted.
    public var descriptors: [(child: Int32, parent: Int32)]
    /// Whether the child leads a process group of its own, whose id is its pid.
    public var newProcessGroup: Bool
    /// Whether that group is the one that the keys of the terminal mean which is the child's descriptor 0.
    public var isInForeground = false
    /// What only `jr-exec` can give it; nil for a child that needs none of that.
    public var trampoline: Trampoline?

    /// - Parameters:
    ///   - executable: The file to run.
    ///   - arguments: `argv`.
    ///   - environment: `NAME=VALUE` entries.
    ///   - workingDirectory: nil for this program's.
    ///   - descriptors: What is granted.
    ///   - newProcessGroup: Whether it leads a group.
    ///   - trampoline: What it is started through.
    public init(
        executable: String, arguments: [String], environment: [String] = [], workingDirectory: String? = nil,
        descriptors: [(child: Int32, parent: Int32)] = [], newProcessGroup: Bool = false,
        trampoline: Trampoline? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.descriptors = descriptors
        self.newProcessGroup = newProcessGroup
        self.trampoline = trampoline
    }
}

/// How a process ended.
public enum ExitStatus: Sendable, Hashable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32, coreDumped: Bool)

    public var isSuccess: Bool { self == .exited(0) }

    /// As a shell says it: the exit code, or 128 and the signal.
    public var code: Int32 {
        switch self {
        case .exited(let code): code
        case .signalled(let signal, _): 128 + signal
        }
    }

    /// `exit 7`, `SIGKILL`, `SIGSEGV (core dumped)`.
    public var description: String {
        switch self {
        case .exited(let code): "exit \(code)"
        case .signalled(let signal, let coreDumped): "SIG\(Signals.name(signal))\(coreDumped ? " (core dumped)" : "")"
        }
    }
}

/// Children and other processes.
public enum Processes {
    /// A descriptor for a child of ours, taken before it is reaped: it can never come to mean another process.
    public static func open(pid: Int32) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(jr_pidfd_open(pid), "pidfd_open", "pid \(pid)"))
    }

    /// Reaps a child; nil while it runs and `blocking` is false.
    public static func wait(pidDescriptor: Int32, blocking: Bool = false) throws(SystemError) -> ExitStatus? {
        var status: Int32 = 0
        let kind = try check(jr_wait_pidfd(pidDescriptor, blocking ? 1 : 0, &status), "waitid")
        return exitStatus(kind, status)
    }

    /// Waits for a child of this program to end and reaps it.
    public static func wait(pid: Int32) throws(SystemError) -> ExitStatus {
        var status: Int32 = 0
        let kind = try check(jr_wait_pid(pid, &status), "waitid", "pid \(pid)")
        return exitStatus(kind, status) ?? .exited(status)
    }

    /// A dead child that waits to be reaped: how a subreaper finds those it did not start.
    public static func deadChild() -> Int32? {
        let pid = jr_peek_dead_child()
        return pid > 0 ? pid : nil
    }

    // MARK: Signals

    public static func signal(pidDescriptor: Int32, _ signal: Int32) throws(SystemError) {
        _ = try check(jr_pidfd_send_signal(pidDescriptor, signal), "pidfd_send_signal", "SIG\(Signals.name(signal))")
    }

    /// Only for a pid that cannot have been reused: this program's own, or an unreaped child's.
    public static func signal(pid: Int32, _ signal: Int32) throws(SystemError) {
        precondition(pid > 0, "a pid of 0 or less means a whole group, or everything")
        _ = try check(jr_kill(pid, signal), "kill", "pid \(pid)")
    }

    /// Only while the group's leader is unreaped or a member is known to live.
    public static func signal(group: Int32, _ signal: Int32) throws(SystemError) {
        precondition(group > 1, "a group of 0 or 1 means our own, or everything")
        _ = try check(jr_kill(-group, signal), "kill", "process group \(group)")
    }

    /// Whether a process group has a member, dead and unreaped ones included.
    public static func groupExists(_ group: Int32) -> Bool {
        precondition(group > 1, "a group of 0 or 1 means our own, or everything")
        return jr_kill(-group, 0) != -ESRCH
    }

    // MARK: Facts

    /// What `/proc/PID/stat` says of a process.
    public struct Facts: Sendable, Equatable {
        public let parentPID: Int32
        public let groupID: Int32
        /// `R`, `S`, `D`, `T`, `Z`, ... as in `proc(5)`.
        public let state: Character
        /// In clock ticks since the machine started: with the pid it names a process for ever.
        public let startTime: UInt64
    }

    /// The name of its program, cut by the kernel to 15 bytes; nil when there is no such process.
    ///
    /// - Parameter pid: Of any process.
    public static func name(of pid: Int32) -> String? {
        guard let bytes = try? Files.read("/proc/\(pid)/comm", limit: 256) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    /// nil when there is no such process.
    public static func facts(of pid: Int32) -> Facts? {
        guard let bytes = try? Files.read("/proc/\(pid)/stat", limit: 65_536) else { return nil }
        // The program's name, in parentheses, may itself hold spaces and parentheses: the last one counts.
        guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " ")).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard fields.count > 19, let state = fields[0].first, let parent = Int32(fields[1]),
            let group = Int32(fields[2]), let start = UInt64(fields[19])
        else { return nil }
        return Facts(parentPID: parent, groupID: group, state: state, startTime: start)
    }

    // MARK: Inner workings

    /// The memory of a process that is in RAM, in bytes; nil when there is no such process.
    public static func residentBytes(of pid: Int32) -> Int? {
        guard let bytes = try? Files.read("/proc/\(pid)/status", limit: 65_536) else { return nil }
        let key = Array("VmRSS:".utf8)
        guard let line = bytes.split(separator: UInt8(ascii: "\n")).first(where: { $0.starts(with: key) }) else {
            return nil
        }
        let digits = line.dropFirst(key.count).filter { (0x30...0x39).contains($0) }
        return Int(String(decoding: digits, as: UTF8.self)).map { $0 * 1_024 }
    }

    private static func exitStatus(_ kind: Int32, _ status: Int32) -> ExitStatus? {
        switch Int(kind) {
        case JR_EXITED: .exited(status)
        case JR_KILLED: .signalled(status, coreDumped: false)
        case JR_DUMPED: .signalled(status, coreDumped: true)
        default: nil
        }
    }
}
