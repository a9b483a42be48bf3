public import JRBase
import JRWire

/// From ready to the end of an attempt, and what follows from it.
extension NodeEngine {
    /// The next attempt to make, or nil when none is ready or allowed. The shell asks until it has had enough for a
    /// turn.
    public mutating func nextRun(at now: Now) -> RunOrder? {
        guard isRecovered, !isDraining || runsReadyWhileDraining else { return nil }
        while let (handle, lane) = ready.next() {
            let attempt = AttemptID(job: handle, serial: nextSerial + 1)
            guard let (order, asked) = jobs.with(handle, { $0.begin(attempt, at: now) }) ?? nil else { continue }
            nextSerial += 1
            ready.started(lane)
            counters.started += 1
            if let timeout = asked ?? settings.timeout {
                let timer = Timer.timeout(attempt, after: timeout)
                jobs[handle]?.deadline = timers.insert(timer, at: now.instant + timeout)
            }
            return order
        }
        return nil
    }

    /// An attempt is over. Late answers of attempts that ended otherwise are counted and dropped.
    ///
    /// - Returns: whether the attempt had been given up before, and another one of its job is under way.
    @discardableResult
    public mutating func attemptEnded(_ attempt: AttemptID, _ result: AttemptResult, at now: Now) -> Bool {
        let handle = attempt.job
        if case .success(let arguments) = result, endsPlainly(attempt, arguments, at: now) { return false }
        let phase = phase(of: handle)
        guard case .running(let serial, let lane)? = phase, serial == attempt.serial else {
            counters.staleAnswers += 1
            if let lane = overdue.removeValue(forKey: attempt.serial) { ready.ended(lane) }
            if case .running? = phase { return true }
            return false
        }
        ready.ended(lane)
        settle(handle, result, at: now)
        return false
    }

    /// The end of nearly all jobs, in one look at the job: a success, after which nothing of it is left but an outcome
    /// that is wanted. False, and nothing is done, for any other; for those ``settle(_:_:at:)`` comes to the same.
    private mutating func endsPlainly(_ attempt: AttemptID, _ arguments: [UInt8], at now: Now) -> Bool {
        guard arguments.count <= Limits.argumentBytes else { return false }
        let (handle, node, removes) = (attempt.job, settings.name, settings.removeDoneJobs)
        let found = jobs.with(handle) { job -> (lane: Lane, charge: Charge)? in
            guard case .running(let serial, let lane) = job.phase, serial == attempt.serial, job.endsPlainly else {
                return nil
            }
            let charge = job.charge
            job.charge = .nobody
            job.record.deaths = 0
            job.record.end(.complete, at: now.wall)
            _ = job.record.report(.complete, arguments: arguments, error: nil, node: node, isFinal: true)
            job.record.request.arguments = removes ? [] : arguments
            return (lane, charge)
        }
        guard let (lane, charge) = found ?? nil else { return false }
        ready.ended(lane)
        discharge(charge)
        counters.completed += 1
        afterCommit.append(.outcome(handle, run: 1))
        let expiry = expire(handle, at: now.instant + settings.outcomeLife)
        let batch = nextBatch
        let isNews = jobs.with(handle) { job in
            job.phase = .ended(expiry: expiry)
            return job.noteChanged(for: batch)
        }
        if isNews == true { dirty.append(handle) }
        return true
    }

    /// What follows from the end of an attempt.
    mutating func settle(_ handle: Handle, _ result: AttemptResult, at now: Now) {
        guard let (timer, limit, isCancelRequested) = jobs.with(handle, { $0.noteAttemptEnded() }) else { return }
        if let timer { timers.cancel(timer) }
        // Nearly all end like this.
        if case .success(let arguments) = result, arguments.count <= Limits.argumentBytes, !isCancelRequested {
            return succeeded(handle, arguments, at: now)
        }
        let result = judged(bounded(result, of: handle), timedOutAfter: limit)
        if isCancelRequested, endedAsRequested(handle, result, at: now) { return }
        switch result {
        case .success(let arguments): succeeded(handle, arguments, at: now)
        case .failure(let error, let arguments, let feedback, let isFinal):
            failed(handle, error, arguments: arguments, feedback: feedback, isFinal: isFinal, at: now)
        case .cancelled(let arguments, let byErrback):
            counters.cancelled += 1
            end(
                handle, .cancelled, arguments: arguments, error: byErrback ? "cancelled by an errback" : nil,
                wanted: byErrback ? .error : .success, remove: settings.removeCancelledJobs, at: now)
        }
    }

    /// What an attempt left behind is held to the limit of arguments: it travels in the same frames.
    private func bounded(_ result: AttemptResult, of handle: Handle) -> AttemptResult {
        let most = Limits.argumentBytes
        if case .success(let arguments) = result, arguments.count <= most { return result }
        let before = jobs[handle]?.record.request.arguments ?? []
        switch result {
        case .success(let arguments):
            let error =
                "the arguments that the job left are \(arguments.count) bytes and \(most) are allowed: "
                + "put large data in a file or database and pass its name"
            return .failure(error: error, arguments: before, feedback: before, isFinal: false)
        case .failure(let error, let arguments, let feedback, let isFinal):
            return .failure(
                error: error, arguments: arguments.count <= most ? arguments : before,
                feedback: feedback.count <= most ? feedback : before, isFinal: isFinal)
        case .cancelled(let arguments, let byErrback):
            return .cancelled(arguments: arguments.count <= most ? arguments : before, byErrback: byErrback)
        }
    }

    /// Makes ready what is due, forgets what nobody came for.
    public mutating func timersFired(at now: Now) {
        while true {
            // In the order of their times, whichever of the two they wait in.
            if let next = waiting.nextDeadline, next <= timers.nextDeadline ?? next,
                let waited = waiting.popDue(at: now.instant)
            {
                ready(waited)
                continue
            }
            guard let (timer, value) = timers.popDue(at: now.instant) else { break }
            switch value {
            case .due(let handle): due(handle, timer: timer)
            case .expiry(let handle): expired(handle)
            case .timeout(let attempt, let limit): timedOut(attempt, after: limit, at: now)
            case .grace(let attempt): giveUp(attempt, at: now)
            }
        }
        while let handle = expiries.popDue(at: now.instant) { expired(handle) }
        if let retry = storageRetry, retry <= now.instant { storageRetry = nil }
    }

    /// No attempt is made before the end of the last one is stored: while storage is full, retries wait.
    mutating func due(_ handle: Handle, timer: Handle) {
        guard let job = jobs[handle], job.phase == .scheduled(timer: timer) else { return }
        if job.batch == nextBatch { return afterCommit.append(.due(handle, timer: timer)) }
        if let number = commitUnderWay?.number, number == job.batch {
            commitUnderWay?.after.append(.due(handle, timer: timer))
            return
        }
        countScheduled(handle, -1)
        makeReady(handle)
    }

    private mutating func succeeded(_ handle: Handle, _ arguments: [UInt8], at now: Now) {
        counters.completed += 1
        guard let period = jobs.with(handle, { $0.record.request.options.period }) ?? nil else {
            end(
                handle, .complete, arguments: arguments, error: nil, wanted: .success,
                remove: settings.removeDoneJobs, at: now)
            return
        }
        jobs[handle]?.record.attempt = 0
        jobs[handle]?.record.request.arguments = arguments
        report(handle, .complete, arguments: arguments, error: nil, wanted: .success, isFinal: false)
        again(handle, .queued, after: period, at: now)
    }

    private mutating func failed(
        _ handle: Handle, _ error: String, arguments: [UInt8], feedback: [UInt8], isFinal: Bool, at now: Now
    ) {
        guard let record = jobs[handle]?.record else { return }
        counters.failedAttempts += 1
        let options = record.request.options
        jobs[handle]?.record.lastError = Self.cut(error)
        jobs[handle]?.record.failedAt = now.wall
        jobs[handle]?.record.request.arguments = arguments
        let isLast = isFinal || record.attempt >= options.maxAttempts ?? settings.maxAttempts
        failures.add(record, error, isFinal: isLast, at: now.wall)
        if isLast {
            counters.failed += 1
            end(
                handle, .failed, arguments: feedback, error: Self.cut(error), wanted: .error,
                remove: settings.removeFailedJobs, at: now)
        } else {
            counters.retried += 1
            let retry = options.retry ?? settings.retry
            let wait = options.period ?? retry.delay(afterAttempt: record.attempt, of: record.id)
            again(handle, .error, after: wait, at: now)
        }
    }

    private mutating func again(_ handle: Handle, _ status: JobStatus, after wait: Interval, at now: Now) {
        jobs[handle]?.record.status = status
        jobs[handle]?.record.due = now.wall + wait
        markDirty(handle)
        schedule(handle, at: now.instant + wait)
    }

    /// Ends a job for good: kept while its outcome is wanted or its kind is kept, else forgotten with the next commit.
    mutating func end(
        _ handle: Handle, _ status: JobStatus, arguments: [UInt8], error: String?, wanted: Feedback, remove: Bool,
        at now: Now
    ) {
        discharge(handle)
        let isToBeForgotten = jobs.with(handle) { job in
            defer { job.record.end(status, at: now.wall) }
            return job.record.isDestroyRequested
        }
        if isToBeForgotten == true { return erase(handle) }
        let ending: JobOutcome.Ending =
            switch status {
            case .complete: .complete
            case .cancelled: .cancelled
            case .failed, .new, .inProgress, .queued, .error: .failed
            }
        report(handle, ending, arguments: arguments, error: error, wanted: wanted, isFinal: true)
        let hasOutcome = jobs.with(handle) { !$0.record.outcomes.isEmpty } == true
        let expiry = hasOutcome ? expire(handle, at: now.instant + settings.outcomeLife) : nil
        jobs.with(handle) { job in
            if status != .failed { job.record.request.arguments = remove && hasOutcome ? [] : arguments }
            job.phase = .ended(expiry: expiry)
        }
        if hasOutcome || !remove { markDirty(handle) } else { settle(handle) }
    }

    private mutating func report(
        _ handle: Handle, _ ending: JobOutcome.Ending, arguments: [UInt8], error: String?, wanted: Feedback,
        isFinal: Bool
    ) {
        // The last outcome is told to whoever wants any: an application may let go of what it keeps for the job.
        let node = settings.name
        let reported: Int?? = jobs.with(handle) { job in
            let feedback = job.record.request.feedback
            guard feedback.contains(wanted) || (isFinal && !feedback.isEmpty) else { return nil }
            let run = job.record.report(ending, arguments: arguments, error: error, node: node, isFinal: isFinal)
            // A periodic job whose application is away keeps the latest few, and not more than fit a record.
            if run > 1 { job.record.dropOldOutcomes(most: Self.mostOutcomes) }
            return run
        }
        guard let run = reported ?? nil else { return }
        afterCommit.append(.outcome(handle, run: run))
    }

    static let mostOutcomes = 16

    mutating func phase(of handle: Handle) -> Phase? { jobs.with(handle) { $0.phase } }

    mutating func acknowledged(_ key: OutcomeKey) {
        defer { if !resends.isEmpty, let client = resends.acknowledged(key) { sendMoreOutcomes(of: client) } }
        if let handle = handles[key.id] { settle(handle, heard: key.run) }
    }

    /// Forgets an ended job that nobody waits for, if its kind is to be forgotten.
    ///
    /// - Parameter run: the outcome that was acknowledged just now, of any job; one that is not there changes nothing.
    mutating func settle(_ handle: Handle, heard run: Int? = nil) {
        let kinds = (settings.removeDoneJobs, settings.removeCancelledJobs, settings.removeFailedJobs)
        let batch = nextBatch
        let found = jobs.with(handle) { job -> (isNews: Bool, isToGo: Bool, expiry: Expiry?)? in
            if let run, !job.record.forgetOutcome(of: run) { return nil }
            let isNews = job.noteChanged(for: batch)
            var expiry: Expiry?
            if case .ended(let noted) = job.phase { expiry = noted } else if run != nil { return (isNews, false, nil) }
            guard job.record.outcomes.isEmpty else { return (isNews, false, nil) }
            let forget =
                switch job.record.status {
                case .complete: kinds.0
                case .cancelled: kinds.1
                case .failed: kinds.2
                case .new, .inProgress, .queued, .error: false
                }
            job.phase = forget ? .removing : .ended(expiry: nil)
            return (isNews, forget, expiry)
        }
        guard let (isNews, isToGo, expiry) = found ?? nil else { return }
        if isNews { dirty.append(handle) }
        if isToGo { afterCommit.append(.removed(handle)) }
        if let expiry { cancel(expiry) }
    }

    mutating func makeReady(_ handle: Handle) {
        let made = jobs.with(handle) { job in
            job.phase = .ready
            let wasFree = job.charge == .nobody
            if wasFree { job.charge = .node }
            return (job.lane, wasFree)
        }
        guard let (lane, wasFree) = made else { return }
        if wasFree { windows.charge(nil) }
        ready.append(handle, lane: lane)
    }

    mutating func schedule(_ handle: Handle, at deadline: Instant) {
        discharge(handle)
        countScheduled(handle, 1)
        let timer = timers.insert(.due(handle), at: deadline)
        jobs.with(handle) { $0.phase = .scheduled(timer: timer) }
    }

    mutating func discharge(_ handle: Handle) {
        let charge = jobs.with(handle) { job in
            defer { job.charge = .nobody }
            return job.charge
        }
        if let charge { discharge(charge) }
    }

    private mutating func discharge(_ charge: Charge) {
        switch charge {
        case .link(let link): windows.discharge(link)
        case .node: windows.discharge(nil)
        case .nobody: break
        }
    }

    /// An error text, shortened to what is kept with a job.
    public static func cut(_ text: String) -> String {
        text.utf8.count <= Limits.errorTextBytes
            ? text : String(decoding: text.utf8.prefix(Limits.errorTextBytes - 3), as: UTF8.self) + "…"
    }
}
