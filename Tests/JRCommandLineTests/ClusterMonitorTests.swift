import JRBase
import Testing

@testable import JRCommandLine

@Suite struct ClusterMonitorTests {
    private func moment(_ seconds: Int64) -> Now {
        // 2026-11-23T08:00:00Z
        Now(
            instant: .zero + .seconds(seconds), wall: WallTime(milliseconds: 1_795_420_800_000) + .seconds(seconds))
    }

    private func sample(done: Int = 0, failed: Int = 0, enqueued: Int = 0, start: Int = 1) -> MonitorSample {
        var node = MonitorSample.Node(
            name: "worker.1", start: start, state: "ready", since: moment(-100_000).wall,
            storage: "journal, sync always")
        node.totals = MonitorSample.Totals(done: done, failed: failed)
        var sample = MonitorSample(distributor: "main")
        sample.enqueued = enqueued
        sample.nodes = [node]
        return sample
    }

    @Test("rates are those of the last five seconds, and fall to nothing when nothing more happens")
    func rates() {
        var monitor = ClusterMonitor()
        monitor.receive(sample(done: 1_000, enqueued: 9), at: moment(0))
        #expect(monitor.recent(at: moment(1).instant).totals == MonitorSample.Totals())
        #expect(monitor.nextFrame(after: moment(1).instant) == nil, "nothing moves")
        monitor.receive(sample(done: 1_100, enqueued: 29), at: moment(20))
        #expect(monitor.recent(at: moment(20).instant).totals == MonitorSample.Totals(enqueued: 20, done: 100))
        #expect(monitor.recent(at: moment(20).instant).time == .seconds(Int64(5)))
        #expect(monitor.nextFrame(after: moment(20).instant) == moment(21).instant)
        monitor.receive(sample(done: 1_150, enqueued: 29), at: moment(23))
        #expect(monitor.recent(at: moment(24).instant).totals.done == 150)
        #expect(monitor.recent(at: moment(26).instant).totals.done == 50)
        #expect(monitor.recent(at: moment(28).instant).totals.done == 0)
        #expect(monitor.nextFrame(after: moment(28).instant) == nil)
    }

    @Test("a node that starts anew counts from nothing, one that was away from where it was, a new one not at all")
    func restarts() {
        var monitor = ClusterMonitor()
        monitor.receive(sample(done: 1_000), at: moment(0))
        monitor.receive(sample(done: 7, start: 2), at: moment(1))
        #expect(monitor.recent(at: moment(1).instant).totals.done == 7)
        var away = sample(enqueued: 3)
        away.nodes = []
        monitor.receive(away, at: moment(2))
        var back = sample(done: 10, start: 2)
        var other = MonitorSample.Node(name: "other", start: 1, state: "ready", since: nil, storage: "memory")
        other.totals.done = 5_000
        back.nodes.append(other)
        monitor.receive(back, at: moment(3))
        #expect(monitor.recent(at: moment(3).instant).totals.done == 10)
    }

    @Test("each change is a line: who came and went, what failed, and the sums")
    func lines() {
        var monitor = ClusterMonitor()
        monitor.receive(sample(), at: moment(0))
        #expect(
            monitor.takeLines() == [
                "08:00:00 node worker.1 is ready (journal, sync always)",
                "08:00:00 nodes 1 waiting 0 ready 0 running 0 scheduled 0 kept 0 done 0 (0.0/s) failed 0 (0.0/s)"
                    + " retried 0 (0.0/s)",
            ])
        var second = sample(failed: 1)
        let failure = MonitorSample.Failure(
            id: "1", name: "evil\u{1B}[2J", attempt: 2, isFinal: true, error: "a\nb\u{7}", at: moment(1).wall)
        second.nodes[0].failures = [failure]
        second.nodes[0].oldest = MonitorSample.Waiting(name: "slow", since: moment(-60).wall)
        second.nodes[0].state = "draining"
        monitor.receive(second, at: moment(2))
        #expect(
            monitor.takeLines() == [
                "08:00:02 node worker.1 is draining",
                "08:00:01 worker.1: evil\\x1b[2J failed at attempt 2, the last: a\\nb\\x07",
                "08:00:02 nodes 1 waiting 0 ready 0 running 0 scheduled 0 kept 0 done 0 (0.0/s) failed 1 (0.5/s)"
                    + " retried 0 (0.0/s) oldest 1m2s",
            ])
        second.nodes = []
        monitor.receive(second, at: moment(3))
        #expect(monitor.takeLines().first == "08:00:03 node worker.1 is gone")
    }

    @Test("B41: the picture says it all in 80 columns, whatever names and numbers are in it")
    func picture() {
        var monitor = ClusterMonitor()
        var first = sample(done: 123_456_789, failed: 12)
        first.applications = 1
        first.waiting = 1_234
        first.oldest = MonitorSample.Waiting(name: "greet", since: moment(-3_700).wall)
        first.nodes[0].ready = 100_000
        first.nodes[0].failures = [
            MonitorSample.Failure(
                id: "1", name: "greet", attempt: 1, isFinal: false,
                error: "no\u{1B}[31m " + String(repeating: "x", count: 99),
                at: moment(-1).wall)
        ]
        first.nodes.append(
            MonitorSample.Node(name: "second", start: 1, state: "ready", since: moment(-5).wall, storage: "memory"))
        monitor.receive(first, at: moment(0))
        first.nodes.removeLast()
        monitor.receive(first, at: moment(10))
        let lines = monitor.frame(width: 80, .plain, at: moment(11))
        let wanted = """
            main   1 node   1 application   1,234 waiting for a node   08:00:11 UTC
            enqueued 0.0/s   done 0.0/s   failed 0.0/s   retried 0.0/s
            oldest waiting: greet, for 1h1m, in the distributor

            NODE      STATE  SINCE       READY  RUN  LATER  KEPT  DONE  FAILED  STORAGE
            worker.1  ready  2026-11-22   100k    0      0     0  123M      12  journal, sy…
            second    gone   08:00:10        -    -      -     -     -       -  memory

            ERRORS OF LATE
            """
        #expect(lines.dropLast().joined(separator: "\n") == wanted)
        #expect(lines.last?.hasPrefix("07:59:59 worker.1: greet failed at attempt 1: no\\x1b[31m xxx") == true)
        #expect(lines.last?.hasSuffix("…") == true)
        for width in [80, 100] {
            let widest = monitor.frame(width: width, .plain, at: moment(11)).map { Terminal.width(of: $0) }.max()
            #expect(widest ?? 0 <= width)
        }
        let low = monitor.frame(width: 80, height: 5, .plain, at: moment(11))
        #expect(low.count == 5 && low.last == "…")
    }

    @Test("nothing heard, a connection that broke, and no node have words of their own")
    func words() {
        var monitor = ClusterMonitor()
        #expect(monitor.frame(width: 80, .plain, at: moment(0)) == ["nothing has been heard yet"])
        monitor.receive(MonitorSample(distributor: "main"), at: moment(0))
        let lines = monitor.frame(width: 80, .plain, at: moment(0), note: "it broke\u{1B}")
        #expect(lines[1] == "it broke\\x1b")
        #expect(lines.suffix(3) == ["nothing waits", "", "no node is connected"])
    }

    @Test(
        "numbers take five columns at the most, a decimal where there is room",
        arguments: [
            (99_999, "99999"), (100_000, "100k"), (999_999, "999k"), (1_000_000, "1.0M"), (123_456_789, "123M"),
            (12_345_678_901, "12.3G"), (5_000_000_000_000, "5.0T"),
        ])
    func short(number: Int, text: String) {
        #expect(ClusterMonitor.short(number) == text)
    }
}
