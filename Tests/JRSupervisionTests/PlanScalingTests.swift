import JRBase
import JRManifest
import JRSupervision
import Testing

@Suite("A plan that grows and shrinks")
struct PlanScalingTests {
    private func plan() -> Plan {
        let reading = ManifestReader.read(
            Array(
                """
                {
                  "distributors": { "main": { "listen": "127.0.0.1:5000" } },
                  "nodes": { "worker": { "count": 3, "distributors": ["main"], "command": ["x"] } },
                  "programs": { "web": { "command": ["y"], "after": ["worker"] } }
                }
                """.utf8))
        #expect(reading.problems.map(\.message) == [])
        return Plan(
            reading.manifest,
            Plan.Surroundings(
                manifestDirectory: "/m", runtimeDirectory: "/r", programDirectory: "/p", environment: [:]))
    }

    private func names(_ plan: Plan) -> [String] { plan.live.map { plan.instances[$0].name } }

    @Test("new places come at the end, are shown with their entry, and are waited for by what comes after it")
    func grow() {
        var plan = plan()
        #expect(plan.grow("worker", by: 2) == [5, 6])
        #expect(
            names(plan) == ["main.1", "worker.1", "worker.2", "worker.3", "worker.4", "worker.5", "web.1"])
        #expect(plan.instances[5].after == [0])
        #expect(plan.instances[4].after == [1, 2, 3, 5, 6])
        #expect(plan.positions(named: "worker") == [1, 2, 3, 5, 6])
        #expect(plan.grow("nothing", by: 2) == [])
    }

    @Test("what is retired is named by nobody and waited for by nobody, and its place and number are used again first")
    func retire() {
        var plan = plan()
        plan.retire([2])
        #expect(names(plan) == ["main.1", "worker.1", "worker.3", "web.1"])
        #expect(plan.positions(named: "worker.2") == [])
        #expect(plan.instances[4].after == [1, 3])
        #expect(plan.grow("worker", by: 2) == [2, 5])
        #expect(plan.instances[5].name == "worker.4")
        #expect(plan.instances[4].after == [1, 2, 3, 5])
    }

    @Test("a cluster follows: a new member waits for its distributor, and a retired one holds up no verdict")
    func follow() {
        var plan = plan()
        var cluster = plan.cluster(seed: 1)
        let now = Instant(nanoseconds: 5)
        func tell(_ event: ClusterEvent) -> [Int] {
            var started: [Int] = []
            for action in cluster.handle(event, at: now) {
                guard case .spawn = action.action else { continue }
                started.append(action.instance)
                started += tell(.instance(action.instance, .spawned(pid: Int32(100 + action.instance))))
            }
            return started
        }
        func ready(_ position: Int) {
            let number = cluster.members[position].machine.incarnation
            _ = tell(.instance(position, .reported(.ready, incarnation: number)))
        }
        #expect(tell(.startRequested([0, 1, 2, 3, 4])) == [0])
        let grown = plan.grow("worker", by: 1)
        cluster.follow(plan) { position, _ in plan.member(position, incarnation: 7, seed: 2) }
        #expect(tell(.startRequested(grown)) == [])
        for position in [0, 1, 2, 3] { ready(position) }
        #expect(cluster.members[5].machine.incarnation == 8)
        #expect(cluster.verdict == .pending([4, 5]))
        plan.retire(grown)
        cluster.follow(plan) { position, _ in plan.member(position, incarnation: 0, seed: 2) }
        _ = tell(.stopRequested(grown, .kill))
        #expect(cluster.verdict == .ready)
    }
}
