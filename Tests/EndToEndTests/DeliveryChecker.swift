/// What clients and handlers saw, compared with what was promised: an answered job runs at least once or can be seen,
/// as it was sent; and what ran more than once can be explained.
///
/// It knows neither processes nor storages: histories of real ones and of simulated ones are checked alike.
struct DeliveryHistory {
    struct Run {
        var job: String
        /// What the handler was given.
        var payload: String
        var node: String
        /// Which life of the node ran it, counted from its start.
        var life: Int
        var attempt: Int
    }

    /// Every job that was sent, answered or not: its id and payload.
    var sent: [String: String] = [:]
    /// Those answered as stored.
    var stored: Set<String> = []
    /// Starts of handlers whose effect is durable outside the system, in order.
    var runs: [Run] = []
    /// Those that can still be seen when all is over: waiting, running or failed.
    var visible: Set<String> = []

    struct Verdict: Equatable, CustomStringConvertible {
        /// Answered as stored, and neither run nor to be seen.
        var lost: Set<String> = []
        /// Run with another payload than was sent.
        var altered: Set<String> = []
        /// Run and never sent.
        var phantoms: Set<String> = []
        /// Not answered and run all the same, which is allowed.
        var recovered = 0
        /// Run again by a later life of the same node: it died before the end was durable.
        var afterDeath = 0
        /// Run by two nodes: the one that had it could not say so, and it was sent to another one.
        var onTwoNodes = 0
        /// Run again by a later life, with an attempt that is not a later one: it was sent again after its end, or the
        /// node died once more before it had stored that it had died.
        var uncounted = 0
        /// Run again without such a reason: twice in one life of a node.
        var unexplained: Set<String> = []

        var isGood: Bool { lost.isEmpty && altered.isEmpty && phantoms.isEmpty && unexplained.isEmpty }

        var description: String {
            "\(lost.count) lost, \(altered.count) altered, \(phantoms.count) phantoms, \(unexplained.count) unexplained;"
                + " \(afterDeath) again after a death, \(onTwoNodes) on two nodes, \(uncounted) uncounted, \(recovered) unanswered that ran"
        }
    }

    func verdict() -> Verdict {
        var verdict = Verdict()
        var runsOf: [String: [Run]] = [:]
        for run in runs {
            if let payload = sent[run.job] {
                if payload != run.payload { verdict.altered.insert(run.job) }
            } else {
                verdict.phantoms.insert(run.job)
            }
            runsOf[run.job, default: []].append(run)
        }
        verdict.lost = stored.filter { runsOf[$0] == nil && !visible.contains($0) }
        verdict.recovered = runsOf.keys.count { sent[$0] != nil && !stored.contains($0) }
        for (job, runs) in runsOf {
            var last: [String: Run] = [:]
            // What a killed node left running may write later than what the node's next life has begun.
            for run in runs.sorted(by: { $0.life < $1.life }) {
                if let before = last[run.node] {
                    if run.life > before.life, run.attempt > before.attempt {
                        verdict.afterDeath += 1
                    } else if run.life > before.life {
                        verdict.uncounted += 1
                    } else {
                        verdict.unexplained.insert(job)
                    }
                } else if !last.isEmpty {
                    verdict.onTwoNodes += 1
                }
                last[run.node] = run
            }
        }
        return verdict
    }
}
