/// What a client may ask a supervisor for.
public enum Verb: String, Sendable, CaseIterable {
    case status, start, stop, restart, drain, resume, scale, reload, kill, down
    case events, why, wait
    case reExec = "re-exec"
}

/// What goes on already on an instance that something else was asked for.
public struct OperationConflict: Error, Sendable, Equatable {
    public var verb: Verb
    public var positions: [Int]

    public init(verb: Verb, positions: [Int]) {
        self.verb = verb
        self.positions = positions
    }
}

/// What was asked of a running cluster and is not answered yet. Two operations on one instance never overlap, and each
/// is answered once: it leaves the desk with its answer.
///
/// Pure: whom to answer is kept for whoever does it.
public struct OperationDesk<Asker> {
    public enum Goal: Sendable { case ready, drained, rolled, scaled, reloaded, stopped, down }

    public struct Operation {
        public let id: Int
        public let verb: Verb
        public let goal: Goal
        /// Those that it is about: nothing else is done with them meanwhile.
        public fileprivate(set) var positions: [Int]
        public let asker: Asker
    }

    /// What became of an operation.
    public enum Outcome: Sendable, Equatable {
        case succeeded
        /// It cannot come true any more: because of these.
        case lost([Int])
    }

    /// In the order in which they were asked for.
    public private(set) var open: [Operation] = []
    private var lastID = 0

    public init() {}

    // MARK: Begin

    /// A stop puts an end to what goes on with those that are to stop, and a resume to their drain; everything else has
    /// to wait.
    ///
    /// - Returns: What has come to an end by it, to be answered so.
    public mutating func makeWay(for verb: Verb, _ positions: [Int]) throws(OperationConflict) -> [Operation] {
        let others = open.filter { $0.positions.contains(where: positions.contains) }
        for other in others {
            let isUndone = verb == .resume && other.verb == .drain
            if verb != .stop, !isUndone { throw OperationConflict(verb: other.verb, positions: other.positions) }
        }
        for other in others { _ = end(other.id) }
        return others
    }

    /// Called when there is nothing in the way any more.
    public mutating func begin(_ verb: Verb, _ goal: Goal, _ positions: [Int], _ asker: Asker) -> Operation {
        lastID += 1
        let operation = Operation(id: lastID, verb: verb, goal: goal, positions: positions, asker: asker)
        open.append(operation)
        return operation
    }

    /// It has made new places, which it is about as well.
    public mutating func add(_ positions: [Int], to id: Int) {
        guard let index = open.firstIndex(where: { $0.id == id }) else { return }
        open[index].positions += positions
    }

    // MARK: End

    /// It is to be answered now; nil when it was before.
    public mutating func end(_ id: Int) -> Operation? {
        guard let index = open.firstIndex(where: { $0.id == id }) else { return nil }
        return open.remove(at: index)
    }

    /// Everything that is open, to be answered now.
    public mutating func endAll() -> [Operation] {
        defer { open = [] }
        return open
    }

    /// Those whose end has come by what the instances are like now. Rolls, scalings and reloads are ended by what does
    /// them, and `down` by the end of the supervisor.
    public mutating func settle(_ cluster: ClusterMachine) -> [(operation: Operation, outcome: Outcome)] {
        var settled: [(Operation, Outcome)] = []
        for operation in open {
            guard let outcome = Self.outcome(operation.goal, operation.positions, cluster) else { continue }
            settled.append((operation, outcome))
            _ = end(operation.id)
        }
        return settled
    }

    private static func outcome(_ goal: Goal, _ positions: [Int], _ cluster: ClusterMachine) -> Outcome? {
        let machines = positions.map { (position: $0, machine: cluster.members[$0].machine) }
        switch goal {
        case .down, .rolled, .scaled, .reloaded:
            return nil
        case .stopped:
            return machines.allSatisfy(\.machine.state.isSettled) ? .succeeded : nil
        case .drained:
            let lost = machines.filter { $0.machine.isLost || $0.machine.wantedDrain == nil }
            if !lost.isEmpty { return .lost(lost.map(\.position)) }
            return machines.allSatisfy { $0.machine.drainedHoldings != nil } ? .succeeded : nil
        case .ready:
            let lost = machines.filter { $0.machine.isLost || cluster.obstacle($0.position) != nil }
            if !lost.isEmpty { return .lost(lost.map(\.position)) }
            return machines.allSatisfy(\.machine.state.allowsDependents) ? .succeeded : nil
        }
    }
}

extension OperationDesk: Sendable where Asker: Sendable {}
extension OperationDesk.Operation: Sendable where Asker: Sendable {}

extension InstanceMachine {
    /// Whether it will not become ready without somebody who does something about it, as far as one can tell.
    public var isLost: Bool {
        switch state {
        case .failed, .crashLooping, .blocked, .stopped: true
        case .waiting, .starting, .recovering, .ready, .degraded, .backingOff, .draining, .stopping, .finished:
            readyTimeouts > 0
        }
    }
}
