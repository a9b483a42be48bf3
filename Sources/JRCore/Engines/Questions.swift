import JRBase
import JRWire

/// Questions of applications that a distributor passes on to all its nodes, and the answers so far.
struct Questions: Sendable {
    struct Pending: Sendable {
        var client: LinkID
        var clientNumber: UInt32
        var verb: String
        var parameters: [String: Value]
        var waitingFor: Set<LinkID>
        var answers: [Value] = []
        /// What the last node that could not answer said.
        var failure: (code: RefusalCode, text: String)?
    }

    private var pending: [UInt32: Pending] = [:]
    // Number 0 is used for questions to which no answer is expected.
    private var nextNumber: UInt32 = 1

    mutating func add(_ question: Pending) -> UInt32 {
        let number = freshNumber()
        pending[number] = question
        return number
    }

    /// A number for a question whose answer is not waited for here.
    mutating func freshNumber() -> UInt32 {
        defer { nextNumber = nextNumber == .max ? 1 : nextNumber + 1 }
        return nextNumber
    }

    /// What is being asked under this number.
    func verb(of number: UInt32) -> String? { pending[number]?.verb }

    /// The question, if this was the last answer it waited for.
    mutating func replied(_ number: UInt32, from node: LinkID, _ answer: Value?) -> Pending? {
        guard pending[number]?.waitingFor.remove(node) != nil else { return nil }
        if let answer, answer != .null { pending[number]?.answers.append(answer) }
        return pending[number]?.waitingFor.isEmpty == true ? pending.removeValue(forKey: number) : nil
    }

    mutating func failed(
        _ number: UInt32, from node: LinkID, _ code: RefusalCode, _ text: String
    ) -> Pending? {
        if pending[number]?.waitingFor.contains(node) == true { pending[number]?.failure = (code, text) }
        return replied(number, from: node, nil)
    }

    mutating func nodeClosed(_ node: LinkID) -> [Pending] {
        pending.keys.sorted().compactMap { replied($0, from: node, nil) }
    }

    mutating func clientClosed(_ client: LinkID) {
        pending = pending.filter { $0.value.client != client }
    }
}

/// Rows of an answer: as many as were asked for, and no more than are sure to fit a frame.
struct ListedRows {
    let limit: Int
    private(set) var rows: [Value] = []
    private var bytes = 0

    init(_ parameters: [String: Value]) {
        limit = max(0, parameters["limit"]?.int ?? 1_000)
    }

    var isFull: Bool { rows.count >= limit || bytes > Limits.frameBytes / 4 }

    /// Long arguments are left out; the question `show` gives them.
    mutating func append(_ row: [String: Value]) {
        guard !isFull else { return }
        var row = row
        if row["arguments"]?.bytes?.count ?? 0 > 1_024 { row["arguments"] = nil }
        var writer = ByteWriter()
        writer.pack(map: row)
        bytes += writer.count
        rows.append(.map(row))
    }
}

extension DistributorEngine {
    mutating func ask(_ client: LinkID, _ number: UInt32, _ verb: String, _ parameters: [String: Value]) {
        switch verb {
        case "nodes":
            send(client, .reply(number: number, result: .array(nodeRows)))
        case "list", "show", "stats": askNodes(client, number, verb, parameters)
        case "cancel", "retry", "destroy": change(client, number, verb, parameters)
        case "idle": askedWhenIdle(client, number, parameters)
        case "watch": watch(client, number, parameters)
        default:
            send(
                client,
                .replyFailure(
                    number: number, code: .invalidRequest,
                    text: "this distributor does not know the question '\(verb)'; it knows cancel, "
                        + "destroy, idle, list, nodes, retry, show, stats, watch"))
        }
    }

    /// Asks all nodes for an application; `asking` is what they are asked where that has another name among them.
    mutating func askNodes(
        _ client: LinkID, _ number: UInt32, _ verb: String, _ parameters: [String: Value], asking: String? = nil
    ) {
        let nodes = router.nodes.keys.sorted()
        let question = Questions.Pending(
            client: client, clientNumber: number, verb: verb, parameters: parameters, waitingFor: Set(nodes))
        if nodes.isEmpty { return finish(question) }
        let inner = questions.add(question)
        for node in nodes { send(node, .request(number: inner, verb: asking ?? verb, parameters: parameters)) }
    }

    mutating func finish(_ question: Questions.Pending) {
        let result: Value
        switch question.verb {
        case "list":
            var rows = ListedRows(question.parameters)
            for row in question.answers.flatMap({ $0.array ?? [] }) + waitingRows(question.parameters) {
                rows.append(row.map ?? [:])
            }
            result = .array(rows.rows)
        case "show":
            result = question.answers.first ?? waitingRow(question.parameters) ?? .null
        case "cancel", "retry", "destroy": return finishChange(question)
        case "idle": return finishIdle(question)
        case "watch": return finishWatch(question)
        default:
            result = ["distributor": statistics, "nodes": .array(question.answers)]
        }
        send(question.client, .reply(number: question.clientNumber, result: result))
    }

    private var nodeRows: [Value] {
        router.nodes.sorted { $0.key < $1.key }.map { _, node in .map(row(of: node)) }
    }

    func row(of node: NodeLink) -> [String: Value] {
        [
            "name": .string(node.name), "jobs": .array(node.jobs.sorted().map(Value.string)),
            "credit": .int(Int64(node.credit)), "held": .int(Int64(node.load)),
            "incarnation": .int(Int64(node.incarnation)), "promise": .string(node.promise),
            "since": .date(node.since),
            "state": .string(node.isDraining ? "draining" : node.isFull ? "full" : "ready"),
        ]
    }

    var statistics: Value {
        [
            "name": .string(name), "waiting": .int(Int64(heldJobs - onTheWire)),
            "onTheWire": .int(Int64(onTheWire)), "bytes": .int(Int64(heldBytes)),
            "nodes": .int(Int64(router.nodes.count)), "clients": .int(Int64(clients.count)),
            "enqueued": .int(Int64(counters.enqueued)), "stored": .int(Int64(counters.stored)),
            "sent": .int(Int64(counters.sent)), "resent": .int(Int64(counters.resent)),
            "refused": .int(Int64(counters.refused)), "outcomes": .int(Int64(counters.outcomes)),
            "maybeDuplicate": .int(Int64(counters.maybeDuplicate)),
            "cancelled": .int(Int64(counters.cancelled)), "rejected": .int(Int64(counters.rejected)),
        ]
    }

    /// Jobs that are with the distributor have the status `new` and no node.
    private func waitingRows(_ parameters: [String: Value]) -> [Value] {
        if parameters["node"] != nil { return [] }
        if let status = parameters["status"]?.string, status != JobStatus.new.rawValue { return [] }
        let limit = min(ListedRows(parameters).limit, Self.mostWaitingRows)
        return oldestHeld(limit).map(row(of:))
    }

    private static var mostWaitingRows: Int { 100_000 }

    private func waitingRow(_ parameters: [String: Value]) -> Value? {
        guard let id = parameters["id"]?.bytes.flatMap({ JobID(bytes: $0[...]) }) else { return nil }
        let held = handles[id].flatMap { jobs[$0] } ?? backlog[id].map(HeldJob.init(waiting:))
        return held.map(row(of:))
    }

    private func row(of job: HeldJob) -> Value {
        var record = JobRecord(request: job.request)
        record.due = job.request.options.due
        var row = record.row(node: "")
        row["waiting"] = .string(job.node == nil ? router.reasonToWait(job.route) : "on its way to a node")
        return .map(row)
    }
}
