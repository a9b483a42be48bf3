/// A roll over one group of instances after the other: an entry's are rolled before the next one's.
public struct RollSequence: Sendable {
    /// The group under way.
    public private(set) var machine: RollMachine
    private var later: [[Int]]
    /// Restarted and ready, in this order.
    public private(set) var done: [Int] = []
    /// What became of it as a whole.
    public private(set) var outcome: RollMachine.Outcome?

    public init(_ positions: [Int], of plan: Plan, in cluster: ClusterMachine) {
        let groups = Self.groups(positions, plan, cluster)
        machine = RollMachine(positions: groups.first ?? [])
        later = Array(groups.dropFirst())
        outcome = machine.outcome
    }

    /// Groups of instances that replace each other, in the order in which they are rolled: nodes, which find their
    /// distributors again, then distributors, then programs. But a distributor that is down comes first: nodes would
    /// wait for it.
    private static func groups(_ positions: [Int], _ plan: Plan, _ cluster: ClusterMachine) -> [[Int]] {
        let isDown = positions.contains {
            plan.instances[$0].rank == 0 && !cluster.members[$0].machine.state.allowsDependents
        }
        let order = isDown ? [0: 0, 1: 1, 2: 2] : [1: 0, 0: 1, 2: 2]
        var groups: [(rank: Int, name: String, positions: [Int])] = []
        for position in positions {
            let instance = plan.instances[position]
            if let index = groups.firstIndex(where: { $0.name == instance.entry.name }) {
                groups[index].positions.append(position)
            } else {
                groups.append((order[instance.rank] ?? 2, instance.entry.name, [position]))
            }
        }
        // Within a rank as the plan has them.
        return (0...2).flatMap { rank in groups.filter { $0.rank == rank }.map(\.positions) }
    }

    /// Those of the group under way.
    public var positions: [Int] { machine.positions }

    /// Those whose turn has not come.
    public var untouched: [Int] { machine.untouched + later.joined() }

    /// The nodes have said how many jobs they run.
    public mutating func counted() { machine.counted() }

    /// Called whenever something has changed, until there is an ``outcome``.
    ///
    /// - Parameter sights: one for each of ``positions``.
    public mutating func look(_ sights: [Int: RollMachine.Sight]) -> [RollMachine.Action] {
        guard outcome == nil else { return [] }
        let actions = machine.look(sights)
        switch machine.outcome {
        case nil:
            return actions
        case .succeeded?:
            done += machine.positions
            guard let next = later.first else {
                outcome = .succeeded
                return actions
            }
            later.removeFirst()
            machine = RollMachine(positions: next)
            return actions + machine.look([:])
        case .aborted(var abort)?:
            done += machine.done.filter { $0 != abort.position && !abort.untouched.contains($0) }
            abort.untouched += later.joined()
            outcome = .aborted(abort)
            return actions
        }
    }
}
