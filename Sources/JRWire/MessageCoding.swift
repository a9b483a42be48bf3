public import JRBase

/// The numbers of the message types. A number is never used again for something else.
enum MessageType {
    static let hello = 1
    static let heartbeat = 2
    static let failure = 3
    static let draining = 4
    static let enqueue = 10
    static let receipt = 11
    static let refusal = 12
    static let job = 20
    static let stored = 21
    static let grant = 22
    static let ended = 30
    static let outcomesReceived = 31
    static let request = 40
    static let reply = 41
    static let replyFailure = 42
}

extension ByteWriter {
    /// Writes a whole frame: the length and `[type, fields …]`.
    public mutating func write(_ message: Message) {
        switch message {
        case .job(let request): write(MessageType.job, request)
        case .enqueue(let request): write(MessageType.enqueue, request)
        case .ended(let outcome): write(outcome)
        case .hello, .heartbeat, .failure, .draining, .receipt, .refusal, .stored, .grant, .outcomesReceived, .request,
            .reply, .replyFailure:
            frame { $0.packBody(of: message) }
        }
    }

    private mutating func start(_ type: Int, _ fields: Int) {
        packArray(count: fields + 1)
        pack(unsigned: UInt64(type))
    }

    private mutating func packBody(of message: Message) {
        switch message {
        case .hello(let hello):
            start(MessageType.hello, 4)
            pack("JobReactor")
            pack(unsigned: UInt64(Hello.version))
            pack(unsigned: UInt64(hello.role.rawValue))
            pack(map: hello.members)
        case .heartbeat:
            start(MessageType.heartbeat, 0)
        case .failure(let code, let text):
            start(MessageType.failure, 2)
            pack(code.rawValue)
            pack(text)
        case .draining:
            start(MessageType.draining, 0)
        case .receipt(let ids, let level, let node, let text):
            start(MessageType.receipt, 4)
            pack(ids: ids)
            pack(unsigned: UInt64(level.rawValue))
            pack(node)
            pack(text)
        case .refusal(let id, let code, let text):
            start(MessageType.refusal, 3)
            pack(id)
            pack(code.rawValue)
            pack(text)
        case .stored(let ids):
            start(MessageType.stored, 1)
            pack(ids: ids)
        case .grant(let total):
            start(MessageType.grant, 1)
            pack(unsigned: total)
        case .enqueue, .job, .ended: break
        case .outcomesReceived(let keys):
            start(MessageType.outcomesReceived, 1)
            pack(keys: keys)
        case .request(let number, let verb, let parameters):
            start(MessageType.request, 3)
            pack(unsigned: UInt64(number))
            pack(verb)
            pack(map: parameters)
        case .reply(let number, let result):
            start(MessageType.reply, 2)
            pack(unsigned: UInt64(number))
            pack(result)
        case .replyFailure(let number, let code, let text):
            start(MessageType.replyFailure, 3)
            pack(unsigned: UInt64(number))
            pack(code.rawValue)
            pack(text)
        }
    }
}

extension Message {
    /// Reads the body of a frame.
    public init(body: ArraySlice<UInt8>) throws(MessageError) {
        var unpacker = Unpacker(body)
        do {
            self = try Self.read(&unpacker)
            try unpacker.expectEnd()
        } catch let error as MessageError {
            throw error
        } catch let error as UnpackError {
            throw .malformed(error)
        } catch {
            throw .notOurProtocol
        }
    }

    private static func read(_ unpacker: inout Unpacker) throws -> Message {
        let fields = try unpacker.arrayCount() - 1
        let type = try unpacker.unsigned(Int.self)
        guard let wanted = fieldCount(of: type) else { throw MessageError.unknownType(type) }
        guard fields == wanted else { throw MessageError.wrongFieldCount(type: type, found: fields, wanted: wanted) }
        switch type {
        case MessageType.hello: return .hello(try hello(&unpacker))
        case MessageType.heartbeat: return .heartbeat
        case MessageType.failure: return .failure(code: try code(&unpacker), text: try unpacker.string())
        case MessageType.draining: return .draining
        case MessageType.enqueue: return .enqueue(try unpacker.jobRequest())
        case MessageType.receipt:
            let ids = try ids(&unpacker)
            guard let level = ReceiptLevel(rawValue: try unpacker.unsigned()) else {
                throw MessageError.unknownWord("receipt level")
            }
            return .receipt(ids: ids, level: level, node: try unpacker.string(), text: try unpacker.string())
        case MessageType.refusal:
            return .refusal(id: try unpacker.jobID(), code: try code(&unpacker), text: try unpacker.string())
        case MessageType.job: return .job(try unpacker.jobRequest())
        case MessageType.stored: return .stored(try ids(&unpacker))
        case MessageType.grant: return .grant(total: try unpacker.unsigned())
        case MessageType.ended: return .ended(try unpacker.jobOutcome())
        case MessageType.outcomesReceived: return .outcomesReceived(try keys(&unpacker))
        case MessageType.request:
            return .request(
                number: try unpacker.unsigned(), verb: try unpacker.string(), parameters: try unpacker.map())
        case MessageType.reply: return .reply(number: try unpacker.unsigned(), result: try unpacker.value())
        default:
            return .replyFailure(
                number: try unpacker.unsigned(), code: try code(&unpacker), text: try unpacker.string())
        }
    }

    /// Nil for a type that is not one of this version.
    private static func fieldCount(of type: Int) -> Int? {
        switch type {
        case MessageType.heartbeat, MessageType.draining: 0
        case MessageType.stored, MessageType.grant, MessageType.outcomesReceived: 1
        case MessageType.failure, MessageType.reply: 2
        case MessageType.refusal, MessageType.request, MessageType.replyFailure: 3
        case MessageType.hello, MessageType.receipt: 4
        case MessageType.enqueue, MessageType.job: Unpacker.requestFields
        case MessageType.ended: Unpacker.outcomeFields
        default: nil
        }
    }

    private static func hello(_ unpacker: inout Unpacker) throws -> Hello {
        guard let word = try? unpacker.string(), word == "JobReactor" else { throw MessageError.notOurProtocol }
        let version = try unpacker.unsigned(Int.self)
        guard version == Hello.version else { throw MessageError.version(found: version, ours: Hello.version) }
        guard let role = Role(rawValue: try unpacker.unsigned()) else { throw MessageError.unknownWord("role") }
        return try Hello(role: role, members: try unpacker.map())
    }

    private static func code(_ unpacker: inout Unpacker) throws -> RefusalCode {
        let word = try unpacker.string()
        guard let code = RefusalCode(rawValue: word) else { throw MessageError.unknownWord(word) }
        return code
    }

    private static func ids(_ unpacker: inout Unpacker) throws -> [JobID] {
        let count = try unpacker.arrayCount()
        var ids: [JobID] = []
        ids.reserveCapacity(min(count, Unpacker.mostReserved))
        for _ in 0..<count { ids.append(try unpacker.jobID()) }
        return ids
    }

    private static func keys(_ unpacker: inout Unpacker) throws -> [OutcomeKey] {
        let count = try unpacker.arrayCount()
        var keys: [OutcomeKey] = []
        keys.reserveCapacity(min(count, Unpacker.mostReserved))
        for _ in 0..<count {
            guard try unpacker.arrayCount() == 2 else { throw MessageError.unknownWord("outcome key") }
            keys.append(OutcomeKey(id: try unpacker.jobID(), run: try unpacker.unsigned()))
        }
        return keys
    }
}

extension Hello {
    var members: [String: Value] {
        [
            "name": .string(name), "session": .bytes(session.bytes), "incarnation": .int(Int64(incarnation)),
            "jobs": .array(jobs.map(Value.string)), "credit": .int(Int64(credit)), "promise": .string(promise),
            "heartbeat": .int(heartbeat.millisecondsRoundedUp),
        ]
    }

    /// What a peer leaves out has its default; only the session cannot be missing.
    init(role: Role, members: [String: Value]) throws(MessageError) {
        guard let session = members["session"]?.bytes.flatMap({ JobID(bytes: $0[...]) }) else {
            throw .unknownWord("session (16 bytes)")
        }
        self.init(role: role, name: members["name"]?.string ?? "", session: session)
        incarnation = members["incarnation"]?.int ?? 0
        jobs = members["jobs"]?.array?.compactMap(\.string) ?? []
        credit = max(0, members["credit"]?.int ?? 0)
        promise = members["promise"]?.string ?? ""
        if let milliseconds = members["heartbeat"]?.int {
            heartbeat = .milliseconds(Int64(min(max(milliseconds, 100), 3_600_000)))
        }
    }
}
