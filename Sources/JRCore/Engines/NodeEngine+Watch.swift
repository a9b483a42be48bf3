import JRBase
import JRWire

/// The last attempts that failed, for people who look at a node.
struct LatestFailures: Sendable {
    /// One of them.
    struct Failure: Sendable {
        var id: JobID
        var name: String
        var attempt: Int
        var error: String
        var at: WallTime
        /// There will be no other attempt.
        var isFinal: Bool
    }

    static let most = 8
    /// More of an error's text is with its job.
    private static let textBytes = 256

    private var failures = Ring<Failure>()

    mutating func add(_ record: JobRecord, _ error: String, isFinal: Bool, at time: WallTime) {
        let text =
            error.utf8.count <= Self.textBytes
            ? error : String(decoding: error.utf8.prefix(Self.textBytes - 3), as: UTF8.self) + "…"
        failures.append(
            Failure(
                id: record.id, name: record.request.name, attempt: record.attempt, error: text, at: time,
                isFinal: isFinal))
        if failures.count > Self.most { failures.popFirst() }
    }

    /// Oldest first.
    var rows: [Value] {
        var rows: [Value] = []
        failures.forEach { failure in
            rows.append([
                "id": .string(failure.id.description), "name": .string(failure.name),
                "attempt": .int(Int64(failure.attempt)), "error": .string(failure.error), "at": .date(failure.at),
                "final": .bool(failure.isFinal),
            ])
        }
        return rows
    }
}

/// The question `view`: what this node looks like now; and `changes`: the same, as soon as it looks otherwise than the
/// mark in the question says. A distributor asks both for those who watch the cluster.
extension NodeEngine {
    /// All that a view shows: when it differs, there is something new to see.
    struct ViewFigures: Sendable, Equatable {
        var counters: NodeCounters
        var counts: NodeCounts
        var kept: Int
        var lateResults: Int
        var state: String
    }

    /// A distributor that has seen `mark`.
    struct ChangeQuestion: Sendable {
        var link: LinkID
        var number: UInt32
        var mark: Value
    }

    mutating func askedForChanges(_ number: UInt32, _ parameters: [String: Value], from link: LinkID) {
        let own = changeQuestions.filter { $0.link == link }
        if own.count >= Self.mostIdleQuestions, let oldest = own.first {
            changeQuestions.removeAll { $0.link == link && $0.number == oldest.number }
            let text = "\(own.count) questions 'changes' wait over one connection, which is the limit"
            actions.append(.send(link, .replyFailure(number: oldest.number, code: .unavailable, text: text)))
        }
        changeQuestions.append(ChangeQuestion(link: link, number: number, mark: parameters["mark"] ?? .null))
    }

    /// Called at the end of a turn, when all that it brought is under way.
    mutating func answerChangeQuestions() {
        guard !changeQuestions.isEmpty else { return }
        noteChange()
        let mark = mark
        guard changeQuestions.contains(where: { $0.mark != mark }) else { return }
        let view = view
        for question in changeQuestions where question.mark != mark && windows.isOpen(question.link) {
            actions.append(.send(question.link, .reply(number: question.number, result: view)))
        }
        changeQuestions.removeAll { $0.mark != mark }
    }

    mutating func currentView() -> Value {
        noteChange()
        return view
    }

    private mutating func noteChange() {
        let figures = ViewFigures(
            counters: counters, counts: counts, kept: keptCount, lateResults: lateResults, state: state)
        guard figures != viewFigures else { return }
        viewFigures = figures
        viewVersion += 1
    }

    private var mark: Value { [.bytes(session.bytes), .int(viewVersion)] }

    /// Jobs that have ended and are kept, for their outcome or for people.
    private var keptCount: Int { keptJobs - windows.heldCount - scheduledCount }

    private var state: String {
        if !isRecovered { return "recovering" }
        if isStorageAway { return "storage away" }
        if storageRetry != nil { return storageTrouble == .full ? "storage full" : "storage away" }
        return isDraining ? "draining" : "ready"
    }

    private var view: Value {
        var view = statistics.map ?? [:]
        view["mark"] = mark
        view["state"] = .string(state)
        view["kept"] = .int(Int64(keptCount))
        view["failures"] = .array(failures.rows)
        if let oldest = oldestReady { view["oldest"] = .map(oldest) }
        return .map(view)
    }

    private var oldestReady: [String: Value]? {
        let heads = ready.heads { if case .ready? = jobs[$0]?.phase { true } else { false } }
        let oldest = heads.compactMap { jobs[$0]?.record }.min { ready(since: $0) < ready(since: $1) }
        guard let oldest else { return nil }
        var row = oldest.request.waitingRow
        row["since"] = .date(ready(since: oldest))
        return row
    }

    /// A job for a later time waits from then on.
    private func ready(since record: JobRecord) -> WallTime { record.due ?? record.request.created }
}
