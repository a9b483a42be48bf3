/// A signal by its Linux number and its name without `SIG`.
public struct Signal: Sendable, Hashable, CustomStringConvertible {
    public let number: Int32

    public init(number: Int32) {
        self.number = number
    }

    public static let hangUp = Signal(number: 1)
    public static let interrupt = Signal(number: 2)
    public static let abort = Signal(number: 6)
    public static let kill = Signal(number: 9)
    public static let terminate = Signal(number: 15)
    public static let `continue` = Signal(number: 18)
    public static let stop = Signal(number: 19)

    /// Reads `TERM`, `SIGTERM`, `term` or a number from 1 to 64; nil for anything else.
    public init?(_ text: String) {
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        if let index = Signal.names.firstIndex(of: name) {
            self.init(number: Int32(index + 1))
        } else if let number = Int32(text), (1...64).contains(number) {
            self.init(number: number)
        } else {
            return nil
        }
    }

    /// `SIGKILL`, or `signal 40` where there is no name.
    public var description: String {
        let index = Int(number) - 1
        return Signal.names.indices.contains(index) ? "SIG" + Signal.names[index] : "signal \(number)"
    }

    /// `KILL`, or the number where there is no name.
    public var shortName: String {
        let index = Int(number) - 1
        return Signal.names.indices.contains(index) ? Signal.names[index] : String(number)
    }

    /// Those with which a program can sensibly be told to end.
    public static let endings = ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "ABRT", "KILL"].compactMap { Signal($0) }

    /// What a process that ends by it most likely did, where that is not plain from the name.
    public var meaning: String? {
        switch number {
        case 4: "an illegal instruction: on Linux also how a Swift program ends at a failed precondition"
        case 6: "it aborted itself"
        case 7: "a bus error"
        case 8: "an arithmetic error"
        case 11: "it touched memory that is not its own"
        default: nil
        }
    }

    /// Names by number, from 1; the numbers are those of Linux on x86-64 and on 64-bit ARM.
    public static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]
}
