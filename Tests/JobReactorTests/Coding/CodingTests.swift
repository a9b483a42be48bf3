import Foundation
import JRBase
import JRWire
import JobReactor
import Testing

@Suite("What is Codable goes into arguments and comes out")
struct CodingTests {
    static let samples: [any Codable & Equatable & Sendable] = [
        Samples.Nothing(), Samples.SendEmail.one, Samples.Numbers(), Samples.Dictionaries(), Samples.Ours.one,
        Samples.Theirs(), Samples.ByHand(), Samples.Shape.point, Samples.Shape.circle(radius: 2),
        Samples.Shape.labelled("wide", width: nil), Samples.Shape.group([.point, .group([.circle(radius: 0.1)])]),
        ["by": ["string": 1]], ["empty": [[Int]]()], JobArguments(["a": 1]),
    ]

    @Test("B12: a value of any Codable type comes out of arguments as it went in, also by wire", arguments: samples)
    func roundTrip(_ sample: any Codable & Equatable & Sendable) throws {
        func check<T: Codable & Equatable>(_ value: T) throws {
            let arguments = try JobArguments(encoding: value)
            try JobArguments.validate(arguments.encoded)
            #expect(try arguments.decode(T.self) == value)
            #expect(try JobArguments(encoded: arguments.encoded).decode() == value)
        }
        try check(sample)
    }

    static let scalars: [any Codable & Equatable & Sendable] = [
        true, 1, "text", UInt64(3), 1.5, Float(0.1), Float.infinity, Double.greatestFiniteMagnitude, [UInt8](0...255),
        WallTime(milliseconds: 12), Value.null, Value.array([1, "2"]), Samples.Colour.green, [1, nil, 3], [Data([1])],
        [[WallTime(milliseconds: 1)]], Int?.none, Int??.some(.some(1)), Date(timeIntervalSinceReferenceDate: 0.1),
        Interval.seconds(1), Set([UInt8(9)]), ContiguousArray<UInt8>([1, 2]), [[UInt8]()], [Samples.Nothing()],
        [Int128(-1)], UInt128(1), Duration.zero, Duration.seconds(10), Duration(attoseconds: -1),
        [Duration.seconds(-3_600)],
        ContinuousClock.now, 1...3, Duration.seconds(Int64.max),
    ]

    @Test("B12: a single value of any Codable type comes out as it went in", arguments: scalars)
    func scalar(_ sample: any Codable & Equatable & Sendable) throws {
        func check<T: Codable & Equatable>(_ value: T) throws {
            #expect(try Value(encoding: value).decode(T.self) == value)
        }
        try check(sample)
    }

    @Test("B12: a double that is no number comes out as one")
    func notANumber() throws {
        #expect(try Value(encoding: Double.nan).decode(Double.self).isNaN)
        #expect(try JobArguments(encoding: ["a": Float.nan]).decode([String: Float].self)["a"]?.isNaN == true)
    }

    @Test("B12: a struct becomes the arguments that one would write by hand")
    func form() throws {
        #expect(
            try JobArguments(encoding: Samples.SendEmail.one) == [
                "to": "a@example.org", "at": .date(WallTime(milliseconds: 1_500)), "priority": "high",
                "attachments": [["name": "a.txt", "content": .bytes([104, 105])]],
            ])
        #expect(try JobArguments(encoding: Samples.Nothing()) == [:])
        #expect(try Value(encoding: Samples.Theirs()).map?["data"] == .bytes([0, 127, 255]))
        #expect(try Value(encoding: Samples.Theirs()).map?["date"] == .double(1.25))
        #expect(try Value(encoding: Interval.milliseconds(1)) == ["nanoseconds": 1_000_000])
        #expect(try Value(encoding: Samples.Shape.circle(radius: 2)) == ["circle": ["radius": 2.0]])
        #expect(try Value(encoding: [1: "one"]) == ["1": "one"])
        #expect(try Value(encoding: Samples.Ours.one).map?["arguments"] == ["when": .date(WallTime(milliseconds: 0))])
        #expect(
            try Value(encoding: Samples.ByHand()) == [
                "outer": ["up": 1], "list": [nil, ["up": "two"], [true], "above"], "up": 9, "none": nil,
            ])
    }

    @Test("B12: a subclass keeps what its superclass encodes under 'super'")
    func inheritance() throws {
        let dog = Samples.Dog()
        dog.tricks = 3
        dog.name = "Bello"
        let arguments = try JobArguments(encoding: dog)
        #expect(arguments == ["tricks": 3, "super": ["name": "Bello"]])
        let copy = try arguments.decode(Samples.Dog.self)
        #expect(copy.tricks == 3 && copy.name == "Bello")
    }

    /// Opens its containers again and again, changes its mind, and mixes bytes with the rest.
    private struct Piecemeal: Encodable {
        func encode(to encoder: any Encoder) throws {
            try ["a": 1, "b": 2].encode(to: encoder)
            var container = encoder.container(keyedBy: Samples.ByHand.Keys.self)
            var outer = container.nestedContainer(keyedBy: Samples.ByHand.Keys.self, forKey: .outer)
            try outer.encode(1, forKey: .up)
            var again = container.nestedContainer(keyedBy: Samples.ByHand.Keys.self, forKey: .outer)
            try again.encode(2, forKey: .none)
            var list = container.nestedUnkeyedContainer(forKey: .list)
            try list.encode(contentsOf: [1, 2] as [UInt8])
            try list.encode(contentsOf: [3] as [UInt8])
            try list.encode("four")
            var rest = container.nestedUnkeyedContainer(forKey: .list)
            try rest.encode(contentsOf: [5] as [UInt8])
            _ = container.nestedContainer(keyedBy: Samples.ByHand.Keys.self, forKey: .none)
            try container.encode("replaced", forKey: .none)
        }
    }

    @Test("B12: a type may encode itself in pieces")
    func pieces() throws {
        #expect(
            try Value(encoding: Piecemeal()) == [
                "a": 1, "b": 2, "outer": ["up": 1, "none": 2], "list": [1, 2, 3, "four", 5], "none": "replaced",
            ])
    }

    @Test("B12: numbers are read as they are meant: ints from whole doubles, doubles from ints")
    func numbers() throws {
        #expect(try Value.double(3).decode(Int.self) == 3)
        #expect(try Value.double(255).decode(UInt8.self) == 255)
        #expect(try Value.double(0x1p63).decode(UInt64.self) == 1 << 63)
        #expect(try Value.int(3).decode(Double.self) == 3)
        #expect(try Value.int(-3).decode(Float.self) == -3)
        #expect(try Value.int(-2).decode(Duration.self) == .seconds(-2))
        #expect(try Value.double(0.25).decode(Duration.self) == .milliseconds(250))
        #expect(try Value.double(1e-60).decode(Float.self) == 0)
    }

    @Test("B12: dates and bytes are also read from what they are in JSON")
    func fromJSON() throws {
        #expect(try Value.string("1970-01-01T00:00:01.5Z").decode(WallTime.self) == WallTime(milliseconds: 1_500))
        #expect(try Value.array([0, 255]).decode([UInt8].self) == [0, 255])
        #expect(try Value.bytes([0, 255]).decode([Int].self) == [0, 255])
        #expect(try Value.array([0, 255]).decode(Data.self) == Data([0, 255]))
        for count in 0..<300 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            #expect(try Value.string(Data(bytes).base64EncodedString()).decode([UInt8].self) == bytes)
        }
        for text in ["A", "AA", "AAA", "====", "A===", "AA=A", "AA-A", "AAA=\n"] {
            #expect(throws: JobReactorError.self) { try Value.string(text).decode([UInt8].self) }
        }
    }

    @Test("B12: arguments made by hand are read, and names that the type does not know ignored")
    func byHand() throws {
        let arguments: JobArguments = [
            "to": "b", "at": "1970-01-01T00:00:00Z", "attachments": [], "priority": "low", "copies": 2.0, "more": 1,
        ]
        #expect(
            try arguments.decode()
                == Samples.SendEmail(
                    to: "b", copies: 2, at: WallTime(milliseconds: 0), attachments: [], priority: .low))
        let null: JobArguments = ["copies": nil]
        #expect(try null.decode([String: Int?].self) == ["copies": Int?.none])
    }

    @Test("B12: other coders have values in the natural form of JSON, and keep the keys")
    func foreign() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let text = String(decoding: try encoder.encode(Samples.Ours.one), as: UTF8.self)
        #expect(
            text == """
                {"arguments":{"when":"1970-01-01T00:00:00.000Z"},"interval":{"nanoseconds":2000000000},\
                "named":{"deep":{"deeper":["",true]}},"optional":3,"value":"1969-12-31T23:59:59.999Z",\
                "values":[null,"AQ==",2]}
                """)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let json = #"{"an_int": -1, "a": [null, true, 1.5, "x", {}, []], "big": 9007199254740993}"#
        let expected: [String: Value] = [
            "an_int": -1, "a": [nil, true, 1.5, "x", [:], []], "big": 9_007_199_254_740_993,
        ]
        #expect(try decoder.decode(Value.self, from: Data(json.utf8)) == .map(expected))
        #expect(try decoder.decode(JobArguments.self, from: Data(json.utf8)) == JobArguments(expected))
        #expect(throws: DecodingError.self) { try decoder.decode(JobArguments.self, from: Data("[1]".utf8)) }
        let list = try PropertyListEncoder().encode(["a": Value.array([1, true, "x", [:], 0.5])])
        #expect(try PropertyListDecoder().decode(Value.self, from: list) == ["a": [1, true, "x", [:], 0.5]])
    }
}
