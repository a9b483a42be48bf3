import JRBase
import Testing

@testable import JRJournal

@Suite("Frames are found past damage, with little work")
struct FrameSearchTests {
    private static let header = SegmentHeader(
        preallocatedBytes: 8 << 20, identity: MemoryStore.identity, firstSequence: 1, salt: 7,
        created: MemoryStore.created, olderSegments: 0)

    /// 128 KiB of a segment, full of beginnings of frames as an application can send them: each is as likely as a real
    /// one, but for its checksum.
    private static func beginnings(bodyBytes: UInt32) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(header.encoded())
        while writer.count < 128 << 10 {
            writer.append(Array("JRFR".utf8))
            writer.appendLittleEndian(bodyBytes)
            writer.appendLittleEndian(UInt64(2))
            writer.appendLittleEndian(UInt32(1))
            writer.appendLittleEndian(UInt32(0))
            writer.appendLittleEndian(UInt64(1))
            writer.appendLittleEndian(UInt32(0x0101_0101))
        }
        return writer.bytes
    }

    @Test("of damage that is full of beginnings of frames no byte is summed often", arguments: [50_000, 3 << 20])
    func work(bodyBytes: UInt32) {
        let bytes = Self.beginnings(bodyBytes: bodyBytes)
        var search = FrameSearch(bytes[...], salt: 7, fileBytes: 8 << 20)
        #expect(search.first(from: JournalFormat.segmentHeaderBytes) == nil)
        // Once all of it, and at either end of a body as far as the next place whose sum is known.
        #expect(search.summedBytes < 6 * bytes.count, "\(search.summedBytes)")
        #expect(search.summedBytes > bytes.count / 2)
        let scan = SegmentScan(bytes[...], header: Self.header, fileBytes: 8 << 20)
        #expect(scan.laterFrame(after: JournalFormat.segmentHeaderBytes, durableBeyond: 0) == nil)
    }

    @Test("an audit of many damaged places sums no byte often either")
    func audit() throws {
        let noise = Self.beginnings(bodyBytes: 60_000)
        let (store, _, ends) = try JournalDamageTests.journal()
        let file = try #require(store.files[store.openName])
        let salt = try SegmentHeader(decoding: file[...]).salt
        // Each frame of a real segment, and before each a piece of the other.
        var bytes = Array(file[..<JournalFormat.segmentHeaderBytes])
        for (start, end) in zip([JournalFormat.segmentHeaderBytes] + ends, ends) {
            bytes += noise[JournalFormat.segmentHeaderBytes..<4_000] + file[start..<end]
        }
        bytes += noise[JournalFormat.segmentHeaderBytes...]
        var audit = SegmentAudit(bytes[...], salt: salt)
        var (frames, damages) = (0, 0)
        walk: while true {
            switch audit.next() {
            case .frame: frames += 1
            case .damage: damages += 1
            case .end: break walk
            }
        }
        #expect(frames == ends.count && damages == ends.count + 1)
        let summed = try #require(audit.search).summedBytes
        #expect(summed < 6 * bytes.count, "\(summed)")
    }

    @Test("what is found is what is found by a look at every place, with the zeros at the end and without them")
    func same() throws {
        let (store, _, ends) = try JournalDamageTests.journal()
        let file = try #require(store.files[store.openName])
        let salt = try SegmentHeader(decoding: file[...]).salt
        var random = SeededRandom(seed: 3)
        for _ in 0..<20 {
            var bytes = file
            for _ in 0..<random.below(60) { bytes[random.below(ends[ends.count - 1])] = UInt8(random.below(256)) }
            let data = (bytes.lastIndex { $0 != 0 } ?? 0) + 1
            // A slice, as of a part of a larger file.
            let slice = ([1, 2, 3] + bytes)[3...]
            for place in stride(from: JournalFormat.segmentHeaderBytes, to: bytes.count, by: 499) {
                let expected = (place..<bytes.count).lazy.compactMap { offset -> JournalFrame? in
                    guard case .frame(let frame) = JournalFrame.parse(bytes[...], at: offset, salt: salt) else {
                        return nil
                    }
                    return frame
                }.first
                var whole = FrameSearch(slice, salt: salt, fileBytes: bytes.count)
                #expect(whole.first(from: place) == expected)
                var short = FrameSearch(bytes[..<data], salt: salt, fileBytes: bytes.count)
                #expect(short.first(from: place) == expected)
                if let expected {
                    #expect(short.parse(at: expected.offset) == .frame(expected))
                }
            }
        }
    }
}
