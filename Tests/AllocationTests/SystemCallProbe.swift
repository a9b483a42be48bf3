import JRBase
import JRCore
import JRJSON
import JRJournal
import JRReactor
import JRSystem
import JRWire
import TestSupport
import Testing

@testable import JRStorage

/// Runs in a process of its own, which ``AllocationTests`` starts; in any other it is skipped.
@Suite("system calls are counted", .enabled(if: Baseline.ofChild("SystemCallProbe") != nil))
struct SystemCallProbe {
    private let counter: CallCounter
    private let path: String
    private let directory: String

    init() throws {
        let child = try #require(Baseline.ofChild("SystemCallProbe"))
        path = child.output
        directory = Files.parent(of: path)
        counter = try CallCounter(library: child.library)
    }

    @Test("of commits, of turns of a loop, and of the whole path")
    func count() throws {
        var found = JSONObject()
        for sync in [StorageSync.always, .never] { try commits(sync, into: &found) }
        let directory = directory
        let still = ManualClock(at: WallTime(milliseconds: 0))
        let turns = [
            try TurnCounter.run(counter) { try LoopSteps.make(on: $0) },
            try TurnCounter.run(counter) { try RedisSteps.make(in: directory, on: $0) },
            // A loop with the machine's clock may look again before it sleeps, as often as there is time for.
            try TurnCounter.run(counter, clock: still) { try ClusterSteps.make(in: directory, on: $0) },
        ]
        for (name, calls) in turns.joined() { found[name] = calls }
        try Files.write(path, Array(JSON.object(found).text.utf8))
    }

    private func commits(_ sync: StorageSync, into found: inout JSONObject) throws {
        let word = StoragePromise.journal(sync: sync).word
        let opened = try StoreOpening(directory: StoreDirectory("\(directory)/\(word)"), sync: sync).openOnce()
        let store = opened.store
        // The witness is synced once a second, which is not to be within a commit that is counted.
        store.witnessSynced = SystemClock.instant() + .seconds(Int64(86_400))
        for count in [1, 100] {
            let jobs = (0..<count).map { number in
                JobRecord(
                    request: JobRequest(
                        id: JobID(high: 1, low: UInt64(number)), name: "test", arguments: [],
                        created: .init(milliseconds: 0)))
            }
            let name = "\(word): a commit of \(count) record\(count == 1 ? "" : "s")"
            var calls = CallCounts()
            for round in 0..<CallCounts.rounds {
                try calls.count(round, counter) { try store.commit(StorageChanges(jobs.map { .put($0) })) }
                try store.commit(StorageChanges(jobs.map { .remove($0.id) }))
            }
            found[name] = calls.each
        }
        store.close()
    }
}

extension StoreOpening {
    fileprivate func openOnce() throws(StorageError) -> Opened {
        var opening = self
        return try opening.open()
    }
}

/// Calls of something that is done again and again, without those of the first times.
struct CallCounts {
    static let warm = 3
    static let rounds = 13

    private var total: [String: Int] = [:]

    mutating func count(_ round: Int, _ counter: CallCounter, _ body: () throws -> Void) rethrows {
        let before = counter.now
        try body()
        add(round, before, counter.now)
    }

    mutating func add(_ round: Int, _ before: [String: Int], _ after: [String: Int]) {
        guard round >= Self.warm else { return }
        for (name, count) in after { total[name, default: 0] += count - (before[name] ?? 0) }
    }

    /// On average, of those that were made at all.
    var each: JSON {
        let calls = total.filter { $0.value > 0 }.sorted { $0.key < $1.key }
        return .object(
            JSONObject(
                calls.map { name, count in
                    let (each, rest) = count.quotientAndRemainder(dividingBy: Self.rounds - Self.warm)
                    return (
                        name, rest == 0 ? .int(Int64(each)) : .double(Double(count) / Double(Self.rounds - Self.warm))
                    )
                }))
    }
}
