import JRBase
import JRSupervision
import Testing

@Suite("Whether a cluster is idle")
struct IdleWatchTests {
    private func answer(
        _ enqueued: Int, started: Int = 0, failed: Int = 0, session: UInt8 = 1, node: String = "n1"
    ) -> IdleWatch.Answer {
        IdleWatch.Answer(
            session: [session], enqueued: enqueued, sent: enqueued,
            nodes: [.init(name: node, stored: started, started: started, failed: failed)])
    }

    @Test("two rounds of the same answers are needed, and a change between them begins anew")
    func twoLooks() {
        var watch = IdleWatch(distributors: 1)
        #expect(watch.begin() == [])
        #expect(watch.opened(0) == [.ask(distributor: 0, round: 2)])
        #expect(watch.answered(0, round: 2, answer(1)) == [.ask(distributor: 0, round: 3)])
        #expect(watch.answered(0, round: 3, answer(2)) == [.ask(distributor: 0, round: 4)])
        #expect(watch.answered(0, round: 3, answer(2)) == [], "an answer of the round before")
        #expect(!watch.isIdle)
        #expect(watch.answered(0, round: 4, answer(2)) == [.idle])
        #expect(watch.isIdle)
    }

    @Test("all distributors have to answer, and one that goes takes all answers with it")
    func allOfThem() {
        var watch = IdleWatch(distributors: 2)
        _ = watch.begin()
        #expect(watch.opened(0) == [])
        #expect(watch.opened(1) == [.ask(distributor: 0, round: 3), .ask(distributor: 1, round: 3)])
        #expect(watch.answered(0, round: 3, answer(1)) == [])
        watch.closed(1)
        #expect(watch.answered(1, round: 3, answer(1)) == [])
        #expect(watch.opened(1).count == 2)
        #expect(watch.answered(0, round: 5, answer(1)) == [])
        #expect(watch.answered(1, round: 5, answer(0)).count == 2)
        #expect(watch.answered(0, round: 6, answer(1)) == [])
        // The other one has been started anew, and has forgotten what it counted.
        #expect(watch.answered(1, round: 6, answer(0, session: 2)).count == 2)
        #expect(watch.answered(0, round: 7, answer(1)) == [])
        #expect(watch.answered(1, round: 7, answer(0, session: 2)) == [.idle])
    }

    @Test("without distributors nothing can be left, and after its end nothing is said")
    func ends() {
        var watch = IdleWatch(distributors: 0)
        #expect(watch.begin() == [.idle])
        var other = IdleWatch(distributors: 1)
        _ = other.begin()
        _ = other.opened(0)
        other.end()
        #expect(other.answered(0, round: 2, answer(0)) == [])
        #expect(other.opened(0) == [])
    }

    @Test("failed jobs are those of each node once, whoever tells of them")
    func failed() {
        var watch = IdleWatch(distributors: 2)
        _ = watch.begin()
        _ = watch.opened(0)
        _ = watch.opened(1)
        for round in 3...4 {
            _ = watch.answered(0, round: round, answer(1, started: 3, failed: 2))
            _ = watch.answered(1, round: round, answer(0, started: 3, failed: 2))
        }
        #expect(watch.isIdle)
        #expect(watch.failedJobs == ["n1": 2])
    }

    @Test("jobs that hop between nodes while the answers are on their way are always noticed", arguments: 0..<200)
    func model(seed: UInt64) {
        // Each distributor answers with what is true at that moment, if it is then idle; a job moves from one to the
        // other in between, so that each can look idle at its own moment.
        var random = SeededRandom(seed: seed)
        var watch = IdleWatch(distributors: 2)
        var enqueued = [1, 0]
        /// Where the one job is: at a distributor, or between them (nil).
        var place: Int? = 0
        var hops = Int(random.next() % 6)
        var open: [(distributor: Int, round: Int)] = []
        func take(_ actions: [IdleWatch.Action], isOver: Bool) {
            for action in actions {
                switch action {
                case .ask(let distributor, let round): open.append((distributor, round))
                case .idle: #expect(isOver, "said to be idle with a job at \(place.map { "\($0)" } ?? "neither")")
                }
            }
        }
        take(watch.begin(), isOver: false)
        take(watch.opened(0), isOver: false)
        take(watch.opened(1), isOver: false)
        var target = 1
        for _ in 0..<2_000 where !watch.isIdle {
            if random.next() % 2 == 0 {
                // The job moves: it leaves, it arrives, or it ends.
                if let at = place {
                    target = 1 - at
                    place = nil
                } else if hops > 0 {
                    hops -= 1
                    enqueued[target] += 1
                    place = target
                }
            } else if !open.isEmpty {
                let (distributor, round) = open.remove(at: Int(random.next() % UInt64(open.count)))
                // What is between them is with the node that sends it, which is not idle then; both have that node.
                let isBusy = place == distributor || (place == nil && hops > 0)
                if isBusy {
                    open.append((distributor, round))
                } else {
                    let isOver = hops == 0 && place == nil
                    take(watch.answered(distributor, round: round, answer(enqueued[distributor])), isOver: isOver)
                }
            }
        }
        #expect(watch.isIdle)
    }
}

@Suite("Until idle")
struct UntilIdleTests {
    private typealias Instance = UntilIdle.Instance

    private func node(_ state: InstanceState, memory: Bool = false, restarts: Int = 0) -> UntilIdle.Instance {
        Instance(name: "worker.1", kind: .node(isMemory: memory), state: state, cause: "why", restarts: restarts)
    }

    private func program(
        _ restart: Policy.Restart, _ state: InstanceState, _ exit: Exit? = nil
    ) -> UntilIdle.Instance {
        Instance(name: "load.1", kind: .program(restart), state: state, cause: "why", lastExit: exit)
    }

    @Test("jobs are looked at when all programs that end have ended and everything else is ready")
    func busy() {
        #expect(UntilIdle.verdict([node(.ready), program(.never, .finished), program(.always, .ready)]) == .jobs)
        #expect(UntilIdle.verdict([node(.ready), program(.onFailure, .ready)]) == .busy("load.1 (ready)"))
        for state in InstanceState.allCases where state != .failed && state != .crashLooping {
            let isReady = state == .ready || state == .finished
            #expect((UntilIdle.verdict([node(state)]) == .jobs) == isReady, "\(state)")
            #expect((UntilIdle.verdict([program(.never, state)]) == .jobs) == (state == .finished), "\(state)")
        }
    }

    @Test("a program that fails decides with its own code, never 0; anything else that fails is 69")
    func codes() {
        let ends: [(UntilIdle.Instance, Int32)] = [
            (program(.never, .failed, .code(5)), 5),
            (program(.never, .failed, .signal(.kill, coreDumped: false)), 137),
            (program(.onFailure, .crashLooping, .code(3)), 3),
            (program(.always, .crashLooping, .code(0)), 69),
            (program(.never, .failed, .notStarted("there is no x", permanent: true)), 126),
            (node(.failed), 69), (node(.crashLooping), 69),
        ]
        for (instance, code) in ends {
            guard case .done(let found, let text) = UntilIdle.verdict([node(.ready), instance]) else {
                Issue.record("\(instance.name) is \(instance.state): that decides")
                continue
            }
            #expect(found == code)
            #expect(text.hasPrefix("\(instance.name) is \(instance.state.rawValue)"))
        }
    }

    @Test("failed jobs, and jobs lost with a node that kept them in memory, are 76")
    func jobs() {
        let good = UntilIdle.verdict(idle: [node(.ready, restarts: 3)], failed: [:])
        #expect(good == .done(exitCode: 0, "everything is done and no job is left"))
        guard case .done(76, let text) = UntilIdle.verdict(idle: [node(.ready)], failed: ["n2": 1, "n1": 2]) else {
            Issue.record("failed jobs are 76")
            return
        }
        #expect(text.hasPrefix("3 jobs failed on n1, n2"))
        guard case .done(76, _) = UntilIdle.verdict(idle: [node(.ready, memory: true, restarts: 1)], failed: [:])
        else {
            Issue.record("lost jobs are 76")
            return
        }
    }
}

@Suite("Why")
struct ExplanationTests {
    private func machine(_ events: [InstanceEvent], restart: Policy.Restart = .always) -> InstanceMachine {
        var policy = Policy()
        policy.restart = restart
        var machine = InstanceMachine(policy: policy, drains: true, reportsReady: true, seed: 1)
        var actions: [InstanceAction] = []
        for event in [.startRequested, .dependenciesReady, .spawned(pid: 10)] + events {
            machine.handle(event, at: .zero, into: &actions)
        }
        return machine
    }

    private func explain(_ machine: InstanceMachine, jobs: [String] = []) -> Explanation {
        Explanation(
            Explanation.Facts(
                name: "worker.1", machine: machine, seconds: 4.2, jobs: jobs, waitsFor: [], log: "/x/worker.1.log"))
    }

    private func died(_ exit: Exit) -> InstanceMachine {
        machine([.exited(exit, groupIsEmpty: true, incarnation: 1)])
    }

    @Test(
        "each end has its advice",
        arguments: [
            (Exit.code(78), "its settings are wrong"), (.code(64), "its command line is wrong"),
            (.code(65), "a job that does not compile"), (.code(75), "asked for another try"),
            (.code(3), "mend what the last"),
            (.signal(.kill, coreDumped: false), "oom"), (.signal(Signal(number: 11), coreDumped: true), "a bug in it"),
            (.signal(Signal(number: 10), coreDumped: false), "somebody else sent it SIGUSR1"),
        ])
    func ends(exit: Exit, advice: String) {
        let explanation = explain(died(exit), jobs: ["0123"])
        #expect(explanation.advice.first?.contains(advice) == true, "\(explanation.advice)")
        #expect(explanation.advice.last?.contains("`jr-supervisor start worker.1`") == true)
    }

    @Test("a crash under a job names the job, and the text has cause, evidence and advice")
    func text() {
        let explanation = explain(died(.signal(Signal(number: 4), coreDumped: false)), jobs: ["0a", "0b"])
        let text = explanation.text(lines: ["! Fatal error: Index out of range"])
        #expect(text.hasPrefix("worker.1 is backingOff for 4.2s\n  cause    SIGILL (not by us"))
        #expect(text.contains("  jobs     in progress at the last death: 0a, 0b\n"))
        #expect(text.contains("`jr show 0a`"))
        #expect(text.hasSuffix("  log      /x/worker.1.log\n    ! Fatal error: Index out of range\n"))
        #expect(Explanation(explanation.json) == explanation)
    }

    @Test("what the process says that it is doing is evidence, and one that hung is told how to mend that")
    func said() {
        var facts = Explanation.Facts(
            name: "web.1", machine: machine([]), seconds: 4.2, jobs: [], waitsFor: [], log: "")
        facts.said = "reading 3 of 7"
        let explanation = Explanation(facts)
        #expect(explanation.text(lines: []).contains("\n  says     reading 3 of 7\n"))
        #expect(Explanation(explanation.json) == explanation)
        let hung = machine([
            .reported(.hung, incarnation: 1),
            .exited(.signal(.abort, coreDumped: false), groupIsEmpty: true, incarnation: 1),
        ])
        #expect(explain(hung).advice.first?.contains("give it longer (\"watchdog\")") == true)
    }

    @Test("what is ready needs no advice; what is not started waits or can be started")
    func states() {
        #expect(explain(machine([.reported(.ready, incarnation: 1)])).advice == [])
        #expect(explain(machine([])).advice.first?.contains("after 30s (\"ready\")") == true)
        var waiting = Explanation.Facts(
            name: "worker.1", machine: machine([]), seconds: nil, jobs: [], waitsFor: [], log: "")
        var stopped = InstanceMachine(policy: Policy(), drains: true, reportsReady: true, seed: 1)
        #expect(explain(stopped).advice == ["`jr-supervisor start worker.1` starts it"])
        let asked = machine([.stopRequested(.drain), .exited(.code(0), groupIsEmpty: true, incarnation: 1)])
        #expect(explain(asked).advice == ["it was to stop, and stays so: `jr-supervisor start worker.1` starts it"])
        var actions: [InstanceAction] = []
        stopped.handle(.startRequested, at: .zero, into: &actions)
        waiting.machine = stopped
        waiting.waitsFor = [("main.1", .blocked)]
        let explanation = Explanation(waiting)
        #expect(explanation.waitsFor == ["main.1 (blocked)"])
        #expect(explanation.advice == ["`jr-supervisor why main.1` says what that waits for"])
    }
}
