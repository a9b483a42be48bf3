import Glibc

/// What a child gets that only it can ask for, between its start and its program: `jr-exec` does.
public struct Trampoline: Sendable, Equatable {
    /// Where `jr-exec` is.
    public var path: String
    /// Whether the kernel is to kill the child when this program dies.
    ///
    /// What counts is the thread that spawns: the child dies with *it*. A child of the child is not meant, and a
    /// program that changes its user when it is executed (set-user-ID, file capabilities) is let off by the kernel.
    public var diesWithParent = true
    /// In the order in which they are set.
    public var limits: [ResourceLimit] = []
    /// Whose process it is; nil for this program's user.
    public var account: Account?
    /// In which it is, with all that it starts; nil for this program's own.
    public var controlGroup: ControlGroup?
    /// The permissions that its new files do not get; nil for this program's.
    public var fileModeMask: UInt32?

    /// - Parameter path: Where `jr-exec` is.
    public init(_ path: String) {
        self.path = path
    }

    /// As `jr-exec` reads them.
    var words: [String] {
        var words = limits.map(\.word)
        if let controlGroup { words.append("group=\(controlGroup.path)") }
        if let account { words.append(Self.word(account)) }
        if let fileModeMask { words.append("umask=" + String(fileModeMask, radix: 8)) }
        return diesWithParent ? words : words + ["stay"]
    }

    private static func word(_ account: Account) -> String {
        let groups = account.groups.map { String($0) }.joined(separator: ",")
        return "user=\(account.userID):\(account.groupID):\(groups)"
    }

    /// What to say of a word that was refused.
    func error(of word: String, _ code: Int32) -> SystemError {
        if let limit = limits.first(where: { $0.word == word }) {
            return SystemError(call: "setrlimit", code: code, subject: limit.resource.rawValue)
        }
        if let account, word == Self.word(account) {
            return SystemError(call: "setresuid", code: code, subject: "user \(account.name)")
        }
        return SystemError(call: "jr-exec", code: code, subject: word)
    }
}

/// A limit that a process and its children have.
public struct ResourceLimit: Sendable, Equatable {
    /// What of a machine can be limited, called as in a manifest.
    public enum Resource: String, Sendable, CaseIterable {
        /// The size of a core file; 0 for none.
        case core
        /// Virtual memory.
        case addressSpace
        /// Processes and threads of its user, all together. Root is not held to it.
        case processes
        /// Seconds on a CPU: XCPU at the soft limit, KILL at the hard one.
        case cpuTime

        var number: Int32 {
            switch self {
            case .core: Int32(RLIMIT_CORE.rawValue)
            case .addressSpace: Int32(RLIMIT_AS.rawValue)
            case .processes: Int32(__RLIMIT_NPROC.rawValue)
            case .cpuTime: Int32(RLIMIT_CPU.rawValue)
            }
        }
    }

    /// No limit, as a limit.
    public static let unlimited = UInt64.max

    /// What is limited.
    public var resource: Resource
    /// What counts, in bytes, processes or seconds.
    public var soft: UInt64
    /// Up to where the process may raise it.
    public var hard: UInt64

    /// - Parameters:
    ///   - resource: What is limited.
    ///   - soft: What counts.
    ///   - hard: Up to where the process may raise it.
    public init(_ resource: Resource, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }

    var word: String { "limit=\(resource.number):\(soft):\(hard)" }

    /// The hard limit that this process has: only root can give a child more.
    ///
    /// - Parameter resource: What is limited.
    public static func hardest(_ resource: Resource) throws(SystemError) -> UInt64 {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(resource.number)), &limit) == 0 else {
            throw SystemError(call: "getrlimit", code: errno, subject: resource.rawValue)
        }
        return UInt64(limit.rlim_max)
    }
}

/// Who a process can belong to, as the machine's user database has it.
public struct Account: Sendable, Equatable {
    /// The user's.
    public var name: String
    /// The user's number.
    public var userID: UInt32
    /// The first of its groups.
    public var groupID: UInt32
    /// All, the first one included.
    public var groups: [UInt32]
    /// Its home directory.
    public var home: String

    private static let mostGroups = 1024

    /// Looks a user up.
    ///
    /// - Parameter name: A user's name, or a number.
    /// - Returns: nil when there is no such user.
    public static func find(_ name: String) -> Account? {
        var record = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        let failure =
            if let number = UInt32(name) {
                getpwuid_r(number, &record, &buffer, buffer.count, &found)
            } else {
                getpwnam_r(name, &record, &buffer, buffer.count, &found)
            }
        guard failure == 0, found != nil, let itsName = record.pw_name, let home = record.pw_dir else { return nil }
        var groups = [gid_t](repeating: 0, count: mostGroups)
        var count = Int32(mostGroups)
        guard getgrouplist(itsName, record.pw_gid, &groups, &count) >= 0 else { return nil }
        return Account(
            name: String(cString: itsName), userID: record.pw_uid, groupID: record.pw_gid,
            groups: Array(groups.prefix(Int(count))), home: String(cString: home))
    }
}
