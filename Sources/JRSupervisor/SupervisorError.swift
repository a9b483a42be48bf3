import JRSupervision
import JRSystem

/// Why a verb cannot do what it was asked for, with the exit code that says so.
public struct SupervisorError: Error, Sendable, Equatable, CustomStringConvertible {
    public static let unavailable: Int32 = 69
    public static let inputOutput: Int32 = 74
    /// A roll was aborted.
    public static let aborted: Int32 = 74
    public static let inUse: Int32 = 75
    public static let permission: Int32 = 77
    public static let configuration: Int32 = 78
    public static let noInput: Int32 = 66
    /// As timeout(1).
    public static let timeout: Int32 = 124

    public let exitCode: Int32
    public let message: String

    public init(exitCode: Int32, _ message: String) {
        self.exitCode = exitCode
        self.message = message
    }

    public var description: String { message }

    /// A system call that failed, with what it was for and what can be done.
    init(_ purpose: String, _ error: SystemError, mend: String? = nil) {
        let code = error.code == SystemError.accessDenied ? Self.permission : Self.inputOutput
        self.init(exitCode: code, "\(purpose): \(error)" + (mend.map { "; " + $0 } ?? ""))
    }
}
