import JRBase
import JRCore
import JRSystem

/// What a node and the supervisor of its process say to each other; silent where there is none.
///
/// The supervisor says `drain`, `finish` (a drain that runs first what is ready), `resume`, `jobs` (tell the counts
/// once), `watch` and `unwatch`.
package final class SupervisedNode: Sendable {
    private static let words = ["drain", "finish", "resume", "jobs", "watch"]

    private let node: Node
    private let environment: [String: String]

    package init(_ node: Node, environment: [String: String] = SystemProgram.environment) {
        self.node = node
        self.environment = environment
    }

    package func tellRecovering() {
        SupervisedProcess.tell("RECOVERING=1", environment: environment)
    }

    package func tell(_ event: NodeEvent) {
        switch event {
        case .recovered(let report):
            let facts = ["recovered=\(report.jobs)/\(report.jobs)", "retried=\(report.retried)"]
            SupervisedProcess.tellReady(facts, understands: Self.words, environment: environment)
        case .paused(let held):
            let facts = [
                "waiting=\(held.waiting)", "scheduled=\(held.scheduled)", "failed=\(held.failed)",
                "unacknowledged=\(held.unacknowledged)",
            ]
            SupervisedProcess.tell("DRAINED=1 " + facts.joined(separator: " "), environment: environment)
        case .connected, .disconnected, .drained, .failed: break
        }
    }

    package func heard(_ word: String) {
        switch word {
        case "drain": node.pause()
        case "finish": node.pause(finishingReady: true)
        case "resume": node.resume()
        case "jobs": node.counts { [environment] in Self.tell($0, environment) }
        case "watch": node.watchCounts { [environment] in Self.tell($0, environment) }
        case "unwatch": node.watchCounts(nil)
        // A later supervisor may say more.
        default: break
        }
    }

    private static func tell(_ counts: NodeCounts, _ environment: [String: String]) {
        let facts =
            "JOBS=1 running=\(counts.running) waiting=\(counts.waiting) scheduled=\(counts.scheduled)"
            + " stored=\(counts.stored)"
        SupervisedProcess.tell(facts, environment: environment)
    }
}
