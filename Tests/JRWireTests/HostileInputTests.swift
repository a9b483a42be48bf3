import JRBase
import JRWire
import Testing

/// Whatever comes from the network, reading it ends with a message or an error.
@Suite struct HostileInputTests {
    @Test(
        "random and mutated bodies never trap, and what is read from them survives being written again",
        arguments: [1, 2, 3, 4] as [UInt64])
    func bodies(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let fixtures = try Fixtures.messages.map { Array(try Fixtures.frame($0.name)[4...]) }
        var read = 0
        for round in 0..<25_000 {
            let body = round % 4 == 0 ? noise(&random) : mutated(fixtures[random.below(fixtures.count)], &random)
            guard let message = try? Message(body: body[...]) else { continue }
            read += 1
            var writer = ByteWriter()
            writer.write(message)
            let again = try? Message(body: writer.bytes[4...])
            // Bytes are compared, since a NaN is not equal to itself.
            var second = ByteWriter()
            if let again { second.write(again) }
            if second.bytes != writer.bytes { Issue.record("seed \(seed), round \(round): \(body)") }
        }
        #expect(read > 100)
    }

    @Test("a stream of noise is refused or waited for, and never trapped on", arguments: [5, 6] as [UInt64])
    func streams(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<2_000 {
            var decoder = FrameDecoder(limit: 512)
            for _ in 0..<4 {
                decoder.append(noise(&random))
                while let body = try? decoder.next() { _ = try? Message(body: body) }
            }
        }
    }

    private func noise(_ random: inout SeededRandom) -> [UInt8] {
        (0..<random.below(64)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    }

    /// Bytes changed, cut out, doubled or replaced by ones that begin long values.
    private func mutated(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var bytes = body
        for _ in 0...random.below(3) where !bytes.isEmpty {
            let place = random.below(bytes.count)
            switch random.below(5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
            case 1: bytes[place] ^= 1 << UInt8(random.below(8))
            case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + random.below(8)))
            case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + random.below(8))], at: place)
            default: bytes[place] = [0xC1, 0xDF, 0xDD, 0xDB, 0xC6, 0xC7, 0xD7, 0xCF, 0xD3][random.below(9)]
            }
        }
        return bytes
    }
}
