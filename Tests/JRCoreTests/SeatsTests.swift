import JRBase
import Testing

@testable import JRCore

@Suite struct SeatsTests {
    /// What ``Seats`` does, by looking at every seat.
    private struct Model {
        var seats: Set<Int> = []

        func leastLoaded(in other: Set<Int>, _ third: Set<Int>?, from start: Int, _ loads: [Int]) -> Int? {
            let order = Array(loads.indices.dropFirst(start)) + Array(loads.indices.prefix(start))
            let both = order.filter { seats.contains($0) && other.contains($0) && third?.contains($0) ?? true }
            // The first of the least.
            return both.min { loads[$0] < loads[$1] }
        }
    }

    private func seats(_ members: Set<Int>) -> Seats {
        var seats = Seats()
        for seat in members { seats.set(seat, true) }
        return seats
    }

    @Test(
        "the least loaded seat of two or three sets is found, wherever one begins",
        arguments: [1, 5, 63, 64, 65, 130, 200])
    func model(count: Int) {
        var random = SeededRandom(seed: UInt64(count))
        func subset() -> Set<Int> { Set((0..<count).filter { _ in random.next() % 3 == 0 }) }
        for round in 0..<300 {
            let (mine, other) = (subset(), subset())
            let third = round % 2 == 0 ? nil : subset()
            let loads = (0..<count).map { _ in Int(random.next() % 4) }
            let start = Int(random.next() % UInt64(count + 1))
            let found = seats(mine).leastLoaded(in: seats(other), third.map { seats($0) }, from: start, loads)
            #expect(found == Model(seats: mine).leastLoaded(in: other, third, from: start, loads))
            #expect(seats(mine).meets(seats(other)) == !mine.isDisjoint(with: other))
            #expect(seats(mine).isEmpty == mine.isEmpty)
        }
    }

    @Test("a seat that was left is in no set any more, and is taken by the next node")
    func reused() {
        var bench = DistributorBench()
        let client = bench.client(1_000)
        let nodes = (1...70).map { bench.node($0, "n\($0)") }
        bench.close(nodes[65])
        let late = bench.node(71, "late")
        #expect(bench.engine.router.nodes[late]?.seat == 65)
        for number in 1...70 { bench.enqueue(request(number), from: client) }
        #expect(bench.actions().jobs(to: late).count == 1)
    }
}
