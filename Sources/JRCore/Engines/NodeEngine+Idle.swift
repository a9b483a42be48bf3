import JRBase
import JRWire

/// The question `idle`: answered when nothing is left to do here, however long that takes.
///
/// A job counts until its end is stored. What its body enqueued counts until a node has stored that, so that a job
/// which ends after it has enqueued another one hides nothing.
extension NodeEngine {
    /// Somebody who waits for this node to be idle.
    struct IdleQuestion: Sendable, Equatable {
        var link: LinkID
        var number: UInt32
    }

    /// More than these over one link at once are a mistake, or left by applications that went.
    static let mostIdleQuestions = 64

    /// Jobs that bodies on this node have enqueued elsewhere and that no node has stored yet.
    public mutating func unstoredElsewhere(_ count: Int) { enqueuedElsewhere = count }

    mutating func askedWhenIdle(_ number: UInt32, from link: LinkID) {
        let own = idleQuestions.filter { $0.link == link }
        if own.count >= Self.mostIdleQuestions, let oldest = own.first {
            idleQuestions.removeAll { $0 == oldest }
            let text = "\(own.count) questions 'idle' wait over one connection, which is the limit"
            actions.append(.send(link, .replyFailure(number: oldest.number, code: .unavailable, text: text)))
        }
        idleQuestions.append(IdleQuestion(link: link, number: number))
    }

    /// Called at the end of a turn, when all that it brought is under way.
    mutating func answerIdleQuestions() {
        guard !idleQuestions.isEmpty, isIdle else { return }
        var failed = 0
        jobs.forEach { _, job in
            if job.record.status == .failed, job.phase != .removing { failed += 1 }
        }
        // Those that are not kept are counted only; those of earlier lives are kept only.
        let answer: Value = [
            "name": .string(settings.name), "stored": .int(Int64(counters.stored)),
            "started": .int(Int64(counters.started)), "failed": .int(Int64(max(failed, counters.failed))),
        ]
        for question in idleQuestions where windows.isOpen(question.link) {
            actions.append(.send(question.link, .reply(number: question.number, result: answer)))
        }
        idleQuestions = []
    }

    /// Nothing is ready, running, scheduled or being stored, and nothing that ran here has left something to store
    /// elsewhere.
    var isIdle: Bool {
        isRecovered && ready.readyCount == 0 && ready.runningCount == 0 && scheduledCount == 0 && dirty.isEmpty
            && commitUnderWay == nil && afterCommit.isEmpty && enqueuedElsewhere == 0
    }
}
