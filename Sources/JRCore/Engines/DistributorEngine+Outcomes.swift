import JRBase
import JRWire

/// How jobs ended: from the node to the application, and the acknowledgement back.
extension DistributorEngine {
    /// An application that hears of outcomes.
    struct Hearer: Sendable {
        let session: JobID
        let link: LinkID
        let isLocal: Bool
    }

    mutating func ended(_ outcome: consuming JobOutcome, from link: LinkID) {
        guard router.isAnswering(link, for: outcome.client) else { return }
        guard let hearer = hearer(outcome.client) else {
            counters.outcomesWithoutClient += 1
            return
        }
        if hearer.isLocal {
            heard.add(outcome.key, of: link)
        } else {
            outcomeSources.note(outcome.key, from: link, for: outcome.client)
        }
        counters.outcomes += 1
        // The receipt of a job goes before its outcome.
        flushReceipts()
        send(hearer.link, .ended(consume outcome))
    }

    /// Mostly that of the last outcome.
    private mutating func hearer(_ client: JobID) -> Hearer? {
        if let latestHearer, latestHearer.session == client { return latestHearer }
        guard let link = clients[client] else { return nil }
        latestHearer = Hearer(session: client, link: link, isLocal: localClients.contains(link))
        return latestHearer
    }

    /// Behind the outcomes themselves.
    mutating func sendHeard() {
        heard.takeEach { node, keys in actions.append(.send(node, .outcomesReceived(keys))) }
    }

    mutating func acknowledge(_ keys: [OutcomeKey]) {
        for key in keys { outcomeSources.take(key, into: &heard) }
    }

    /// The answer has the number 0 too, and names the application. Until it comes, what the node tells for this
    /// application is ignored: it may be the rest of outcomes whose beginning came while the application was away. All
    /// that are not acknowledged follow the answer, in order.
    mutating func askForOutcomes(of client: JobID, from node: LinkID) {
        router.update(node) { $0.asked[client, default: 0] += 1 }
        send(node, .request(number: 0, verb: "outcomes", parameters: ["client": .bytes(client.bytes)]))
    }

    mutating func outcomesFollow(_ result: Value, from link: LinkID) {
        guard let client = result.bytes.flatMap({ JobID(bytes: $0[...]) }) else { return }
        router.update(link) { node in
            guard let count = node.asked[client] else { return }
            node.asked[client] = count > 1 ? count - 1 : nil
        }
    }
}
