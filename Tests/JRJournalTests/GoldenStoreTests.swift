import Glibc
import JRBase
import JRJournal
import Testing

@Suite("The bytes of format 1.0")
struct GoldenStoreTests {
    /// The store that the fixtures hold, made by this version.
    static func made() throws -> MemoryStore {
        var store = try MemoryStore()
        try store.commit { writer in
            try writer.put(key(1), "hello")
            try writer.put(key(2), "world")
        }
        try store.commit { writer in
            try writer.put(key(1), "HELLO")
            try writer.remove(key(2))
        }
        store.rotate(holding: 0)
        try store.commit { try $0.put(key(3), "next") }
        store.seal(isClose: true)
        return store
    }

    static let files = [
        "META", "WITNESS", "00000000000000000001.seg", "00000000000000000006.seg",
    ]

    @Test("what is written is byte for byte what it was", arguments: GoldenStoreTests.files)
    func writing(name: String) throws {
        let made = try #require(try Self.made().files[name])
        let golden = try Fixture.read("journal/v1/\(name).hex")
        #expect(made == golden, "\(Fixture.hex(made))")
    }

    @Test("a store of format 1.0 opens with what was put into it")
    func reading() throws {
        var files: [String: [UInt8]] = [:]
        for name in Self.files { files[name] = try Fixture.read("journal/v1/\(name).hex") }
        let recovered = try MemoryStore.recover(files)
        #expect(recovered.contents == ["1=HELLO", "3=next"])
        #expect(recovered.records.map(\.order) == [1, 6])
        #expect(recovered.lastSequence == 7)
        #expect(recovered.lastSegmentIsDurable)
        #expect(recovered.recordsRead == 7)
    }

    @Test("a record of an unknown type is skipped if its high bit is set, else refused")
    func unknownRecords() throws {
        for (type, opens) in [(UInt8(0x80), true), (0xFF, true), (0x05, false), (0x7F, false), (0x00, false)] {
            var store = try MemoryStore()
            try store.commit { try $0.put(key(1), "v") }
            var frame = ByteWriter()
            frame.append("JRFR".utf8)
            frame.appendLittleEndian(UInt32(4))
            frame.appendLittleEndian(UInt64(2))
            frame.appendLittleEndian(UInt32(1))
            frame.appendLittleEndian(UInt32(0))
            frame.appendLittleEndian(UInt64(1))
            let body: [UInt8] = [3, type, 1, 2]
            var crc = CRC32C()
            crc.updateLittleEndian(0xA1A2_A3A4_A5A6_A7A8)
            crc.update(frame.bytes + body)
            frame.appendLittleEndian(crc.value)
            frame.append(body)
            let end = store.writer.end
            store.files[store.openName]?.replaceSubrange(end..<end + frame.count, with: frame.bytes)
            if opens {
                #expect(try MemoryStore.recover(store.files).contents == ["1=v"])
            } else {
                let refusal = try #require(throws: JournalRefusal.self) { try MemoryStore.recover(store.files) }
                #expect(refusal.why.contains("type \(type)"))
            }
        }
    }

    @Test("segment names sort as their numbers, and only such names are segments")
    func segmentNames() {
        #expect(JournalFormat.segmentName(42) == "00000000000000000042.seg")
        #expect(JournalFormat.segmentName(.max) == "18446744073709551615.seg")
        for number in [1, 42, UInt64.max] {
            #expect(JournalFormat.firstSequence(ofSegment: JournalFormat.segmentName(number)) == number)
        }
        for name in ["META", "42.seg", "0000000000000000004x.seg", "99999999999999999999.seg", "next.tmp"] {
            #expect(JournalFormat.firstSequence(ofSegment: name) == nil)
        }
    }
}

/// Fixtures are bytes in hex, two digits a byte; what follows a `#` on a line is a remark.
enum Fixture {
    struct Missing: Error {
        var path: String
    }

    static func read(_ name: String) throws -> [UInt8] {
        let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
        let path = (tests + ["Fixtures", Substring(name)]).joined(separator: "/")
        guard let file = fopen(path, "r") else { throw Missing(path: path) }
        defer { fclose(file) }
        var text: [UInt8] = []
        var inRemark = false
        while case let byte = getc(file), byte != EOF {
            if byte == 35 { inRemark = true }
            if byte == 10 { inRemark = false }
            if !inRemark { text.append(UInt8(truncatingIfNeeded: byte)) }
        }
        let digits = text.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
    }

    static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { String($0, radix: 16).count == 1 ? "0\(String($0, radix: 16))" : String($0, radix: 16) }
            .joined(separator: " ")
    }
}
