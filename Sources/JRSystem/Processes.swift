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
    /// How long a program that is still open for writing somewhere is tried again.
    private static let busyTime = Interval.seconds(Int64(1))
    /// How long the answer of `jr-exec` is waited for.
    private static let longestExec = Interval.seconds(Int64(5))

    /// A child that was begun: one that is started through `jr-exec` may not have become its program yet.
    ///
    /// Whoever has it ends it by ``finish(_:)``; what the request names stays open until then.
    public struct Beginning: ~Copyable {
        let pid: Int32
        let request: SpawnRequest
        /// The first arguments of `jr-exec`, one of which its answer may name.
        let words: [String]
        /// Told the error on the way to its program, and closed by its success; nil for a child that is the program already.
        let answer: Descriptor?
        let deadline: Instant

        /// Whether the child leads a process group of its own.
        public var leadsGroup: Bool { request.newProcessGroup }
    }

    /// Starts a child and returns its pid, which stays the child's until it is reaped.
    ///
    /// An executable that another process still holds open for writing (`ETXTBSY`: it was just built) is tried again
    /// for up to a second, in which this call blocks.
    ///
    /// - Throws: what is wrong with the program or its directory, known at once: `ENOENT`, `EACCES`, `ENOEXEC`, ...
    public static func spawn(_ request: SpawnRequest) throws(SystemError) -> Int32 {
        try finish(try begin(request))
    }

    /// The first half of ``spawn(_:)``, after which others can be begun: those that go through `jr-exec` become their
    /// programs at the same time, and not one after the other.
    public static func begin(_ request: SpawnRequest) throws(SystemError) -> Beginning {
        try patiently { () throws(SystemError) in try beginOnce(request) }
    }

    /// The other half: waits until the child is its program, and returns its pid.
    public static func finish(_ beginning: consuming Beginning) throws(SystemError) -> Int32 {
        let request = beginning.request
        do throws(SystemError) {
            return try finishOnce(beginning)
        } catch {
            guard error.code == ETXTBSY else { throw error }
        }
        return try patiently { () throws(SystemError) in
            let again = try beginOnce(request)
            return try finishOnce(again)
        }
    }

    private static func patiently<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let deadline = SystemClock.instant() + busyTime
        var pause: UInt32 = 5_000
        while true {
            do throws(SystemError) {
                return try body()
            } catch {
                guard error.code == ETXTBSY, SystemClock.instant() < deadline else { throw error }
            }
            usleep(pause)
            pause = min(pause * 2, 100_000)
        }
    }

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

    private static func reason(_ result: Int32, _ request: SpawnRequest) -> SystemError {
        // posix_spawn does not say whether it was the program or the directory that is missing.
        if let directory = request.workingDirectory {
            do {
                let status = try Files.status(directory)
                if status.kind != .directory { return SystemError(call: "chdir", code: ENOTDIR, subject: directory) }
            } catch {
                return SystemError(call: "chdir", code: error.code, subject: directory)
            }
        }
        return failure(result, "posix_spawn", request.executable)
    }

    private static func spawnOnce(_ request: SpawnRequest) throws(SystemError) -> Int32 {
        let arguments = CStrings(request.arguments)
        let environment = CStrings(request.environment)
        let result = jr_spawn(
            request.executable, arguments.pointers, environment.pointers, request.workingDirectory,
            request.descriptors.map(\.child), request.descriptors.map(\.parent), request.descriptors.count,
            request.newProcessGroup ? 1 : 0)
        guard result >= 0 else { throw reason(result, request) }
        return result
    }

    /// Starts the program, or `jr-exec`, which becomes it.
    private static func beginOnce(_ request: SpawnRequest) throws(SystemError) -> Beginning {
        let deadline = SystemClock.instant() + longestExec
        guard let trampoline = request.trampoline else {
            return Beginning(pid: try spawnOnce(request), request: request, words: [], answer: nil, deadline: deadline)
        }
        let ends = try Pipe(nonBlocking: false).takeEnds()
        let answer = Descriptor(owning: ends.read)
        let answering = Descriptor(owning: ends.write)
        let number = request.descriptors.reduce(2) { max($0, $1.child) } + 1
        var first = request
        first.executable = trampoline.path
        let words = [trampoline.path, "\(SystemProgram.pid)", "\(number)"] + trampoline.words
        first.arguments = words + ["--", request.executable] + request.arguments
        first.descriptors.append((number, answering.raw))
        let pid = try spawnOnce(first)
        return Beginning(pid: pid, request: request, words: words, answer: consume answer, deadline: deadline)
    }

    /// Waits until `jr-exec` has become the program: an error on the way is thrown here.
    private static func finishOnce(_ beginning: borrowing Beginning) throws(SystemError) -> Int32 {
        let pid = beginning.pid
        let open: Int32? =
            switch beginning.answer {
            case .some(let answer): answer.raw
            case .none: nil
            }
        guard let answer = open else { return pid }
        // One that somebody stops on the way, or whose file does not come, must not hold up this program for ever: it
        // counts as started, and what becomes of it is seen by its end.
        let left = max(0, (beginning.deadline - SystemClock.instant()).millisecondsRoundedUp)
        guard (try? IO.waitReadable(answer, timeout: Int32(clamping: left))) == true else { return pid }
        var told: (code: Int32, place: Int32) = (0, 0)
        let count = withUnsafeMutableBytes(of: &told) { IO.read(answer, into: $0) }
        guard case .moved(2 * MemoryLayout<Int32>.size) = count else { return pid }
        _ = try wait(pid: pid)
        let (request, words) = (beginning.request, beginning.words)
        guard let trampoline = request.trampoline, told.place > 0, told.place < words.count else {
            throw reason(-told.code, request)
        }
        throw trampoline.error(of: words[Int(told.place)], told.code)
    }
}

/// Copies of texts as C has them: pointers to bytes that end with a zero, and a null after the last.
private struct CStrings: ~Copyable {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ texts: [String]) {
        pointers = texts.map { strdup($0) } + [nil]
    }

    deinit {
        for pointer in pointers { free(pointer) }
    }
}
