import Testing

@testable import JRBase

@Suite struct BytesTests {
    @Test("integers are written in the order that is asked for")
    func orders() {
        var writer = ByteWriter()
        writer.append(0xFF)
        writer.appendBigEndian(UInt32(0x0102_0304))
        writer.appendLittleEndian(UInt32(0x0102_0304))
        writer.appendBigEndian(Int16(-2))
        writer.append([9, 8])
        #expect(writer.bytes == [0xFF, 1, 2, 3, 4, 4, 3, 2, 1, 0xFF, 0xFE, 9, 8])
        writer.patchBigEndian(0xAABB_CCDD, at: 1)
        writer.patchLittleEndian(0xAABB_CCDD, at: 5)
        #expect(writer.bytes[1..<9] == [0xAA, 0xBB, 0xCC, 0xDD, 0xDD, 0xCC, 0xBB, 0xAA])
        #expect(writer.count == 13)
        writer.removeAll()
        #expect(writer.bytes.isEmpty)
    }

    @Test("what is written is read back, from a slice too")
    func roundTrip() throws {
        var writer = ByteWriter(reserving: 64)
        writer.append(7)
        writer.appendBigEndian(UInt64.max - 5)
        writer.appendLittleEndian(UInt16(0xABCD))
        writer.appendVarint(300)
        var reader = ByteReader(([0, 0] + writer.bytes)[2...])
        #expect(reader.peek() == 7)
        #expect(try reader.byte() == 7)
        #expect(try reader.bigEndian() == UInt64.max - 5)
        #expect(try reader.littleEndian(UInt16.self) == 0xABCD)
        #expect(reader.offset == 11)
        #expect(try reader.varint() == 300)
        #expect(reader.isAtEnd)
        #expect(reader.peek() == nil)
    }

    @Test("variable-length numbers have one form each, and read back to the last of 64 bits")
    func varints() throws {
        let forms: [(UInt64, [UInt8])] = [
            (0, [0]), (127, [127]), (128, [0x80, 1]), (16_383, [0xFF, 0x7F]), (16_384, [0x80, 0x80, 1]),
            (UInt64.max, [UInt8](repeating: 0xFF, count: 9) + [1]),
        ]
        for (number, bytes) in forms {
            var writer = ByteWriter()
            writer.appendVarint(number)
            #expect(writer.bytes == bytes)
            var reader = ByteReader(bytes)
            #expect(try reader.varint() == number)
        }
        let longer: [[UInt8]] = [
            [0x80, 0], [0xFF, 0x80, 0], [UInt8](repeating: 0xFF, count: 9) + [2],
            [UInt8](repeating: 0x80, count: 10) + [1],
        ]
        for bytes in longer {
            var reader = ByteReader(bytes)
            #expect(throws: ByteReader.Failure.malformedNumber) { try reader.varint() }
        }
    }

    @Test("reading past the end is an error, whatever is asked for")
    func truncated() {
        var reader = ByteReader([1, 0x80, 0x80])
        #expect(throws: ByteReader.Failure.truncated) { try reader.bigEndian(UInt32.self) }
        #expect(throws: ByteReader.Failure.truncated) { try reader.littleEndian(UInt64.self) }
        #expect(throws: ByteReader.Failure.truncated) { try reader.take(4) }
        #expect(throws: ByteReader.Failure.truncated) { try reader.take(.max) }
        #expect(throws: ByteReader.Failure.truncated) { try reader.take(-1) }
        #expect(reader.offset == 0)
        #expect(throws: Never.self) { try reader.byte() }
        #expect(throws: ByteReader.Failure.truncated) { try reader.varint() }
        #expect(throws: ByteReader.Failure.truncated) { try reader.byte() }
    }
}

@Suite struct CRC32CTests {
    @Test("the processor's instruction and the tables come to the same, wherever and however long the bytes are")
    func instruction() throws {
        var random = SeededRandom(seed: 32)
        let bytes = (0..<200).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        for start in 0..<10 {
            for end in start..<bytes.count {
                var (byTables, byInstruction) = (CRC32C(), CRC32C())
                bytes[start..<end].withUnsafeBufferPointer { piece in
                    byTables.updateByTables(piece)
                    if CRC32C.hasInstruction { byInstruction.updateByInstruction(piece) }
                }
                guard CRC32C.hasInstruction else { return }
                #expect(byInstruction.value == byTables.value, "\(start)..<\(end)")
            }
        }
    }

    @Test("the checksums of RFC 3720 are found")
    func known() {
        #expect(CRC32C.checksum([UInt8]()) == 0)
        #expect(CRC32C.checksum(Array("123456789".utf8)) == 0xE306_9283)
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum([UInt8](0..<32)) == 0x46DD_794E)
        #expect(CRC32C.checksum([UInt8]((0..<32).reversed())) == 0x113F_DB5C)
    }

    @Test("pieces of any length give the checksum of the whole, contiguous or not")
    func pieces() {
        var random = SeededRandom(seed: 1)
        let bytes = (0..<200).map { _ in UInt8(random.below(256)) }
        let whole = CRC32C.checksum(bytes)
        #expect(CRC32C.checksum(bytes.lazy.map { $0 }) == whole)
        for first in 0...bytes.count {
            var crc = CRC32C()
            crc.update(bytes[..<first])
            crc.update(bytes[first...])
            #expect(crc.value == whole, "cut at \(first)")
        }
        var number = CRC32C()
        number.updateLittleEndian(0x0807_0605_0403_0201)
        #expect(number.value == CRC32C.checksum([1, 2, 3, 4, 5, 6, 7, 8] as [UInt8]))
    }

    @Test("zeros and what another sum has seen are added without a look at them")
    func withoutLooks() {
        var random = SeededRandom(seed: 2)
        let bytes = (0..<300).map { _ in UInt8(random.below(256)) }
        for (first, last) in (0..<200).map({ _ in (random.below(301), random.below(301)) }) where first <= last {
            var (start, end) = (CRC32C(), CRC32C())
            start.update(bytes[..<first])
            end.update(bytes[..<last])
            var (crc, expected) = (CRC32C(), CRC32C())
            for before in 0..<7 as Range<UInt64> {
                crc.updateLittleEndian(before)
                expected.updateLittleEndian(before)
            }
            crc.update(last: last - first, of: end, after: start)
            expected.update(bytes[first..<last])
            #expect(crc.value == expected.value, "\(first)..<\(last)")
            crc.updateZeros(last)
            expected.update([UInt8](repeating: 0, count: last))
            #expect(crc.value == expected.value, "\(last) zeros")
        }
    }

    @Test("every change of one bit is seen")
    func bits() {
        let bytes = [UInt8](0..<40)
        let whole = CRC32C.checksum(bytes)
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(CRC32C.checksum(changed) != whole)
        }
    }
}
