import Glibc
import JRBase
import Testing

/// Whole clusters on bad days.
///
/// `JR_SEEDS=1000-5000 swift test --filter SimulationTests` runs other seeds, `JR_SEEDS=91-91` one of them.
@Suite struct SimulationTests {
    static let seeds: ClosedRange<UInt64> = {
        let wanted = getenv("JR_SEEDS").map { String(cString: $0) } ?? ""
        let ends = wanted.split(separator: "-").compactMap { UInt64($0) }
        return ends.count == 2 && ends[0] <= ends[1] ? ends[0]...ends[1] : 0...199
    }()

    /// Where each handful begins that is one test case.
    static let handfuls = Array(stride(from: seeds.lowerBound, through: seeds.upperBound, by: 10))

    private func run(_ seed: UInt64, hasWhims: Bool = true) -> World {
        let world = World(seed: seed, hasWhims: hasWhims)
        world.run()
        if !world.complaints.isEmpty {
            Issue.record(
                """
                seed \(seed), \(world.faults): \(world.complaints.prefix(5).joined(separator: "; ")). \
                Replay: JR_SEEDS=\(seed)-\(seed) swift test --filter SimulationTests
                """)
        }
        return world
    }

    @Test(
        "B29, B34, B38: no stored job is lost, none runs early, twice or once cancelled; each end is told once",
        arguments: handfuls)
    func clusters(first: UInt64) {
        for seed in first...min(first + 9, Self.seeds.upperBound) { _ = run(seed) }
    }

    @Test(
        "seeds that failed once do not fail again",
        arguments: [2, 15, 91, 111, 141, 171, 174, 1699, 1754, 2319, 2534, 4406, 4650, 5008, 6360] as [UInt64])
    func failedOnce(seed: UInt64) { _ = run(seed, hasWhims: false) }

    @Test("the same seed gives the same run")
    func reproducible() {
        for seed in [3, 14] as [UInt64] { #expect(run(seed).digest == run(seed).digest) }
    }
}
