import JRSystem

/// Why a program job failed.
struct ProgramFailure: FinalFailure, CustomStringConvertible {
    /// One line, and after it the last of what the program wrote to standard error.
    let description: String
    /// No further attempt makes sense: the program said so.
    let isFinal: Bool

    init(_ description: String, isFinal: Bool = false) {
        self.description = description
        self.isFinal = isFinal
    }

    /// `EX_TEMPFAIL` of sysexits: the program asks for another attempt.
    static let retryCode: Int32 = 75
    /// The program says that another attempt is useless.
    static let finalCode: Int32 = 100

    /// nil when the program succeeded.
    init?(_ status: ExitStatus, standardError: String) {
        let text: String
        switch status {
        case .exited(0): return nil
        case .exited(Self.retryCode): text = "the program asks for another attempt (exit 75)"
        case .exited(Self.finalCode): text = "the program failed for good (exit 100)"
        case .exited(let code): text = "the program failed (exit \(code))"
        case .signalled: text = "the program was killed by \(status)"
        }
        self.init(
            standardError.isEmpty ? text : "\(text): \(standardError)", isFinal: status == .exited(Self.finalCode))
    }
}

/// The lines of a program's standard error as they come, and the last of it for the failure.
struct ErrorOutput {
    /// Bytes kept for the failure's text.
    static let tailBytes = 2_048
    /// A longer line is cut into several, so that a program which writes no line ends cannot fill the memory.
    static let lineBytes = 8_192

    private var line: [UInt8] = []
    private var recent: [UInt8] = []

    mutating func append(_ bytes: [UInt8], _ log: (String) -> Void) {
        recent.append(contentsOf: bytes.suffix(Self.tailBytes))
        if recent.count > Self.tailBytes { recent.removeFirst(recent.count - Self.tailBytes) }
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                endLine(log)
            } else {
                line.append(byte)
                if line.count == Self.lineBytes { endLine(log) }
            }
        }
    }

    /// Logs what came after the last line end.
    mutating func end(_ log: (String) -> Void) {
        if !line.isEmpty { endLine(log) }
    }

    /// The last of it, without white space around.
    var tail: String {
        let text = String(decoding: recent, as: UTF8.self)
        return String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    private mutating func endLine(_ log: (String) -> Void) {
        log(String(decoding: line, as: UTF8.self))
        line.removeAll(keepingCapacity: true)
    }
}
