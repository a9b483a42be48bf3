import JRBase
import JRCore
import JRReactor
import JRWire

/// The taking over of one dead node's jobs: its hold first, then its jobs in pieces, each as a whole.
///
/// Whatever fails ends it, and what it has not moved is where it was; another try, of this node or another, goes on
/// from there.
final class RedisTakeOver {
    /// Some of the dead node's jobs, decided on.
    struct Piece {
        var node: String
        var taken: [RecoveredJob] = []
        var records: [[UInt8]] = []
        var dropped: [JobID] = []
    }

    enum Ending {
        /// All that this node wants is here.
        case done(TakeOverReport)
        /// Another one has the hold, or the node itself.
        case held(for: Interval)
        /// There is nothing under that name, or the node has left in good order.
        case nothing
        /// For a while.
        case stopped(TakeOverReport)
        /// Its jobs are of a form that this program does not know.
        case unreadable(TakeOverReport, why: String)
        /// The connection is gone, and the storage knows.
        case interrupted
    }

    private let row: RedisTakeOverPlan.Row
    private let keys: RedisKeys
    private weak var storage: RedisStorage?
    private var done: ((Loop, Ending) -> Void)?
    private var token = ""
    private var marks: Set<String> = []
    private var began = Instant.zero
    private var report: TakeOverReport
    /// Jobs at the front of the order that stay where they are.
    private var skipped = 0

    init(_ row: RedisTakeOverPlan.Row, _ storage: RedisStorage, _ done: @escaping (Loop, Ending) -> Void) {
        self.row = row
        self.storage = storage
        self.done = done
        keys = RedisKeys(node: row.node)
        report = TakeOverReport(node: row.node)
    }

    /// Nothing of it is heard any more.
    func interrupt(_ loop: Loop) {
        if storage?.isUp == true, !token.isEmpty { send(.leave, [token]) { _, _ in } }
        finish(.interrupted, loop)
    }

    private func finish(_ ending: Ending, _ loop: Loop) {
        done.take()?(loop, ending)
    }

    private var lease: String { "\(storage?.settings.lease.millisecondsRoundedUp ?? 0)" }

    private func send(
        _ script: RedisScript, _ arguments: [String],
        _ answer: @escaping (Loop, Result<RESPValue, RedisFailure>) -> Void
    ) {
        storage?.client?.send(script.command(keys, arguments), answer)
    }

    /// Calls `body` with the answer, unless that is a failure, which ends the take-over.
    private func ask(_ command: RESPCommand, _ body: @escaping (Loop, RESPValue) -> Void) {
        storage?.client?.send(command) { [self] loop, result in
            guard done != nil else { return }
            switch result {
            case .success(let reply): body(loop, reply)
            case .failure(let failure): stop(failure.why, loop)
            }
        }
    }

    /// Gives the rest back, for another try.
    private func stop(_ why: String, _ loop: Loop) {
        if storage?.isUp == true, !token.isEmpty { send(.leave, [token]) { _, _ in } }
        report.stopped = why
        report.time = loop.refreshNow().instant - began
        finish(.stopped(report), loop)
    }

    // MARK: Steps

    func start(_ loop: Loop) {
        guard let storage else { return }
        began = loop.refreshNow().instant
        let words = [storage.holder(taker: storage.node), lease, RedisKeys.format, row.node, "\(row.end)"]
        // On a cluster the registry is elsewhere: a node that leaves in this very moment is taken for dead.
        let keys = keys.all + (storage.isCluster ? [] : [RedisKeys.registry])
        ask(RedisScript.seize.command(keys: keys, words)) { [self] loop, reply in
            let parts = reply.elements ?? []
            switch (parts.first?.text, parts.count) {
            case ("seized", 4):
                guard let token = parts[1].text, let now = parts[3].int else { break }
                self.token = token
                report.delay = row.end > 0 ? .milliseconds(max(now - row.end, 0)) : .zero
                return readMarks(loop)
            case ("held", 2): return finish(.held(for: .milliseconds(max(parts[1].int ?? 0, 1))), loop)
            case ("none", 1): return finish(.nothing, loop)
            case ("format", 2):
                return finish(
                    .unreadable(report, why: "they are of the format '\(parts[1].text ?? "")'"), loop)
            default: break
            }
            stop(RedisFailure.unexpected(command: "EVAL").why, loop)
        }
    }

    private func readMarks(_ loop: Loop) {
        ask(RESPCommand("SMEMBERS", keys.running)) { [self] loop, reply in
            marks = Set((reply.elements ?? []).compactMap(\.text))
            load(loop)
        }
    }

    private func load(_ loop: Loop) {
        ask(RedisScript.load.command(keys, [token, "\(skipped)", lease])) { [self] loop, reply in
            guard RedisLease.Word(reply) == .done, let parts = reply.elements?.dropFirst() else {
                return stop("the hold on them has ended", loop)
            }
            if parts.isEmpty { return leave(loop) }
            decide(parts, loop)
        }
    }

    private func decide(_ parts: ArraySlice<RESPValue>, _ loop: Loop) {
        guard let choose = storage?.choose else { return stop("this node is stopping", loop) }
        var found: [RecoveredJob] = []
        var bytes: [[UInt8]] = []
        for index in stride(from: parts.startIndex, to: parts.endIndex - 1, by: 2) {
            let id = parts[index].text ?? ""
            guard case .bulk(let record) = parts[index + 1], let job = JobRecord(stored: record, as: id) else {
                send(.leave, [token]) { _, _ in }
                report.time = loop.refreshNow().instant - began
                return finish(
                    .unreadable(report, why: "the record of the job \(id.prefix(64)) is not of a known form"), loop)
            }
            found.append(RecoveredJob(record: job, wasRunning: marks.contains(id)))
            bytes.append(record)
        }
        guard let choices = choose(loop, found.map(\.record)), choices.count == found.count else {
            return stop("this node takes no more now", loop)
        }
        var piece = Piece(node: row.node)
        var left = 0
        for (index, choice) in choices.enumerated() {
            switch choice {
            case .take:
                piece.taken.append(found[index])
                piece.records.append(bytes[index])
            case .drop: piece.dropped.append(found[index].record.id)
            case .leave: left += 1
            case .later: break
            }
        }
        let isFull = choices.contains(.later)
        let next: (Loop) -> Void = { [self] loop in
            skipped += left
            report.left += left
            if isFull { stop("this node has no room for more", loop) } else { load(loop) }
        }
        if piece.taken.isEmpty, piece.dropped.isEmpty { return next(loop) }
        if storage?.isCluster == true { copy(piece, loop, next) } else { move(piece, loop, next) }
    }

    private func settled(_ piece: Piece, _ loop: Loop) {
        report.taken += piece.taken.count
        report.wereRunning += piece.taken.count(where: \.wasRunning)
        report.dropped += piece.dropped.count
        storage?.took(piece, loop)
    }

    private func move(_ piece: Piece, _ loop: Loop, _ next: @escaping (Loop) -> Void) {
        guard let storage, let ours = storage.lease?.token else {
            return stop("this node has no hold of its own", loop)
        }
        let words =
            [ours, token, lease, "\(piece.dropped.count)"] + piece.dropped.map(\.description)
            + piece.taken.map(\.record.id.description)
        let command = RedisScript.move.command(keys: storage.keys.all + keys.all, words)
        storage.client?.send(command) { [self, weak storage] loop, result in
            guard let storage, storage.isOpen else { return }
            switch result {
            case .success(let reply):
                guard hasSucceeded(reply, loop) else { return }
                // Also when nobody waits for it any more: they are ours now.
                settled(piece, loop)
                if done != nil { next(loop) }
            case .failure(let failure):
                if !failure.isCertain { storage.unsettled = piece }
                if done != nil { stop(failure.why, loop) }
            }
        }
    }

    /// Whether a script on our own keys was carried out.
    private func hasSucceeded(_ reply: RESPValue, _ loop: Loop) -> Bool {
        guard let storage, let word = reply.elements?.first?.text else { return false }
        if word == "done" {
            storage.commits = max(storage.commits, reply.elements?.last?.int ?? 0)
            return true
        }
        if let word = RedisLease.Word(reply) { storage.heard(word, loop) }
        if done != nil { stop("the hold on them has ended", loop) }
        return false
    }

    // MARK: Cluster

    /// Two steps: a death between them leaves copies, and a job may run on both nodes.
    private func copy(_ piece: Piece, _ loop: Loop, _ next: @escaping (Loop) -> Void) {
        guard let storage, let ours = storage.lease?.token else {
            return stop("this node has no hold of its own", loop)
        }
        let ids = piece.taken.map(\.record.id)
        let bytes = piece.records.reduce(64) { $0 + $1.count + 64 }
        let count = 1 + 3 * piece.taken.count
        let command = RedisScript.adopt.command(keys: storage.keys.all, arguments: count, reserving: bytes) { writer in
            writer.bulk(ours.utf8)
            for (job, record) in zip(piece.taken, piece.records) {
                writer.bulk(job.record.id.description.utf8)
                writer.bulk(record)
                writer.bulk(job.wasRunning ? 1 : 0)
            }
        }
        storage.client?.send(command) { [self, weak storage] loop, result in
            guard let storage, storage.isOpen else { return }
            switch result {
            case .success(let reply):
                guard hasSucceeded(reply, loop) else { return }
                if done == nil { return storage.uncertain.formUnion(ids) }
                drop(piece, loop, next)
            case .failure(let failure):
                if !failure.isCertain { storage.uncertain.formUnion(ids) }
                if done != nil { stop(failure.why, loop) }
            }
        }
    }

    private func drop(_ piece: Piece, _ loop: Loop, _ next: @escaping (Loop) -> Void) {
        let ids = piece.dropped + piece.taken.map(\.record.id)
        send(.drop, [token, lease] + ids.map(\.description)) { [self] loop, result in
            guard let storage, storage.isOpen else { return }
            switch result {
            case .success(let reply) where reply.elements?.first?.text == "done":
                settled(piece, loop)
                if done != nil { next(loop) }
            case .failure(let failure) where !failure.isCertain:
                // They may be gone there, and are here.
                settled(piece, loop)
                if done != nil { stop(failure.why, loop) }
            case .success, .failure:
                storage.uncertain.formUnion(piece.taken.map(\.record.id))
                if done != nil { stop("the hold on them has ended", loop) }
            }
        }
    }

    // MARK: End

    private func leave(_ loop: Loop) {
        if report.left == 0 {
            // Before the hold ends: should the node come back, it writes itself down again after it.
            storage?.client?.send(RESPCommand("ZREM", RedisKeys.registry, row.node)) { _, _ in }
        }
        ask(RedisScript.leave.command(keys, [token])) { [self] loop, _ in
            report.time = loop.refreshNow().instant - began
            finish(.done(report), loop)
        }
    }
}
