import JRBase
import JRWire
import Testing

@Suite struct MessagePackTests {
    private func packed(_ value: Value) -> [UInt8] {
        var writer = ByteWriter()
        writer.pack(value)
        return writer.bytes
    }

    private func value(_ bytes: [UInt8]) throws(UnpackError) -> Value {
        var unpacker = Unpacker(bytes[...])
        let value = try unpacker.value()
        try unpacker.expectEnd()
        return value
    }

    static let integerForms: [(Int64, [UInt8])] = [
        (0, [0x00]), (127, [0x7F]), (128, [0xCC, 0x80]), (255, [0xCC, 0xFF]), (256, [0xCD, 1, 0]),
        (65_535, [0xCD, 0xFF, 0xFF]), (65_536, [0xCE, 0, 1, 0, 0]),
        (4_294_967_295, [0xCE, 0xFF, 0xFF, 0xFF, 0xFF]), (4_294_967_296, [0xCF, 0, 0, 0, 1, 0, 0, 0, 0]),
        (.max, [0xCF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]), (-1, [0xFF]), (-32, [0xE0]),
        (-33, [0xD0, 0xDF]), (-128, [0xD0, 0x80]), (-129, [0xD1, 0xFF, 0x7F]), (-32_768, [0xD1, 0x80, 0]),
        (-32_769, [0xD2, 0xFF, 0xFF, 0x7F, 0xFF]), (-2_147_483_648, [0xD2, 0x80, 0, 0, 0]),
        (-2_147_483_649, [0xD3, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]),
        (.min, [0xD3, 0x80, 0, 0, 0, 0, 0, 0, 0]),
    ]

    @Test("an integer is written in the shortest form, which changes exactly at its limits", arguments: integerForms)
    func integers(number: Int64, bytes: [UInt8]) throws {
        #expect(packed(.int(number)) == bytes)
        #expect(try value(bytes) == .int(number))
    }

    @Test("an integer in a longer form than needed is read all the same")
    func longForms() throws {
        let forms: [[UInt8]] = [
            [0xCC, 5], [0xCD, 0, 5], [0xCE, 0, 0, 0, 5], [0xCF, 0, 0, 0, 0, 0, 0, 0, 5], [0xD0, 5], [0xD1, 0, 5],
            [0xD2, 0, 0, 0, 5], [0xD3, 0, 0, 0, 0, 0, 0, 0, 5],
        ]
        for bytes in forms {
            #expect(try value(bytes) == 5)
            var unpacker = Unpacker(bytes[...])
            #expect(try unpacker.unsigned(UInt8.self) == 5)
        }
    }

    @Test("a number that does not fit where it is read is out of range, not cut")
    func outOfRange() throws {
        let most: [UInt8] = [0xCF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: UnpackError.self) { try value(most) }
        var unpacker = Unpacker(most[...])
        #expect(try unpacker.unsigned(UInt64.self) == .max)
        for bytes: [UInt8] in [[0xFF], [0xCD, 1, 0], most] {
            var unpacker = Unpacker(bytes[...])
            #expect(throws: UnpackError.outOfRange(offset: 0)) { try unpacker.unsigned(UInt8.self) }
        }
    }

    static let dateForms: [(Int64, Int)] = [
        (0, 6), (1_000, 6), (4_294_967_295_000, 6), (4_294_967_296_000, 10), (1, 10), (1_700_000_000_250, 10),
        (17_179_869_183_999, 10), (17_179_869_184_000, 15), (-1, 15), (-1_000, 15), (.max, 15), (.min, 15),
    ]

    @Test("a date takes 32, 64 or 96 bits, the shortest that holds it, and comes back", arguments: dateForms)
    func dates(milliseconds: Int64, length: Int) throws {
        let date = Value.date(WallTime(milliseconds: milliseconds))
        #expect(packed(date).count == length)
        #expect(try value(packed(date)) == date)
    }

    @Test("a date with a whole second of nanoseconds, too far away, or of another extension is refused")
    func badDates() {
        let farSeconds: [UInt8] = [0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
        #expect(throws: UnpackError.outOfRange(offset: 0)) { try value([0xC7, 12, 0xFF, 0, 0, 0, 0] + farSeconds) }
        #expect(throws: UnpackError.outOfRange(offset: 0)) {
            try value([0xC7, 12, 0xFF, 0x3B, 0x9A, 0xCA, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        }
        #expect(throws: UnpackError.self) { try value([0xD6, 0x01, 0, 0, 0, 0]) }
        #expect(throws: UnpackError.self) { try value([0xC7, 5, 0xFF, 0, 0, 0, 0, 0]) }
        for marker: UInt8 in [0xC1, 0xC8, 0xC9, 0xD4, 0xD5, 0xD8] {
            #expect(throws: UnpackError.self) { try value([marker] + [UInt8](repeating: 0xFF, count: 20)) }
        }
    }

    @Test("a double keeps every bit, and a float is read")
    func doubles() throws {
        for number in [0.0, -0.0, 1.5, .infinity, -.infinity, .leastNonzeroMagnitude, .pi] {
            #expect(try value(packed(.double(number))).double?.bitPattern == number.bitPattern)
        }
        #expect(try value([0xCA, 0x3F, 0xC0, 0, 0]) == .double(1.5))
    }

    @Test("strings, bytes and arrays take the next longer header exactly at their limits")
    func headers() throws {
        for (count, header) in [(0, 1), (31, 1), (32, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5)] {
            let text = Value.string(String(repeating: "x", count: count))
            #expect(packed(text).count == count + header)
            #expect(try value(packed(text)) == text)
        }
        for (count, header) in [(0, 2), (255, 2), (256, 3), (65_535, 3), (65_536, 5)] {
            let bytes = Value.bytes([UInt8](repeating: 7, count: count))
            #expect(packed(bytes).count == count + header)
            #expect(try value(packed(bytes)) == bytes)
        }
        for (count, header) in [(0, 1), (15, 1), (16, 3), (65_535, 3), (65_536, 5)] {
            let array = Value.array([Value](repeating: nil, count: count))
            #expect(packed(array).count == count + header)
            #expect(try value(packed(array)) == array)
        }
    }

    @Test("keys are written in the order of their bytes, and a key that comes twice is refused")
    func maps() throws {
        #expect(packed(["b": 1, "a": 2, "ä": 3, "B": 4]).filter { $0 < 5 } == [4, 2, 1, 3])
        #expect(throws: UnpackError.duplicateKey("a")) { try value([0x82, 0xA1, 0x61, 1, 0xA1, 0x61, 2]) }
        #expect(throws: UnpackError.self) { try value([0x81, 1, 1]) }
    }

    @Test("a string that is not UTF-8 is refused")
    func notUTF8() {
        #expect(throws: UnpackError.notUTF8(offset: 0)) { try value([0xA2, 0xC3, 0x28]) }
    }

    @Test("values may nest 32 deep and no deeper, in arrays as in maps")
    func depth() throws {
        func nested(_ levels: Int, _ opening: [UInt8]) -> [UInt8] {
            Array(repeatElement(opening, count: levels).joined()) + [0xC0]
        }
        for opening: [UInt8] in [[0x91], [0x81, 0xA1, 0x61]] {
            #expect(throws: Never.self) { try value(nested(32, opening)) }
            #expect(throws: UnpackError.tooDeep(offset: 33 * opening.count)) { try value(nested(33, opening)) }
            #expect(throws: UnpackError.self) { try value(nested(100_000, opening)) }
        }
    }

    @Test("a count or length of 2^32-1 is refused by what is left to read, before anything is allocated")
    func hostileCounts() {
        for marker: UInt8 in [0xDB, 0xC6, 0xDD, 0xDF] {
            #expect(throws: UnpackError.self) { try value([marker, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0]) }
        }
    }

    @Test("every prefix of a value is refused as cut off")
    func prefixes() throws {
        let whole = packed(.map(Fixtures.everyKind))
        for count in 0..<whole.count {
            #expect(throws: UnpackError.self, "\(count) of \(whole.count) bytes") { try value(Array(whole[..<count])) }
        }
        #expect(try value(whole) == .map(Fixtures.everyKind))
    }

    @Test("errors say what, where and what is allowed")
    func texts() {
        #expect("\(UnpackError.truncated(offset: 7))" == "the bytes end inside a value at byte 7")
        #expect(
            "\(UnpackError.unexpected(offset: 3, found: 0xC1, wanted: "a string"))"
                == "byte 3 is 0xc1 where a string is expected")
        #expect("\(UnpackError.tooDeep(offset: 9))" == "values nest deeper than 32 at byte 9")
    }
}
