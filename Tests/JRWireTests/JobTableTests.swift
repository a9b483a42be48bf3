import JRBase
import JRWire
import Testing

@Suite struct JobTableTests {
    private static func id(_ number: Int) -> JobID { JobID(high: UInt64(number / 3), low: UInt64(number % 3)) }

    @Test("it holds what a dictionary holds, whatever is put in and taken out", arguments: [1, 2, 3, 4])
    func likeADictionary(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var table = JobTable<Int>()
        var known: [JobID: Int] = [:]
        for round in 0..<30_000 {
            // Grows, shrinks, and grows again.
            let id = Self.id(random.below(round % 10_000 < 5_000 ? 4_000 : 40))
            switch random.below(4) {
            case 0:
                let before = table.insert(round, for: id)
                #expect(before == known[id])
                known[id] = known[id] ?? round
            case 1:
                table[id] = round
                known[id] = round
            case 2:
                let (taken, before) = (table.remove(id), known.removeValue(forKey: id))
                #expect(taken == before)
            default: #expect(table[id] == known[id])
            }
            #expect(table.count == known.count)
        }
        for number in 0..<4_000 { #expect(table[Self.id(number)] == known[Self.id(number)]) }
    }

    @Test("those that are not wanted go, and the rest stays to be found")
    func keep() {
        var table = JobTable<Int>()
        table.reserveCapacity(1_000)
        for number in 0..<1_000 { table[Self.id(number)] = number }
        table.keep { _, number in number % 7 == 0 }
        #expect((0..<1_000).allSatisfy { table[Self.id($0)] == ($0 % 7 == 0 ? $0 : nil) })
        table[Self.id(0)] = nil
        #expect(table.count == 142 && table[Self.id(0)] == nil)
        table.removeAll(keepingCapacity: true)
        #expect(table.isEmpty && table[Self.id(7)] == nil)
        table.removeAll(keepingCapacity: false)
        table[Self.id(1)] = 1
        #expect(table.count == 1 && table[Self.id(1)] == 1)
    }

    @Test("no one has a value like anybody else")
    func noOne() {
        var table = JobTable<Int>()
        #expect(table[.none] == nil)
        table[.none] = 1
        #expect(table[.none] == 1)
        let taken = table.remove(.none)
        #expect(taken == 1 && table.isEmpty)
    }
}
