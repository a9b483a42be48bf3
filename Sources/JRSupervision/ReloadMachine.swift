/// A manifest that was read again, on its way into a cluster that runs: first what is new is started, then what is
/// other than it was is rolled, last goes what is there no more.
///
/// Pure: it says what is to be done next, and what is to be as before when it ends too early.
public struct ReloadMachine: Sendable {
    public enum Step: Sendable, Equatable {
        /// Start these and wait until they are ready.
        case start([Int])
        /// Restart these one after the other.
        case roll([Int])
        /// As many of these are to go.
        case shrink([Int], count: Int)
    }

    /// What those that were started have come to.
    public enum Look: Sendable, Equatable {
        case waits
        case isReady
        case lost(Int)
    }

    public let change: PlanChange
    /// What was in each place that is other now.
    public let before: [Int: Plan.Instance]
    /// Places that are new.
    public let grown: [Int]
    /// Started, and waited for.
    public private(set) var awaited: [Int] = []
    private var steps: [Step] = []

    /// Takes the new plan over into the one that is followed; what runs is as it was.
    ///
    /// What somebody has stopped stays so, and is what the new plan says when it is started.
    public init(_ change: PlanChange, to new: Plan, in plan: inout Plan, of cluster: ClusterMachine) {
        self.change = change
        before = plan.take(new, at: change.differences.flatMap(\.positions))
        grown = change.growths.flatMap { plan.grow($0.entry, by: $0.count) }
        let rolled = change.differences.filter(\.needsRestart).flatMap(\.positions).filter {
            cluster.members[$0].machine.isWanted
        }
        if !grown.isEmpty { steps.append(.start(grown)) }
        // A distributor that listens elsewhere is there before the nodes that are told so.
        for rank in 0...2 {
            let positions = rolled.filter { plan.instances[$0].rank == rank }
            if !positions.isEmpty { steps.append(.roll(positions)) }
        }
        for rank in [2, 1, 0] {
            for loss in change.losses {
                let positions = plan.positions(ofEntry: loss.entry)
                guard positions.first.map({ plan.instances[$0].rank }) == rank else { continue }
                steps.append(.shrink(positions, count: loss.count))
            }
        }
    }

    /// What is to be done next; nil when all is done.
    public mutating func next() -> Step? {
        awaited = []
        guard let step = steps.first else { return nil }
        steps.removeFirst()
        if case .start(let positions) = step { awaited = positions }
        return step
    }

    /// Called whenever something has changed.
    public func look(_ cluster: ClusterMachine) -> Look {
        guard !awaited.isEmpty else { return .waits }
        let lost = awaited.first { cluster.members[$0].machine.isLost || cluster.obstacle($0) != nil }
        if let lost { return .lost(lost) }
        let isReady = awaited.allSatisfy { cluster.members[$0].machine.state.allowsDependents }
        return isReady ? .isReady : .waits
    }

    /// What to put back when it ends here. What was reached stays.
    ///
    /// - Parameter rolling: Those of the present roll whose turn has not come, or that went back.
    public func unreached(_ rolling: [Int] = []) -> [Int: Plan.Instance] {
        let later = steps.flatMap { step -> [Int] in if case .roll(let positions) = step { positions } else { [] } }
        return before.filter { later.contains($0.key) || rolling.contains($0.key) }
    }
}
