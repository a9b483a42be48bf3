import JRBase
import JRJSON
import JRJournal
import JRSystem
import JRWire
import JobReactor
import Testing

@testable import JRCore
@testable import JRStorage

/// Runs in a process of its own, which ``AllocationTests`` starts; in any other it is skipped.
@Suite("allocations are counted", .enabled(if: Baseline.ofChild("AllocationProbe") != nil))
struct AllocationProbe {
    private let counter: AllocationCounter
    private let path: String

    init() throws {
        let child = try #require(Baseline.ofChild("AllocationProbe"))
        path = child.output
        counter = try AllocationCounter(library: child.library)
    }

    @Test("of each step, and of the whole path in each process")
    func count() throws {
        var found = JSONObject()
        for (name, value) in try steps() + path(jobs: 100, turns: 10) { found[name] = .double(value) }
        try Files.write(path, Array(JSON.object(found).text.utf8))
    }

    /// Allocations of one call, on average over many; what the first ones leave behind is not counted.
    private func average(_ body: () throws -> Void) rethrows -> Double {
        let (warm, count) = (100, 1_000)
        for _ in 0..<warm { try body() }
        let before = counter.now
        for _ in 0..<count { try body() }
        return Double(counter.now - before) / Double(count)
    }

    private func path(jobs: Int, turns: Int) throws -> [(String, Double)] {
        var turn = try Turn()
        var (application, node) = (0, 0)
        for number in 0..<2 * turns {
            let start = counter.now
            try turn.enqueue(jobs)
            let enqueued = counter.now
            turn.runNode()
            let run = counter.now
            turn.passOn()
            let told = counter.now
            turn.runNode()
            let acknowledged = counter.now
            turn.passOn()
            guard number >= turns else { continue }
            application += enqueued - start + told - run + counter.now - acknowledged
            node += run - enqueued + acknowledged - told
        }
        #expect(turn.ended == 2 * turns * jobs)
        let all = Double(jobs * turns)
        return [("path: application", Double(application) / all), ("path: node", Double(node) / all)]
    }

    private func steps() throws -> [(String, Double)] {
        let arguments = JobArguments(["payload": .string(String(repeating: "x", count: 88))]).encoded
        let request = JobRequest(
            id: JobID(high: 1, low: 1), name: "bench", arguments: arguments, created: WallTime(milliseconds: 0))
        let outcome = JobOutcome(
            id: request.id, run: 1, ending: .complete, arguments: arguments, error: nil, attempt: 1, node: "bench.1",
            client: request.id, isFinal: true)
        return [
            ("frame: encode", encode(.job(request))), ("frame: decode", try decode(.job(request))),
            ("frame: encode an outcome", encode(.ended(outcome))),
            ("frame: decode an outcome", try decode(.ended(outcome))),
            ("record: encode", encode(JobRecord(request: request))),
            ("record: decode", try decode(JobRecord(request: request))),
            ("arguments: one value", average { _ = JobArguments(encoded: arguments)["payload"] }),
            ("router: a job and its credit", route(request)),
            ("journal: a commit of one record", try append(arguments)),
            ("timer: insert and cancel", timer()), ("RESP: encode", average { _ = RESPCommand("SET", "key", "value") }),
            ("RESP: parse", try parse()),
        ]
    }

    private func encode(_ message: Message) -> Double {
        var writer = ByteWriter()
        return average {
            writer.removeAll()
            writer.write(message)
        }
    }

    private func encode(_ record: JobRecord) -> Double {
        var writer = ByteWriter()
        return average {
            writer.removeAll()
            record.encode(into: &writer)
        }
    }

    private func decode(_ record: JobRecord) throws -> Double {
        var writer = ByteWriter()
        record.encode(into: &writer)
        return try average { _ = try JobRecord(decoding: writer.bytes[...]) }
    }

    private func decode(_ message: Message) throws -> Double {
        var (writer, decoder) = (ByteWriter(), FrameDecoder())
        writer.write(message)
        return try average {
            decoder.append(writer.bytes)
            if let body = try decoder.next() { _ = try Message(body: body) }
        }
    }

    private func route(_ request: JobRequest) -> Double {
        var (router, jobs) = (Router(), SlotMap<Int>())
        let (link, handle) = (LinkID(1), jobs.insert(1))
        var node = NodeLink(
            name: "n", session: JobID(high: 1, low: 1), incarnation: 1, jobs: ["bench"], promise: "memory", credit: 10,
            since: WallTime(milliseconds: 0))
        node.granted = 10
        router.add(node, at: link)
        _ = router.enter(request.routeKey)
        return average {
            guard let route = router.enterAgain("bench"), let chosen = router.choose(for: route) else { return }
            router.sent(handle, bytes: 100, of: route, to: chosen)
            router.update(chosen) { node in
                node.unstored.popFirst()
                node.unstoredBytes -= 100
                node.granted += 1
            }
            router.leave(route)
        }
    }

    private func append(_ value: [UInt8]) throws -> Double {
        let (time, identity) = (WallTime(milliseconds: 0), StoreIdentity(high: 1, low: 1))
        let names = [JournalFormat.metaName, JournalFormat.witnessName]
        let recovery = try JournalRecovery(
            meta: StoreMeta(identity: identity, created: time).encoded(), witness: [], names: names, lastHeader: [])
        var writer = JournalWriter(
            after: try recovery.finish(), sizes: SegmentSizes(first: 1 << 20, longest: 1 << 20))
        _ = writer.beginSegment(writer.nextSegmentHeader(salt: 1, created: time, commitBytes: 0))
        return try average {
            try writer.put(JournalKey(high: 1, low: 1), value.span)
            _ = writer.finishCommit()
            writer.commitWritten()
            _ = writer.synced()
        }
    }

    private func timer() -> Double {
        var heap = TimerHeap<Int>()
        let later = Instant.zero + .seconds(Int64(1))
        for number in 0..<100 { _ = heap.insert(number, at: later) }
        return average { heap.cancel(heap.insert(1, at: .zero)) }
    }

    private func parse() throws -> Double {
        var (parser, replies) = (RESPParser(), 0)
        let input = Array("*2\r\n$5\r\nvalue\r\n:7\r\n".utf8)
        return try average { try parser.read(input[...]) { _ in replies += 1 } }
    }
}
