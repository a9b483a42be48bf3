import JRBase
import JRReactor
import JRSupervision
import JRSystem

/// The end of everything.
extension Supervisor {
    /// Ctrl-C, or a signal to the supervisor: the first drains, the second signals, the third kills.
    public func interrupt(signal: Int32) {
        interrupts += 1
        let isFirst = interrupts == 1 && cluster.goingDown == nil
        if isFirst {
            note("stopping, with time for the work in progress; once more: TERM now, and once more: KILL")
        }
        // A service that was up and was asked to leave has done its work; anything else was cut off.
        if endCode == 0, !wasReady || !isFirst || options.untilIdle { endCode = 128 + signal }
        let urgency: Urgency = isFirst ? .drain : (cluster.goingDown ?? .drain) == .drain ? .terminate : .kill
        if !isFirst { note(urgency == .terminate ? "TERM to everything" : "KILL to everything") }
        tell(.downRequested(urgency))
    }

    func end() {
        guard !isEnding else { return }
        isEnding = true
        tellManager()
        showHeldBack()
        let strays = Leftover.find(runtime: runtime, record: nil, controlGroup.map { [$0] } ?? [])
        if !strays.isEmpty {
            let words = strays.map { "pid \($0.pid) (of \($0.name))" }.joined(separator: ", ")
            note("ending what had detached itself: \(words)")
            for stray in Leftover.end(strays) { note("pid \(stray.pid) cannot be ended") }
        }
        removeControlGroups()
        if endCode == 0, cluster.members.contains(where: { $0.machine.state == .failed }) {
            endCode = SupervisorError.unavailable
        }
        tellStart(.failed("stopped before everything was ready", logs: []))
        note("all stopped")
        writeState()
        if hasURL { try? Files.remove(runtime.urlFile) }
        try? Files.removeTree(runtime.kept)
        try? Files.removeTree(runtime.notices)
        finishOperations()
        endWatches()
        finishWaits()
        events.end()
        control?.close()
        flushAll { [weak self] loop in
            guard let self else { return }
            lock.endCleanly()
            ended?(loop, endCode)
            ended = nil
        }
    }

    /// Gives what is still to be written a little time; a console that is blocked does not keep the supervisor.
    func flushAll(then body: @escaping (Loop) -> Void) {
        var open = slots.count + 3
        let done = { (loop: Loop) in
            open -= 1
            if open == 0 { body(loop) }
        }
        console.flush(patience: .milliseconds(500), then: done)
        for flush in slots.map({ slot in slot.log.flush }) + [ownLog.flush, events.flush] { patiently(flush, done) }
    }

    private func patiently(_ flush: (@escaping (Loop) -> Void) -> Void, _ done: @escaping (Loop) -> Void) {
        var isDone = false
        let once = { (loop: Loop) in
            if !isDone { done(loop) }
            isDone = true
        }
        let timer = loop.schedule(after: .seconds(2 as Int64), once)
        flush { loop in
            loop.cancel(timer)
            once(loop)
        }
    }
}
