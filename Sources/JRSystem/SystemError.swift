import CJRLinux
import Glibc

/// A system call that failed: which, with what error, and on what.
///
/// Reads `open /x/y: No such file or directory (ENOENT)`.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call as its manual page has it.
    public let call: String
    /// The positive `errno`.
    public let code: Int32
    /// The path, address or program the call was about.
    public let subject: String?

    /// A call that failed with this `errno`.
    public init(call: String, code: Int32, subject: String? = nil) {
        self.call = call
        self.code = code
        self.subject = subject
    }

    /// The symbol, such as `ENOSPC`.
    public var name: String {
        jr_error_name(code).map { String(cString: $0) } ?? "errno \(code)"
    }

    /// The words, such as `No space left on device`.
    public var text: String { String(cString: jr_error_text(code)) }

    public var description: String {
        "\(call)\(subject.map { " " + $0 } ?? ""): \(text) (\(name))"
    }
}

/// Turns the answer of a `jr_` function, which is negative for an error, into a value or an error.
@inline(__always)
func check<Number: SignedInteger & FixedWidthInteger>(
    _ result: Number, _ call: StaticString, _ subject: @autoclosure () -> String? = nil
) throws(SystemError) -> Number {
    if result >= 0 { return result }
    throw failure(Int32(truncatingIfNeeded: result), call, subject())
}

@inline(never)
func failure(_ negative: Int32, _ call: StaticString, _ subject: String?) -> SystemError {
    SystemError(call: "\(call)", code: -negative, subject: subject)
}

/// Repeats a call that a signal interrupted before it had done anything.
@inline(__always)
func untilNotInterrupted<Number: SignedInteger & FixedWidthInteger>(_ call: () -> Number) -> Number {
    while true {
        let result = call()
        if result != Number(-EINTR) { return result }
    }
}

/// Errors that callers of this layer tell apart.
extension SystemError {
    /// `ENOENT`: there is nothing of that name.
    public static let noSuchFile = ENOENT
    /// `EEXIST`: there is something of that name already.
    public static let alreadyExists = EEXIST
    /// `EACCES`: the permissions say no.
    public static let accessDenied = EACCES
    /// `ENOSPC`: the disk is full.
    public static let noSpace = ENOSPC
    /// `EPIPE`: nobody reads what is written.
    public static let brokenPipe = EPIPE
    /// `ETIMEDOUT`: the other side did not answer in time.
    public static let timedOut = ETIMEDOUT
    /// `EHOSTUNREACH`: there is no way to that machine.
    public static let unreachable = EHOSTUNREACH
    /// `ECONNREFUSED`: nobody listens there.
    public static let refused = ECONNREFUSED
    /// `EADDRINUSE`: somebody else listens there.
    public static let addressInUse = EADDRINUSE
    /// `ECANCELED`: the operation was given up.
    public static let cancelled = ECANCELED

    /// The process or the system has no descriptor or no memory left: it may pass.
    public var isLackOfResources: Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }
}
