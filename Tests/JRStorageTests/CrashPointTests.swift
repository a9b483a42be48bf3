import Glibc
import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire
import Synchronization
import TestSupport
import Testing

@testable import JRStorage

/// The life of a store over several processes: commits over many segments, giving back, a torn end that goes into
/// quarantine, a full disk on which jobs end from the reserve, a good end. Its expected contents after each commit are
/// kept by a model that knows nothing of journals.
private final class RecordedLife {
    static let sizes = SegmentSizes(first: 8 << 10, longest: 8 << 10)
    static let policy = CompactionPolicy(slack: 4 << 10)

    let recorder = DiskRecorder()
    let sync: StorageSync
    private var live: [String] = []
    private let path: String
    private var random: SeededRandom
    private var next = 0
    private let disk = Disk()

    private final class Disk: Sendable {
        let isFull = Atomic<Bool>(false)
    }

    init(_ path: String, seed: UInt64, sync: StorageSync) throws {
        self.path = path
        self.sync = sync
        random = SeededRandom(seed: seed)
        try process { store in
            try commits(14, on: store)
            tear(store)
        }
        try process { store in
            try commits(8, on: store)
            try fullDisk(store)
            try commits(3, on: store)
            store.close()
        }
        try process { try commits(5, on: $0) }
        try process { store in
            try commits(2, on: store)
            store.close()
        }
    }

    /// One that is killed, if it does not close the store.
    private func process(_ body: (JournalStore) throws -> Void) throws { try body(try open()) }

    private func open() throws -> JournalStore {
        try whenUnlocked { [disk] () throws(StorageError) in
            let directory = StoreDirectory(
                path,
                fault: { operation, _ in
                    operation == .allocate && disk.isFull.load(ordering: .relaxed) ? ENOSPC : nil
                }, observer: recorder.observer)
            var opening = StoreOpening(directory: directory, sync: sync, sizes: Self.sizes)
            opening.policy = Self.policy
            return try opening.open().store
        }
    }

    private func commits(_ count: Int, on store: JournalStore) throws {
        for _ in 0..<count {
            var (changes, live) = ([StorageChange](), live)
            for _ in 0..<1 + random.below(2) {
                changes.append(.put(job(next, bytes: 100 + random.below(900))))
                live.append("\(next)")
                next += 1
            }
            // The first job stays, and would keep every segment.
            while live.count > 6 {
                let gone = live.remove(at: 1 + random.below(live.count - 1))
                changes.append(.remove(id(Self.number(gone))))
            }
            if live.count > 2, random.chance(1, in: 2) {
                let place = 1 + random.below(live.count - 1)
                live[place] = "\(Self.number(live[place]))c\(next)"
                changes.append(.put(job(Self.number(live[place]), "c\(next)", bytes: random.below(500))))
            }
            try commit(changes, leaving: live, on: store)
            while store.compact() {}
        }
    }

    private static func number(_ text: String) -> Int { Int(text.prefix { $0.isNumber }) ?? 0 }

    private func commit(_ changes: [StorageChange], leaving live: [String], on store: JournalStore) throws {
        recorder.note(.begun(live))
        do {
            try store.commit(changes)
            recorder.note(.answered)
            self.live = live
        } catch {
            guard error.code == .full else { throw error }
            recorder.note(.refused)
        }
    }

    /// The process dies in the middle of a write.
    private func tear(_ store: JournalStore) {
        let name = JournalFormat.segmentName(store.writer.segment?.firstSequence ?? 0)
        let bytes = [UInt8]("JRFR".utf8) + (0..<700).map { UInt8(truncatingIfNeeded: $0 * 7 | 1) }
        if let file = try? Files.open(path + "/" + name, .readWrite) {
            try? Files.writeAll(file.raw, bytes[...], at: Int64(store.writer.end))
        }
        recorder.note(.change(.wrote(name, at: store.writer.end, bytes)))
    }

    /// Every job that is there changes and most of them end, while no further segment finds room.
    private func fullDisk(_ store: JournalStore) throws {
        disk.isFull.store(true, ordering: .relaxed)
        defer { disk.isFull.store(false, ordering: .relaxed) }
        for round in 0..<3 {
            for place in live.indices {
                var live = live
                let number = Self.number(live[place])
                live[place] = "\(number)f\(round)"
                try commit([.put(job(number, "f\(round)", bytes: 900))], leaving: live, on: store)
            }
        }
        for gone in live.dropFirst(2) {
            try commit([.remove(id(Self.number(gone)))], leaving: live.filter { $0 != gone }, on: store)
        }
        try commit([.put(job(9_999, bytes: 7_000))], leaving: live + ["9999"], on: store)
    }
}

/// Opens what disks may hold and compares it with what was promised.
private struct CrashChecker {
    let life: RecordedLife
    let scratch: String
    var images = 0
    var openings = 0
    var sameImages = 0
    var tornEnds = 0
    var crashesWhileOpening = 0
    private var seen: Set<Int> = []
    private var random = SeededRandom(seed: 42)

    init(_ life: RecordedLife, scratch: String) {
        self.life = life
        self.scratch = scratch
    }

    /// Every `step`-th point of the life, and every `deepStep`-th image's opening cut off at every point as well.
    mutating func checkLife(from start: Int, step: Int, deepStep: Int) throws {
        var disk = DiskModel()
        var answered: [[String]] = [[]]
        var underWay: [[String]] = []
        for (index, event) in life.recorder.events.enumerated() {
            switch event {
            case .change(let change): disk.apply(change)
            case .begun(let live): underWay = [live]
            case .answered: (answered, underWay) = (answered + underWay, [])
            case .refused: underWay = []
            }
            guard index % step == start % step, case .change = event else { continue }
            let allowed = answered.suffix(life.sync == .always ? 1 : answered.count) + underWay
            for survival in DiskModel.Survival.allCases {
                let image = disk.cut(survival, &random)
                images += 1
                let isDeep = images % deepStep == 0
                try check(image, allowed, isDeep, "at point \(index), \(survival)")
            }
        }
    }

    private mutating func check(_ image: DiskModel.Image, _ allowed: [[String]], _ isDeep: Bool, _ when: String) throws
    {
        var hasher = Hasher()
        hasher.combine(allowed)
        for (name, bytes) in image.files.sorted(by: { $0.key < $1.key })
        where name != JournalFormat.runningName && name != JournalFormat.lockName {
            hasher.combine(name)
            hasher.combine(CRC32C.checksum(bytes))
            hasher.combine(bytes.count)
        }
        guard seen.insert(hasher.finalize()).inserted || isDeep else { return sameImages += 1 }
        let path = scratch + (isDeep ? "/image" : "/image-of-opening")
        defer { try? Files.removeTree(path) }
        try image.write(to: path)
        let recorder = DiskRecorder()
        guard let found = open(path, recorder, when) else { return }
        #expect(allowed.contains(found), "\(when): found \(found), allowed \(allowed)")
        if let again = open(path, DiskRecorder(), when + ", the second time") {
            #expect(again == found, "\(when): the second time something else")
        }
        guard isDeep else { return }
        // And the store lives on.
        let store = try openStore(path, sizes: RecordedLife.sizes, policy: RecordedLife.policy).store
        try store.commit([.put(job(8_888))])
        store.close()
        #expect(try contents(of: path, sizes: RecordedLife.sizes) == found + ["8888"])
        try checkOpening(of: image, recorder, found, when)
    }

    /// The power is cut again while the store is being opened.
    private mutating func checkOpening(
        of image: DiskModel.Image, _ recorder: DiskRecorder, _ found: [String], _ when: String
    ) throws {
        var disk = DiskModel(image)
        for (index, event) in recorder.events.enumerated() {
            guard case .change(let change) = event else { continue }
            disk.apply(change)
            let survival = DiskModel.Survival.allCases[random.below(DiskModel.Survival.allCases.count)]
            crashesWhileOpening += 1
            try check(
                disk.cut(survival, &random), [found], false, "\(when), then at \(index) of the opening, \(survival)")
        }
    }

    private mutating func open(_ path: String, _ recorder: DiskRecorder, _ when: String) -> [String]? {
        openings += 1
        do {
            return try whenUnlocked { () throws(StorageError) in
                var opening = StoreOpening(
                    directory: StoreDirectory(path, observer: recorder.observer), sync: life.sync,
                    sizes: RecordedLife.sizes)
                opening.policy = RecordedLife.policy
                let opened = try opening.open()
                if opened.contents.report.tornBytes > 0 { tornEnds += 1 }
                return opened.contents.summary
            }
        } catch {
            Issue.record("\(when): refused: \(error)")
            return nil
        }
    }
}

@Suite("Crash points")
struct CrashPointTests {
    private func check(_ sync: StorageSync, seed: UInt64, step: Int, deepStep: Int) throws -> CrashChecker {
        let scratch = try TemporaryDirectory(inMemory: true)
        let life = try RecordedLife(scratch.store, seed: seed, sync: sync)
        let events = life.recorder.events
        #expect(events.contains { if case .refused = $0 { true } else { false } })
        #expect(events.count > 200)
        #expect(events.contains { if case .change(.renamed("reserve-1.tmp", _)) = $0 { true } else { false } })
        #expect(events.contains { if case .change(.madeDirectory) = $0 { true } else { false } })
        var checker = CrashChecker(life, scratch: scratch.path)
        try checker.checkLife(from: Int(seed), step: step, deepStep: deepStep)
        #expect(checker.tornEnds > 0)
        #expect(checker.crashesWhileOpening > 0)
        if TestSize.isFull {
            print(
                "crash points, \(sync), seed \(seed): \(events.count) events, \(checker.images) images,",
                "\(checker.sameImages) the same, \(checker.crashesWhileOpening) crashes while opening,",
                "\(checker.openings) openings, \(checker.tornEnds) torn ends")
        }
        return checker
    }

    @Test(
        "B40: a power cut at any point, whatever the disk kept of what was not synced, loses and alters nothing answered",
        arguments: 1...UInt64(TestSize.rounds(1, full: 10)))
    func always(seed: UInt64) throws {
        _ = try check(.always, seed: seed, step: TestSize.rounds(6, full: 1), deepStep: TestSize.rounds(80, full: 20))
    }

    @Test("without syncs a power cut at any point leaves what the store was after some commit, and nothing else")
    func never() throws {
        _ = try check(.never, seed: 7, step: TestSize.rounds(24, full: 1), deepStep: TestSize.rounds(40, full: 20))
    }
}
