import JRBase
import Testing

@testable import JRWire

/// What is read quickly is what the one reader of all forms reads.
@Suite struct QuickReadingTests {
    private static func body(_ message: Message) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(message)
        return Array(writer.bytes[4...])
    }

    private static var perJob: [Message] {
        let request = JobRequest(
            id: Fixtures.job, name: "send_email", arguments: [UInt8](repeating: 7, count: 300), created: Fixtures.time,
            feedback: .both, client: Fixtures.client)
        var renamed = request
        renamed.name = String(repeating: "n", count: 40)
        let outcome = JobOutcome(
            id: Fixtures.job, run: 1, ending: .complete, arguments: [0x80], error: nil, attempt: 1, node: "worker.1",
            client: Fixtures.client, isFinal: true)
        let ids = (0..<20).map { JobID(high: UInt64($0), low: .max) }
        return [
            .enqueue(request), .job(renamed), .job(request), .ended(outcome), .stored([Fixtures.job]), .stored(ids),
            .outcomesReceived(ids.map { OutcomeKey(id: $0, run: 1) }),
        ]
    }

    @Test("what there is one of for each job is read quickly, name after name")
    func common() {
        var names = LatestNames()
        for message in Self.perJob + Self.perJob.reversed() {
            let bytes = Self.body(message)
            #expect(Message.quickly(bytes, bytes.indices, &names) == message)
        }
    }

    @Test("no bytes at all are read as anything else than the reader of all forms reads", arguments: [1, 2, 3])
    func same(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let bodies =
            Self.perJob.map(Self.body) + (try Fixtures.messages.map { Array(try Fixtures.frame($0.name)[4...]) })
        var names = LatestNames()
        var read = 0
        for _ in 0..<20_000 {
            var bytes = bodies[random.below(bodies.count)]
            for _ in 0..<random.below(3) where !bytes.isEmpty {
                let place = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: place)
                }
            }
            guard let message = Message.quickly(bytes, bytes.indices, &names) else { continue }
            read += 1
            if (try? Message(body: bytes[...])) != message { Issue.record("seed \(seed): \(bytes)") }
        }
        #expect(read > 1_000)
    }

    @Test("out of a stream come the messages that were put in, however it is cut")
    func stream() throws {
        let messages = Self.perJob + Fixtures.messages.map(\.message)
        var writer = ByteWriter()
        for message in messages { writer.write(message) }
        var decoder = FrameDecoder()
        var found: [Message] = []
        for start in stride(from: 0, to: writer.count, by: 7) {
            decoder.append(writer.bytes[start..<min(writer.count, start + 7)])
            while let message = try decoder.nextMessage() { found.append(message) }
        }
        #expect(found == messages)
    }
}
