public import JRBase

/// Who a peer is.
public enum Role: UInt8, Sendable, Hashable {
    case node = 1
    case distributor = 2
    case client = 3
}

/// The first message of both sides of every connection.
public struct Hello: Sendable, Equatable {
    /// The version of the protocol this code speaks, and the only one so far.
    public static let version = 1

    public var role: Role
    /// A node's name; for others what they call themselves, for people.
    public var name: String
    /// Made anew when the process starts; an application keeps it across reconnections, so that feedback finds it.
    public var session: JobID
    /// A node: rises with each start of the same name; the older of two is turned away.
    public var incarnation: Int
    /// A node: the names of the jobs it can run.
    public var jobs: [String]
    /// A node: how many jobs it may hold ready or running.
    public var credit: Int
    /// A node: what `stored` means there, in words such as `memory` or `journal, sync always`.
    public var promise: String
    /// How often this side sends something at least, in milliseconds; three of these without a byte is a dead peer.
    public var heartbeat: Interval

    public init(
        role: Role, name: String, session: JobID, incarnation: Int = 0, jobs: [String] = [], credit: Int = 0,
        promise: String = "", heartbeat: Interval = .seconds(Int64(5))
    ) {
        self.role = role
        self.name = name
        self.session = session
        self.incarnation = incarnation
        self.jobs = jobs
        self.credit = credit
        self.promise = promise
        self.heartbeat = heartbeat
    }
}

/// Stable words for what was refused and why, the same on the wire, in logs and in JSON.
public enum RefusalCode: String, Sendable, Hashable, CaseIterable {
    case protocolError = "protocol_error"
    case versionMismatch = "version_mismatch"
    case duplicateName = "duplicate_name"
    case backlogFull = "backlog_full"
    case storageFull = "storage_full"
    case storageFailed = "storage_failed"
    case scheduleFull = "schedule_full"
    case draining = "draining"
    case unknownJob = "unknown_job"
    case invalidJob = "invalid_job"
    case tooLarge = "too_large"
    case notFound = "not_found"
    case invalidRequest = "invalid_request"
    case unavailable = "unavailable"
}

/// How far an enqueued job has come when its receipt is sent.
public enum ReceiptLevel: UInt8, Sendable, Hashable {
    /// In the distributor's memory: no suitable node is free or there.
    case accepted = 0
    /// On a node, as its storage promises.
    case stored = 1
}

/// Everything that is said on a connection. `docs/protocol.md` describes each, with its bytes.
public enum Message: Sendable, Equatable {
    case hello(Hello)
    case heartbeat
    /// Said before closing.
    case failure(code: RefusalCode, text: String)
    /// The sender takes no more work and will close when it has finished what it has.
    case draining

    // An application to its distributor, and back.
    case enqueue(JobRequest)
    case receipt(ids: [JobID], level: ReceiptLevel, node: String, text: String)
    case refusal(id: JobID, code: RefusalCode, text: String)

    // A distributor to a node, and back.
    case job(JobRequest)
    case stored([JobID])
    case grant(total: UInt64)

    // A node to its distributor, on to the application, and the acknowledgement back.
    case ended(JobOutcome)
    case outcomesReceived([OutcomeKey])

    // Questions: `cancel`, `list`, `show`, `nodes`, `stats`, …
    case request(number: UInt32, verb: String, parameters: [String: Value])
    case reply(number: UInt32, result: Value)
    case replyFailure(number: UInt32, code: RefusalCode, text: String)
}

/// Why a frame is not a message.
public enum MessageError: Error, Sendable, Equatable, CustomStringConvertible {
    case malformed(UnpackError)
    case unknownType(Int)
    case wrongFieldCount(type: Int, found: Int, wanted: Int)
    case unknownWord(String)
    case notOurProtocol
    case version(found: Int, ours: Int)

    public var description: String {
        switch self {
        case .malformed(let error): "\(error)"
        case .unknownType(let type): "message type \(type) is not one of version \(Hello.version)"
        case .wrongFieldCount(let type, let found, let wanted):
            "message type \(type) has \(wanted) fields and \(found) came"
        case .unknownWord(let word): "'\(word)' is not a word of this message"
        case .notOurProtocol: "the first message does not begin with the word JobReactor: the peer is another program"
        case .version(let found, let ours):
            "the peer speaks version \(found) of the protocol and this program version \(ours): update the older one"
        }
    }
}
