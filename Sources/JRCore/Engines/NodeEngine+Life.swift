public import JRBase
import JRWire

/// From ready to the end of an attempt, and what follows from it.
extension NodeEngine {
    /// The next attempt to make, or nil when none is ready or allowed. The shell asks until it has had enough for a
    /// turn.
    public mutating func nextRun(at now: Now) -> RunOrder? {
        guard isRecovered, !isDraining || runsReadyWhileDraining else { return nil }
        while let (handle, lane) = ready.next() {
            guard case .ready? = jobs[handle]?.phase else { continue }
            nextSerial += 1
            ready.started(lane)
            jobs[handle]?.phase = .running(serial: nextSerial, lane: lane)
            jobs[handle]?.record.status = .inProgress
            jobs[handle]?.record.attempt += 1
            jobs[handle]?.record.startedAt = now.wall
            counters.started += 1
            guard let job = jobs[handle] else { continue }
            let attempt = AttemptID(job: handle, serial: nextSerial)
            if let timeout = job.record.request.options.timeout ?? settings.timeout {
                let timer = Timer.timeout(attempt, after: timeout)
                jobs[handle]?.deadline = timers.insert(timer, at: now.instant + timeout)
            }
            return RunOrder(attempt: attempt, lane: lane, record: job.record, origin: job.origin)
        }
        return nil
    }

    /// An attempt is over. Late answers of attempts that ended otherwise are counted and dropped.
    public mutating func attemptEnded(_ attempt: AttemptID, _ result: AttemptResult, at now: Now) {
        let handle = attempt.job
        guard case .running(attempt.serial, let lane)? = jobs[handle]?.phase else {
            counters.staleAnswers += 1
            if let lane = overdue.removeValue(forKey: attempt.serial) { ready.ended(lane) }
            return
        }
        ready.ended(lane)
        settle(handle, result, at: now)
    }

    /// What follows from the end of an attempt.
    mutating func settle(_ handle: Handle, _ result: AttemptResult, at now: Now) {
        let result = judged(bounded(result, of: handle), of: handle)
        jobs[handle]?.record.deaths = 0
        if endedAsRequested(handle, result, at: now) { return }
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
        let before = jobs[handle]?.record.request.arguments ?? []
        let most = Limits.argumentBytes
        switch result {
        case .success(let arguments):
            if arguments.count <= most { return result }
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
        while let (timer, value) = timers.popDue(at: now.instant) {
            switch value {
            case .due(let handle): due(handle, timer: timer)
            case .expiry(let handle):
                guard case .ended? = jobs[handle]?.phase else { continue }
                jobs[handle]?.record.outcomes.removeAll()
                settle(handle)
            case .timeout(let attempt, let limit): timedOut(attempt, after: limit, at: now)
            case .grace(let attempt): giveUp(attempt, at: now)
            }
        }
        if let retry = storageRetry, retry <= now.instant { storageRetry = nil }
    }

    /// No attempt is made before the end of the last one is stored: while storage is full, retries wait.
    mutating func due(_ handle: Handle, timer: Handle) {
        guard let job = jobs[handle], job.phase == .scheduled(timer: timer) else { return }
        if job.isDirty { return afterCommit.append(.due(handle, timer: timer)) }
        if let number = commitUnderWay?.number, number == job.batch {
            commitUnderWay?.after.append(.due(handle, timer: timer))
            return
        }
        countScheduled(handle, -1)
        makeReady(handle)
    }

    private mutating func succeeded(_ handle: Handle, _ arguments: [UInt8], at now: Now) {
        counters.completed += 1
        guard let period = jobs[handle]?.record.request.options.period else {
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
        let isToBeForgotten = jobs[handle]?.record.isDestroyRequested == true
        jobs[handle]?.record.status = status
        jobs[handle]?.record.isCancelRequested = false
        jobs[handle]?.record.isDestroyRequested = false
        jobs[handle]?.record.endedAt = now.wall
        jobs[handle]?.record.due = nil
        if isToBeForgotten { return erase(handle) }
        let ending: JobOutcome.Ending =
            switch status {
            case .complete: .complete
            case .cancelled: .cancelled
            case .failed, .new, .inProgress, .queued, .error: .failed
            }
        report(handle, ending, arguments: arguments, error: error, wanted: wanted, isFinal: true)
        let hasOutcome = jobs[handle]?.record.outcomes.isEmpty == false
        if status != .failed { jobs[handle]?.record.request.arguments = remove && hasOutcome ? [] : arguments }
        let expiry = hasOutcome ? timers.insert(.expiry(handle), at: now.instant + settings.outcomeLife) : nil
        jobs[handle]?.phase = .ended(expiry: expiry)
        if hasOutcome || !remove { markDirty(handle) } else { settle(handle) }
    }

    private mutating func report(
        _ handle: Handle, _ ending: JobOutcome.Ending, arguments: [UInt8], error: String?, wanted: Feedback,
        isFinal: Bool
    ) {
        // The last outcome is told to whoever wants any: an application may let go of what it keeps for the job.
        guard let record = jobs[handle]?.record,
            record.request.feedback.contains(wanted) || (isFinal && !record.request.feedback.isEmpty)
        else { return }
        let run = record.runs + 1
        jobs[handle]?.record.runs = run
        jobs[handle]?.record.outcomes.append(
            JobOutcome(
                id: record.id, run: run, ending: ending, arguments: arguments, error: error, attempt: record.attempt,
                node: settings.name, client: record.request.client, isFinal: isFinal))
        // A periodic job whose application is away keeps the latest few, and not more than fit a record.
        var kept = record.outcomes.count + 1
        var bytes = record.outcomes.reduce(arguments.count) { $0 + $1.arguments.count }
        for oldest in record.outcomes where kept > Self.mostOutcomes || bytes > Limits.argumentBytes {
            kept -= 1
            bytes -= oldest.arguments.count
            jobs[handle]?.record.outcomes.removeFirst()
        }
        afterCommit.append(.outcome(handle, run: run))
    }

    static let mostOutcomes = 16

    mutating func acknowledged(_ key: OutcomeKey) {
        defer { if let client = resends.acknowledged(key) { sendMoreOutcomes(of: client) } }
        guard let handle = handles[key.id],
            let index = jobs[handle]?.record.outcomes.firstIndex(where: { $0.run == key.run })
        else { return }
        jobs[handle]?.record.outcomes.remove(at: index)
        if case .ended? = jobs[handle]?.phase { settle(handle) } else { markDirty(handle) }
    }

    /// Forgets an ended job that nobody waits for, if its kind is to be forgotten.
    private mutating func settle(_ handle: Handle) {
        guard let record = jobs[handle]?.record else { return }
        markDirty(handle)
        guard record.outcomes.isEmpty else { return }
        if case .ended(let expiry?)? = jobs[handle]?.phase { timers.cancel(expiry) }
        let forget =
            switch record.status {
            case .complete: settings.removeDoneJobs
            case .cancelled: settings.removeCancelledJobs
            case .failed: settings.removeFailedJobs
            case .new, .inProgress, .queued, .error: false
            }
        jobs[handle]?.phase = forget ? .removing : .ended(expiry: nil)
    }

    mutating func makeReady(_ handle: Handle) {
        guard let job = jobs[handle] else { return }
        if job.charge == .nobody {
            jobs[handle]?.charge = .node
            windows.charge(nil)
        }
        jobs[handle]?.phase = .ready
        let known = lanes[job.record.request.name] ?? .loop
        ready.append(handle, lane: known == .loop && job.record.request.options.isDeferred ? .pool : known)
    }

    mutating func schedule(_ handle: Handle, at deadline: Instant) {
        discharge(handle)
        countScheduled(handle, 1)
        jobs[handle]?.phase = .scheduled(timer: timers.insert(.due(handle), at: deadline))
    }

    mutating func discharge(_ handle: Handle) {
        switch jobs[handle]?.charge {
        case .link(let link): windows.discharge(link)
        case .node: windows.discharge(nil)
        case .nobody, nil: break
        }
        jobs[handle]?.charge = .nobody
    }

    /// An error text, shortened to what is kept with a job.
    public static func cut(_ text: String) -> String {
        text.utf8.count <= Limits.errorTextBytes
            ? text : String(decoding: text.utf8.prefix(Limits.errorTextBytes - 3), as: UTF8.self) + "…"
    }
}
