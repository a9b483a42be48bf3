import JRBase
import JRWire

extension NodeEngine {
    /// A job of a node, in its place in ``jobs``.
    struct Job: Sendable {
        var record: JobRecord
        var phase: Phase
        var charge: Charge
        /// The distributor that sent it: the first to be told how it ended.
        var origin: LinkID?
        /// Where it runs.
        var lane: Lane
        /// The latest batch that it is part of: one that was taken, or the next, where it has changed since.
        var batch = 0
        /// Of an attempt that may not last for ever: when it is told to stop, and then when it is given up.
        var deadline: Handle?
        /// Its attempt was told to stop because it took so long.
        var timedOutAfter: Interval?

        /// It is to be part of the next batch, which has this number. False if that was noted already.
        mutating func noteChanged(for number: Int) -> Bool {
            defer { batch = number }
            return batch != number
        }

        /// Gives its deadline, when it was told to stop because it took so long, and whether it is to be cancelled.
        mutating func noteAttemptEnded() -> (deadline: Handle?, timedOutAfter: Interval?, isCancelRequested: Bool) {
            record.deaths = 0
            return (deadline.take(), timedOutAfter.take(), record.isCancelRequested)
        }

        /// A success is its end, and somebody wants to hear of that.
        var endsPlainly: Bool {
            deadline == nil && timedOutAfter == nil && !record.isCancelRequested && !record.isDestroyRequested
                && record.request.options.isPlain && !record.request.feedback.isEmpty && record.runs == 0
                && record.outcomes.isEmpty
        }

        /// Adds what is to become of it in storage.
        func change(_ changes: inout StorageChanges) {
            if case .removing = phase { changes.remove(record.request.id) } else { changes.put(record) }
        }

        /// Begins an attempt; nil, and nothing is done, where the job is not ready.
        mutating func begin(_ attempt: AttemptID, at now: Now) -> (order: RunOrder, timeout: Interval?)? {
            guard case .ready = phase else { return nil }
            phase = .running(serial: attempt.serial, lane: lane)
            record.status = .inProgress
            record.attempt += 1
            record.startedAt = now.wall
            let order = RunOrder(
                attempt: attempt, lane: lane, id: record.request.id, name: record.request.name,
                arguments: record.request.arguments, number: record.attempt,
                isPeriodic: record.request.options.period != nil)
            return (order, record.request.options.timeout)
        }

        /// A new one for now is ready when it is stored. False, and nothing is done, for any other.
        mutating func isReadyAtOnce() -> Bool {
            guard case .storing = phase, record.due == nil, charge != .nobody else { return false }
            phase = .ready
            return true
        }

        /// Lets go of the memory that it has beside its place, before that is left to another one.
        mutating func empty(keepingOutcomes: Bool) {
            record.request.arguments = []
            record.request.options = .standard
            record.lastError = nil
            if !keepingOutcomes { record.outcomes = [] }
        }

        /// Becomes one that has just come, in its place: all that is here is set.
        mutating func renew(_ request: inout JobRequest, charge: Charge, origin: LinkID?, lane: Lane, batch: Int) {
            record.renew(&request)
            phase = .storing
            self.charge = charge
            self.origin = origin
            self.lane = lane
            self.batch = batch
            deadline = nil
            timedOutAfter = nil
        }
    }
}
