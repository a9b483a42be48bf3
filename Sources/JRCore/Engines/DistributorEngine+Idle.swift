import JRBase
import JRWire

/// The question `idle`: answered when this distributor holds no job and all its nodes have said that they are idle,
/// with nothing enqueued in between.
extension DistributorEngine {
    /// An application that waits, and has to be asked for: the nodes are asked when no job is left here.
    struct IdleWait: Sendable {
        var client: LinkID
        var number: UInt32
        var parameters: [String: Value]
    }

    mutating func askedWhenIdle(_ client: LinkID, _ number: UInt32, _ parameters: [String: Value]) {
        idleWaits.append(IdleWait(client: client, number: number, parameters: parameters))
    }

    mutating func forgetIdleWaits(of client: LinkID) { idleWaits.removeAll { $0.client == client } }

    /// Called at the end of a turn, when what it brought is dispatched or in a line.
    mutating func askIdleNodes() {
        guard !idleWaits.isEmpty, heldJobs == 0 else { return }
        let names = Set(router.nodes.values.map(\.name))
        let waits = idleWaits
        idleWaits = []
        for wait in waits {
            let wanted = (wait.parameters["nodes"]?.array ?? []).compactMap(\.string)
            guard names.isSuperset(of: wanted) else {
                idleWaits.append(wait)
                continue
            }
            var parameters = wait.parameters
            // What came since the nodes were asked would make their answers old news.
            parameters["mark"] = .int(Int64(counters.enqueued))
            parameters["asked"] = .int(Int64(names.count))
            askNodes(wait.client, wait.number, "idle", parameters)
        }
    }

    mutating func finishIdle(_ question: Questions.Pending) {
        if let failure = question.failure {
            send(
                question.client,
                .replyFailure(number: question.clientNumber, code: failure.code, text: failure.text))
            return
        }
        let isCurrent =
            heldJobs == 0 && question.parameters["mark"]?.int == counters.enqueued
            && question.parameters["asked"]?.int == question.answers.count
        guard isCurrent else {
            var parameters = question.parameters
            parameters["mark"] = nil
            parameters["asked"] = nil
            return askedWhenIdle(question.client, question.clientNumber, parameters)
        }
        let result: Value = [
            "enqueued": .int(Int64(counters.enqueued)), "sent": .int(Int64(counters.sent)),
            "session": .bytes(session.bytes), "nodes": .array(question.answers),
        ]
        send(question.client, .reply(number: question.clientNumber, result: result))
    }
}
