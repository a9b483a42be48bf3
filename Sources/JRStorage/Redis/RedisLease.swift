import JRBase
import JRSystem
import JRWire

/// The hold of one process on the jobs of one node: a key with a life of its own on the server's clock, and a token
/// that rises each time the hold is taken. Every script checks the token, so that a process which was away for too
/// long, or a connection that was given up, can do no harm.
struct RedisLease: Sendable {
    /// Who holds it, as written in the lease's key: `INCARNATION|PID|HOST|CONNECTION`, and `|NODE` of one that takes
    /// over the jobs of a node which died.
    struct Holder: Sendable, Equatable, CustomStringConvertible {
        var incarnation: String
        var pid: Int32?
        var host: String
        /// The number that the server gave to its connection.
        var connection: Int64
        /// The node that takes over; nil for the node itself.
        var taker: String?

        init(incarnation: String, pid: Int32, host: String, connection: Int64, taker: String? = nil) {
            self.incarnation = incarnation
            self.pid = pid
            self.host = host
            self.connection = connection
            self.taker = taker
        }

        init?(_ text: String) {
            let parts = text.split(separator: "|", omittingEmptySubsequences: false)
            guard parts.count >= 4, let connection = Int64(parts[3]) else { return nil }
            incarnation = String(parts[0])
            pid = Int32(parts[1])
            host = String(parts[2])
            self.connection = connection
            taker = parts.count > 4 ? String(parts[4]) : nil
        }

        var text: String {
            "\(incarnation)|\(pid ?? 0)|\(host)|\(connection)" + (taker.map { "|\($0)" } ?? "")
        }
        var description: String {
            (taker.map { "node '\($0)', " } ?? "") + "process \(pid ?? 0) on \(host)"
        }

        /// What its connections are called in the server's list of clients.
        var clientName: String { RedisLease.clientName(incarnation) }
    }

    static func clientName(_ incarnation: String) -> String { "jr-\(incarnation)" }

    var token: String
    /// Made once for the data of a node: another one means that the server has lost what it had.
    var store: String
    /// Jobs that are stored.
    var jobs: Int
    /// Results that came too late, ever.
    var late = 0

    /// What a script answers to whoever wants the hold.
    enum Taking: Sendable {
        case taken(RedisLease, hasLost: Bool)
        case held(by: Holder, text: String, for: Interval)
        case fenced(by: Holder?)
        case format(String)
        /// The index and the records are not of the same jobs.
        case broken(index: Int, records: Int)

        init?(_ reply: RESPValue) {
            guard let parts = reply.elements, let word = parts.first?.text else { return nil }
            switch (word, parts.count) {
            case ("taken", 7):
                guard let token = parts[1].text, let store = parts[2].text, let index = parts[4].int,
                    let records = parts[5].int
                else { return nil }
                self =
                    index == records
                    ? .taken(
                        RedisLease(token: token, store: store, jobs: Int(records), late: Int(parts[6].int ?? 0)),
                        hasLost: parts[3].int == 1)
                    : .broken(index: Int(index), records: Int(records))
            case ("held", 3):
                guard let text = parts[1].text, let holder = Holder(text), let rest = parts[2].int else { return nil }
                self = .held(by: holder, text: text, for: .milliseconds(max(rest, 0)))
            case ("fenced", _): self = .fenced(by: parts.dropFirst().first?.text.flatMap(Holder.init))
            case ("format", 2): self = .format(parts[1].text ?? "")
            default: return nil
            }
        }
    }

    /// What every other script answers.
    enum Word: Sendable, Equatable {
        case done
        case lost
        case fenced(by: Holder?)

        init?(_ reply: RESPValue) {
            guard let parts = reply.elements else { return nil }
            switch parts.first?.text {
            case "done": self = .done
            case "lost": self = .lost
            case "fenced": self = .fenced(by: parts.dropFirst().first?.text.flatMap(Holder.init))
            default: return nil
            }
        }
    }
}
