import CJRLinux
import Glibc

/// Standard output and error, for programs.
public enum Standard {
    public static let output: Int32 = 1
    public static let error: Int32 = 2

    /// Writes all of `text`, blocking; false when the reader is gone or the device failed, which is no reason to stop.
    @discardableResult
    public static func write(_ raw: Int32, _ text: String) -> Bool {
        var text = text
        return text.withUTF8 { utf8 in
            var rest = UnsafeRawBufferPointer(utf8)
            while !rest.isEmpty {
                switch IO.write(raw, rest) {
                case .moved(let count):
                    rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                case .wouldBlock:
                    guard (try? IO.waitWritable(raw)) == true else { return false }
                case .failed:
                    return false
                }
            }
            return true
        }
    }

    public static func isTerminal(_ raw: Int32) -> Bool { jr_is_terminal(raw) == 1 }

    /// Makes a terminal that nobody sits at, for a program that prints at once only into one.
    ///
    /// What is printed into it comes out of `ours` unchanged; once no program has `theirs` any more, reading fails.
    ///
    /// - Returns: the two ends, which the caller closes.
    public static func openTerminal() throws(SystemError) -> (ours: Int32, theirs: Int32) {
        var ends: [Int32] = [-1, -1]
        _ = try check(jr_open_terminal(&ends), "open", "/dev/ptmx")
        return (ends[0], ends[1])
    }

    /// Whether `raw` is a terminal whose keys, such as Ctrl-C, mean this program.
    public static func isForeground(_ raw: Int32) -> Bool { isTerminal(raw) && jr_terminal_is_ours(raw) == 1 }

    /// Lets the keys of a terminal mean a process group.
    ///
    /// - Parameters:
    ///   - raw: The terminal.
    ///   - group: nil for this program's own.
    public static func giveTerminal(_ raw: Int32, to group: Int32? = nil) throws(SystemError) {
        _ = try check(jr_terminal_give(raw, group ?? 0), "tcsetpgrp")
    }

    /// The width of a terminal in columns; nil when the descriptor is none.
    public static func terminalWidth(_ raw: Int32 = output) -> Int? {
        let columns = jr_terminal_columns(raw)
        return columns > 0 ? Int(columns) : nil
    }

    /// The height of a terminal in lines; nil when the descriptor is none.
    public static func terminalHeight(_ raw: Int32 = output) -> Int? {
        let rows = jr_terminal_rows(raw)
        return rows > 0 ? Int(rows) : nil
    }

    /// Whether a terminal gives keys as they are pressed, without showing them, or lines as they are ended. Ctrl-C and
    /// its like go on to be signals. What is no terminal stays what it is.
    public static func readsKeys(_ raw: Int32, _ atOnce: Bool) { _ = jr_terminal_keys(raw, atOnce ? 1 : 0) }
}

/// This program as the system sees it.
public enum SystemProgram {
    public static var pid: Int32 { jr_getpid() }
    public static var parentPID: Int32 { jr_getppid() }
    public static var userID: UInt32 { jr_geteuid() }
    public static var groupID: UInt32 { jr_getegid() }
    /// How many CPUs the machine has that are in use.
    public static var processors: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

    /// The environment, taken anew at each call. Of a name that is there twice the first counts, as for getenv.
    public static var environment: [String: String] {
        var values: [String: String] = [:]
        var entry = jr_environment()
        while let text = entry.pointee {
            let pair = String(cString: text)
            if let equals = pair.firstIndex(of: "=") {
                let name = String(pair[..<equals])
                if values[name] == nil { values[name] = String(pair[pair.index(after: equals)...]) }
            }
            entry += 1
        }
        return values
    }

    public static func exit(_ code: Int32) -> Never { jr_exit(code) }

    /// From here on a write to a pipe without a reader gives `EPIPE` instead of ending the program.
    public static func ignoreBrokenPipes() { _ = jr_ignore_sigpipe() }

    /// Descendants whose parents end become children of this program instead of process 1's.
    public static func becomeSubreaper() throws(SystemError) {
        _ = try check(jr_set_subreaper(), "prctl")
    }

    /// Asks for `signal` when the thread that started this program ends. That thread must live as long as its program:
    /// the kernel looks at the thread, not at the process.
    public static func dieWithParent(_ signal: Int32) throws(SystemError) {
        _ = try check(jr_set_death_signal(signal), "prctl")
    }
}
