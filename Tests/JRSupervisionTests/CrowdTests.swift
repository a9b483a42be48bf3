import Glibc
import JRBase
import Testing

@testable import JRSupervision

@Suite("Many starts at once")
struct TurnTests {
    /// A distributor, twelve nodes after it, and three programs that do not say when they are ready.
    private struct Bench {
        var cluster: ClusterMachine
        var now = Instant(nanoseconds: 5)
        var timers: [Int: (serial: Int, at: Instant)] = [:]
        static let nodes = 1...12

        init(startsAtOnce: Int, seed: UInt64 = 1) {
            let member = { (position: Int) in
                let rank = position == 0 ? 0 : Self.nodes.contains(position) ? 1 : 2
                return ClusterMachine.Member(
                    machine: InstanceMachine(
                        policy: Policy(), drains: rank < 2, reportsReady: rank < 2, seed: seed + UInt64(position)),
                    after: rank == 1 ? [0] : [], rank: rank)
            }
            cluster = ClusterMachine(members: (0...15).map(member), startsAtOnce: startsAtOnce)
        }

        mutating func tell(_ event: ClusterEvent) {
            for action in cluster.handle(event, at: now) {
                switch action.action {
                case .spawn:
                    tell(.instance(action.instance, .spawned(pid: Int32(100 + action.instance))))
                case .armTimer(let serial, let at):
                    timers[action.instance] = (serial, at)
                case .disarmTimer:
                    timers[action.instance] = nil
                case .signalGroup, .signalLeader, .say, .closeLifeline, .announce:
                    break
                }
            }
        }

        func machine(_ position: Int) -> InstanceMachine { cluster.members[position].machine }

        func nodes(_ state: InstanceState) -> [Int] { Self.nodes.filter { machine($0).state == state } }

        mutating func report(_ position: Int) {
            tell(.instance(position, .reported(.ready, incarnation: machine(position).incarnation)))
        }

        mutating func exit(_ position: Int, _ exit: Exit = .signal(.kill, coreDumped: false)) {
            let number = machine(position).incarnation
            tell(.instance(position, .exited(exit, groupIsEmpty: true, incarnation: number)))
        }

        /// The next thing that only time brings.
        mutating func pass() -> Bool {
            let timer = timers.min { ($0.value.at, $0.key) < ($1.value.at, $1.key) }
            if let turn = cluster.nextTurn, turn <= timer?.value.at ?? turn {
                now = max(now, turn)
                tell(.turnPassed)
                return true
            }
            guard let timer else { return false }
            timers[timer.key] = nil
            now = max(now, timer.value.at)
            tell(.instance(timer.key, .timerFired(serial: timer.value.serial)))
            return true
        }

        mutating func allUp() {
            tell(.startRequested(Array(cluster.members.indices)))
            report(0)
            while let next = nodes(.starting).first { report(next) }
        }
    }

    @Test("only so many nodes are on their way to be ready at once, and each that is lets the next one start")
    func limited() {
        var bench = Bench(startsAtOnce: 4)
        bench.tell(.startRequested(Array(0...15)))
        #expect(bench.nodes(.starting) == [])
        #expect((13...15).allSatisfy { bench.machine($0).state == .ready }, "programs wait for nobody")
        bench.report(0)
        #expect(bench.nodes(.starting) == [1, 2, 3, 4])
        bench.report(3)
        #expect(bench.nodes(.starting) == [1, 2, 4, 5])
        bench.exit(1, .code(78))
        #expect(bench.nodes(.starting) == [2, 4, 5, 6])
        bench.tell(.instance(2, .reported(.recovering, incarnation: 1)))
        #expect(bench.nodes(.starting) == [4, 5, 6, 7], "one that takes over jobs has started")
    }

    @Test("all that die together come back a few at a time, without waiting for what they once came after")
    func staggered() {
        var bench = Bench(startsAtOnce: 4)
        bench.allUp()
        #expect(bench.nodes(.ready).count == 12)
        bench.exit(0)
        for node in Bench.nodes { bench.exit(node) }
        #expect(bench.machine(0).state == .starting)
        #expect(bench.nodes(.starting) == [1, 2, 3, 4])
        #expect(bench.nodes(.waiting) == Array(5...12))
        #expect(bench.machine(5).cause.hasPrefix("many others are starting; restart after SIGKILL"))
        #expect(bench.machine(5).incarnation == 1, "a number is taken with the start")
        for node in Bench.nodes { bench.report(node) }
        #expect(bench.nodes(.ready).count == 12)
        #expect(Bench.nodes.allSatisfy { bench.machine($0).incarnation == 2 && bench.machine($0).restarts == 1 })
    }

    @Test("a start that takes long keeps its turn for two seconds and holds up nobody after that")
    func slow() {
        var bench = Bench(startsAtOnce: 4)
        bench.tell(.startRequested(Array(0...15)))
        bench.report(0)
        #expect(bench.cluster.nextTurn == bench.now + .seconds(2 as Int64))
        bench.now = bench.now + .seconds(1 as Int64)
        bench.report(1)
        #expect(bench.nodes(.starting) == [2, 3, 4, 5])
        #expect(bench.pass() == true)
        #expect(bench.nodes(.starting) == Array(2...8), "three turns were over")
        #expect(bench.pass() == true)
        #expect(bench.nodes(.starting) == Array(2...9))
        bench.report(6)
        bench.report(7)
        bench.report(8)
        #expect(bench.nodes(.starting) == [2, 3, 4, 5, 9, 10, 11, 12])
        #expect(bench.cluster.nextTurn == nil)
    }

    @Test("what waits for its turn is stopped at once, and goes down with the others")
    func stopped() {
        var bench = Bench(startsAtOnce: 1)
        bench.allUp()
        for node in Bench.nodes { bench.exit(node) }
        #expect(bench.nodes(.waiting) == Array(2...12))
        bench.tell(.stopRequested([2], .drain))
        #expect(bench.machine(2).state == .stopped)
        bench.tell(.restartRequested([3], .drain))
        #expect(bench.machine(3).state == .waiting)
        bench.tell(.downRequested(.drain))
        #expect(bench.cluster.nextTurn == nil)
        for program in 13...15 { bench.exit(program) }
        #expect(bench.nodes(.waiting) == [])
        #expect(bench.nodes(.stopped) == Array(2...12))
    }

    static let rounds = getenv("JR_TEST_FULL") == nil ? 40 : 1_000

    @Test(
        "random deaths and requests: never more than so many turns at once, and in the end everything is up",
        arguments: 1...5)
    func random(limit: Int) {
        for seed in 0..<Self.rounds {
            var random = SeededRandom(seed: UInt64(seed))
            var bench = Bench(startsAtOnce: limit, seed: UInt64(seed))
            bench.tell(.startRequested(Array(0...15)))
            var since: [Int: Instant] = [:]
            for step in 0..<200 {
                Self.act(&bench, &random)
                let starting = bench.nodes(.starting)
                since = since.filter { starting.contains($0.key) }
                for node in starting { since[node] = since[node] ?? bench.now }
                let turns = since.values.count { bench.now - $0 < ClusterMachine.turn }
                #expect(turns <= limit, "seed \(seed), step \(step)")
            }
            bench.tell(.startRequested(Array(0...15)))
            bench.report(0)
            for _ in 0..<1_000 where bench.cluster.verdict != .ready {
                guard let next = (0...12).first(where: { bench.machine($0).state == .starting }) else {
                    Self.endAll(&bench)
                    _ = bench.pass()
                    continue
                }
                bench.report(next)
            }
            #expect(bench.nodes(.waiting) == [] && bench.nodes(.starting) == [], "seed \(seed)")
        }
    }

    private static func act(_ bench: inout Bench, _ random: inout SeededRandom) {
        let node = random.below(13)
        switch random.below(8) {
        case 0, 1: if bench.machine(node).state == .starting { bench.report(node) }
        case 2: if bench.machine(node).state.hasProcess { bench.exit(node) }
        case 3: for node in 0...12 where bench.machine(node).state.hasProcess { bench.exit(node) }
        case 4: bench.tell(.restartRequested([node], .terminate))
        case 5: bench.tell(.stopRequested([node], .kill))
        case 6: bench.tell(.startRequested([node]))
        default: _ = bench.pass()
        }
    }

    private static func endAll(_ bench: inout Bench) {
        for node in 0...12 where [.draining, .stopping].contains(bench.machine(node).state) { bench.exit(node) }
    }
}

@Suite("Many deaths at once")
struct CrowdWatchTests {
    private var now = Instant(nanoseconds: 1_000_000_000)

    private func sight(
        _ position: Int, _ state: InstanceState, of count: Int = 50, _ exit: String = "SIGKILL (not by us)"
    ) -> CrowdWatch.Sight {
        CrowdWatch.Sight(
            position: position, entry: "worker", count: count, state: state, exit: exit, text: "\(position) \(state)")
    }

    @Test("the deaths of half an entry and more are one line with their causes, and so is the return of all of them")
    mutating func crowd() {
        var watch = CrowdWatch()
        for position in 0..<50 {
            let exit = position == 7 ? "exit 1" : "SIGKILL (not by us)"
            #expect(watch.show(sight(position, .backingOff, of: 50, exit), at: now) == [])
            now = now + .microseconds(200)
        }
        #expect(watch.show(sight(3, .ready), at: now) == [], "back before anybody was told that it was away")
        #expect(watch.deadline == Instant(nanoseconds: 1_029_800_000), "20 ms after the last death")
        #expect(
            watch.flush(at: now) == [
                .note(
                    "worker: 50 of 50 died within 9.8ms, 49 times SIGKILL (not by us), once exit 1:"
                        + " a common cause; they are started a few at a time")
            ])
        #expect(watch.deadline == nil)
        for position in 0..<49 where position != 3 { #expect(watch.show(sight(position, .ready), at: now) == []) }
        #expect(watch.show(sight(20, .backingOff), at: now) == [], "once more is no news")
        #expect(watch.show(sight(49, .ready), at: now) == [])
        now = Instant(nanoseconds: 1_500_000_000)
        #expect(
            watch.show(sight(20, .ready), at: now) == [
                .note("worker: those that died together are ready again, 500ms after the first death")
            ])
        #expect(watch.show(sight(20, .draining), at: now) == [.line(20, "20 draining")])
    }

    @Test("fewer deaths are told one by one, after a moment and in order, and those of a small entry at once")
    mutating func few() {
        var watch = CrowdWatch()
        #expect(watch.show(sight(1, .backingOff, of: 2), at: now) == [.line(1, "1 backingOff")])
        #expect(watch.show(sight(5, .backingOff), at: now) == [])
        #expect(watch.show(sight(6, .ready), at: now) == [.line(6, "6 ready")])
        #expect(watch.show(sight(5, .ready), at: now) == [])
        #expect(watch.flush(at: now) == [.line(5, "5 backingOff"), .line(5, "5 ready")])
        #expect(watch.flush(at: now) == [])
    }

    @Test("deaths that come one after the other within two seconds are a crowd from the moment in which they are half")
    mutating func slowly() {
        var watch = CrowdWatch()
        var notes = 0
        var lines = 0
        for position in 0..<6 {
            var outputs = watch.show(sight(position, .backingOff, of: 6), at: now)
            now = now + .milliseconds(300)
            outputs += watch.flush(at: now)
            for output in outputs { if case .note = output { notes += 1 } else { lines += 1 } }
        }
        #expect(notes == 1 && lines == 2)
        now = now + .seconds(10 as Int64)
    }

    @Test("who died with the others but was back before anybody spoke of a crowd is not waited for")
    mutating func earlyBird() {
        var watch = CrowdWatch()
        for position in 0..<2 {
            _ = watch.show(sight(position, .backingOff, of: 6), at: now)
            now = now + .milliseconds(30)
            _ = watch.flush(at: now)
        }
        _ = watch.show(sight(1, .backingOff, of: 6), at: now)
        _ = watch.show(sight(1, .ready, of: 6), at: now)
        _ = watch.flush(at: now)
        #expect(watch.show(sight(0, .ready, of: 6), at: now) == [.line(0, "0 ready")])
        for position in 2..<6 { _ = watch.show(sight(position, .backingOff, of: 6), at: now) }
        #expect(watch.flush(at: now).count == 1)
        for position in 2..<5 { #expect(watch.show(sight(position, .ready, of: 6), at: now) == []) }
        #expect(watch.show(sight(5, .ready, of: 6), at: now).count == 1)
    }

    @Test("each death puts off what is said of it, and all together by 200 ms at the most")
    mutating func longestHold() {
        var watch = CrowdWatch()
        let start = now
        for position in 0..<50 {
            _ = watch.show(sight(position, .backingOff, of: 50), at: now)
            now = now + .milliseconds(10)
        }
        #expect(watch.deadline == start + .milliseconds(200))
    }

    @Test("deaths that are further apart are no crowd")
    mutating func apart() {
        var watch = CrowdWatch()
        for position in 0..<6 {
            _ = watch.show(sight(position, .backingOff, of: 6), at: now)
            #expect(watch.flush(at: now) == [.line(position, "\(position) backingOff")])
            now = now + .milliseconds(1_500)
        }
    }

    @Test("a crash loop, and what does not come back, is told also in a crowd")
    mutating func loud() {
        var watch = CrowdWatch()
        for position in 0..<3 { _ = watch.show(sight(position, .backingOff, of: 3), at: now) }
        #expect(watch.flush(at: now).count == 1)
        #expect(watch.show(sight(0, .crashLooping, of: 3), at: now) == [.line(0, "0 crashLooping")])
        #expect(watch.show(sight(1, .failed, of: 3), at: now) == [.line(1, "1 failed")])
        #expect(watch.show(sight(2, .ready, of: 3), at: now).count == 1)
        #expect(watch.show(sight(0, .ready, of: 3), at: now) == [.line(0, "0 ready")])
    }
}
