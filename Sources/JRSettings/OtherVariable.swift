/// A `JR_…` variable of the environment that is no setting: it is read by one program only, or by nobody but ourselves.
public struct OtherVariable: Sendable {
    public let name: String
    /// One sentence without a full stop.
    public let help: String
    /// Not for users: one process of ours gives it to another.
    public let isInternal: Bool

    private init(_ name: String, _ help: String, isInternal: Bool = false) {
        self.name = name
        self.help = help
        self.isInternal = isInternal
    }

    /// Sorted, those for users first.
    public static let all: [OtherVariable] = [
        OtherVariable("JR_INSECURE", "`1` lets a distributor listen where other machines reach it"),
        OtherVariable("JR_JSON", "`1` makes `jr` print JSON lines"),
        OtherVariable("JR_MODULES", "Where the library's modules are, for compiling job files"),
        OtherVariable(
            "JR_PASS_ENV", "Further variables, separated by commas, that program jobs get; `APP_*` is a prefix"),
        OtherVariable("JR_SWIFTC", "The Swift compiler for job files"),
        OtherVariable("JR_ATTEMPT", "The number of the attempt, for a program job", isInternal: true),
        OtherVariable("JR_DETACH_FD", "Where a detached supervisor says that it is up", isInternal: true),
        OtherVariable(
            "JR_HANDOVER", "Where a supervisor that has become a new program finds what runs", isInternal: true),
        OtherVariable("JR_INCARNATION", "How often the supervisor has started this instance", isInternal: true),
        OtherVariable("JR_JOB_ID", "The job's id, for a program job", isInternal: true),
        OtherVariable("JR_JOB_NAME", "The job's name, for a program job", isInternal: true),
        OtherVariable(
            "JR_KEPT_JOBS", "Where a node keeps the jobs that it loaded, for the way back from an upgrade",
            isInternal: true),
        OtherVariable("JR_KEY_FD", "Where the cluster's key can be read", isInternal: true),
        OtherVariable("JR_LIFE_FD", "Closed when the program is to leave, or the supervisor is gone", isInternal: true),
        OtherVariable("JR_READY_FD", "Where an instance says that it is ready", isInternal: true),
        OtherVariable("JR_RECORD", "Tests write down what they found", isInternal: true),
        OtherVariable("JR_RUNTIME", "The runtime directory of the cluster", isInternal: true),
        OtherVariable("JR_SEEDS", "How many seeds simulations run with", isInternal: true),
        OtherVariable("JR_UPDATE_DOCS", "Tests write generated pages anew", isInternal: true),
    ]

    /// Names that begin with `JR_TEST` are for tests, and never a mistake.
    static func isKnown(_ name: String) -> Bool {
        name.hasPrefix("JR_TEST") || all.contains { $0.name == name }
    }
}
