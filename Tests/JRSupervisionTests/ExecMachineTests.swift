import JRBase
import JRJSON
import JRSupervision
import Testing

@Suite("exec as a machine")
struct ExecMachineTests {
    private typealias Machine = ExecMachine
    private let ten = Interval.seconds(10 as Int64)

    /// A machine in a state, by the shortest way.
    private func machine(in state: ExecMachine.State) -> ExecMachine {
        var machine = ExecMachine()
        let way: [ExecMachine.Event] =
            switch state {
            case .starting: []
            case .running: [.clusterReady]
            case .ending: [.clusterReady, .instanceLost("worker.1 is failed")]
            case .goingDown: [.clusterReady, .commandEnded(.code(0))]
            case .over: [.clusterReady, .commandEnded(.code(0)), .clusterDown]
            }
        for event in way { _ = machine.handle(event) }
        #expect(machine.state == state)
        return machine
    }

    private var events: [ExecMachine.Event] {
        [
            .clusterReady, .clusterNotReady("worker.1 is failed"), .instanceLost("worker.1 is crashLooping"),
            .commandNotStarted("there is no x", code: 127), .commandEnded(.code(7)),
            .commandEnded(.signal(.kill, coreDumped: false)), .signalled(.interrupt), .timedOut(ten),
            .timerFired(serial: 1), .timerFired(serial: 99), .clusterDown,
        ]
    }

    @Test("the command's end decides, a signal as 128 and its number, and the cluster is taken down before the end")
    func commandDecides() {
        let ends: [(Exit, Int32)] = [
            (.code(0), 0), (.code(7), 7), (.signal(.kill, coreDumped: false), 137),
            (.signal(Signal(number: 11), coreDumped: true), 139),
        ]
        for (exit, code) in ends {
            var machine = ExecMachine()
            #expect(machine.handle(.clusterReady) == [.startCommand])
            let actions = machine.handle(.commandEnded(exit))
            #expect(actions.first == .takeDown(.drain))
            #expect(machine.handle(.clusterDown) == [.finish])
            #expect(machine.verdict?.exitCode == code)
            #expect((machine.verdict?.reason == nil) == (code == 0))
        }
    }

    @Test("what is not ready is 69, a time-out 124, a command that is not there 127, and the first reason stays")
    func otherEnds() {
        let ways: [([ExecMachine.Event], Int32)] = [
            ([.clusterNotReady("main.1 is blocked")], 69),
            ([.timedOut(ten)], 124),
            ([.signalled(.terminate)], 143),
            ([.clusterReady, .commandNotStarted("there is no x", code: 127)], 127),
            ([.clusterReady, .instanceLost("worker.1 is failed"), .commandEnded(.code(0))], 69),
            ([.clusterReady, .timedOut(ten), .commandEnded(.signal(.terminate, coreDumped: false))], 124),
            ([.clusterReady, .commandEnded(.code(3)), .timedOut(ten)], 3),
            ([.clusterReady, .signalled(.interrupt), .commandEnded(.code(0))], 0),
        ]
        for (events, code) in ways {
            var machine = ExecMachine()
            for event in events { _ = machine.handle(event) }
            #expect(machine.state == .goingDown)
            #expect(machine.handle(.clusterDown) == [.finish])
            #expect(machine.verdict?.exitCode == code, "\(events)")
        }
    }

    @Test("a cluster that goes down under the command ends the command, then itself")
    func clusterGoesFirst() {
        var machine = machine(in: .running)
        #expect(machine.handle(.clusterDown).first == .signalCommand(.terminate))
        #expect(machine.handle(.timerFired(serial: 1)) == [.signalCommand(.kill)])
        #expect(machine.handle(.commandEnded(.signal(.kill, coreDumped: false))) == [.finish])
        #expect(machine.verdict?.exitCode == 69)
    }

    @Test("signals go to the command, the third as KILL; while the cluster goes down they make it hurry")
    func signals() {
        var machine = machine(in: .running)
        #expect(machine.handle(.signalled(.interrupt)) == [.signalCommand(.interrupt)])
        #expect(machine.handle(.signalled(.interrupt)) == [.signalCommand(.interrupt)])
        #expect(machine.handle(.signalled(.interrupt)) == [.signalCommand(.kill)])
        machine = self.machine(in: .goingDown)
        #expect(machine.handle(.signalled(.interrupt)) == [.takeDown(.terminate)])
        #expect(machine.handle(.signalled(.interrupt)) == [.takeDown(.kill)])
    }

    @Test("every event in every state keeps the way to the end open", arguments: ExecMachine.State.allCases)
    func everyPair(state: ExecMachine.State) {
        for event in events {
            var machine = machine(in: state)
            var actions = machine.handle(event)
            #expect(state != .over || actions.isEmpty, "\(event)")
            // Whatever came, the two ends that must come lead out.
            actions += machine.handle(.commandEnded(.code(0)))
            actions += machine.handle(.clusterDown)
            actions += machine.handle(.commandEnded(.code(0)))
            #expect(machine.state == .over, "\(state) \(event)")
            #expect(actions.count { $0 == .finish } == (state == .over ? 0 : 1), "\(state) \(event)")
            #expect(machine.verdict != nil)
        }
    }

    @Test("random events: the command is started once at most, and nothing is done after the end", arguments: 0..<200)
    func random(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var machine = ExecMachine()
        var actions: [ExecMachine.Action] = []
        var decided: ExecMachine.Verdict?
        for _ in 0..<40 {
            let event = events[Int(random.next() % UInt64(events.count))]
            let wasOver = machine.state == .over
            let new = machine.handle(event)
            #expect(!wasOver || new.isEmpty)
            #expect(decided == nil || machine.verdict == decided)
            decided = machine.verdict
            actions += new
        }
        #expect(actions.count { $0 == .startCommand } <= 1)
        #expect(actions.count { $0 == .finish } <= 1)
    }
}

@Suite("Events and reports")
struct EventRecordTests {
    private func change(
        _ from: InstanceState, _ to: InstanceState, _ cause: String, incarnation: Int = 1, pid: Int32? = nil
    ) -> Change {
        Change(from: from, to: to, incarnation: incarnation, pid: pid, cause: cause)
    }

    private func at(_ milliseconds: Int64) -> WallTime { WallTime(milliseconds: 1_795_000_000_000 + milliseconds) }

    private func moment(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }

    @Test("an event comes back from its line as it was")
    func roundTrip() throws {
        let events = [
            EventRecord(
                sequence: 7, time: at(1), instance: "worker.1",
                change: change(.starting, .ready, "it \"said\" so", incarnation: 3, pid: 4210)),
            EventRecord(sequence: 8, time: at(2), instance: nil, text: "all ready in 48ms"),
            EventRecord(sequence: 9, time: at(3), instance: "main.1", text: "recovered 7/7"),
        ]
        for event in events { #expect(EventRecord(event.json) == event) }
        #expect(EventRecord(["seq": 1]) == nil)
        #expect(EventRecord(["seq": 1, "time": "yesterday", "text": "x"]) == nil)
        #expect(events[0].line.hasSuffix("worker.1 starting -> ready: it \"said\" so, pid 4210, incarnation 3"))
    }

    private var report: RunReport {
        let events: [(Int64, String?, Change)] = [
            (0, "main.1", change(.waiting, .starting, "what it comes after is ready")),
            (11, "main.1", change(.starting, .ready, "it said so", pid: 10)),
            (12, "worker.1", change(.waiting, .starting, "what it comes after is ready")),
            (34, "worker.1", change(.starting, .ready, "it said so", pid: 11)),
            (500, "worker.1", change(.ready, .backingOff, "SIGSEGV (not by us) after 466ms")),
            (500, "worker.1", change(.backingOff, .starting, "restart after SIGSEGV", incarnation: 2)),
            (520, "worker.1", change(.starting, .ready, "it said so", incarnation: 2, pid: 12)),
            (900, "worker.1", change(.draining, .stopped, "exit 0 after 380ms", incarnation: 2)),
            (910, "main.1", change(.draining, .stopped, "exit 0 after 899ms")),
        ]
        var report = RunReport(
            cluster: "shop & co", command: ["./run", "<all>"], started: Now(instant: .zero, wall: at(0)),
            ended: moment(915),
            // Of a clock that is set meanwhile.
            events: events.map { time, name, change in
                RunReport.Entry(
                    EventRecord(time: at(time > 100 ? time - 3_600_000 : time), instance: name, change: change),
                    at: moment(time))
            },
            verdict: ExecMachine.Verdict(exitCode: 7, reason: "the command ended with exit 7"), left: [])
        report.commandStarted = moment(35)
        report.commandEnded = moment(880)
        return report
    }

    @Test("every start is a life with its beginning, its readiness and its end")
    func lives() {
        let lives = report.lives
        #expect(lives.map(\.instance) == ["main.1", "worker.1", "worker.1"])
        #expect(lives.map(\.incarnation) == [1, 1, 2])
        #expect(lives.map(\.failure) == [nil, "SIGSEGV (not by us) after 466ms", nil])
        #expect(lives.map { $0.ready.map { $0 - .zero }?.millisecondsRoundedUp } == [11, 34, 520])
        #expect(lives.map { $0.ended.map { $0 - .zero }?.millisecondsRoundedUp } == [910, 500, 900])
    }

    @Test("JUnit has a case for the command, for each life and for what was left; XML in them is harmless")
    func junit() {
        let text = report.junit
        #expect(text.contains(#"name="shop &amp; co" tests="5" failures="2" errors="0" time="0.915""#))
        #expect(text.contains(#"<testcase classname="exec" name="./run &lt;all&gt;" time="0.845">"#))
        #expect(text.contains(#"<failure type="exit 7" message="the command ended with exit 7">"#))
        #expect(text.contains(#"<failure type="died" message="SIGSEGV (not by us) after 466ms">"#))
        #expect(text.contains(#"name="nothing is left" time="0.000"/>"#))
        var good = report
        good.verdict = ExecMachine.Verdict(exitCode: 0, reason: nil)
        #expect(good.junit.contains(#"failures="0""#))
        #expect(good.junit.contains("<system-out>died: SIGSEGV"))
        good.left = ["process 9"]
        #expect(good.junit.contains(#"failures="1""#))
    }

    @Test("the timeline tells what the time until ready went into")
    func timeline() {
        let lines = report.timeline.split(separator: "\n").map(String.init)
        #expect(lines[0] == "shop & co: ./run <all>")
        #expect(lines[1] == "ready after 34ms; on the longest way: main.1 11ms, worker.1 22ms")
        #expect(lines[2] == "    0.000  main.1      starting: what it comes after is ready")
        #expect(lines.contains("    0.500  worker.1    starting: restart after SIGSEGV"))
        #expect(lines.contains("    0.880  command     ended: the command ended with exit 7"))
    }
}
