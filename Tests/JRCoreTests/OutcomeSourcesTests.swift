import JRWire
import Testing

@testable import JRCore

@Suite struct OutcomeSourcesTests {
    private let first = LinkID(1)
    private let second = LinkID(2)
    private let third = LinkID(3)
    private let shop = JobID(high: 1, low: 1)
    private let other = JobID(high: 1, low: 2)

    private func key(_ job: UInt64, _ run: Int = 1) -> OutcomeKey { OutcomeKey(id: JobID(high: 9, low: job), run: run) }

    private func check(_ sources: inout OutcomeSources, _ key: OutcomeKey, _ nodes: [LinkID]) {
        var taken: [LinkID] = []
        var keys = KeysByNode()
        sources.take(key, into: &keys)
        keys.takeEach { node, told in
            #expect(told == [key])
            taken.append(node)
        }
        #expect(taken == nodes)
    }

    @Test("each run of a job goes back to its own nodes, once")
    func runs() {
        var sources = OutcomeSources()
        for run in 1...3 { sources.note(key(1, run), from: run == 2 ? second : first, for: shop) }
        sources.note(key(1, 3), from: first, for: shop)
        sources.note(key(1, 3), from: second, for: shop)
        sources.note(key(2), from: third, for: other)
        check(&sources, key(1, 2), [second])
        check(&sources, key(1, 1), [first])
        check(&sources, key(1, 3), [first, second])
        check(&sources, key(2), [third])
        for run in 1...3 { check(&sources, key(1, run), []) }
    }

    @Test("a job that ran twice is acknowledged to both nodes, and one that is told twice once")
    func twice() {
        var sources = OutcomeSources()
        for node in [first, first, second, second] { sources.note(key(1), from: node, for: shop) }
        check(&sources, key(1), [first, second])
        sources.note(key(1), from: second, for: shop)
        check(&sources, key(1), [second])
    }

    @Test("what a node or an application that went had to do with is forgotten")
    func gone() {
        var sources = OutcomeSources()
        for job in UInt64(1)...4 {
            sources.note(key(job), from: job < 3 ? first : second, for: job == 4 ? other : shop)
        }
        sources.note(key(1), from: second, for: shop)
        sources.nodeGone(first)
        check(&sources, key(1), [second])
        check(&sources, key(2), [])
        sources.note(key(2, 1), from: third, for: other)
        sources.note(key(2, 2), from: third, for: other)
        sources.clientGone(other)
        check(&sources, key(3), [second])
        for key in [key(4), key(2, 1), key(2, 2)] { check(&sources, key, []) }
    }
}
