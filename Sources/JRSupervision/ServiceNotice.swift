/// What a program says in one datagram over `NOTIFY_SOCKET`, as services of systemd do: lines `KEY=value`.
///
/// `READY=1`, `STOPPING=1`, `STATUS=…`, `WATCHDOG=1` and `WATCHDOG=trigger` are understood. Other keys are for other
/// readers.
public struct ServiceNotice: Sendable, Equatable {
    /// The longest datagram, in bytes. It is the same for systemd.
    public static let longest = 4_096

    static let longestStatus = 400

    /// Whether it can do its work from now on.
    public var isReady = false
    /// Whether it ends by itself.
    public var isStopping = false
    /// Whether it still does its work.
    public var isAlive = false
    /// Whether it has found out by itself that it does not.
    public var isHung = false
    /// What it is doing, in its own words; empty takes back what it said before.
    public var status: String?

    /// Why a datagram means nothing.
    public struct Malformed: Error, Sendable, Equatable {
        /// Half a sentence: what is wrong with it.
        public var reason: String
    }

    /// - Parameters:
    ///   - bytes: The datagram.
    ///   - isCut: Whether there was more of it than `bytes`.
    public init(_ bytes: [UInt8], isCut: Bool = false) throws(Malformed) {
        guard !isCut, bytes.count <= Self.longest else {
            throw Malformed(reason: "it is longer than \(Words.grouped(Self.longest)) bytes")
        }
        // Programs in C send the zero at the end of their text with it.
        let end = bytes.lastIndex { $0 != 0 }.map { $0 + 1 } ?? 0
        guard let text = String(validating: bytes[..<end], as: UTF8.self), !text.utf8.contains(0) else {
            throw Malformed(reason: "it is no text in UTF-8")
        }
        let lines = text.split(separator: "\n")
        guard !lines.isEmpty else { throw Malformed(reason: "it is empty") }
        for line in lines {
            guard let equals = line.firstIndex(of: "="), Self.isKey(line[..<equals]) else {
                throw Malformed(reason: "\"\(Self.shown(line))\" is not KEY=value")
            }
            let value = line[line.index(after: equals)...]
            switch line[..<equals] {
            case "READY": isReady = try Self.isOne("READY", value)
            case "STOPPING": isStopping = try Self.isOne("STOPPING", value)
            case "WATCHDOG" where value == "trigger": isHung = true
            case "WATCHDOG": isAlive = try Self.isOne("WATCHDOG", value, or: " or trigger")
            case "STATUS": status = String(value.prefix(Self.longestStatus)).harmless
            default: break
            }
        }
    }

    private static func isOne(
        _ key: String, _ value: Substring, or others: String = ""
    ) throws(Malformed) -> Bool {
        guard value == "1" else {
            throw Malformed(reason: "\(key) is 1\(others) or is not there, and never \"\(shown(value))\"")
        }
        return true
    }

    private static func isKey(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == UInt8(ascii: "_")
            }
    }

    private static func shown(_ text: Substring) -> String {
        text.count <= 40 ? String(text).harmless : String(text.prefix(40)).harmless + "…"
    }
}

/// Decides what counts of the datagrams that come for one process of an instance.
public struct NoticeGate: Sendable {
    /// Where a sender is, seen from the process.
    public enum Place: Sendable, Equatable {
        /// It is the process, or of its process group or control group.
        case inside
        case outside
        /// It has ended, and nobody can say any more.
        case gone
    }

    /// What is to be done.
    public enum Verdict: Sendable, Equatable {
        case take(ServiceNotice)
        /// To be said, and nothing else.
        case refuse(String)
        case nothing
    }

    static let mostMalformed = 3

    private let userID: UInt32
    private var hasRefused = false
    private var malformed = 0

    /// - Parameter userID: Whose process it is.
    public init(userID: UInt32) {
        self.userID = userID
    }

    /// Judges the next datagram.
    ///
    /// Who has ended already is believed if he was of the same user: a command that only says that a script is ready
    /// ends at once, and the way here is told to nobody else.
    ///
    /// - Parameters:
    ///   - bytes: What it says.
    ///   - isCut: Whether there was more of it.
    ///   - pid: Of the sender, as the kernel says.
    ///   - sender: The sender's user, as the kernel says.
    ///   - place: Where the sender is.
    public mutating func judge(
        _ bytes: [UInt8], isCut: Bool, from pid: Int32, of sender: UInt32, _ place: Place
    ) -> Verdict {
        guard place == .inside || (place == .gone && sender == userID) else {
            if hasRefused { return .nothing }
            hasRefused = true
            let who = place == .gone ? ", which has ended," : ""
            return .refuse(
                "pid \(pid) of user \(sender)\(who) says something over its NOTIFY_SOCKET and is none of its processes:"
                    + " that is left out, and so is what comes from others like it")
        }
        do throws(ServiceNotice.Malformed) {
            return .take(try ServiceNotice(bytes, isCut: isCut))
        } catch {
            malformed += 1
            if malformed > Self.mostMalformed { return .nothing }
            let more = malformed == Self.mostMalformed ? "; more of these are not told" : ""
            return .refuse(
                "what pid \(pid) sent over NOTIFY_SOCKET is left out: \(error.reason). It is to be lines such as"
                    + " READY=1" + more)
        }
    }
}
