/// How an incarnation ended, as the supervisor knows it.
public enum Exit: Sendable, Hashable {
    /// The process left with this code.
    case code(Int32)
    /// The process was ended by a signal.
    case signal(Signal, coreDumped: Bool)
    /// The process was never there: why it could not be executed, and whether trying again can help.
    case notStarted(String, permanent: Bool)

    public var isSuccess: Bool { self == .code(0) }

    /// The code a shell would show: 128 + n for a signal, 126 for what could not be executed.
    public var shellCode: Int32 {
        switch self {
        case .code(let code): code
        case .signal(let signal, _): 128 + signal.number
        case .notStarted: 126
        }
    }

    /// `exit 7`, `SIGKILL (not by us)`, `SIGTERM (by us)`, `SIGKILL (by the verb kill)`.
    ///
    /// - Parameters:
    ///   - sent: The signals that the supervisor had sent to this incarnation to stop it.
    ///   - asked: Those that an operator had sent through the supervisor.
    public func words(sent: Set<Signal> = [], asked: Set<Signal> = []) -> String {
        switch self {
        case .code(let code):
            return "exit \(code)" + (ExitCodes.meaning(of: code).map { " (\($0))" } ?? "")
        case .signal(let signal, let coreDumped):
            let core = coreDumped ? ", core dumped" : ""
            if sent.contains(signal) { return "\(signal) (by us\(core))" }
            if asked.contains(signal) { return "\(signal) (by the verb kill\(core))" }
            let meaning = signal.meaning.map { "; " + $0 } ?? ""
            return "\(signal) (not by us\(core)\(meaning))"
        case .notStarted(let reason, _):
            return "could not be started: \(reason)"
        }
    }

    /// Whether the process ended as the supervisor told it to: by a signal sent, by the code a shell gives such an end,
    /// or with success after any signal.
    public func isAnswer(to sent: Set<Signal>) -> Bool {
        switch self {
        case .code(let code): code == 0 || sent.contains(Signal(number: code - 128))
        case .signal(let signal, _): sent.contains(signal)
        case .notStarted: false
        }
    }
}

/// The exit codes of sysexits that decide whether a restart can help.
public enum ExitCodes {
    public static let usage: Int32 = 64
    public static let data: Int32 = 65
    public static let unavailable: Int32 = 69
    public static let tryAgain: Int32 = 75
    public static let configuration: Int32 = 78

    static func meaning(of code: Int32) -> String? {
        switch code {
        case usage: "wrong usage"
        case data: "data error"
        case 66: "input missing"
        case unavailable: "unavailable"
        case 70: "internal error"
        case 71: "system error"
        case 73: "cannot create output"
        case 74: "input/output error"
        case tryAgain: "try again"
        case 77: "permission denied"
        case configuration: "configuration error"
        case 126: "not executable"
        case 127: "command not found"
        default: nil
        }
    }
}
