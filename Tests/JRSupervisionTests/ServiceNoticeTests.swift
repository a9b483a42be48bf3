import JRBase
import JRSupervision
import Testing

@Suite("What a program says over NOTIFY_SOCKET")
struct ServiceNoticeTests {
    private func read(_ text: String) throws -> ServiceNotice { try ServiceNotice(Array(text.utf8)) }

    private func refusal(_ bytes: [UInt8], isCut: Bool = false) -> String? {
        do throws(ServiceNotice.Malformed) {
            _ = try ServiceNotice(bytes, isCut: isCut)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test("lines KEY=value, of which four mean something here")
    func lines() throws {
        #expect(try read("READY=1").isReady)
        let whole = try read("READY=1\nSTATUS=42 connections = all\nSTOPPING=1\n")
        #expect(whole.isReady && whole.isStopping && whole.status == "42 connections = all")
        let other = try read("WATCHDOG_USEC=1\nMAINPID=7\nX_MINE=\nEXTEND_TIMEOUT_USEC=5")
        #expect(other == (try read("BARRIER=1")) && !other.isReady && !other.isStopping && other.status == nil)
        let alive = try read("WATCHDOG=1\nSTATUS=x")
        #expect(alive.isAlive && !alive.isHung && !alive.isReady && alive.status == "x")
        let hung = try read("WATCHDOG=trigger")
        #expect(hung.isHung && !hung.isAlive)
        #expect(try read("STATUS=").status == "")
        #expect(try ServiceNotice(Array("READY=1".utf8) + [0]).isReady, "as programs in C send it")
        #expect(try read("STATUS=a\u{1B}[2Jb").status == "a\u{FFFD}[2Jb")
        #expect(try read("STATUS=" + String(repeating: "x", count: 4_000)).status?.count == 400)
    }

    @Test("anything else is refused with what is wrong with it")
    func malformed() {
        for (text, reason) in [
            ("ready", "\"ready\" is not KEY=value"), ("READY=1\n=1", "\"=1\" is not KEY=value"),
            ("A B=1", "\"A B=1\" is not KEY=value"), ("READY=yes", "READY is 1 or is not there, and never \"yes\""),
            ("WATCHDOG=0", "WATCHDOG is 1 or trigger or is not there, and never \"0\""),
            ("READY=", "READY is 1 or is not there, and never \"\""),
            ("STOPPING=0", "STOPPING is 1 or is not there, and never \"0\""), ("", "it is empty"),
            ("\n\n", "it is empty"), ("READY=1\0STATUS=x", "it is no text in UTF-8"),
            (String(repeating: "x", count: 50), "\"\(String(repeating: "x", count: 40))…\" is not KEY=value"),
            ("\u{1B}[2J", "\"\u{FFFD}[2J\" is not KEY=value"),
        ] {
            #expect(refusal(Array(text.utf8)) == reason, "\(text)")
        }
        #expect(refusal([0x52, 0xFF]) == "it is no text in UTF-8")
        #expect(refusal(Array("READY=1".utf8), isCut: true) == "it is longer than 4,096 bytes")
        #expect(refusal([UInt8](repeating: 0x41, count: 4_097)) == "it is longer than 4,096 bytes")
    }

    private let ready = Array("READY=1".utf8)

    @Test("only what comes from the instance counts; the others are told of once")
    func gate() throws {
        var gate = NoticeGate(userID: 7)
        let notice = try ServiceNotice(ready)
        #expect(gate.judge(ready, isCut: false, from: 100, of: 7, .inside) == .take(notice))
        #expect(gate.judge(ready, isCut: false, from: 100, of: 0, .inside) == .take(notice), "it may change its user")
        #expect(gate.judge(ready, isCut: false, from: 101, of: 7, .gone) == .take(notice), "a command that says so")
        guard case .refuse(let text) = gate.judge(ready, isCut: false, from: 200, of: 7, .outside) else {
            Issue.record("a stranger is believed")
            return
        }
        #expect(text.hasPrefix("pid 200 of user 7 says something over its NOTIFY_SOCKET and is none of its processes"))
        #expect(gate.judge(ready, isCut: false, from: 201, of: 8, .gone) == .nothing)
        #expect(gate.judge(ready, isCut: false, from: 100, of: 7, .inside) == .take(notice))
        var other = NoticeGate(userID: 7)
        guard case .refuse(let gone) = other.judge(ready, isCut: false, from: 201, of: 8, .gone) else {
            Issue.record("another user who has ended is believed")
            return
        }
        #expect(gone.hasPrefix("pid 201 of user 8, which has ended, says something"))
    }

    @Test("what is malformed is told three times, whoever goes on with it")
    func told() {
        var gate = NoticeGate(userID: 7)
        let texts = (0..<5).map { _ in gate.judge(Array("x".utf8), isCut: false, from: 100, of: 7, .inside) }
        let text =
            "what pid 100 sent over NOTIFY_SOCKET is left out: \"x\" is not KEY=value. It is to be lines such as READY=1"
        #expect(
            texts == [
                .refuse(text), .refuse(text), .refuse(text + "; more of these are not told"), .nothing, .nothing,
            ])
    }
}

@Suite("A program that says when it is ready and when it stops")
struct NotifyingMachineTests {
    @Test("it is ready when it says so; without a life line it gets the signal at once")
    func ready() {
        var bench = Bench(drains: false)
        bench.start()
        #expect(bench.machine.state == .starting)
        bench.report(.ready)
        #expect(bench.machine.state == .ready)
        bench.tell(.stopRequested(.drain))
        #expect(bench.machine.state == .stopping && bench.actions.contains(.signalGroup(.terminate)))
    }

    @Test("what was started before the manifest changed says it, or does not, as it did then")
    func before() {
        var silent = Bench(drains: false)
        silent.tell(.startRequested)
        silent.tell(.dependenciesReady, spawns: false)
        silent.tell(.spawned(pid: 7, saysReady: false))
        #expect(silent.machine.state == .ready)
        var saying = Bench(drains: false, reportsReady: false)
        saying.tell(.startRequested)
        saying.tell(.dependenciesReady, spawns: false)
        saying.tell(.spawned(pid: 7, saysReady: true))
        #expect(saying.machine.state == .starting)
    }

    @Test("it stops by itself: nothing is sent while it has time, then KILL; its end is one that nobody asked for")
    func stopping() {
        var bench = Bench(drains: false) { $0.stop.kill = .seconds(7 as Int64) }
        bench.startReady()
        bench.report(.stopping)
        #expect(bench.machine.state == .stopping && bench.machine.cause == "it says that it stops")
        #expect(!bench.actions.contains { if case .signalGroup = $0 { true } else { false } })
        var late = bench
        #expect(late.fire() == .seconds(7 as Int64) && late.actions.contains(.signalGroup(.kill)))
        bench.exit(.code(0))
        #expect(bench.machine.restarts == 1 && bench.machine.incarnation == 2)
        bench.report(.stopping)
        bench.tell(.stopRequested(.drain))
        bench.exit(.code(0))
        #expect(bench.machine.state == .stopped, "asked for meanwhile")
    }

    @Test("an end with 0 before it was ready is no success")
    func early() {
        var never = Bench(drains: false) { $0.restart = .never }
        never.start()
        never.exit(.code(0))
        #expect(never.machine.state == .failed)
        #expect(never.machine.cause.contains("exit 0 after 0s, before it said that it was ready"))
        var onFailure = Bench(drains: false) { $0.restart = .onFailure }
        onFailure.start()
        onFailure.exit(.code(0))
        #expect(onFailure.machine.incarnation == 2 || onFailure.machine.state == .backingOff)
        var silent = Bench(drains: false, reportsReady: false) { $0.restart = .onFailure }
        silent.start()
        silent.exit(.code(0))
        #expect(silent.machine.state == .finished)
    }
}

@Suite("What a supervisor tells whoever runs it as a service")
struct ServiceReportTests {
    private let start = Instant(nanoseconds: 1)

    private func text(
        _ report: inout ServiceReport, _ phase: ServiceReport.Phase, _ status: String, after milliseconds: Int64 = 0
    ) -> String? {
        report.text(phase, status: status, at: start + .milliseconds(milliseconds), microseconds: { 77 })
    }

    @Test("each phase is told once, with a status; a reload with the time and an end")
    func phases() {
        var report = ServiceReport()
        #expect(text(&report, .starting, "0/2") == "STATUS=0/2")
        #expect(text(&report, .starting, "0/2") == nil)
        #expect(text(&report, .ready, "2/2") == "READY=1\nSTATUS=2/2")
        #expect(text(&report, .reloading, "r") == "RELOADING=1\nMONOTONIC_USEC=77\nSTATUS=r")
        #expect(text(&report, .ready, "2/2") == "READY=1\nSTATUS=2/2")
        #expect(text(&report, .ready, "1/2") == "STATUS=1/2")
        #expect(text(&report, .stopping, "s") == "STOPPING=1\nSTATUS=s")
        var adopted = ServiceReport(.ready)
        #expect(text(&adopted, .ready, "2/2") == "STATUS=2/2", "who was told that it is ready is not told again")
    }

    @Test("it says that it is alive twice as often as is wanted, where that is wanted of this process")
    func watchdog() {
        let pause = { (time: String?, watched: String?) in
            ServiceReport.watchdogPause(time, watched: watched, pid: 7)
        }
        #expect(pause("3000000", nil) == .milliseconds(1_500) && pause("3000000", "7") == .milliseconds(1_500))
        #expect(pause("3000000", "8") == nil && pause(nil, "7") == nil && pause(nil, nil) == nil)
        for wrong in ["", "0", "1", "-5", "3s", "99999999999999999999", "9223372036854775807"] {
            #expect(pause(wrong, nil) == nil, "\(wrong)")
        }
    }

    @Test("a status alone waits for a second, and a look counts as one although nothing was new")
    func moments() {
        var report = ServiceReport()
        #expect(report.moment(.starting, at: start) == .now)
        _ = text(&report, .starting, "0/2")
        let next = start + .seconds(1 as Int64)
        #expect(report.moment(.starting, at: start + .milliseconds(10)) == .later(next))
        #expect(report.moment(.ready, at: start + .milliseconds(10)) == .now)
        #expect(report.moment(.starting, at: next) == .now)
        #expect(text(&report, .starting, "0/2", after: 1_000) == nil)
        #expect(report.moment(.starting, at: next) == .later(next + .seconds(1 as Int64)))
    }

    @Test("the status says how many are ready and what is wrong first")
    func status() {
        let instances: [(String, InstanceState, String)] = [
            ("a.1", .ready, ""), ("b.1", .finished, ""), ("c.1", .starting, "x"), ("d.1", .backingOff, "exit 1\nlate"),
        ]
        let words = { (phase: ServiceReport.Phase) in ServiceReport.status(phase, cluster: "shop", instances) }
        #expect(words(.starting) == "shop: 2/4 ready; d.1 is backingOff: exit 1\u{FFFD}late")
        #expect(words(.reloading) == "shop: 2/4 ready; reloading; d.1 is backingOff: exit 1\u{FFFD}late")
        #expect(words(.stopping) == "shop: stopping a.1, c.1, d.1")
        #expect(ServiceReport.status(.stopping, cluster: "shop", []) == "shop: all stopped")
    }
}
