import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite struct RecentJobsTests {
    @Test("as many of the last as it is made for are known, and never more than twice as many")
    func generations() {
        var recent = RecentJobs<String>(limit: 10)
        let ids = (0..<100).map { JobID(high: 0, low: UInt64($0)) }
        for (count, id) in ids.enumerated() {
            recent.insert(id, "n\(count)", created: WallTime(milliseconds: 0))
            let known = ids.indices.filter { recent[ids[$0]] != nil }
            #expect(known == Array(known.count <= count ? count + 1 - known.count...count : 0...count))
            #expect(known.count >= min(count + 1, 10) && known.count <= 20, "after \(count + 1): \(known.count)")
            let end = recent[id]
            #expect(end == "n\(count)")
        }
    }

    @Test("the last node of an id is what is told")
    func lastNode() {
        var recent = RecentJobs<String>(limit: 10)
        let id = JobID(high: 1, low: 1)
        recent.insert(id, "first", created: WallTime(milliseconds: 0))
        recent.insert(id, "second", created: WallTime(milliseconds: 0))
        let end = recent[id]
        #expect(end == "second")
    }

    @Test("an id is found whether it was made in the order of time, before its time, or is a key that looks like none")
    func anyID() {
        var recent = RecentJobs<Int>(limit: 64)
        var random = SeededRandom(seed: 7)
        var known: [JobID] = []
        for number in 0..<120 {
            let created = WallTime(milliseconds: 1_700_000_000_000 + Int64(number) / 3)
            let id =
                switch number % 5 {
                case 0: JobID(text: "key \(number)")
                case 1: JobID(at: created + .seconds(Int64(3_600)), random: (random.next(), random.next()))
                case 2: JobID(at: created + .seconds(Int64(-3_600)), random: (random.next(), random.next()))
                default: JobID(at: created, random: (random.next(), random.next()))
                }
            let before = recent[id]
            #expect(before == nil)
            recent.insert(id, number, created: created)
            known.append(id)
            for (place, id) in known.enumerated().suffix(64) {
                let end = recent[id]
                #expect(end == place)
            }
        }
    }
}

@Suite struct GrantWindowsTests {
    private let first = LinkID(1)
    private let second = LinkID(2)

    private func granted(_ windows: inout GrantWindows, takesScheduled: Bool = true) -> [LinkID: UInt64] {
        windows.due(takesScheduled: takesScheduled).reduce(into: [:]) { $0[$1.link] = $1.total }
    }

    @Test("the first grant is the whole credit, and nothing more is said until something changes")
    func whole() {
        var windows = GrantWindows(credit: 100)
        windows.open(first)
        #expect(granted(&windows) == [first: 100])
        #expect(granted(&windows) == [:])
    }

    @Test("two distributors share the credit")
    func shared() {
        var windows = GrantWindows(credit: 100)
        windows.open(first)
        windows.open(second)
        #expect(granted(&windows) == [first: 50, second: 50])
    }

    @Test("a grant is renewed in quarters, and at once when nothing of the last one is left")
    func quarters() {
        var windows = GrantWindows(credit: 100)
        windows.open(first)
        _ = granted(&windows)
        for _ in 0..<24 { windows.received(from: first) }
        #expect(granted(&windows) == [:])
        windows.received(from: first)
        #expect(granted(&windows) == [first: 125])

        var small = GrantWindows(credit: 2)
        small.open(first)
        _ = granted(&small)
        for _ in 0..<2 {
            small.received(from: first)
            small.charge(first)
        }
        #expect(granted(&small) == [:])
        small.discharge(first)
        #expect(granted(&small) == [first: 3])
    }

    @Test("jobs that the node woke by itself make the window smaller, and a grant is never taken back")
    func own() {
        var windows = GrantWindows(credit: 10)
        windows.open(first)
        _ = granted(&windows)
        for _ in 0..<12 { windows.charge(nil) }
        windows.received(from: first)
        #expect(granted(&windows) == [:])
        for _ in 0..<12 { windows.discharge(nil) }
        for _ in 0..<9 { windows.received(from: first) }
        #expect(granted(&windows) == [first: 20])
    }

    @Test("B42: after a refusal for want of space the same total is said again, once")
    func healed() {
        var windows = GrantWindows(credit: 100)
        windows.open(first)
        _ = granted(&windows)
        windows.refused(first, scheduled: false)
        #expect(granted(&windows) == [first: 100])
        #expect(granted(&windows) == [:])
        windows.refused(first, scheduled: true)
        #expect(granted(&windows, takesScheduled: false) == [:])
        #expect(granted(&windows) == [first: 100])
    }

    @Test(
        "one distributor that uses every grant never makes a node hold more than its credit",
        arguments: [1, 2, 3, 4, 5] as [UInt64])
    func neverExceeded(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let credit = 1 + random.below(40)
        var windows = GrantWindows(credit: credit)
        windows.open(first)
        var held = 0
        var sent: UInt64 = 0
        var allowed: UInt64 = 0
        for step in 0..<5_000 {
            if random.chance(1, in: 2), sent < allowed {
                sent += 1
                held += 1
                windows.received(from: first)
                windows.charge(first)
            } else if random.chance(1, in: 2), held > 0 {
                held -= 1
                windows.discharge(first)
            } else {
                for grant in windows.due(takesScheduled: true) { allowed = max(allowed, grant.total) }
            }
            if held > credit { Issue.record("seed \(seed), step \(step): holds \(held) of \(credit)") }
        }
        #expect(sent > 500, "seed \(seed)")
    }
}

@Suite struct ReadyLinesTests {
    private func lines(pool: Int, programs: Int) -> ReadyLines {
        var settings = NodeSettings(name: "n1")
        settings.credit = 3
        settings.poolJobs = pool
        settings.programJobs = programs
        return ReadyLines(settings: settings)
    }

    private func handle(_ index: Int32) -> Handle { Handle(index: index, generation: 0) }

    @Test("each lane is first in, first out, and the lanes take turns")
    func turns() {
        var lines = lines(pool: 9, programs: 9)
        for index: Int32 in 0..<3 { lines.append(handle(index), lane: .loop) }
        for index: Int32 in 10..<12 { lines.append(handle(index), lane: .pool) }
        lines.append(handle(20), lane: .program)
        var order: [Int32] = []
        while let next = lines.next() {
            lines.started(next.lane)
            order.append(next.job.index)
        }
        #expect(order == [0, 10, 20, 1, 11, 2])
    }

    @Test("B9: a lane that is full waits without stopping the others")
    func full() {
        var lines = lines(pool: 1, programs: 1)
        for index: Int32 in 0..<3 { lines.append(handle(index), lane: .program) }
        lines.append(handle(9), lane: .loop)
        var order: [Int32] = []
        while let next = lines.next() {
            lines.started(next.lane)
            order.append(next.job.index)
        }
        #expect(order == [0, 9] || order == [9, 0])
        #expect(lines.readyCount == 2)
        #expect(lines.runningCount == 2)
        lines.ended(.program)
        #expect(lines.next()?.job == handle(1))
    }
}
