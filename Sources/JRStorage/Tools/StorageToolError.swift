/// Why a tool could not do what it was asked for: one sentence for people, and the program's exit code.
public struct StorageToolError: Error, Sendable, Equatable, CustomStringConvertible {
    public let description: String
    /// As in sysexits.h.
    public let exitCode: Int32

    init(what: String, why: String, mend: String, exitCode: Int32) {
        description = "\(what): \(why). \(mend)"
        self.exitCode = exitCode
    }

    init(_ error: StorageError) {
        description = "\(error)"
        exitCode = error.exitCode
    }
}

/// How far a tool has come.
public struct ToolProgress: Sendable, Equatable {
    /// What is done, as a word: `read`, `saved`.
    public var verb: String
    public var done: Int
    /// Nil where it is not known.
    public var total: Int?
    /// What is counted: `bytes`, `jobs`.
    public var unit: String

    public init(_ verb: String, _ done: Int, of total: Int?, _ unit: String) {
        self.verb = verb
        self.done = done
        self.total = total
        self.unit = unit
    }
}

/// What a tool gives and asks while it works. Everything is called on the thread that called the tool.
public struct ToolOutput {
    /// A line of the result, without its line break; a throw ends the tool.
    public var line: (String) throws(StorageToolError) -> Void
    /// Something to know that is no result.
    public var note: (String) -> Void
    public var progress: (ToolProgress) -> Void

    public init(
        line: @escaping (String) throws(StorageToolError) -> Void, note: @escaping (String) -> Void = { _ in },
        progress: @escaping (ToolProgress) -> Void = { _ in }
    ) {
        self.line = line
        self.note = note
        self.progress = progress
    }
}
