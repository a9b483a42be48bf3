import JRBase

/// A program that has to say often enough that it is alive (`WATCHDOG=1`), from when it is ready until it ends.
///
/// What it says only sets a time; the one timer of the instance looks at that when it fires, and is armed again for the
/// rest.
extension InstanceMachine {
    mutating func saidThatItLives(at now: Instant) {
        guard life.exit == nil, life.aliveAt != nil else { return }
        life.aliveAt = now
    }

    /// Arms the timer for whatever is due first: the end of the time in which its past counts, or of that in which it
    /// has to say something.
    mutating func watch(at now: Instant, _ actions: inout [InstanceAction]) {
        guard let due = [life.healthyAt, silentAt].compactMap(\.self).min() else { return }
        arm(after: due - now, at: now, &actions)
    }

    mutating func watchDegraded(at now: Instant, _ actions: inout [InstanceAction]) {
        life.healthyAt = nil
        life.aliveAt = life.aliveAt ?? now
        watch(at: now, &actions)
    }

    mutating func timerFiredWhileItRuns(at now: Instant, _ actions: inout [InstanceAction]) {
        if state != .degraded, now >= life.healthyAt ?? now {
            history.wasHealthy()
            life.healthyAt = nil
        }
        guard let watchdog = life.watchdog, let silentAt else { return }
        if now < silentAt {
            watch(at: now, &actions)
        } else {
            hangs("no WATCHDOG=1 for \(Durations.format(watchdog))", at: now, &actions)
        }
    }

    /// It is there and does nothing any more. ABRT lets it say where it stands, as far as it can.
    mutating func hangs(_ why: String, at now: Instant, _ actions: inout [InstanceAction]) {
        let cause = "hung: \(why)"
        life.stopsFor = .hung
        life.blame = cause
        enter(.stopping, cause, &actions)
        actions.append(.closeLifeline)
        terminate(by: .abort, at: now, &actions)
    }

    /// When it will have said nothing for too long.
    private var silentAt: Instant? {
        guard let watchdog = life.watchdog, let aliveAt = life.aliveAt else { return nil }
        return aliveAt + watchdog
    }
}
