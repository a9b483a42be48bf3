import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// A client that waits for the cluster to be in some way, and is told when it is.
final class Waiting {
    enum Goal: String, CaseIterable { case ready, idle, stopped }

    let goal: Goal
    let positions: [Int]
    let client: ControlClientConnection
    var timer: Handle?
    /// What was last said to be waited for.
    var said = ""

    init(_ goal: Goal, _ positions: [Int], _ client: ControlClientConnection) {
        self.goal = goal
        self.positions = positions
        self.client = client
    }
}

extension Supervisor {
    /// `wait`: answered when it has come true, cannot any more, or takes too long.
    func beginWait(_ request: JSON, _ client: ControlClientConnection) throws(SupervisorError) {
        guard let goal = request["for"]?.string.flatMap(Waiting.Goal.init(rawValue:)) else {
            throw SupervisorError(exitCode: ExitCodes.usage, "\"for\" is one of: ready, idle, stopped")
        }
        let isAll = request["names"]?.array?.isEmpty ?? true
        if goal == .idle, !isAll {
            throw SupervisorError(
                exitCode: ExitCodes.usage, "a cluster is idle as a whole: leave out the names after 'idle'")
        }
        let wait = Waiting(goal, isAll ? plan.live : try positions(request), client)
        if let limit = request["timeoutMilliseconds"]?.int {
            wait.timer = loop.schedule(after: .milliseconds(limit)) { [weak self] _ in
                self?.waitTookTooLong(wait, .milliseconds(limit))
            }
        }
        waits.append(wait)
        lookAround()
    }

    private func waitTookTooLong(_ wait: Waiting, _ limit: Interval) {
        guard waits.contains(where: { $0 === wait }) else { return }
        waits.removeAll { $0 === wait }
        let text = "not \(wait.goal.rawValue) within \(Durations.format(limit))"
        let left = wait.said.isEmpty ? "" : ": still waiting for \(wait.said)"
        if wait.goal == .idle, missing(wait).isEmpty {
            withJobs { jobs in
                if wait.client.isOpen { wait.client.fail(SupervisorError.timeout, text + left + jobs) }
            }
        } else {
            wait.client.fail(SupervisorError.timeout, text + left)
        }
        lookAround()
    }

    /// Answers those whose end has come, and tells the others what they wait for.
    func settleWaits() {
        waits.removeAll { wait in
            let isOver = !wait.client.isOpen || settle(wait)
            if isOver, let timer = wait.timer { loop.cancel(timer) }
            return isOver
        }
    }

    private func settle(_ wait: Waiting) -> Bool {
        let missing = missing(wait)
        switch wait.goal {
        case .ready:
            let failed = missing.filter { cluster.members[$0].machine.state == .failed }
            if !failed.isEmpty {
                let words = failed.map { "\(plan.instances[$0].name) is failed: \(cluster.members[$0].machine.cause)" }
                wait.client.fail(SupervisorError.unavailable, words.joined(separator: "\n"))
                return true
            }
            if missing.isEmpty { wait.client.succeed(["message": .string("ready: \(names(wait.positions))")]) }
        case .stopped:
            if missing.isEmpty { wait.client.succeed(["message": .string("stopped: \(names(wait.positions))")]) }
        case .idle:
            // The answer comes with the last of the distributors' answers.
            let isNew = say(missing.isEmpty ? "the jobs to end" : words(for: missing), to: wait)
            if isNew, missing.isEmpty { sayJobs(to: wait) }
            return false
        }
        if !missing.isEmpty { say(words(for: missing), to: wait) }
        return missing.isEmpty
    }

    private func missing(_ wait: Waiting) -> [Int] {
        wait.positions.filter { position in
            let state = cluster.members[position].machine.state
            switch wait.goal {
            case .ready: return !state.allowsDependents
            case .stopped: return !state.isSettled
            case .idle: return plan.instances[position].rank < 2 && !state.allowsDependents
            }
        }
    }

    private func words(for positions: [Int]) -> String {
        let words = positions.prefix(5).map { position in
            let state = cluster.members[position].machine.state
            // Nobody who waits for it would guess that nothing happens by itself.
            let more = state == .stopped ? " until somebody starts it" : ""
            return "\(plan.instances[position].name) (\(state.rawValue)\(more))"
        }
        return words.joined(separator: ", ") + (positions.count > 5 ? " and \(positions.count - 5) more" : "")
    }

    /// False for what was said already.
    @discardableResult
    private func say(_ text: String, to wait: Waiting) -> Bool {
        guard wait.said != text else { return false }
        wait.said = text
        wait.client.send(["progress": .string("waiting for \(text)")])
        return true
    }

    /// Says where the jobs are, once, unless it is over by then.
    private func sayJobs(to wait: Waiting) {
        withJobs { [weak self] jobs in
            guard let self, !jobs.isEmpty, waits.contains(where: { $0 === wait }) else { return }
            wait.client.send(["progress": .string("waiting for \(wait.said)\(jobs)")])
        }
    }

    /// Hands over `: worker.1 (2 running, 1 scheduled)`, as far as the nodes say so; nothing where they have none.
    private func withJobs(_ then: @escaping (String) -> Void) {
        askForCounts(of: Array(slots.indices)) { [weak self] in
            guard let self else { return }
            let all = slots.indices.compactMap { position -> String? in
                guard let jobs = slots[position].jobs?.open, !jobs.isEmpty else { return nil }
                return "\(plan.instances[position].name) (\(jobs))"
            }
            let more = all.count > 5 ? " and \(all.count - 5) more" : ""
            then(all.isEmpty ? "" : ": " + all.prefix(5).joined(separator: ", ") + more)
        }
    }

    /// Everything is down.
    func finishWaits() {
        for wait in waits where wait.client.isOpen {
            if wait.goal == .stopped {
                wait.client.succeed(["message": "all stopped"])
            } else {
                wait.client.fail(SupervisorError.unavailable, "everything went down in between")
            }
        }
        waits = []
        jobsWatch?.end()
        jobsWatch = nil
    }

    // MARK: Idle

    /// Looks for jobs while somebody wants to know and everything that could have some is ready. With `--until-idle`
    /// this decides when it is over; true when it has just done so.
    func lookForIdle() -> Bool {
        var isTime = waits.contains { $0.goal == .idle && missing($0).isEmpty }
        if options.untilIdle {
            switch UntilIdle.verdict(idleInstances) {
            case .busy: break
            case .jobs: isTime = true
            case .done(let code, let text):
                untilIdleEnds(code, text)
                return true
            }
        }
        if isTime, jobsWatch == nil {
            watchJobs()
        } else if !isTime, let watch = jobsWatch {
            watch.end()
            jobsWatch = nil
        }
        return cluster.goingDown != nil
    }

    private func watchJobs() {
        let known = addresses()
        let distributors = plan.manifest.entries.compactMap { entry -> (ListenAddress, [String])? in
            guard let address = known[entry.name], plan.instances.contains(where: { $0.entry.name == entry.name })
            else { return nil }
            let nodes = plan.instances.filter { $0.rank == 1 && $0.entry.dependencies.contains(entry.name) }
            return (address, nodes.map(\.name))
        }
        let watch = JobsWatch(distributors, loop)
        jobsWatch = watch
        watch.becameIdle = { [weak self, weak watch] failed in
            // Not within what is being done now: the watch may be taken away by it.
            self?.loop.soon { _ in
                guard let self, let watch, self.jobsWatch === watch else { return }
                self.isIdle(failed)
            }
        }
        watch.begin()
    }

    private func isIdle(_ failed: [String: Int]) {
        loop.refreshNow()
        waits.removeAll { wait in
            guard wait.goal == .idle, missing(wait).isEmpty else { return false }
            if let timer = wait.timer { loop.cancel(timer) }
            wait.client.succeed(["message": "idle: no job is left"])
            return true
        }
        if options.untilIdle, case .done(let code, let text) = UntilIdle.verdict(idle: idleInstances, failed: failed) {
            untilIdleEnds(code, text)
        } else {
            lookAround()
        }
    }

    private func untilIdleEnds(_ code: Int32, _ text: String) {
        guard cluster.goingDown == nil else { return }
        jobsWatch?.end()
        jobsWatch = nil
        endCode = code
        untilIdleText = text
        note(text)
        tell(.downRequested(.drain))
    }

    private var idleInstances: [UntilIdle.Instance] {
        plan.instances.enumerated().map { position, instance in
            let machine = cluster.members[position].machine
            let kind: UntilIdle.Instance.Kind =
                switch instance.entry.kind {
                case .distributor: .distributor
                case .node(let settings): .node(isMemory: settings.storage == .memory)
                case .program: .program(instance.entry.policy.restart)
                }
            return UntilIdle.Instance(
                name: instance.name, kind: kind, state: machine.state, cause: machine.cause,
                lastExit: machine.lastExit, restarts: machine.restarts)
        }
    }
}
