import JRBase
import JRSupervision
import Testing

@Suite("The machine of a cluster")
struct ClusterMachineTests {
    /// One distributor, two nodes after it, one program after the nodes, one program after nothing.
    private func cluster() -> ClusterMachine {
        let member = { (after: [Int], rank: Int, seed: UInt64) in
            ClusterMachine.Member(
                machine: InstanceMachine(policy: Policy(), drains: rank < 2, reportsReady: rank < 2, seed: seed),
                after: after, rank: rank)
        }
        return ClusterMachine(members: [
            member([], 0, 1), member([0], 1, 2), member([0], 1, 3), member([1, 2], 2, 4), member([], 2, 5),
        ])
    }

    private let now = Instant(nanoseconds: 5)

    private func spawned(_ actions: [ClusterAction]) -> [Int] {
        actions.compactMap { action in if case .spawn = action.action { action.instance } else { nil } }
    }

    /// Tells the machine, answers every spawn with a pid, and says who was spawned.
    private func tell(_ cluster: inout ClusterMachine, _ event: ClusterEvent) -> [Int] {
        var started = spawned(cluster.handle(event, at: now))
        for position in started {
            started += tell(&cluster, .instance(position, .spawned(pid: Int32(100 + position))))
        }
        return started
    }

    private func ready(_ cluster: inout ClusterMachine, _ position: Int) -> [Int] {
        let number = cluster.members[position].machine.incarnation
        return tell(&cluster, .instance(position, .reported(.ready, incarnation: number)))
    }

    private func states(_ cluster: ClusterMachine) -> [InstanceState] { cluster.members.map(\.machine.state) }

    private func exit(_ cluster: inout ClusterMachine, _ position: Int, _ exit: Exit) {
        let number = cluster.members[position].machine.incarnation
        _ = tell(&cluster, .instance(position, .exited(exit, groupIsEmpty: true, incarnation: number)))
    }

    private func up() -> ClusterMachine {
        var cluster = cluster()
        _ = tell(&cluster, .startRequested([0, 1, 2, 3, 4]))
        for position in 0...2 { _ = ready(&cluster, position) }
        return cluster
    }

    @Test("each starts as soon as all that it comes after are ready, and not before")
    func startOrder() {
        var cluster = cluster()
        #expect(tell(&cluster, .startRequested([0, 1, 2, 3, 4])) == [0, 4])
        #expect(cluster.verdict == .pending([0, 1, 2, 3]))
        #expect(ready(&cluster, 0) == [1, 2])
        #expect(ready(&cluster, 1) == [])
        #expect(ready(&cluster, 2) == [3])
        #expect(cluster.verdict == .ready)
    }

    @Test("down stops programs, then nodes, then distributors, all of a rank together")
    func stopOrder() {
        var cluster = up()
        _ = tell(&cluster, .downRequested(.drain))
        #expect(states(cluster) == [.ready, .ready, .ready, .stopping, .stopping])
        exit(&cluster, 4, .code(0))
        #expect(states(cluster) == [.ready, .ready, .ready, .stopping, .stopped])
        exit(&cluster, 3, .signal(.terminate, coreDumped: false))
        #expect(states(cluster) == [.ready, .draining, .draining, .stopped, .stopped])
        exit(&cluster, 1, .code(0))
        exit(&cluster, 2, .code(0))
        #expect(states(cluster) == [.draining, .stopped, .stopped, .stopped, .stopped])
        exit(&cluster, 0, .code(0))
        #expect(cluster.isSettled)
    }

    @Test("the second and third request for down signal and kill all at once")
    func ladder() {
        var cluster = up()
        _ = tell(&cluster, .downRequested(.drain))
        _ = cluster.handle(.downRequested(.terminate), at: now)
        #expect(states(cluster) == [.stopping, .stopping, .stopping, .stopping, .stopping])
        let kills = cluster.handle(.downRequested(.kill), at: now).filter { $0.action == .signalGroup(.kill) }
        #expect(kills.map(\.instance) == [0, 1, 2, 3, 4])
    }

    @Test("while everything goes down nothing is started, asked for or not")
    func noStartWhileDown() {
        var cluster = up()
        _ = tell(&cluster, .downRequested(.drain))
        #expect(tell(&cluster, .startRequested([0, 1, 2, 3, 4])) == [])
        exit(&cluster, 1, .code(1))
        #expect(states(cluster)[1] == .backingOff || states(cluster)[1] == .starting || states(cluster)[1] == .stopped)
        exit(&cluster, 3, .code(1))
        exit(&cluster, 4, .code(1))
        #expect(states(cluster)[3...4] == [.stopped, .stopped])
    }

    @Test("a node whose distributor died goes on, and what waits keeps waiting until it is back")
    func distributorDies() {
        var cluster = cluster()
        _ = tell(&cluster, .startRequested([0, 1, 2, 3, 4]))
        _ = ready(&cluster, 0)
        _ = ready(&cluster, 1)
        exit(&cluster, 0, .signal(.kill, coreDumped: false))
        #expect(states(cluster)[1] == .ready)
        #expect(states(cluster)[0] == .starting)
    }

    @Test("the verdict fails closed: failed, crash looping, blocked, and a start that was given up")
    func verdict() {
        var failed = up()
        exit(&failed, 2, .code(78))
        #expect(failed.verdict == .failed([2]))
        var blocked = cluster()
        _ = blocked.handle(.startRequested([0, 1, 2, 3]), at: now)
        _ = blocked.handle(.instance(0, .startBlocked(by: "port 5000")), at: now)
        #expect(blocked.verdict == .failed([0]))
    }
}
