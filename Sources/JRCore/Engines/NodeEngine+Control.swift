import JRBase
import JRWire

/// What people do to jobs: cancel, retry, destroy.
extension NodeEngine {
    /// Answers follow the commit that stores what they say; a job that is not here is null.
    mutating func change(
        _ number: UInt32, _ verb: String, _ parameters: [String: Value], for link: LinkID, at now: Now
    ) {
        guard isRecovered else {
            let text = "node '\(settings.name)' is still reading its storage: try again soon"
            actions.append(.send(link, .replyFailure(number: number, code: .unavailable, text: text)))
            return
        }
        let answer: Answer
        if verb == "destroy", let node = parameters["node"]?.string {
            answer = .value(node == settings.name ? destroyAll() : .null)
        } else if let id = parameters["id"]?.bytes.flatMap({ JobID(bytes: $0[...]) }) {
            answer = change(id, verb, at: now)
        } else {
            let text = "'\(verb)' needs the parameter 'id', the 16 bytes of a job's id"
            answer = .failure(.invalidRequest, text)
        }
        afterCommit.append(.reply(number, answer, to: link))
    }

    private mutating func change(_ id: JobID, _ verb: String, at now: Now) -> Answer {
        if let handle = handle(of: id) {
            switch verb {
            case "cancel": return cancel(handle, at: now)
            case "retry": return retry(handle, at: now)
            default: return destroy(handle)
            }
        }
        guard let status = finished[id], verb != "retry" else { return .value(.null) }
        return verb == "cancel"
            ? .value(["state": "ended", "status": .string(status.rawValue)]) : .value(["state": "destroyed"])
    }

    private mutating func cancel(_ handle: Handle, at now: Now) -> Answer {
        guard let job = jobs[handle] else { return .value(.null) }
        switch job.phase {
        case .ended, .removing:
            return .value(["state": "ended", "status": .string(job.record.status.rawValue)])
        case .running(let serial, _):
            stop(AttemptID(job: handle, serial: serial))
            return .value(["state": "cancelling"])
        case .storing, .scheduled, .ready, .parked:
            withdraw(handle)
            endCancelled(handle, at: now)
            return .value(["state": "cancelled"])
        }
    }

    private mutating func retry(_ handle: Handle, at now: Now) -> Answer {
        guard let job = jobs[handle], job.phase != .removing else { return .value(.null) }
        switch job.phase {
        case .running:
            let text = "the job \(job.record.id) is running on node '\(settings.name)': cancel it first, or let it end"
            return .failure(.invalidRequest, text)
        case .ended(let expiry):
            let status = job.record.status
            // What is only kept for its outcome has lost its arguments.
            guard status == .failed || (status == .cancelled && !settings.removeCancelledJobs) else {
                return .failure(
                    .invalidRequest, "the job \(job.record.id) is \(status.rawValue): enqueue it again instead")
            }
            if let expiry { cancel(expiry) }
            jobs[handle]?.record.status = .new
            jobs[handle]?.record.attempt = 0
            jobs[handle]?.record.deaths = 0
            jobs[handle]?.record.endedAt = nil
        case .scheduled, .parked: withdraw(handle)
        case .storing, .ready, .removing: break
        }
        jobs[handle]?.record.due = now.wall
        markDirty(handle)
        // A job that is being stored starts when it is, and one in line is there already.
        if job.phase != .storing, job.phase != .ready { schedule(handle, at: now.instant) }
        return .value(["state": "ready"])
    }

    private mutating func destroy(_ handle: Handle) -> Answer {
        if case .running(let serial, _)? = jobs[handle]?.phase {
            jobs[handle]?.record.isDestroyRequested = true
            markDirty(handle)
            stop(AttemptID(job: handle, serial: serial))
            return .value(["state": "destroying"])
        }
        withdraw(handle)
        erase(handle)
        return .value(["state": "destroyed"])
    }

    private mutating func destroyAll() -> Value {
        var count = 0
        unpackAll()
        for handle in jobs.handles {
            guard let phase = jobs[handle]?.phase, phase != .removing else { continue }
            if case .running = phase { continue }
            withdraw(handle)
            erase(handle)
            count += 1
        }
        return ["destroyed": .int(Int64(count))]
    }

    /// Says to the shell, once, that the attempt is to stop, and to storage that the job is to end.
    private mutating func stop(_ attempt: AttemptID) {
        guard jobs[attempt.job]?.record.isCancelRequested == false else { return }
        jobs[attempt.job]?.record.isCancelRequested = true
        markDirty(attempt.job)
        cancellations.append(Cancellation(attempt: attempt, reason: .requested))
    }

    /// Takes a job out of what it waits in; a place in the line of ready jobs is passed over when its turn comes.
    private mutating func withdraw(_ handle: Handle) {
        guard let job = jobs[handle] else { return }
        switch job.phase {
        case .storing, .parked: if job.charge == .nobody { countScheduled(handle, -1) }
        case .scheduled(let timer):
            timers.cancel(timer)
            countScheduled(handle, -1)
        case .ready, .running, .ended, .removing: break
        }
    }

    // MARK: Ends

    mutating func endCancelled(_ handle: Handle, at now: Now) {
        counters.cancelled += 1
        end(
            handle, .cancelled, arguments: jobs[handle]?.record.request.arguments ?? [], error: nil, wanted: .success,
            remove: settings.removeCancelledJobs, at: now)
    }

    /// Forgets a job and its outcomes with the next commit. A late copy of it counts as one of a cancelled job.
    mutating func erase(_ handle: Handle) {
        guard let job = jobs[handle] else { return }
        if case .ended(let expiry?) = job.phase { cancel(expiry) }
        discharge(handle)
        if !job.record.status.isEnded { jobs[handle]?.record.status = .cancelled }
        jobs[handle]?.record.outcomes.removeAll()
        jobs[handle]?.phase = .removing
        afterCommit.append(.removed(handle))
        markDirty(handle)
    }

    /// Ends a job that was cancelled during its attempt, whatever that came to. False where the attempt decides.
    mutating func endedAsRequested(_ handle: Handle, _ result: AttemptResult, at now: Now) -> Bool {
        switch result {
        case .success(let arguments):
            // What is done is done. A periodic job goes no further.
            counters.completed += 1
            end(
                handle, .complete, arguments: arguments, error: nil, wanted: .success,
                remove: settings.removeDoneJobs, at: now)
        case .failure(let error, let arguments, _, _):
            counters.failedAttempts += 1
            if let record = jobs[handle]?.record { failures.add(record, error, isFinal: true, at: now.wall) }
            jobs[handle]?.record.lastError = Self.cut(error)
            jobs[handle]?.record.failedAt = now.wall
            jobs[handle]?.record.request.arguments = arguments
            endCancelled(handle, at: now)
        case .cancelled: return false
        }
        return true
    }

    // MARK: Time-outs

    /// An attempt took too long: it is told to stop, and has a while to do so.
    mutating func timedOut(_ attempt: AttemptID, after limit: Interval, at now: Now) {
        guard case .running(attempt.serial, _)? = jobs[attempt.job]?.phase else { return }
        counters.timedOut += 1
        jobs[attempt.job]?.timedOutAfter = limit
        jobs[attempt.job]?.deadline = timers.insert(.grace(attempt), at: now.instant + settings.cancelGrace)
        cancellations.append(Cancellation(attempt: attempt, reason: .timedOut(after: limit)))
    }

    /// It did not stop. On the loop nothing more can be said of it; a thread or a program stays taken until it ends.
    mutating func giveUp(_ attempt: AttemptID, at now: Now) {
        let handle = attempt.job
        guard case .running(attempt.serial, let lane)? = jobs[handle]?.phase else { return }
        if lane == .loop { ready.ended(lane) } else { overdue[attempt.serial] = lane }
        let before = jobs[handle]?.record.request.arguments ?? []
        let error = "it did not stop within \(Durations.format(settings.cancelGrace))"
        settle(handle, .failure(error: error, arguments: before, feedback: before, isFinal: false), at: now)
    }

    /// An attempt that ends after it was told to stop has failed, unless it succeeded after all.
    func judged(_ result: AttemptResult, timedOutAfter limit: Interval?) -> AttemptResult {
        guard let limit else { return result }
        let text = "timed out after \(Durations.format(limit))"
        switch result {
        case .success: return result
        case .failure(let error, let arguments, let feedback, let isFinal):
            let error = error.hasPrefix(text) ? error : "\(text); \(error)"
            return .failure(error: error, arguments: arguments, feedback: feedback, isFinal: isFinal)
        case .cancelled(let arguments, _):
            return .failure(error: text, arguments: arguments, feedback: arguments, isFinal: false)
        }
    }
}
