import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// Who asked for an operation, and is told when what was asked for has come true, or cannot any more.
final class Asker {
    private let client: ControlClientConnection
    /// Ends the wait for a drain.
    var timer: Handle?

    init(_ client: ControlClientConnection) {
        self.client = client
    }

    func progress(_ text: String) { client.send(["progress": .string(text)]) }
    func succeed(_ message: String, _ more: JSON = [:]) {
        var object = more.object ?? [:]
        object["message"] = .string(message)
        client.succeed(.object(object))
    }
    func fail(_ exitCode: Int32, _ message: String, _ more: JSON = [:]) { client.fail(exitCode, message, more) }
}

typealias Operation = OperationDesk<Asker>.Operation

extension Supervisor {
    /// Answers one request of a client.
    func answer(_ request: JSON, _ client: ControlClientConnection) {
        guard let name = request["verb"]?.string, let verb = Verb(rawValue: name) else {
            let verbs = Verb.allCases.map(\.rawValue).joined(separator: ", ")
            return client.fail(ExitCodes.usage, "a request has a \"verb\" of: \(verbs)")
        }
        loop.refreshNow()
        switch verb {
        case .status:
            if request["watch"]?.bool == true { watchStatus(client) } else { answerStatus(client) }
        case .events:
            let after = request["after"]?.int.flatMap { Int(exactly: $0) } ?? events.lastSequence
            events.tell(client, after: after, follows: request["follow"]?.bool == true)
        case .why, .wait:
            do throws(SupervisorError) {
                if verb == .wait {
                    try beginWait(request, client)
                } else {
                    client.succeed(explain(try positions(request)))
                }
            } catch {
                client.fail(error.exitCode, error.message)
            }
        case .down:
            let urgency: Urgency = request["now"]?.bool == true ? .terminate : .drain
            _ = desk.begin(.down, .down, plan.live, Asker(client))
            note("down was asked for\(urgency == .drain ? "" : ", now")")
            tell(.downRequested(urgency))
        case .scale, .reload, .reExec:
            do throws(SupervisorError) {
                switch verb {
                case .scale: try scale(request, client)
                case .reload: try reload(request, client)
                default: try reExec(client)
                }
            } catch {
                client.fail(error.exitCode, error.message)
            }
        case .start, .stop, .restart, .drain, .resume, .kill:
            do throws(SupervisorError) {
                let positions = try positions(request, orAll: verb == .restart)
                try act(verb, positions, request, client)
            } catch {
                client.fail(error.exitCode, error.message)
            }
        }
    }

    func positions(_ request: JSON, orAll: Bool = false) throws(SupervisorError) -> [Int] {
        if orAll, request["names"]?.array?.isEmpty == true { return plan.live }
        var found: [Int] = []
        for name in request["names"]?.array?.compactMap(\.string) ?? [] {
            let positions = plan.positions(named: name)
            if positions.isEmpty {
                throw SupervisorError(
                    exitCode: ExitCodes.usage, "there is no instance \"\(name)\" here (\(plan.suggestion(for: name)))")
            }
            found += positions.filter { !found.contains($0) }
        }
        if found.isEmpty { throw SupervisorError(exitCode: ExitCodes.usage, "the names of the instances are missing") }
        return found
    }

    private func act(
        _ verb: Verb, _ positions: [Int], _ request: JSON, _ client: ControlClientConnection
    ) throws(SupervisorError) {
        if verb == .kill { return try kill(positions, request, client) }
        if cluster.goingDown != nil {
            throw SupervisorError(exitCode: SupervisorError.inUse, "everything is going down")
        }
        let urgency: Urgency = request["now"]?.bool == true ? .terminate : .drain
        if verb == .drain || verb == .resume { try checkDrain(verb, positions) }
        try makeWay(for: verb, positions)
        let isRoll = verb == .restart && request["rolling"]?.bool == true
        let goal: OperationDesk<Asker>.Goal =
            switch verb {
            case .stop: .stopped
            case .drain: .drained
            default: isRoll ? .rolled : .ready
            }
        let operation = desk.begin(verb, goal, positions, Asker(client))
        note("\(isRoll ? "a rolling " : "")\(verb.rawValue) was asked for: \(names(positions))")
        if isRoll { return beginRoll(operation) }
        // What somebody asks for is what the plan says, not what a roll went back to.
        if verb == .start || verb == .restart { for position in positions { slots[position].fallback = nil } }
        switch verb {
        case .start: tell(.startRequested(positions))
        case .stop: tell(.stopRequested(positions, urgency))
        case .restart: tell(.restartRequested(positions, urgency))
        case .drain: beginDrain(operation)
        case .resume: tell(.resumeRequested(positions))
        case .status, .scale, .reload, .reExec, .kill, .down, .events, .why, .wait: break
        }
    }

    /// Ends what has to make way for this, or refuses it.
    func makeWay(for verb: Verb, _ positions: [Int]) throws(SupervisorError) {
        let ended: [Operation]
        do {
            ended = try desk.makeWay(for: verb, positions)
        } catch {
            throw SupervisorError(
                exitCode: SupervisorError.inUse,
                "\(error.verb.rawValue) of \(names(error.positions)) goes on; try again when it is done")
        }
        for other in ended {
            other.asker.fail(SupervisorError.inUse, "a \(verb.rawValue) of \(names(positions)) came in between")
            if let timer = other.asker.timer { loop.cancel(timer) }
            if other.goal == .rolled { cancelRoll(of: other) }
            if other.goal == .reloaded { cancelReload() }
            if other.goal == .scaled || other.goal == .reloaded { cancelShrinks(of: other) }
        }
    }

    private func kill(
        _ positions: [Int], _ request: JSON, _ client: ControlClientConnection
    ) throws(SupervisorError) {
        guard let number = request["signal"]?.int.flatMap({ Int32(exactly: $0) }), (1...64).contains(number) else {
            throw SupervisorError(exitCode: ExitCodes.usage, "a \"signal\" is a number from 1 to 64")
        }
        let running = positions.filter { cluster.members[$0].machine.pid != nil }
        guard !running.isEmpty else {
            throw SupervisorError(exitCode: SupervisorError.unavailable, "\(names(positions)) has no process")
        }
        let signal = Signal(number: number)
        if signal == .continue {
            for position in running { client.undoing[cluster.members[position].machine.pid ?? 0] = nil }
        }
        let pids = running.map { "\(plan.instances[$0].name) (pid \(cluster.members[$0].machine.pid ?? 0))" }
        for position in running { tell(.instance(position, .signalRequested(signal))) }
        note("kill was asked for: \(signal) to \(names(running))")
        if request["hold"]?.bool == true, signal == .stop { hold(running, client) }
        let machines = running.map { cluster.members[$0].machine }
        client.succeed([
            "message": .string("\(signal) sent to \(pids.joined(separator: ", "))"),
            "pids": .array(machines.map { .int(Int64($0.pid ?? 0)) }),
            "incarnations": .array(machines.map { .int(Int64($0.incarnation)) }),
        ])
    }

    /// What a client has stopped goes on when it is gone, however it went.
    private func hold(_ positions: [Int], _ client: ControlClientConnection) {
        for position in positions {
            guard let pid = cluster.members[position].machine.pid else { continue }
            client.undoing[pid] = { [weak self] in
                guard let self, cluster.members[position].machine.pid == pid else { return }
                loop.refreshNow()
                note("who had stopped \(names([position])) is gone: \(Signal.continue) to it")
                tell(.instance(position, .signalRequested(.continue)))
            }
        }
    }

    func names(_ positions: [Int]) -> String {
        positions.map { plan.instances[$0].name }.joined(separator: ", ")
    }

    /// Answers those operations whose end has come.
    func settleOperations() {
        for (operation, outcome) in desk.settle(cluster) {
            if let timer = operation.asker.timer { loop.cancel(timer) }
            switch outcome {
            case .succeeded: operation.asker.succeed(words(forEndOf: operation))
            case .lost(let positions):
                let causes = positions.map { position in
                    let state = cluster.members[position].machine.state
                    return "\(plan.instances[position].name) is \(state.rawValue): \(cause(position))"
                }
                operation.asker.fail(SupervisorError.unavailable, causes.joined(separator: "\n"))
            }
        }
    }

    private func words(forEndOf operation: Operation) -> String {
        switch operation.goal {
        case .stopped: "stopped: \(names(operation.positions))"
        case .drained: wordsForDrained(operation.positions)
        case .ready, .rolled, .scaled, .reloaded, .down: "ready: \(names(operation.positions))"
        }
    }

    /// Everything is down: the last answers.
    func finishOperations() {
        for operation in desk.endAll() {
            if operation.goal == .down || operation.goal == .stopped {
                operation.asker.succeed("all stopped")
            } else {
                operation.asker.fail(SupervisorError.inUse, "everything went down in between")
            }
        }
    }
}
