import JRBase
import JRJSON
import JRManifest
import JRSupervision
import Testing

@Suite("What a supervisor hands over to the program that it becomes")
struct HandoverTests {
    private let second = Interval.seconds(1 as Int64)

    private var full: Handover {
        var memory = InstanceMachine.Memory(state: .draining, incarnation: 7, cause: "drained")
        memory.pid = 12
        memory.restarts = 3
        memory.lastExit = .signal(.kill, coreDumped: true)
        memory.lastExitWords = "SIGKILL"
        memory.startedAt = Instant(nanoseconds: 5)
        memory.readyTimeouts = 1
        memory.diedAt = Instant(nanoseconds: 4)
        memory.wantedDrain = .finishingReady
        memory.isWanted = true
        memory.hasEverBeenReady = true
        memory.deaths = [Instant(nanoseconds: 2), Instant(nanoseconds: 3)]
        memory.backoffStep = 2
        memory.deadline = Instant(nanoseconds: 99)
        memory.readyAt = Instant(nanoseconds: 6)
        memory.sent = [.terminate]
        memory.asked = [.hangUp, .kill]
        memory.drainedFrom = .degraded
        memory.holdings = Holdings(waiting: 1, scheduled: 2, failed: 3, unacknowledged: 4)
        memory.watchdog = second
        memory.aliveAt = Instant(nanoseconds: 10)
        memory.healthyAt = Instant(nanoseconds: 11)
        memory.wasHung = true
        var instance = Handover.Instance(
            place: Plan.Place(entry: "worker", index: 2), name: "worker.2", memory: memory)
        instance.startTime = .max
        instance.controlGroup = "/sys/fs/cgroup/x/worker.2"
        instance.changedAt = Instant(nanoseconds: 8)
        instance.port = 5_000
        instance.words = ["drain", "resume"]
        instance.jobs = JobCounts(running: 1, waiting: 2, scheduled: 3, stored: 4)
        instance.jobsAtDeath = ["one"]
        instance.recovered = "7/7 in 16ms"
        instance.outLines = 10
        instance.errLines = 11
        instance.outputs = [
            .init(stream: .out, incarnation: 7, descriptor: 20, held: [0, 255, 10]),
            .init(stream: .err, incarnation: 6, descriptor: 21, exitedAt: Instant(nanoseconds: 9)),
        ]
        instance.ready = .init(descriptor: 22, held: Array("REA".utf8))
        instance.notices = .init(descriptor: 24, address: "/r/notify/worker.2", userID: 33)
        instance.said = "42 connections"
        instance.lifeline = 23
        instance.launch = .init(executable: "/k/1", jobs: "/k/jobs")
        instance.proven = .init(executable: nil, jobs: nil)
        var handover = Handover(manifestPath: "/m/cluster.json", manifest: [123, 125], lock: 3, control: 4)
        handover.isDetached = true
        handover.controlGroup = "/sys/fs/cgroup/x"
        handover.wasReady = true
        handover.startedAt = Instant(nanoseconds: 1)
        handover.openFiles = .init(soft: 1_024, hard: .max)
        handover.client = 5
        handover.keptExecutables = 6
        handover.instances = [
            instance,
            .init(
                place: .init(entry: "a", index: 1), name: "a.1",
                memory: .init(state: .stopped, incarnation: 0, cause: "")),
        ]
        return handover
    }

    @Test("all of it is read as it was written, as text")
    func roundTrip() throws {
        let text = full.json.text(.compact)
        #expect(try Handover(JSON(parsing: text)) == full)
        #expect(full.descriptors.sorted() == [3, 4, 5, 20, 21, 22, 23, 24])
        for exit in [Exit.code(7), .notStarted("no file", permanent: true), .notStarted("later", permanent: false)] {
            var handover = full
            handover.instances[0].memory.lastExit = exit
            #expect(try Handover(JSON(parsing: handover.json.text(.compact))) == handover)
        }
    }

    @Test("another version and what lacks something are refused, with what is wrong")
    func refused() throws {
        var other = try #require(full.json.object)
        other["handover"] = .int(Int64(Handover.version + 1))
        let newer = #expect(throws: Handover.Unreadable.self) { try Handover(.object(other)) }
        #expect(newer?.reason.contains("version \(Handover.version + 1)") == true)
        for key in ["handover", "manifest", "lock", "instances", "wasReady"] {
            var broken = try #require(full.json.object)
            broken[key] = .null
            let error = #expect(throws: Handover.Unreadable.self) { try Handover(.object(broken)) }
            #expect(error?.reason.contains("\"\(key)\"") == true)
        }
        #expect(throws: Handover.Unreadable.self) { try Handover("nothing") }
    }

    /// The same machine, as the next program has it.
    private func next(_ bench: Bench) throws -> Bench {
        var handover = full
        handover.instances[0].memory = bench.machine.memory
        let memory = try Handover(JSON(parsing: handover.json.text(.compact))).instances[0].memory
        var next = bench
        next.machine = InstanceMachine(
            policy: bench.machine.policy, drains: true, reportsReady: true, memory: memory, seed: 1)
        next.timer = nil
        if case .armTimer(let serial, let at) = next.machine.armedTimer { next.timer = (serial, at) }
        return next
    }

    /// Tells both the same and expects the same of both.
    private func compare(_ bench: Bench, _ body: (inout Bench) -> Void) throws {
        #expect(bench.machine.isAtRest)
        var (old, new) = (bench, try next(bench))
        #expect(new.machine.memory == old.machine.memory)
        #expect(new.timer?.at == old.timer?.at)
        body(&old)
        body(&new)
        #expect(new.machine.state == old.machine.state)
        // The wait that it names is a matter of chance.
        #expect(new.machine.cause.split(separator: ";").first == old.machine.cause.split(separator: ";").first)
        #expect(new.machine.incarnation == old.machine.incarnation)
        #expect(new.machine.restarts == old.machine.restarts)
        #expect(new.machine.lastExitWords == old.machine.lastExitWords)
    }

    @Test("a machine goes on as if nothing had been: deaths, waits, drains and stops")
    func machines() throws {
        var ready = Bench()
        ready.startReady()
        try compare(ready) { $0.exit(.signal(.kill, coreDumped: false)) }
        try compare(ready) { $0.tell(.stopRequested(.drain)) }
        try compare(ready) { $0.fire() }
        ready.tell(.signalRequested(.kill))
        try compare(ready) { $0.exit(.signal(.kill, coreDumped: false)) }

        var watched = Bench.watched()
        watched.report(.ready)
        watched.pass(second)
        watched.report(.alive)
        try compare(watched) { $0.fire() }
        try compare(watched) {
            $0.fire()
            $0.fire()
            $0.exit(.signal(.abort, coreDumped: false))
        }

        var dying = Bench()
        dying.startReady()
        for _ in 0..<3 {
            dying.exit(.code(1))
            if dying.machine.state == .backingOff || dying.machine.state == .crashLooping {
                try compare(dying) { $0.fire() }
                dying.fire()
            }
            dying.report(.ready)
            try compare(dying) { $0.exit(.code(1)) }
        }

        var drained = Bench()
        drained.startReady()
        drained.tell(.drainRequested(.keepingReady))
        #expect(!drained.machine.isAtRest, "its jobs still run")
        drained.report(.drained(Holdings(waiting: 2)))
        try compare(drained) { $0.tell(.resumeRequested) }
        try compare(drained) { $0.exit(.code(0)) }

        var stopped = Bench()
        stopped.startReady()
        stopped.tell(.stopRequested(.terminate))
        #expect(!stopped.machine.isAtRest)
        stopped.exit(.code(0))
        try compare(stopped) { $0.startReady() }
    }

    @Test("what starts, takes over or stops is not at rest")
    func motion() {
        for state in InstanceState.allCases where state != .draining {
            let isAtRest = ![.starting, .recovering, .stopping].contains(state)
            #expect(Bench.inState(state).machine.isAtRest == isAtRest, "\(state)")
        }
    }

    @Test("the places that ran are there, and no others, however many the manifest has")
    func places() throws {
        let text = """
            { "distributors": { "main": { "listen": "127.0.0.1:5000" } },
              "nodes": { "worker": { "count": 2, "distributors": ["main"], "command": ["x"] } },
              "programs": { "web": { "command": ["y"], "after": ["worker"] } } }
            """
        let reading = ManifestReader.read(Array(text.utf8))
        #expect(reading.problems.map(\.message) == [])
        let surroundings = Plan.Surroundings(
            manifestDirectory: "/m", runtimeDirectory: "/r", programDirectory: "/p", environment: [:])
        var plan = Plan(reading.manifest, surroundings)
        let places = [("web", 1), ("worker", 1), ("worker", 4)].map { Plan.Place(entry: $0.0, index: $0.1) }
        plan.goOn(with: places)
        #expect(plan.instances.map(\.name) == ["worker.1", "web.1", "worker.4"])
        #expect(plan.instances.map(\.after) == [[], [0, 2], []])
        let memories = Dictionary(
            uniqueKeysWithValues: plan.instances.map {
                ($0.name, InstanceMachine.Memory(state: .waiting, incarnation: 9, cause: "x"))
            })
        let cluster = plan.cluster(memories: memories, seed: 1)
        #expect(cluster.members.map(\.machine.incarnation) == [9, 9, 9])
        #expect(cluster.inMotion == [])
    }
}
