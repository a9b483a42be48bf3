import JRBase
import JRWire

/// What people do to jobs: a job that waits here is settled here, one that a node has is asked of the nodes.
extension DistributorEngine {
    mutating func change(_ client: LinkID, _ number: UInt32, _ verb: String, _ parameters: [String: Value]) {
        if verb == "destroy", let node = parameters["node"]?.string {
            if router.nodes.values.contains(where: { $0.name == node }) {
                return askNodes(client, number, verb, parameters)
            }
            let names = router.nodes.values.map(\.name).sorted().joined(separator: ", ")
            let text = "no node '\(node)' is connected: \(names.isEmpty ? "there is none" : "there are \(names)")"
            return send(client, .replyFailure(number: number, code: .notFound, text: text))
        }
        guard let id = Self.id(parameters) else {
            let text = "'\(verb)' needs the parameter 'id', the 16 bytes of a job's id"
            return send(client, .replyFailure(number: number, code: .invalidRequest, text: text))
        }
        if let waiting = waiting(id) {
            changeWaiting(waiting.request, waiting.route, client, number, verb)
        } else if verb != "retry", handles[id] == nil, cancelled[id] != nil {
            send(client, .reply(number: number, result: Self.done(verb)))
        } else {
            // A job on its way arrives at its node before the question does.
            askNodes(client, number, verb, parameters)
        }
    }

    private mutating func changeWaiting(
        _ request: JobRequest, _ route: Int, _ client: LinkID, _ number: UInt32, _ verb: String
    ) {
        if verb == "retry" {
            let text =
                "the job \(request.id) has not run yet: it waits in the distributor, since "
                + router.reasonToWait(route)
            return send(client, .replyFailure(number: number, code: .invalidRequest, text: text))
        }
        cancelWaiting(request)
        send(client, .reply(number: number, result: Self.done(verb)))
    }

    private static func done(_ verb: String) -> Value {
        ["state": verb == "cancel" ? "cancelled" : "destroyed"]
    }

    private static func id(_ parameters: [String: Value]) -> JobID? {
        parameters["id"]?.bytes.flatMap { JobID(bytes: $0[...]) }
    }

    /// Drops a job that no node has.
    private mutating func cancelWaiting(_ request: JobRequest) {
        counters.cancelled += 1
        cancelled.insert(request.id, (), created: request.created)
        // The receipt of a job goes before its outcome.
        flushReceipts()
        leaveLine(request.id)
        tellCancelled(request)
    }

    /// Whatever outcomes it wants, its application has to hear of this one: it would enqueue the job again when its
    /// connection breaks, since no node has stored it. Nobody keeps it, so its acknowledgement is for nobody.
    mutating func tellCancelled(_ request: JobRequest) {
        guard let client = clients[request.client] else { return }
        let outcome = JobOutcome(
            id: request.id, run: 1, ending: .cancelled, arguments: request.arguments, error: nil, attempt: 0, node: "",
            client: request.client, isFinal: true)
        send(client, .ended(outcome))
    }

    // MARK: Answers

    /// Of several nodes that had the job, one where it still runs decides, then one that did something.
    private static let states = [
        "cancelling", "destroying", "cancelled", "destroyed", "ready", "ended",
    ]

    mutating func finishChange(_ question: Questions.Pending) {
        let (client, number) = (question.client, question.clientNumber)
        if question.parameters["node"] != nil, let answer = question.answers.first {
            return send(client, .reply(number: number, result: answer))
        }
        let answer = question.answers.min { rank($0) < rank($1) }
        if let answer { return send(client, .reply(number: number, result: answer)) }
        // A node refused it, or went, before it had stored the job: it is here again, or on its way to another.
        if let id = Self.id(question.parameters), holds(id) {
            return change(client, number, question.verb, question.parameters)
        }
        let (code, text) = question.failure ?? notFound(question.parameters)
        send(client, .replyFailure(number: number, code: code, text: text))
    }

    private func rank(_ answer: Value) -> Int {
        Self.states.firstIndex(of: answer.map?["state"]?.string ?? "") ?? Self.states.count
    }

    private mutating func notFound(_ parameters: [String: Value]) -> (RefusalCode, String) {
        guard let id = Self.id(parameters) else {
            return (.unavailable, "the node went before it answered: ask again when it is back")
        }
        if let node = recent[id], !router.nodes.values.contains(where: { $0.name == node }) {
            return (
                .unavailable, "the node '\(node)', which stored the job \(id), is not connected: ask again when it is"
            )
        }
        return (
            .notFound,
            "no connected node has the job \(id), nor has the distributor: jobs that are done are removed, and a node "
                + "that is down cannot answer"
        )
    }
}
