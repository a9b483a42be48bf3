import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

/// What shells do: pass events to the engines and carry out what these say.
extension World {
    static let job = "work"

    func hello(_ process: Process) -> Hello? {
        switch process {
        case .distributor(let index): distributors[index].engine?.hello
        case .node(let index): nodes[index].engine?.hello
        case .client(let index): clients[index].engine?.hello
        }
    }

    func linkOpened(_ process: Process, _ link: LinkID, _ hello: Hello) {
        switch process {
        case .distributor(let index): distributors[index].engine?.linkOpened(link, hello, at: now)
        case .node(let index): nodes[index].engine?.linkOpened(link, hello, at: now)
        case .client(let index): clients[index].engine?.linkOpened(link, hello)
        }
    }

    func linkClosed(_ process: Process, _ link: LinkID) {
        switch process {
        case .distributor(let index): distributors[index].engine?.linkClosed(link, at: now)
        case .node(let index): nodes[index].engine?.linkClosed(link, at: now)
        case .client(let index): clients[index].engine?.linkClosed(link)
        }
    }

    func received(_ process: Process, _ message: Message, _ link: LinkID) {
        switch process {
        case .distributor(let index): distributors[index].engine?.received(message, from: link, at: now)
        case .node(let index):
            nodes[index].engine?.received(message, from: link, at: now)
            checkCredit(index)
        case .client(let index): clients[index].engine?.received(message, from: link)
        }
    }

    func turn(_ process: Process) {
        switch process {
        case .distributor(let index): carryOut(distributors[index].engine?.takeActions() ?? [])
        case .node(let index): turn(node: index)
        case .client(let index):
            carryOut(clients[index].engine?.takeActions() ?? [])
            for event in clients[index].engine?.takeEvents() ?? [] { told(index, event) }
        }
    }

    private func carryOut(_ actions: [LinkAction]) {
        for action in actions {
            switch action {
            case .send(let link, let message): send(message, over: link)
            case .refuse(let link, let code, let text):
                if code == .protocolError { complain("refused: \(text)") }
                refuse(link, code, text)
            }
        }
    }

    // MARK: Lives

    func start(_ process: Process) {
        guard !isUp(process) else { return }
        let session = JobID(high: random.next(), low: random.next())
        switch process {
        case .distributor(let index):
            var engine = DistributorEngine(name: "d\(index)", session: session)
            // With the lines that a simulation has, a backlog only begins early.
            engine.heldInLine = index % 2 == 0 ? 2 : 1_024
            distributors[index].engine = engine
        case .node(let index):
            var settings = NodeSettings(name: "n\(index)")
            settings.credit = 1 + random.below(16)
            settings.retry = RetrySchedule(shape: .linear, base: .milliseconds(200))
            settings.removeFailedJobs = true
            settings.outcomeLife = .seconds(120)
            settings.cancelGrace = .milliseconds(500)
            var engine = NodeEngine(
                settings: settings, session: session, incarnation: nodes[index].life, promise: "simulated",
                lanes: [Self.job: .loop])
            nodes[index].inherited = nodes[index].running
            engine.recovered(
                nodes[index].disk.values.sorted { $0.id < $1.id }
                    .map { RecoveredJob(record: $0, wasRunning: nodes[index].running.contains($0.id)) }, at: now)
            nodes[index].engine = engine
        case .client(let index):
            clients[index].engine = ClientEngine(name: "c\(index)", session: session)
            let home = Process.distributor(index % distributors.count)
            after(0, .dial(from: process, life: clients[index].life, to: home))
        }
        planTurn(process)
    }

    func crash(_ process: Process) {
        guard isUp(process) else { return }
        switch process {
        case .distributor(let index):
            distributors[index].engine = nil
            distributors[index].life += 1
            excuseUnacknowledged()
        case .node(let index): crash(node: index)
        case .client(let index):
            clients[index].engine = nil
            clients[index].life += 1
            clients[index].cancels = [:]
        }
        for number in connections.indices {
            if connections[number].ends.contains(where: { $0.process == process && !$0.isClosed }) { cut(number) }
        }
        plannedTurns.remove(process)
        after(10 + below(3_000), .start(process))
    }

    private func crash(node index: Int) {
        // What was being written may have reached the disk, with nobody left to hear of it.
        if nodes[index].batch != nil, random.chance(1, in: 2) { apply(index) }
        for id in jobs.keys where nodes[index].engine?.handles[id] != nil { jobs[id]?.mayRunTwice = true }
        for id in jobs.keys { jobs[id]?.runningOn.remove(index) }
        nodes[index].engine = nil
        nodes[index].life += 1
        nodes[index].batch = nil
        nodes[index].hasDialled = false
        nodes[index].orders = [:]
        nodes[index].unstoppable = []
        nodes[index].wakesAt = nil
    }

    // MARK: Nodes

    private func turn(node index: Int) {
        let life = nodes[index].life
        while let order = nodes[index].engine?.nextRun(at: now) { run(index, order) }
        for cancellation in nodes[index].engine?.takeCancellations() ?? [] { stop(index, cancellation) }
        if let batch = nodes[index].engine?.takeBatch(at: now) {
            nodes[index].batch = (batch.number, batch.changes)
            nodes[index].isApplied = false
            let write = below(10)
            after(write, .batchReachesDisk(node: index, life: life))
            after(write + below(10), .batchIsAnswered(node: index, life: life))
        }
        carryOut(nodes[index].engine?.takeActions() ?? [])
        if nodes[index].engine?.isRecovered == true, !nodes[index].hasDialled {
            nodes[index].hasDialled = true
            nodes[index].running.subtract(nodes[index].inherited)
            for distributor in distributors.indices {
                after(below(10), .dial(from: .node(index), life: life, to: .distributor(distributor)))
            }
        }
        if let deadline = nodes[index].engine?.nextDeadline, deadline != nodes[index].wakesAt {
            nodes[index].wakesAt = deadline
            // Rounded up, as a timer of whole milliseconds.
            let wait = (deadline - now.instant).millisecondsRoundedUp
            after(max(0, wait), .timer(node: index, life: life))
        }
    }

    /// A batch is stored as a whole or not at all.
    func apply(_ index: Int) {
        guard let batch = nodes[index].batch, !nodes[index].isApplied, !nodes[index].isFull else { return }
        nodes[index].isApplied = true
        guard let changes = try? batch.changes.each() else { return complain("a record of node \(index) is no record") }
        for change in changes {
            checkChange(index, change)
            switch change {
            case .put(let record): nodes[index].disk[record.id] = record
            case .remove(let id): nodes[index].disk[id] = nil
            }
        }
    }

    func answerBatch(_ index: Int) {
        guard let batch = nodes[index].batch else { return }
        nodes[index].batch = nil
        if nodes[index].isApplied {
            nodes[index].engine?.committed(batch.number, at: now)
        } else {
            nodes[index].engine?.commitFailed(batch.number, at: now)
        }
        planTurn(.node(index))
    }

    private func run(_ index: Int, _ order: RunOrder) {
        checkRun(index, order)
        let id = order.id
        nodes[index].inherited.remove(id)
        nodes[index].running.insert(id)
        nodes[index].unstoppable.remove(id)
        nodes[index].orders = nodes[index].orders.filter { $0.value.id != id }
        nodes[index].orders[order.attempt] = order
        jobs[id]?.runningOn.insert(index)
        let life = nodes[index].life
        // Not so late that the calm comes first: it would never end.
        if time + 50 < Self.faultsEnd, random.below(100) < faults.diesPerHundred {
            return after(below(50), .crash(.node(index)))
        }
        let hangs = !isCalm && random.below(100) < faults.hangsPerHundred
        let duration = hangs ? 5_000 + below(30_000) : below(60)
        after(duration, .attemptEnds(node: index, life: life, order, outcome(of: order)))
    }

    /// What the job does: its arguments say what kind it is, and count its runs.
    private func outcome(of order: RunOrder) -> AttemptResult {
        let before = order.arguments
        guard var arguments = Self.arguments(before), let kind = arguments["kind"]?.int,
            let runs = arguments["runs"]?.int
        else {
            complain("the arguments of \(order.id) are not what was enqueued")
            return .cancelled(arguments: before, byErrback: false)
        }
        let failure = AttemptResult.failure(error: "no", arguments: before, feedback: before, isFinal: kind == 2)
        if kind == 1 || kind == 2 || (!isCalm && random.below(100) < faults.failsPerHundred) { return failure }
        arguments["runs"] = .int(Int64(runs + 1))
        let after = Self.packed(arguments)
        let isLastPeriod = order.isPeriodic && runs >= 3
        return isLastPeriod
            ? .cancelled(arguments: after, byErrback: random.chance(1, in: 2)) : .success(arguments: after)
    }

    /// Most attempts stop when they are told to, with an error or by cancelling themselves.
    private func stop(_ index: Int, _ cancellation: Cancellation) {
        guard let order = nodes[index].orders[cancellation.attempt] else { return complain("nothing is there to stop") }
        guard whims.chance(2, in: 3) else {
            if cancellation.reason != .requested { nodes[index].unstoppable.insert(order.id) }
            return
        }
        let before = order.arguments
        let result =
            whims.chance(1, in: 2)
            ? AttemptResult.cancelled(arguments: before, byErrback: false)
            : AttemptResult.failure(error: "stopped", arguments: before, feedback: before, isFinal: false)
        let wait = Int64(whims.below(600))
        after(wait, .attemptEnds(node: index, life: nodes[index].life, order, result))
    }

    func attemptEnds(_ index: Int, _ order: RunOrder, _ result: AttemptResult) {
        let id = order.id
        guard nodes[index].orders.removeValue(forKey: order.attempt) != nil else {
            // It was stopped before, or another one has begun: what it says is for nobody.
            nodes[index].engine?.attemptEnded(order.attempt, result, at: now)
            return planTurn(.node(index))
        }
        let stale = nodes[index].engine?.counters.staleAnswers
        defer { if nodes[index].engine?.counters.staleAnswers == stale { succeeded(id, result) } }
        nodes[index].running.remove(id)
        jobs[id]?.runningOn.remove(index)
        nodes[index].engine?.attemptEnded(order.attempt, result, at: now)
        planTurn(.node(index))
    }

    private func succeeded(_ id: JobID, _ result: AttemptResult) {
        if case .success = result { jobs[id]?.successes += 1 }
    }

    // MARK: Applications

    /// Somebody cancels some job, perhaps that of another application, perhaps one that is long over.
    func cancel(_ index: Int) {
        guard isUp(.client(index)), !jobs.isEmpty else { return }
        let id = jobID(1 + whims.below(jobs.count))
        if let number = clients[index].engine?.ask("cancel", ["id": .bytes(id.bytes)]) {
            clients[index].cancels[number] = id
        }
        planTurn(.client(index))
    }

    func enqueue(_ index: Int) {
        guard isUp(.client(index)) else { return }
        let number = jobs.count + 1
        var options = JobOptions()
        if random.chance(1, in: 4) {
            options.delay = .milliseconds(below(8_000))
            options.due = now.wall + (options.delay ?? .zero)
        }
        if random.chance(1, in: 5) { options.period = .milliseconds(500 + below(2_000)) }
        if random.chance(1, in: 4) { options.maxAttempts = 1 + random.below(4) }
        if random.chance(1, in: 4) { options.placement.preferred = ["n\(random.below(nodes.count))"] }
        if faults.timeoutsPerHundred > 0, whims.below(100) < faults.timeoutsPerHundred {
            options.timeout = .milliseconds(Int64(20 + whims.below(2_000)))
        }
        // Kind 1 always fails, kind 2 fails for good, all others succeed.
        let kind = options.period == nil ? random.below(12) : 0
        if kind == 1 { options.maxAttempts = 1 + random.below(4) }
        let request = JobRequest(
            id: jobID(number), name: Self.job,
            arguments: Self.packed(["n": .int(Int64(number)), "kind": .int(Int64(kind)), "runs": 0]),
            created: now.wall, feedback: [[], .success, .error, .both, .both][random.below(5)], options: options)
        jobs[request.id] = SimulatedJob(request: request, client: index, clientLife: clients[index].life)
        clients[index].engine?.enqueue(request)
        planTurn(.client(index))
    }

    static func packed(_ members: [String: Value]) -> [UInt8] {
        var writer = ByteWriter()
        writer.pack(map: members)
        return writer.bytes
    }

    static func arguments(_ bytes: [UInt8]) -> [String: Value]? {
        var unpacker = Unpacker(bytes[...])
        return try? unpacker.map()
    }
}
