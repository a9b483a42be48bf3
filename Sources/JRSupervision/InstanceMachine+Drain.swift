import JRBase

/// A drain from which the process comes back: it takes and begins no jobs until it is asked to resume.
extension InstanceMachine {
    /// Whether it drains, or has drained, without being about to leave.
    public var isPaused: Bool { state == .draining && life.stopsFor == nil }

    /// What it keeps, when it is drained and has said so: no job runs, and none is taken.
    public var drainedHoldings: Holdings? { isPaused ? life.holdings : nil }

    mutating func drainRequested(_ kind: DrainKind, _ actions: inout [InstanceAction]) {
        switch state {
        case .ready, .degraded:
            beginDrain(kind, "drain was asked for", &actions)
        case .draining:
            guard isPaused, wantedDrain != kind || life.holdings == nil else { return }
            life.holdings = nil
            wantedDrain = kind
            actions.append(.say(kind.word))
        case .waiting, .starting, .recovering, .blocked, .backingOff, .crashLooping, .stopping, .stopped, .failed,
            .finished:
            break
        }
    }

    mutating func beginDrain(_ kind: DrainKind, _ cause: String, _ actions: inout [InstanceAction]) {
        wantedDrain = kind
        life.drainedFrom = state
        life.holdings = nil
        enter(.draining, cause, &actions)
        actions.append(.say(kind.word))
    }

    mutating func drained(_ holdings: Holdings, _ actions: inout [InstanceAction]) {
        guard isPaused, life.holdings != holdings else { return }
        life.holdings = holdings
        enter(.draining, "drained: no job runs, it keeps \(holdings.words); resume undoes it", &actions)
    }

    mutating func resumeRequested(_ actions: inout [InstanceAction]) {
        wantedDrain = nil
        guard isPaused else { return }
        life.holdings = nil
        actions.append(.say("resume"))
        enter(life.drainedFrom ?? .ready, "resume was asked for", &actions)
    }
}
