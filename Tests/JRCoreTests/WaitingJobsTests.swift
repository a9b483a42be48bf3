import JRBase
import JRWire
import Testing

@testable import JRCore

/// Jobs that wait, packed, beside the same jobs in a dictionary.
@Suite("Jobs that wait are packed")
struct WaitingJobsTests {
    private func record(
        _ number: UInt64, due: Int64 = 1_000, bytes: Int = 3, change: (inout JobOptions) -> Void = { _ in }
    ) -> JobRecord {
        var options = JobOptions()
        options.due = WallTime(milliseconds: due)
        change(&options)
        return JobRecord(
            request: JobRequest(
                id: JobID(high: number, low: ~number), name: "job \(number % 3)",
                arguments: (0..<bytes).map { UInt8(truncatingIfNeeded: $0 + Int(number)) },
                created: WallTime(milliseconds: Int64(number)), feedback: .both,
                client: JobID(high: 9, low: number % 2), options: options))
    }

    private func at(_ nanoseconds: Int64) -> Instant { Instant(nanoseconds: nanoseconds) }

    @Test("whatever is put in, looked at and taken out, in any order and of any length, is as it was put in")
    func model() throws {
        var random = SeededRandom(seed: 7)
        var waiting = WaitingJobs()
        var model: [JobID: (record: JobRecord, deadline: Instant)] = [:]
        for step in 0..<20_000 as Range<UInt64> {
            if random.next() % 100 < (step < 12_000 ? 65 : 20) {
                // One is longer than a chunk.
                let bytes = step % 5_000 == 4_999 ? 100_000 : Int(random.next() % 1_500)
                let record = record(step, due: Int64(step), bytes: bytes) { options in
                    if step % 7 == 0 { options.delay = .seconds(Int64(step)) }
                    if step % 11 == 0 { options.maxAttempts = Int(step % 3) + 1 }
                }
                let deadline = at(Int64(random.next() % 1_000))
                let isIn = waiting.insert(record, origin: nil, at: deadline)
                #expect(isIn)
                model[record.id] = (record, deadline)
            } else if step % 2 == 0, let earliest = model.values.map(\.deadline).min() {
                let popped = waiting.popDue(at: earliest)
                let taken = try #require(popped)
                #expect(taken.deadline == earliest && model[taken.record.id]?.record == taken.record)
                model[taken.record.id] = nil
            } else if let id = model.keys.randomElement(using: &random) {
                #expect(waiting.record(id) == model[id]?.record)
                let (first, second) = (waiting.take(id)?.record, waiting.take(id)?.record)
                #expect(first == model[id]?.record && second == nil && !waiting.contains(id))
                model[id] = nil
            }
            #expect(waiting.count == model.count)
        }
        var seen: [JobID: JobRecord] = [:]
        waiting.forEach { seen[$0.id] = $0 }
        #expect(seen == model.mapValues(\.record))
        #expect(waiting.argumentBytes == model.values.reduce(0) { $0 + $1.record.request.arguments.count })
    }

    @Test("those of one deadline come out in the order in which they came, also after the count of them began anew")
    func order() {
        var waiting = WaitingJobs()
        waiting.nextOrder = .max - 5
        for number in 0..<20 as Range<UInt64> { _ = waiting.insert(record(number), origin: nil, at: at(5)) }
        let early = waiting.popDue(at: at(4))?.record
        #expect(early == nil && waiting.count == 20)
        let order = (0..<20).compactMap { _ in waiting.popDue(at: at(5))?.record.id.high }
        #expect(order == Array(0..<20))
    }

    @Test("the distributor that sent a job comes out with it, or the one over which its application came back")
    func origin() {
        var waiting = WaitingJobs()
        for number in 0..<4 as Range<UInt64> { _ = waiting.insert(record(number), origin: LinkID(3), at: at(5)) }
        waiting.setOrigin(LinkID(8), ofJobsFrom: JobID(high: 9, low: 1))
        waiting.setOrigin(LinkID(9), of: record(2).id)
        let origins = (0..<4).map { waiting.take(record($0).id)?.origin?.number }
        #expect(origins == [3, 8, 9, 8])
    }

    @Test("a job to which something has happened is not packed")
    func fits() {
        let changes: [(inout JobRecord) -> Void] = [
            { $0.attempt = 1 }, { $0.status = .error }, { $0.deaths = 1 }, { $0.runs = 1 }, { $0.due = nil },
            { $0.startedAt = WallTime(milliseconds: 1) }, { $0.failedAt = WallTime(milliseconds: 1) },
            { $0.endedAt = WallTime(milliseconds: 1) }, { $0.lastError = "" }, { $0.isCancelRequested = true },
            { $0.isDestroyRequested = true }, { $0.due = WallTime(milliseconds: 2) },
        ]
        for change in changes {
            var changed = record(1)
            change(&changed)
            #expect(!WaitingJobs.fits(changed))
        }
        #expect(WaitingJobs.fits(record(1)))
    }

    @Test("from a storage's bytes comes what decoding gives, of the first job of its kind and of those like it")
    func decoding() throws {
        var waiting = WaitingJobs()
        let changes: [(inout JobOptions) -> Void] = [
            { _ in }, { $0.delay = .milliseconds(500) }, { $0.delay = .seconds(Int64(70_000)) },
            { $0.placement.preferred = ["a"] }, { $0.isDeferred = true }, { $0.timeout = .seconds(Int64(4)) },
        ]
        var records: [JobRecord] = []
        for number in 0..<60 as Range<UInt64> {
            records.append(
                record(
                    number, due: 5_000_000_000_000, bytes: [0, 3, 300, 70_000][Int(number) % 4],
                    change: changes[Int(number / 4) % changes.count]))
        }
        for record in records {
            var writer = ByteWriter()
            record.encode(into: &writer)
            let isPacked = try waiting.insert(decoding: writer.bytes[...], id: record.id, at: WallTime(milliseconds: 0))
            // That one option comes before the time.
            #expect(isPacked != record.request.options.isDeferred)
            #expect(waiting.record(record.id) == (isPacked ? record : nil))
            let isForeign = try waiting.insert(decoding: writer.bytes[...], id: .none, at: WallTime(milliseconds: 0))
            #expect(!isForeign)
        }
        #expect(!waiting.known.isEmpty)
        let now = Now(instant: at(10), wall: WallTime(milliseconds: 4_999_999_999_000))
        waiting.begin(at: now)
        // A second is left, but no more than the delay.
        #expect(waiting.nextDeadline == at(10) + .milliseconds(500))
        let first = waiting.popDue(at: at(10) + .milliseconds(500))
        #expect(first?.record.request.options.delay == .milliseconds(500))
    }

    @Test("a job with a long name is packed as any other, and comes out with it")
    func longName() throws {
        var waiting = WaitingJobs()
        for bytes in [31, 32, Limits.nameBytes] {
            var named = record(UInt64(bytes), due: 90)
            named.request.name = String(repeating: "n", count: bytes)
            var writer = ByteWriter()
            named.encode(into: &writer)
            let isIn = try waiting.insert(decoding: writer.bytes[...], id: named.id, at: WallTime(milliseconds: 0))
            #expect(isIn && waiting.record(named.id) == named)
        }
    }

    @Test("kinds that differ in their options alone are told apart by their hashes, as there may be many of them")
    func kinds() {
        let hashes = (1...200).map { number in
            WaitingKinds.Kind(record(0) { $0.timeout = .seconds(Int64(number)) }.request).hashValue
        }
        #expect(Set(hashes).count > 190)
    }

    @Test("a record that says more, is due, or is cut off anywhere is not packed")
    func notPacked() throws {
        var waiting = WaitingJobs()
        var told = record(1, due: 90)
        told.attempt = 2
        var writer = ByteWriter()
        told.encode(into: &writer)
        let isTold = try waiting.insert(decoding: writer.bytes[...], id: told.id, at: WallTime(milliseconds: 0))
        writer.removeAll()
        record(1, due: 90).encode(into: &writer)
        let isDue = try waiting.insert(decoding: writer.bytes[...], id: told.id, at: WallTime(milliseconds: 90))
        #expect(!isTold && !isDue)
        for count in 0..<writer.count {
            let isCut = try? waiting.insert(
                decoding: writer.bytes[..<count], id: told.id, at: WallTime(milliseconds: 0))
            #expect(isCut != true)
        }
        #expect(waiting.isEmpty)
    }
}
