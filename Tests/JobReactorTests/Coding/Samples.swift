import Foundation
import JRBase
import JRWire
import JobReactor

/// Types as users write them, for the tests of coding.
enum Samples {
    struct Nothing: Codable, Hashable, Sendable {}

    struct SendEmail: Codable, Hashable, Sendable {
        struct Attachment: Codable, Hashable, Sendable {
            var name: String
            var content: [UInt8]
        }
        enum Priority: String, Codable, Sendable, CodingKeyRepresentable { case low, high }

        var to: String
        var copies: UInt8?
        var at: WallTime
        var attachments: [Attachment]
        var priority: Priority

        static let one = SendEmail(
            to: "a@example.org", copies: nil, at: WallTime(milliseconds: 1_500),
            attachments: [Attachment(name: "a.txt", content: [104, 105])], priority: .high)
    }

    struct Numbers: Codable, Hashable, Sendable {
        var int = Int.min
        var int8 = Int8.min
        var int16 = Int16.min
        var int32 = Int32.min
        var int64 = Int64.max
        var int128 = Int128(Int64.min)
        var uint = UInt(Int.max)
        var uint8 = UInt8.max
        var uint16 = UInt16.max
        var uint32 = UInt32.max
        var uint64 = UInt64(Int64.max)
        var uint128 = UInt128(7)
        var float = Float.leastNonzeroMagnitude
        var double = -Double.infinity
        var bool = false
    }

    enum Shape: Codable, Hashable, Sendable {
        case point
        case circle(radius: Double)
        case labelled(String, width: Int?)
        indirect case group([Shape])
    }

    enum Colour: Int, Codable, Hashable, Sendable { case red, green }

    struct Dictionaries: Codable, Hashable, Sendable {
        var named = ["a": 1, "12": 2]
        var numbered = [7: "seven", -1: "minus one"]
        var byPriority = [SendEmail.Priority.low: [1.5], .high: []]
        var byColour = [Colour.red: "stop"]
        var optional: [String: Int?] = ["is": 1, "not": nil]
    }

    struct Ours: Codable, Equatable, Sendable {
        var value: Value
        var values: [Value]
        var named: [String: Value]
        var arguments: JobArguments
        var optional: Value?
        var interval: Interval

        static let one = Ours(
            value: .date(WallTime(milliseconds: -1)), values: [.null, .bytes([1]), .double(2)],
            named: ["deep": ["deeper": [.bytes([]), true]]], arguments: ["when": .date(WallTime(milliseconds: 0))],
            optional: 3, interval: .seconds(2))
    }

    struct Theirs: Codable, Hashable, Sendable {
        var date = Date(timeIntervalSinceReferenceDate: 1.25)
        var data = Data([0, 127, 255])
        var empty = Data()
        var url = URL(string: "https://example.org/a?b=c")
        var uuid = UUID()
        var decimal = Decimal(string: "1.50")
        var dates: [Date?] = [nil, Date(timeIntervalSinceReferenceDate: 0)]
    }

    /// Everything a container can do that synthesized coding does not.
    struct ByHand: Codable, Hashable, Sendable {
        enum Keys: String, CodingKey { case outer, list, up, none }
        var a = 1
        var b = "two"

        init() {}

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            a = try container.nestedContainer(keyedBy: Keys.self, forKey: .outer).decode(Int.self, forKey: .up)
            var list = try container.nestedUnkeyedContainer(forKey: .list)
            guard try list.decodeNil(), try !list.decodeNil() else { throw CocoaError(.coderInvalidValue) }
            b = try list.nestedContainer(keyedBy: Keys.self).decode(String.self, forKey: .up)
            var inner = try list.nestedUnkeyedContainer()
            guard try inner.decode(Bool.self), inner.isAtEnd,
                try String(from: try list.superDecoder()) == "above", list.isAtEnd,
                try Int(from: try container.superDecoder(forKey: .up)) == 9,
                try container.decodeNil(forKey: .none), container.allKeys.count == 4
            else { throw CocoaError(.coderInvalidValue) }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            var outer = container.nestedContainer(keyedBy: Keys.self, forKey: .outer)
            var list = container.nestedUnkeyedContainer(forKey: .list)
            try outer.encode(a, forKey: .up)
            try list.encodeNil()
            var third = list.nestedContainer(keyedBy: Keys.self)
            try third.encode(b, forKey: .up)
            var inner = list.nestedUnkeyedContainer()
            try inner.encode(true)
            try "above".encode(to: list.superEncoder())
            try 9.encode(to: container.superEncoder(forKey: .up))
            try container.encodeNil(forKey: .none)
        }
    }

    class Animal: Codable {
        var name = "Rex"
        init() {}
    }

    final class Dog: Animal {
        enum Keys: CodingKey { case tricks }
        var tricks = 0

        override init() { super.init() }

        required init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            tricks = try container.decode(Int.self, forKey: .tricks)
            try super.init(from: try container.superDecoder())
        }

        override func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(tricks, forKey: .tricks)
            try super.encode(to: container.superEncoder())
        }
    }

    /// Nests as deep as it is told.
    final class Chain: Codable {
        var next: Chain?

        init(_ count: Int) { next = count > 1 ? Chain(count - 1) : nil }
    }
}
