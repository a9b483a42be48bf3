/// What `up --until-idle` waits for, and with what code it ends.
public struct UntilIdle: Sendable {
    /// An instance as it is now.
    public struct Instance: Sendable {
        public enum Kind: Sendable, Equatable {
            case distributor
            /// One that keeps its jobs in memory loses them when it dies.
            case node(isMemory: Bool)
            case program(Policy.Restart)
        }

        public var name: String
        public var kind: Kind
        public var state: InstanceState
        public var cause: String
        public var lastExit: Exit?
        /// How often it was started again without being asked to.
        public var restarts: Int

        public init(
            name: String, kind: Kind, state: InstanceState, cause: String, lastExit: Exit? = nil, restarts: Int = 0
        ) {
            self.name = name
            self.kind = kind
            self.state = state
            self.cause = cause
            self.lastExit = lastExit
            self.restarts = restarts
        }
    }

    public enum Verdict: Sendable, Equatable {
        /// Programs are not done, or something is not ready: what is waited for.
        case busy(String)
        /// All programs are done and everything else is ready: it is time to look whether jobs are left.
        case jobs
        case done(exitCode: Int32, String)
    }

    static let jobsFailed: Int32 = 76

    /// What the instances say. A crash loop counts as a failure: a run that is waited for must end.
    public static func verdict(_ instances: [Instance]) -> Verdict {
        if let lost = instances.first(where: { $0.state == .failed || $0.state == .crashLooping }) {
            return .done(exitCode: code(of: lost), "\(lost.name) is \(lost.state.rawValue): \(lost.cause)")
        }
        let busy = instances.filter { instance in
            if case .program(let restart) = instance.kind, restart != .always { return instance.state != .finished }
            return !instance.state.allowsDependents
        }
        guard !busy.isEmpty else { return .jobs }
        let words = busy.prefix(5).map { "\($0.name) (\($0.state.rawValue))" }
        return .busy(words.joined(separator: ", ") + (busy.count > 5 ? " and \(busy.count - 5) more" : ""))
    }

    /// No job is left anywhere.
    public static func verdict(idle instances: [Instance], failed: [String: Int]) -> Verdict {
        var problems: [String] = []
        let count = failed.values.reduce(0, +)
        if count > 0 {
            let nodes = failed.keys.sorted().joined(separator: ", ")
            problems.append(
                "\(Words.count(count, "job")) failed on \(nodes) (`jr list --status failed` shows those that are kept)")
        }
        for instance in instances where instance.kind == .node(isMemory: true) && instance.restarts > 0 {
            problems.append("\(instance.name) keeps its jobs in memory and died: those that it held are lost")
        }
        if problems.isEmpty { return .done(exitCode: 0, "everything is done and no job is left") }
        return .done(exitCode: jobsFailed, problems.joined(separator: "; "))
    }

    /// A program's own code decides; never 0, whatever it ended with.
    private static func code(of instance: Instance) -> Int32 {
        guard case .program = instance.kind, let exit = instance.lastExit, exit.shellCode != 0 else {
            return ExitCodes.unavailable
        }
        return exit.shellCode
    }
}
