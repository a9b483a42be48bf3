import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite("the line of ended jobs")
struct ExpiryLineTests {
    private func at(_ milliseconds: Int64) -> Instant { .zero + .milliseconds(milliseconds) }
    private func job(_ number: Int32) -> Handle { Handle(index: number, generation: 0) }

    private func leave(_ line: inout ExpiryLine, _ number: UInt64?) {
        if let number { line.leave(number) } else { Issue.record("it has no place in the line") }
    }

    @Test("who has not left comes out when it is due, oldest first")
    func order() {
        var line = ExpiryLine()
        let numbers = (0..<4).map { line.append(job($0), at: at(Int64($0) * 10)) }
        #expect(line.nextDeadline == at(0))
        leave(&line, numbers[0])
        leave(&line, numbers[2])
        leave(&line, numbers[2])
        #expect(line.nextDeadline == at(10))
        #expect(line.popDue(at: at(9)) == nil)
        #expect(line.popDue(at: at(100)) == job(1))
        #expect(line.popDue(at: at(100)) == job(3))
        #expect(line.popDue(at: at(100)) == nil && line.nextDeadline == nil)
        // The numbers of those that are gone are nobody else's.
        let next = line.append(job(9), at: at(200))
        for number in numbers { leave(&line, number) }
        #expect(line.nextDeadline == at(200))
        leave(&line, next)
        #expect(line.nextDeadline == nil)
    }

    @Test("an earlier deadline than the last one is for another place")
    func earlier() {
        var line = ExpiryLine()
        #expect(line.append(job(1), at: at(10)) != nil)
        #expect(line.append(job(2), at: at(10)) != nil)
        #expect(line.append(job(3), at: at(9)) == nil)
    }

    @Test("one that stays while all behind it leave gives up its place, and the line stays short")
    func straggler() {
        var line = ExpiryLine()
        _ = line.append(job(0), at: at(0))
        for number in 1...1_024 {
            leave(&line, line.append(job(Int32(number)), at: at(Int64(number))))
        }
        #expect(line.popStraggler() == nil)
        leave(&line, line.append(job(2_000), at: at(2_000)))
        let found = line.popStraggler()
        #expect(found?.job == job(0) && found?.deadline == at(0))
        #expect(line.popStraggler() == nil && line.nextDeadline == nil)
    }

    @Test("outcomes that nobody came for go in their time, also those that gave up their place")
    func inTheEngine() {
        var bench = NodeBench { $0.outcomeLife = .seconds(Int64(10)) }
        let link = bench.distributor(1)
        for number in 1...2_500 {
            bench.job(request(number, feedback: .success), from: link)
            bench.commit()
            bench.succeedAll()
            bench.commit()
            // All but the first are acknowledged.
            guard number > 1 else { continue }
            bench.receive(.outcomesReceived([OutcomeKey(id: jobID(number), run: 1)]), from: link)
            bench.commit()
        }
        #expect(bench.engine.jobs.count == 1 && bench.engine.timers.count == 1)
        #expect(bench.engine.nextDeadline == moment(10_000).instant)
        bench.wait(until: 10_000)
        bench.commit()
        #expect(bench.engine.jobs.isEmpty && bench.engine.nextDeadline == nil)
    }
}
