import JRBase
import JRWire
import Testing

@testable import JRCore

@Suite("Chunks of packed jobs")
struct PackedChunksTests {
    private func head(_ slot: UInt32, _ bytes: Int) -> PackedChunks.Head {
        PackedChunks.Head(
            slot: slot, argumentBytes: UInt32(bytes), id: JobID(high: UInt64(slot), low: ~UInt64(slot)),
            created: Int64(slot) - 9, due: Int64(slot) << 20, delay: slot % 3 == 0 ? -1 : Int64(slot), kind: slot % 5,
            origin: slot % 7)
    }

    @Test("they hold what a dictionary holds, whatever is put in and taken out", arguments: [1, 2, 3])
    func likeADictionary(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var chunks = PackedChunks()
        var known: [UInt32: (head: PackedChunks.Head, arguments: [UInt8])] = [:]
        var places: [UInt32] = []
        for step in 0..<20_000 as Range<UInt32> {
            // Grows, shrinks to nothing, and grows again.
            if places.isEmpty || random.below(100) < (step % 8_000 < 4_000 ? 60 : 30) {
                let bytes = random.below(50) == 0 ? 60_000 + random.below(90_000) : random.below(300)
                let arguments = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: bytes)
                let added = chunks.append(head(step, bytes), arguments[...])
                let place = try #require(added)
                #expect(known[place] == nil)
                known[place] = (head(step, bytes), arguments)
                places.append(place)
            } else {
                let at = random.below(places.count)
                places.swapAt(at, places.count - 1)
                let place = places.removeLast()
                let removed = known.removeValue(forKey: place)
                let (head, arguments) = try #require(removed)
                #expect(chunks.head(at: place) == head && chunks.id(at: place) == head.id)
                #expect(chunks.arguments(at: place) == arguments)
                chunks.remove(head.length, at: place)
            }
            if let place = places.last, step % 11 == 0 {
                chunks.setOrigin(step, at: place)
                known[place]?.head.origin = step
            }
            #expect(chunks.liveBytes == known.values.reduce(0) { $0 + $1.head.length })
            #expect(chunks.deadBytes >= 0)
        }
        for (place, job) in known {
            #expect(chunks.head(at: place) == job.head && chunks.arguments(at: place) == job.arguments)
        }
    }

    @Test("one long job after the other takes no more memory than one")
    func oneAfterTheOther() throws {
        var chunks = PackedChunks()
        for step in 0..<1_000 as Range<UInt32> {
            // Longer than a chunk, longer than two, and short.
            let bytes = [70_000, 200_000, 10][Int(step % 3)]
            let added = chunks.append(head(step, bytes), [UInt8](repeating: 1, count: bytes)[...])
            chunks.remove(head(step, bytes).length, at: try #require(added))
        }
        #expect(chunks.chunks.count <= 2)
        #expect(chunks.liveBytes == 0 && chunks.deadBytes == 0)
        #expect(chunks.chunks.reduce(0) { $0 + $1.bytes.capacity } < 2 * PackedChunks.chunkBytes + 1_024)
    }
}
