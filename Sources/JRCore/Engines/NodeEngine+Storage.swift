public import JRBase
import JRWire

/// What is stored when, what waits for it, and what a start finds.
extension NodeEngine {
    mutating func markDirty(_ handle: Handle) {
        let batch = nextBatch
        if jobs.with(handle, { $0.noteChanged(for: batch) }) == true { dirty.append(handle) }
    }

    /// All changes since the last commit as one batch, or nil when there are none or a commit is under way.
    ///
    /// The shell stores it and calls ``committed(_:at:)`` or ``commitFailed(_:at:)``.
    ///
    /// - Parameter keepsRecords: whether the storage looks at the changes; for one that does not, none are made.
    public mutating func takeBatch(at now: Now, keepsRecords: Bool = true) -> StorageBatch? {
        guard commitUnderWay == nil, storageRetry == nil else { return nil }
        if dirty.isEmpty {
            if afterCommit.isEmpty { return nil }
            var after = takeSpare()
            swap(&after, &afterCommit)
            perform(&after, at: now)
            giveBack(&after)
            return nil
        }
        var changes = StorageChanges()
        if keepsRecords {
            // And for the room that a record is begun with, lest the last one moves all of them.
            changes.reserve(dirty.count, bytes: dirty.count * bytesPerChange + 2_048)
            for handle in dirty { jobs.with(handle) { $0.change(&changes) } }
            bytesPerChange = changes.byteCount / dirty.count + 1
        }
        let number = nextBatch
        nextBatch += 1
        commitUnderWay = (number, dirty, afterCommit)
        dirty = spareDirty
        spareDirty = []
        afterCommit = takeSpare()
        return StorageBatch(number: number, changes: changes)
    }

    public mutating func committed(_ number: Int, at now: Now) {
        guard var batch = commitUnderWay, batch.number == number else { return }
        commitUnderWay = nil
        perform(&batch.after, at: now)
        giveBack(&batch.after)
        batch.changed.removeAll(keepingCapacity: batch.changed.capacity <= Self.mostSpare)
        swap(&batch.changed, &spareDirty)
    }

    private static var mostSpare: Int { 4_096 }

    private mutating func takeSpare() -> [AfterCommit] {
        var spare: [AfterCommit] = []
        swap(&spare, &spareAfterCommit)
        return spare
    }

    private mutating func giveBack(_ actions: inout [AfterCommit]) {
        actions.removeAll(keepingCapacity: actions.capacity <= Self.mostSpare)
        swap(&actions, &spareAfterCommit)
    }

    /// Storage had no room, or could not be reached: new jobs of the batch are refused, all other changes tried again
    /// in a second.
    public mutating func commitFailed(_ number: Int, at now: Now, _ trouble: StorageTrouble = .full) {
        guard let batch = commitUnderWay, batch.number == number else { return }
        commitUnderWay = nil
        storageTrouble = trouble
        storageRetry = now.instant + .seconds(Int64(1))
        let again = afterCommit
        afterCommit = []
        for action in batch.after {
            guard case .received(let handle, let link) = action, jobs[handle]?.phase == .storing else {
                afterCommit.append(action)
                continue
            }
            refuseUnstored(handle, for: link)
        }
        afterCommit += again
        for handle in batch.changed { markDirty(handle) }
    }

    private mutating func refuseUnstored(_ handle: Handle, for link: LinkID) {
        guard let job = jobs[handle] else { return }
        if job.charge == .nobody { countScheduled(handle, -1) }
        discharge(handle)
        jobs.remove(handle)
        handles[job.record.id] = nil
        refuseForStorage(job.record.id, to: link)
    }

    private mutating func refuseForStorage(_ id: JobID, to link: LinkID) {
        guard windows.isOpen(link) else { return }
        let (code, text) = storageRefusal
        refuse(id, code, text, to: link)
    }

    var storageRefusal: (RefusalCode, String) {
        if isStorageAway || storageTrouble == .away {
            return (.unavailable, "the storage of node '\(settings.name)' cannot be reached")
        }
        return (.storageFull, "the storage of node '\(settings.name)' is full")
    }

    /// Storage has said that it cannot be reached: no job is taken until ``storageCameBack()``.
    public mutating func storageWentAway() {
        isStorageAway = true
        storageTrouble = .away
    }

    /// What waits to be stored is tried at once.
    public mutating func storageCameBack() {
        isStorageAway = false
        storageRetry = nil
    }

    /// Storage has lost what it had: the next batch puts everything.
    public mutating func storageLost() {
        unpackAll()
        jobs.forEach { handle, _ in markDirty(handle) }
    }

    /// Each is moved out, and leaves something that is nothing to remove.
    private mutating func perform(_ actions: inout [AfterCommit], at now: Now) {
        var span = actions.mutableSpan
        for index in span.indices {
            var action = AfterCommit.recovered
            swap(&action, &span[index])
            perform(action, at: now)
        }
    }

    private mutating func perform(_ action: consuming AfterCommit, at now: Now) {
        switch consume action {
        case .received(let handle, let link):
            let found = jobs.with(handle) { ($0.record.request.id, $0.isReadyAtOnce() ? $0.lane : nil) }
            guard let (id, lane) = found else { return }
            counters.stored += 1
            noteStored(id, for: link)
            if let lane { return ready.append(handle, lane: lane) }
            // It may have been cancelled meanwhile.
            if case .storing? = phase(of: handle) { start(handle, at: now) }
        case .storedBefore(let id, let link):
            if handles[id] != nil || finished[id] != nil || waiting.contains(id) {
                noteStored(id, for: link)
            } else {
                // The first copy was refused in between, on a link that may be gone.
                refuseForStorage(id, to: link)
            }
        case .outcome(let handle, let run):
            guard let (outcomes, sender) = jobs.with(handle, { ($0.record.outcomes, $0.origin) }) else { return }
            flushStored()
            let origin = sender.flatMap { windows.isOpen($0) ? $0 : nil }
            // Earlier ones that are not acknowledged go first: after the last one an application expects no more.
            for outcome in outcomes where outcome.run <= run {
                // The distributor it came from, if it is there; else all, of which the application's will know it.
                if let origin {
                    actions.append(.send(origin, .ended(outcome)))
                } else {
                    for link in windows.links { actions.append(.send(link, .ended(outcome))) }
                }
            }
        case .due(let handle, let timer): due(handle, timer: timer)
        case .removed(let handle):
            let keepsOutcomes = jobs.freeCount < Self.mostSpare
            let removed = jobs.with(handle) { job -> (JobID, JobStatus, created: WallTime)? in
                guard case .removing = job.phase else { return nil }
                job.empty(keepingOutcomes: keepsOutcomes)
                return (job.record.request.id, job.record.status, job.record.request.created)
            }
            guard let (id, status, created) = removed ?? nil else { return }
            jobs.leave(handle)
            handles[id] = nil
            finished.insert(id, status, created: created)
        case .reply(let number, let result, let link):
            guard windows.isOpen(link) else { return }
            switch result {
            case .value(let value): actions.append(.send(link, .reply(number: number, result: value)))
            case .failure(let code, let text):
                actions.append(.send(link, .replyFailure(number: number, code: code, text: text)))
            }
        case .recovered: isRecovered = true
        case .tookOver(let handle):
            // It may have been cancelled meanwhile.
            if case .storing? = phase(of: handle) { start(handle, at: now) }
        }
    }

    /// Ids stored in one turn share a message.
    private mutating func noteStored(_ id: JobID, for link: LinkID) {
        guard windows.isOpen(link) else { return }
        if storedIDs.link != link { flushStored() }
        storedIDs.link = link
        storedIDs.ids.append(id)
    }

    /// Before anything else is said, so that a job is stored before it has ended.
    mutating func flushStored() {
        guard !storedIDs.ids.isEmpty else { return }
        let (link, ids) = storedIDs
        storedIDs.ids = []
        storedIDs.ids.reserveCapacity(ids.count)
        actions.append(.send(link, .stored(ids)))
    }

    /// A stored job waits for its time or is ready.
    mutating func start(_ handle: Handle, at now: Now) {
        let retry = settings.retry
        let found = jobs.with(handle) { job in
            let due = job.record.due.flatMap { $0 > now.wall ? $0 : nil }
            return (due, due == nil ? nil : Self.delay(of: job.record, retry), job.charge == .nobody)
        }
        guard let (due, delay, isCounted) = found else { return }
        guard let due else {
            if isCounted { countScheduled(handle, -1) }
            return makeReady(handle)
        }
        // A wall clock that is set back cannot put a job off beyond the delay that it waits out.
        let deadline = now.instant + min(due - now.wall, delay ?? due - now.wall)
        if isCounted {
            if pack(handle, until: deadline) { return }
            countScheduled(handle, -1)
        }
        schedule(handle, at: deadline)
    }

    /// The delay that the job's due time was made from; nil for a date.
    private static func delay(of record: JobRecord, _ standard: RetrySchedule) -> Interval? {
        let options = record.request.options
        switch record.status {
        case .new: return options.delay
        case .queued: return options.period
        case .error:
            let retry = options.retry ?? standard
            return options.period ?? retry.delay(afterAttempt: record.attempt, of: record.id)
        case .inProgress, .complete, .failed, .cancelled: return nil
        }
    }

    // MARK: Start

    /// Takes over what storage held. Attempts start once what follows from it is stored in turn.
    ///
    /// - Parameters:
    ///   - records: all jobs but those of `waiting`.
    ///   - waiting: jobs that wait for their time, as far as the storage has them packed.
    ///   - now: the time.
    public mutating func recovered(
        _ records: [RecoveredJob], waiting: consuming WaitingJobs = WaitingJobs(), at now: Now
    ) {
        var records = records
        take(waiting, &records, at: now)
        jobs.reserve(records.count)
        handles.reserveCapacity(records.count)
        timers.reserve(records.count)
        for found in records {
            let lane = lane(of: found.record.request)
            let handle = jobs.insert(
                Job(record: found.record, phase: .storing, charge: .nobody, origin: nil, lane: lane))
            handles[found.record.id] = handle
            recovery.jobs += 1
            if found.record.status.isEnded {
                recovery.unacknowledged += found.record.outcomes.count
                keepEnded(handle, at: now)
                continue
            }
            countScheduled(handle, 1)
            switch death(of: found, handle, at: now) {
            case nil: break
            case .again: recovery.retried += 1
            case .poison:
                recovery.poisoned += 1
                continue
            case .end: continue
            }
            if settings.retryJobsAtStart { start(handle, at: now) } else { jobs[handle]?.phase = .parked }
        }
        afterCommit.append(.recovered)
    }

    mutating func keepEnded(_ handle: Handle, at now: Now) {
        guard let record = jobs[handle]?.record else { return }
        let life = (record.endedAt ?? now.wall) + settings.outcomeLife
        let expiry = record.outcomes.isEmpty ? nil : expire(handle, at: now.instant(of: life))
        jobs[handle]?.phase = .ended(expiry: expiry)
    }

    /// What the death of its node means for a job.
    enum Death: Sendable {
        case again
        case poison
        /// It was cancelled, or that was the last attempt it had.
        case end
    }

    /// Nil where no attempt was under way.
    mutating func death(of found: RecoveredJob, _ handle: Handle, at now: Now) -> Death? {
        // A record that was stored during an attempt says so itself, and has counted it.
        let isInProgress = found.record.status == .inProgress
        return found.wasRunning || isInProgress ? died(handle, counted: isInProgress, at: now) : nil
    }

    /// The attempt that was under way ended with the node.
    private mutating func died(_ handle: Handle, counted: Bool, at now: Now) -> Death {
        guard var record = jobs[handle]?.record else { return .end }
        if !counted { record.attempt += 1 }
        record.deaths += 1
        record.failedAt = now.wall
        record.lastError = "the node died during attempt \(record.attempt) (death \(record.deaths) in a row)"
        record.status = .error
        record.due = now.wall
        jobs[handle]?.record = record
        markDirty(handle)
        if record.isCancelRequested || record.isDestroyRequested {
            countScheduled(handle, -1)
            endCancelled(handle, at: now)
            return .end
        }
        let isPoison = record.deaths >= settings.poisonDeaths
        let isLast = record.attempt >= record.request.options.maxAttempts ?? settings.maxAttempts
        failures.add(record, record.lastError ?? "", isFinal: isPoison || isLast, at: now.wall)
        guard isPoison || isLast else { return .again }
        counters.failed += 1
        countScheduled(handle, -1)
        let error =
            isPoison
            ? "it was in progress when its node died, \(record.deaths) times in a row: set aside as poison"
            : "the node died during attempt \(record.attempt), which was the last one allowed"
        jobs[handle]?.record.lastError = error
        end(
            handle, .failed, arguments: record.request.arguments, error: error, wanted: .error,
            remove: settings.removeFailedJobs, at: now)
        return isPoison ? .poison : .end
    }
}
