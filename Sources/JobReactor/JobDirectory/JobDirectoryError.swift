/// All that is wrong with a job directory, each with how to mend it.
public struct JobDirectoryError: Error, Sendable, CustomStringConvertible {
    /// Never empty.
    public let problems: [JobReactorError]

    init(_ problems: [JobReactorError]) {
        self.problems = problems
    }

    init(
        _ code: JobReactorError.Code = .configuration, what: String, why: String = "", mend: String = "",
        exitCode: Int32 = SystemExit.configuration
    ) {
        problems = [JobReactorError(code, what: what, why: why, mend: mend, exitCode: exitCode)]
    }

    /// What a program that cannot go on exits with: of the first problem.
    public var exitCode: Int32 { problems.first?.exitCode ?? SystemExit.configuration }

    public var description: String { problems.map(\.description).joined(separator: "\n") }
}

/// The exit codes of `sysexits.h` that job directories need.
enum SystemExit {
    /// A job file does not compile, or was compiled for another build.
    static let data: Int32 = 65
    static let unavailable: Int32 = 69
    static let io: Int32 = 74
    static let configuration: Int32 = 78
}
