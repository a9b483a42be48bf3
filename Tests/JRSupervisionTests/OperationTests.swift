import JRBase
import JRManifest
import JRSupervision
import Testing

@Suite("What was asked of a cluster")
struct OperationDeskTests {
    private func cluster(_ states: InstanceState...) -> ClusterMachine {
        ClusterMachine(
            members: states.map { state in
                ClusterMachine.Member(machine: Bench.inState(state).machine, after: [], rank: 1)
            })
    }

    @Test("an operation on an instance waits for none: a stop ends what goes on, anything else is refused")
    func overlap() throws {
        for verb in [Verb.start, .restart, .scale, .reload, .drain, .resume] {
            var desk = OperationDesk<String>()
            #expect(try desk.makeWay(for: .restart, [0, 1]).isEmpty)
            let first = desk.begin(.restart, .ready, [0, 1], "a")
            #expect(throws: OperationConflict(verb: .restart, positions: [0, 1])) {
                _ = try desk.makeWay(for: verb, [1, 2])
            }
            #expect(try desk.makeWay(for: verb, [2]).isEmpty)
            #expect(try desk.makeWay(for: .stop, [1]).map(\.asker) == ["a"])
            #expect(desk.open.isEmpty && desk.end(first.id) == nil)
        }
    }

    @Test("a resume ends the drain of the same instance, and nothing else")
    func resume() throws {
        var desk = OperationDesk<String>()
        _ = desk.begin(.drain, .drained, [0], "a")
        _ = desk.begin(.restart, .ready, [1], "b")
        #expect(throws: OperationConflict(verb: .restart, positions: [1])) {
            _ = try desk.makeWay(for: .resume, [0, 1])
        }
        #expect(desk.open.count == 2, "what is refused changes nothing")
        #expect(try desk.makeWay(for: .resume, [0]).map(\.asker) == ["a"])
    }

    @Test("what an operation makes is its own")
    func added() throws {
        var desk = OperationDesk<String>()
        let reload = desk.begin(.reload, .reloaded, [0], "a")
        desk.add([5], to: reload.id)
        #expect(throws: OperationConflict(verb: .reload, positions: [0, 5])) { _ = try desk.makeWay(for: .start, [5]) }
    }

    @Test("every state is the end of a goal, its loss or neither", arguments: InstanceState.allCases)
    func ends(state: InstanceState) {
        let cluster = cluster(state, .ready)
        let outcome = { (verb: Verb, goal: OperationDesk<String>.Goal, positions: [Int]) in
            var desk = OperationDesk<String>()
            _ = desk.begin(verb, goal, positions, "a")
            let settled = desk.settle(cluster)
            #expect(desk.open.isEmpty == !settled.isEmpty, "it leaves with its answer")
            return settled.first?.outcome
        }
        let isLost = [.failed, .crashLooping, .blocked, .stopped].contains(state)
        let isReady = state == .ready || state == .finished
        #expect(outcome(.start, .ready, [0, 1]) == (isLost ? .lost([0]) : isReady ? .succeeded : nil))
        #expect(outcome(.stop, .stopped, [0]) == (state.isSettled ? .succeeded : nil))
        #expect(outcome(.drain, .drained, [0]) == .lost([0]), "nobody has asked it to drain, or that was undone")
        for goal in [OperationDesk<String>.Goal.rolled, .scaled, .reloaded, .down] {
            #expect(outcome(.down, goal, [0]) == nil)
        }
    }

    @Test("a start is lost while what the instance comes after is stopped, and goes on while that is started as well")
    func afterStopped() {
        for (state, lost) in [(InstanceState.stopped, true), (.starting, false), (.failed, true)] {
            let cluster = ClusterMachine(members: [
                ClusterMachine.Member(machine: Bench.inState(state).machine, after: [], rank: 0),
                ClusterMachine.Member(machine: Bench.inState(.waiting).machine, after: [0], rank: 1),
            ])
            var desk = OperationDesk<String>()
            _ = desk.begin(.start, .ready, [1], "a")
            #expect(desk.settle(cluster).first?.outcome == (lost ? .lost([1]) : nil))
        }
    }
}

@Suite("A reload in its steps")
struct ReloadMachineTests {
    private func manifest(_ workers: Int, _ version: Int, _ more: String = "", programs: String = "") -> Plan {
        let text = """
            {
              "distributors": { "main": { "listen": "127.0.0.1:0", "env": { "VERSION": "\(version)" } } },
              "nodes": {
                "worker": { "count": \(workers), "command": ["x"], "env": { "VERSION": "\(version)" } } \(more) },
              "programs": { \(programs) }
            }
            """
        let reading = ManifestReader.read(Array(text.utf8))
        #expect(reading.problems.map(\.message) == [])
        return Plan(
            reading.manifest,
            Plan.Surroundings(
                manifestDirectory: "/m", runtimeDirectory: "/r", programDirectory: "/p", environment: [:]))
    }

    /// The cluster of a plan with everything started.
    private func up(_ plan: Plan) -> ClusterMachine {
        var cluster = plan.cluster(seed: 1)
        _ = cluster.handle(.startRequested(Array(plan.instances.indices)), at: .zero)
        for position in plan.instances.indices {
            _ = cluster.handle(.instance(position, .spawned(pid: 1)), at: .zero)
            _ = cluster.handle(.instance(position, .reported(.ready, incarnation: 1)), at: .zero)
        }
        return cluster
    }

    @Test("what is new is started, what is other is rolled, distributors first, and what is gone goes last")
    func order() {
        var plan = manifest(2, 1, programs: #""web": { "command": ["y"] }"#)
        let new = manifest(1, 2, #", "mailer": { "count": 2, "command": ["z"] }"#)
        let change = PlanChange(from: plan, to: new)
        var reload = ReloadMachine(change, to: new, in: &plan, of: up(plan))
        #expect(reload.grown == [4, 5] && plan.instances[4].name == "mailer.1")
        #expect(reload.unreached().keys.sorted() == [0, 1, 2])
        #expect(reload.next() == .start([4, 5]) && reload.awaited == [4, 5])
        #expect(reload.next() == .roll([0]))
        #expect(reload.unreached([0]).keys.sorted() == [0, 1, 2])
        #expect(reload.next() == .roll([1, 2]))
        #expect(reload.unreached([2]).keys.sorted() == [2])
        #expect(reload.next() == .shrink([3], count: 1))
        #expect(reload.next() == .shrink([1, 2], count: 1))
        #expect(reload.unreached().isEmpty)
        #expect(reload.next() == nil)
    }

    @Test("what somebody stopped stays so, and is something else when it is started")
    func stopped() {
        var plan = manifest(2, 1)
        let new = manifest(2, 2)
        var cluster = up(plan)
        _ = cluster.handle(.stopRequested([1], .drain), at: .zero)
        #expect(cluster.members[1].machine.state == .draining, "on its way is as good as gone")
        var reload = ReloadMachine(PlanChange(from: plan, to: new), to: new, in: &plan, of: cluster)
        #expect(reload.next() == .roll([0]))
        #expect(reload.next() == .roll([2]))
        #expect(reload.next() == nil)
        #expect(plan.instances[1].version == 2)
    }

    @Test("it waits for what is new, and ends when that is lost or waits for something that does not come")
    func waits() {
        var plan = manifest(1, 1)
        var cluster = plan.cluster(seed: 1)
        let new = manifest(2, 1)
        var reload = ReloadMachine(PlanChange(from: plan, to: new), to: new, in: &plan, of: cluster)
        cluster.follow(plan) { position, _ in plan.member(position, incarnation: 0, seed: 2) }
        #expect(reload.look(cluster) == .waits, "nothing was started yet")
        #expect(reload.next() == .start([2]))
        let now = Instant(nanoseconds: 1)
        _ = cluster.handle(.startRequested([2]), at: now)
        #expect(cluster.obstacle(2) == 0 && reload.look(cluster) == .lost(2), "its distributor is stopped")
        _ = cluster.handle(.startRequested([0]), at: now)
        _ = cluster.handle(.instance(0, .spawned(pid: 1)), at: now)
        #expect(reload.look(cluster) == .waits && cluster.obstacle(2) == nil)
        _ = cluster.handle(.instance(0, .reported(.ready, incarnation: 1)), at: now)
        _ = cluster.handle(.instance(2, .spawned(pid: 2)), at: now)
        #expect(reload.look(cluster) == .waits)
        var failed = cluster
        _ = failed.handle(.instance(2, .exited(.code(78), groupIsEmpty: true, incarnation: 1)), at: now)
        #expect(reload.look(failed) == .lost(2))
        _ = cluster.handle(.instance(2, .reported(.ready, incarnation: 1)), at: now)
        #expect(reload.look(cluster) == .isReady)
        #expect(reload.next() == nil)
    }

    @Test("a place that is used again is of the kind that it is now, and its incarnations go on")
    func otherKind() throws {
        var plan = manifest(1, 1, programs: #""web": { "command": ["y"] }"#)
        var cluster = plan.cluster(seed: 1)
        let now = Instant(nanoseconds: 1)
        let follow = { (plan: Plan, cluster: inout ClusterMachine) in
            cluster.follow(plan) { position, last in plan.member(position, incarnation: last, seed: 2) }
        }
        _ = cluster.handle(.startRequested([2]), at: now)
        _ = cluster.handle(.instance(2, .spawned(pid: 1)), at: now)
        #expect(cluster.members[2].machine.state == .ready, "a program is, when it is there")
        let without = manifest(1, 1)
        var reload = ReloadMachine(PlanChange(from: plan, to: without), to: without, in: &plan, of: cluster)
        #expect(reload.next() == .shrink([2], count: 1))
        _ = cluster.handle(.stopRequested([2], .kill), at: now)
        _ = cluster.handle(.instance(2, .exited(.code(0), groupIsEmpty: true, incarnation: 1)), at: now)
        plan.retire([2])
        plan.forget(entry: "web")
        follow(plan, &cluster)
        let node = manifest(1, 1, #", "web": { "command": ["y"] }"#)
        reload = ReloadMachine(PlanChange(from: plan, to: node), to: node, in: &plan, of: cluster)
        follow(plan, &cluster)
        #expect(reload.next() == .start([2]))
        let machine = cluster.members[2].machine
        #expect(machine.reportsReady && machine.drains && machine.incarnation == 1 && machine.state == .stopped)
        #expect(cluster.members[2].rank == 1)
    }

    @Test("entries are rolled one after the other, nodes before distributors unless one of those is down")
    func sequence() {
        let plan = manifest(2, 1, #", "mailer": { "command": ["z"] }"#, programs: #""web": { "command": ["y"] }"#)
        for isUp in [true, false] {
            var cluster = plan.cluster(seed: 1)
            if isUp {
                _ = cluster.handle(.startRequested([0]), at: .zero)
                _ = cluster.handle(.instance(0, .spawned(pid: 1)), at: .zero)
                _ = cluster.handle(.instance(0, .reported(.ready, incarnation: 1)), at: .zero)
            }
            var roll = RollSequence([0, 1, 2, 3, 4], of: plan, in: cluster)
            var groups: [[Int]] = []
            var incarnation = 1
            for _ in 0..<40 where roll.outcome == nil {
                if groups.last != roll.positions { groups.append(roll.positions) }
                incarnation += 1
                roll.counted()
                // Whatever is begun is over when it is looked at next.
                _ = roll.look(sights(roll.positions, incarnation))
            }
            #expect(groups == (isUp ? [[1, 2], [3], [0], [4]] : [[0], [1, 2], [3], [4]]))
            #expect(roll.outcome == .succeeded && roll.done.count == 5 && roll.untouched.isEmpty)
        }
    }

    private func sights(_ positions: [Int], _ incarnation: Int) -> [Int: RollMachine.Sight] {
        Dictionary(
            uniqueKeysWithValues: positions.map {
                let sight = RollMachine.Sight(
                    state: .ready, cause: "", incarnation: incarnation, runningJobs: 0, startedAt: nil)
                return ($0, sight)
            })
    }

    @Test("what fails ends the sequence, and the entries after it are not touched either")
    func aborted() {
        let plan = manifest(1, 1, #", "mailer": { "command": ["z"] }"#)
        var roll = RollSequence([0, 1, 2], of: plan, in: plan.cluster(seed: 1))
        #expect(roll.positions == [0])
        roll.counted()
        _ = roll.look(sights([0], 1))
        roll.counted()
        _ = roll.look(sights([0], 1))
        var failed = RollMachine.Sight(state: .failed, cause: "x", incarnation: 2, runningJobs: 0, startedAt: nil)
        failed.canGoBack = false
        _ = roll.look([0: failed])
        let abort = RollMachine.Abort(position: 0, cause: "failed: x", wentBack: nil, untouched: [1, 2])
        #expect(roll.outcome == .aborted(abort) && roll.done.isEmpty)
        #expect(roll.look(sights([0], 3)) == [])
    }
}
