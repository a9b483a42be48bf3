import JRBase
import JRWire

/// Outcomes that are sent again because their application came back, a window at a time.
///
/// All at once would be more than a connection holds after a long absence: it would be closed, made again, and filled
/// again, for ever.
struct OutcomeResends: Sendable {
    private struct Resend: Sendable {
        var link: LinkID
        var jobs = Ring<Handle>()
        var unacknowledged: Set<OutcomeKey> = []
        var bytes = 0
    }

    static let mostOutcomes = 1_024
    static let mostBytes = Limits.outboxSoftBytes

    private var resends: [JobID: Resend] = [:]

    var isEmpty: Bool { resends.isEmpty }

    /// Replaces what was under way for this application.
    mutating func begin(_ client: JobID, over link: LinkID, jobs: [Handle]) {
        var resend = Resend(link: link)
        for job in jobs { resend.jobs.append(job) }
        resends[client] = jobs.isEmpty ? nil : resend
    }

    mutating func linkClosed(_ link: LinkID) {
        resends = resends.filter { $0.value.link != link }
    }

    /// The next job whose outcomes to send, unless the window is full.
    mutating func next(for client: JobID) -> (job: Handle, link: LinkID)? {
        guard let resend = resends[client], resend.unacknowledged.count < Self.mostOutcomes,
            resend.bytes < Self.mostBytes
        else { return nil }
        guard let job = resends[client]?.jobs.popFirst() else {
            if resend.unacknowledged.isEmpty { resends[client] = nil }
            return nil
        }
        return (job, resend.link)
    }

    mutating func sent(_ outcome: JobOutcome, to client: JobID) {
        guard resends[client]?.unacknowledged.insert(outcome.key).inserted == true else { return }
        resends[client]?.bytes += outcome.arguments.count + 256
    }

    /// The application whose window is now wholly acknowledged, so that the next one may go.
    mutating func acknowledged(_ key: OutcomeKey) -> JobID? {
        for client in resends.keys where resends[client]?.unacknowledged.remove(key) != nil {
            guard resends[client]?.unacknowledged.isEmpty == true else { return nil }
            resends[client]?.bytes = 0
            return client
        }
        return nil
    }
}
