/// How the programs end: the codes of `sysexits.h`, and those that shells and `timeout(1)` give.
public enum ExitCode: Int32, Sendable, CaseIterable {
    case ok = 0
    /// What was asked for failed: a job ended in an error, a test was lost.
    case failure = 1
    /// `status`: something that should be ready is not.
    case notReady = 3
    /// `status`: no supervisor runs here.
    case notRunning = 4
    case usage = 64
    case data = 65
    case noInput = 66
    case unavailable = 69
    case software = 70
    case ioError = 74
    case temporary = 75
    /// `--until-idle` and `--assert`: jobs were lost or failed.
    case protocolBroken = 76
    case permission = 77
    case configuration = 78
    case timeout = 124
    case notExecutable = 126
    case notFound = 127
    case interrupted = 130
    case terminated = 143

    /// For manual pages and reports.
    public var meaning: String {
        switch self {
        case .ok: "done as asked"
        case .failure: "what was asked for failed"
        case .notReady: "something that should be ready is not"
        case .notRunning: "no supervisor runs here"
        case .usage: "the command line is wrong"
        case .data: "input data is wrong"
        case .noInput: "a file to read does not exist or cannot be read"
        case .unavailable: "a service is not there or never became ready"
        case .software: "a bug in this program"
        case .ioError: "reading or writing failed, or a roll-out was aborted"
        case .temporary: "try again later: something is in use"
        case .protocolBroken: "jobs were lost or failed"
        case .permission: "not permitted"
        case .configuration: "the manifest or the environment is wrong"
        case .timeout: "it took too long"
        case .notExecutable: "the command cannot be executed"
        case .notFound: "the command was not found"
        case .interrupted: "interrupted from the terminal"
        case .terminated: "ended by a signal before its work was done"
        }
    }

    /// The code that tells of a death by signal, as shells have it.
    public static func status(ofSignal number: Int32) -> Int32 { 128 + number }
}
