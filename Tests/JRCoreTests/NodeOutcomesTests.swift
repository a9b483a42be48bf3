import JRBase
import JRWire
import TestSupport
import Testing

@testable import JRCore

@Suite struct NodeOutcomesTests {
    /// A node with jobs that ended and whose outcomes nobody has acknowledged.
    private func bench(ended count: Int, _ change: (inout NodeSettings) -> Void = { _ in }) -> NodeBench {
        var bench = NodeBench([], change)
        let link = bench.distributor(1)
        for number in 1...count { bench.job(request(number, feedback: .both), from: link) }
        bench.commit()
        while bench.succeedAll() > 0 { bench.commit() }
        bench.commit()
        _ = bench.actions()
        return bench
    }

    private func ask(_ bench: inout NodeBench, _ link: LinkID) {
        bench.receive(
            .request(number: 0, verb: "outcomes", parameters: ["client": .bytes(application.bytes)]), from: link)
    }

    @Test("B38: outcomes are sent again when they are asked for, until they are acknowledged")
    func again() {
        var bench = bench(ended: 2)
        let link = LinkID(1)
        for _ in 0..<2 {
            ask(&bench, link)
            #expect(bench.actions().outcomes(to: link).map { Int($0.id.low) } == [1, 2])
        }
        bench.receive(.outcomesReceived([OutcomeKey(id: jobID(1), run: 1)]), from: link)
        ask(&bench, link)
        #expect(bench.actions().outcomes(to: link).map { Int($0.id.low) } == [2])
    }

    @Test("B38: outcomes are only for their own application")
    func ownOnly() {
        var bench = bench(ended: 1)
        let other = JobID(high: 8, low: 8)
        bench.receive(
            .request(number: 0, verb: "outcomes", parameters: ["client": .bytes(other.bytes)]), from: LinkID(1))
        #expect(bench.actions().sent(to: LinkID(1)) == [.reply(number: 0, result: .bytes(other.bytes))])
    }

    @Test("an outcome goes to the distributor that the job came from, or to all when that one is gone")
    func origin() {
        for isOpen in [true, false] {
            var bench = NodeBench()
            let first = bench.distributor(1)
            let second = bench.distributor(2)
            bench.job(request(1, feedback: .both), from: first)
            bench.commit()
            if !isOpen { bench.engine.linkClosed(first, at: bench.now) }
            bench.succeedAll()
            bench.commit()
            let actions = bench.actions()
            #expect(actions.outcomes(to: first).count == (isOpen ? 1 : 0))
            #expect(actions.outcomes(to: second).count == (isOpen ? 0 : 1))
        }
    }

    @Test("an application that moved to another distributor is told there, also what ends after it moved")
    func moved() {
        var bench = NodeBench()
        let first = bench.distributor(1)
        let second = bench.distributor(2)
        bench.job(request(1, feedback: .both), from: first)
        bench.commit()
        _ = bench.actions()
        ask(&bench, second)
        bench.succeedAll()
        bench.commit()
        #expect(bench.actions().outcomes(to: second).count == 1)
    }

    @Test("what is not yet stored is not sent to whoever asks, but as soon as it is")
    func uncommitted() {
        var bench = NodeBench()
        let link = bench.distributor(1)
        bench.job(request(1, feedback: .both), from: link)
        bench.commit()
        bench.succeedAll()
        ask(&bench, link)
        #expect(bench.actions().outcomes(to: link).isEmpty)
        bench.commit()
        #expect(bench.actions().outcomes(to: link).count == 1)
    }

    @Test("many outcomes are sent a window at a time, the next when the last is acknowledged, each once")
    func windows() {
        var bench = bench(ended: 3_000)
        let link = LinkID(1)
        ask(&bench, link)
        var seen: [JobID] = []
        var window = bench.actions().outcomes(to: link)
        while !window.isEmpty {
            #expect(window.count <= OutcomeResends.mostOutcomes)
            seen += window.map(\.id)
            bench.receive(.outcomesReceived(window.map(\.key)), from: link)
            window = bench.actions().outcomes(to: link)
        }
        #expect(seen.count == 3_000 && Set(seen).count == 3_000)
        bench.commit()
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("a window whose link closed is begun again by the next question")
    func windowBroken() {
        var bench = bench(ended: 2_000)
        ask(&bench, LinkID(1))
        #expect(bench.actions().outcomes(to: LinkID(1)).count == 1_024)
        bench.engine.linkClosed(LinkID(1), at: bench.now)
        let link = bench.distributor(2)
        ask(&bench, link)
        #expect(bench.actions().outcomes(to: link).count == 1_024)
    }

    @Test("B38: an outcome that nobody comes for is dropped after its time, and its job with it")
    func expiry() {
        var bench = bench(ended: 1) { $0.outcomeLife = .seconds(60) }
        bench.wait(until: 59_999)
        #expect(bench.commit().isEmpty)
        bench.wait(until: 60_000)
        #expect(bench.commit() == [.remove(jobID(1))])
        #expect(bench.engine.jobs.isEmpty)
    }

    @Test("an outcome's time goes on over a restart")
    func expiryAfterRestart() throws {
        let before = bench(ended: 1) { $0.outcomeLife = .seconds(60) }
        let record = try #require(before.record(1))
        var bench = NodeBench(nil) { $0.outcomeLife = .seconds(60) }
        bench.now = moment(50_000)
        bench.engine.recovered([RecoveredJob(record: record, wasRunning: false)], at: bench.now)
        bench.commit()
        #expect(bench.engine.recovery.unacknowledged == 1)
        #expect(bench.engine.nextDeadline == moment(60_000).instant)
    }
}
