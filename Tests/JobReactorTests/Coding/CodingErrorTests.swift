import Foundation
import JRBase
import JRWire
import JobReactor
import Testing

@Suite("What does not fit is refused with its place and its remedy")
struct CodingErrorTests {
    static let good: JobArguments = [
        "to": "a", "at": .date(WallTime(milliseconds: 0)), "attachments": [["name": "n", "content": .bytes([])]],
        "priority": "low",
    ]

    static let misfits: [(key: String, value: Value?, text: String)] = [
        ("to", nil, "'to' is missing. Enqueue it with a string as 'to', or make it optional"),
        ("to", .null, "'to' is null, not a string. Enqueue it with a string as 'to', or make it optional"),
        ("to", 1, "'to' is an int, not a string. Enqueue it with a string as 'to'"),
        ("copies", 256, "'copies' is 256, not an int from 0 to 255. Enqueue it with an int from 0 to 255 as 'copies'"),
        ("copies", 1.5, "'copies' is 1.5, not an int from 0 to 255. Enqueue it with an int from 0 to 255 as 'copies'"),
        (
            "copies", true,
            "'copies' is a bool, not an int from 0 to 255. Enqueue it with an int from 0 to 255 as 'copies'"
        ),
        (
            "at", "tomorrow",
            "'at' is the string 'tomorrow', not \(Dates.expected). Enqueue it with \(Dates.expected) as 'at'"
        ),
        ("at", 7, "'at' is an int, not a date. Enqueue it with a date as 'at'"),
        (
            "attachments", nil,
            """
            'attachments' is missing. Enqueue it with a value of the type Array<Attachment> as 'attachments', \
            or make it optional
            """
        ),
        ("attachments", "x", "'attachments' is a string, not an array. Enqueue it with an array as 'attachments'"),
        (
            "attachments", ["x"],
            "'attachments[0]' is a string, not a map. Enqueue it with a map as 'attachments[0]'"
        ),
        (
            "attachments", [["name": "n", "content": 5]],
            "'attachments[0].content' is an int, not bytes. Enqueue it with bytes as 'attachments[0].content'"
        ),
        (
            "priority", "urgent",
            """
            'priority' is wrong: Cannot initialize Priority from invalid String value urgent. \
            Enqueue it with another value as 'priority'
            """
        ),
    ]

    @Test(
        "B12: arguments that do not fit are refused with the name, what was found and what is wanted",
        arguments: misfits)
    func misfit(_ row: (key: String, value: Value?, text: String)) throws {
        var arguments = Self.good
        _ = try arguments.decode(Samples.SendEmail.self)
        arguments[row.key] = row.value
        let error = try #require(throws: JobReactorError.self) { try arguments.decode(Samples.SendEmail.self) }
        #expect(error.code == .invalidArguments)
        #expect(error.description == "the arguments do not fit SendEmail: \(row.text) [invalid_arguments]")
    }

    @Test("B12: a value that does not fit says so")
    func value() {
        func text<T: Decodable>(_ value: Value, _ type: T.Type) -> String? {
            do {
                _ = try value.decode(type)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            text(1, String.self)
                == "the value does not fit String: it is an int, not a string. Give it a string [invalid_arguments]")
        #expect(
            text(1, Bool.self)
                == "the value does not fit Bool: it is an int, not a bool. Give it a bool [invalid_arguments]")
        #expect(
            text(.double(1e39), Float.self) == """
                the value does not fit Float: it is 1e+39, not a number within -3.4028235e+38...3.4028235e+38. \
                Give it a number within -3.4028235e+38...3.4028235e+38 [invalid_arguments]
                """)
        #expect(
            text(.double(.nan), Int.self)
                == "the value does not fit Int: it is nan, not an int. Give it an int [invalid_arguments]")
        #expect(
            text(.double(1e30), Duration.self) == """
                the value does not fit Duration: it is 1e+30, not a map of seconds and attoseconds, or a number of \
                seconds. Give it a map of seconds and attoseconds, or a number of seconds [invalid_arguments]
                """)
        for wrong: Value in [.double(.nan), .double(-.infinity), "1s", ["seconds": 1], nil] {
            #expect(text(wrong, Duration.self) != nil)
        }
        #expect(
            text([1, -1], [UInt].self) == """
                the value does not fit Array<UInt>: '[1]' is -1, not an int of 0 or more. \
                Give it an int of 0 or more as '[1]' [invalid_arguments]
                """)
        #expect(
            text(["list": []], Samples.ByHand.self) == """
                the value does not fit ByHand: 'outer' is missing. Give it a map as 'outer', or make it optional \
                [invalid_arguments]
                """)
        #expect(
            text(["outer": ["up": 1], "list": [nil]], Samples.ByHand.self) == """
                the value does not fit ByHand: 'list[1]' is missing: its array has only 1 element. \
                Give it more elements [invalid_arguments]
                """)
        #expect(
            text(["tricks": 1], Samples.Dog.self) == """
                the value does not fit Dog: 'super' is missing. Give it a map as 'super', or make it optional \
                [invalid_arguments]
                """)
    }

    @Test("B12: arguments have names: what encodes as anything else is refused")
    func unnamed() throws {
        func text(_ value: some Encodable) -> String? {
            do {
                _ = try JobArguments(encoding: value)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            text([1]) == """
                Array<Int> cannot be the arguments of a job: it encodes as an array, and arguments have names. \
                Make it a property of a struct, and enqueue that [invalid_job]
                """)
        #expect(
            text(Int?.none) == """
                Optional<Int> cannot be the arguments of a job: it encodes as null, and arguments have names. \
                Make it a property of a struct, and enqueue that [invalid_job]
                """)
        #expect(
            text(["sum": ["total": UInt64.max]]) == """
                Dictionary<String, Dictionary<String, UInt64>> cannot be the arguments of a job: 'sum.total' is \
                18446744073709551615, and an int is at most 9223372036854775807. \
                Enqueue it with a double or a string as 'sum.total' [invalid_job]
                """)
    }

    /// Is two things at once.
    struct Mixed: Encodable {
        var isNested: Bool

        func encode(to encoder: any Encoder) throws {
            var keyed = encoder.container(keyedBy: Samples.ByHand.Keys.self)
            var twice = encoder.singleValueContainer()
            if isNested {
                _ = keyed.nestedContainer(keyedBy: Samples.ByHand.Keys.self, forKey: .up)
                var list = keyed.nestedUnkeyedContainer(forKey: .up)
                try list.encode(1)
            } else {
                try twice.encode(1)
            }
        }
    }

    struct Refusing: Codable {
        struct Never: Error {}
        init() {}
        init(from decoder: any Decoder) throws { throw Never() }
        func encode(to encoder: any Encoder) throws { throw Never() }
    }

    @Test("B12: a type that encodes itself as two things, or throws, is refused, not trusted")
    func badTypes() throws {
        func text(_ value: some Encodable) -> String? {
            do {
                _ = try Value(encoding: value)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            text([Mixed(isNested: false)]) == """
                Array<Mixed> cannot be a value of arguments: '[0]' is encoded as two kinds of container. \
                Let its encode(to:) ask for one keyed, unkeyed or single-value container [invalid_job]
                """)
        #expect(
            text(Mixed(isNested: true)) == """
                Mixed cannot be a value of arguments: 'up' is encoded as two kinds of container. \
                Let its encode(to:) ask for one keyed, unkeyed or single-value container [invalid_job]
                """)
        #expect(text(Refusing()) == "Refusing cannot be a value of arguments: Never() [invalid_job]")
        let error = try #require(throws: JobReactorError.self) { try JobArguments().decode(Refusing.self) }
        #expect(error.description == "the arguments do not fit Refusing: Never() [invalid_arguments]")
    }

    /// Never ends, and adds no container either.
    final class Endless: Encodable {
        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(self)
        }
    }

    @Test("B12: what nests deeper than the wire can carry is refused both ways, and what it can carry is not")
    func nesting() throws {
        let deepest = try JobArguments(encoding: Samples.Chain(Limits.nesting + 1))
        try JobArguments.validate(deepest.encoded)
        _ = try deepest.decode(Samples.Chain.self)
        let tooDeep = try #require(throws: JobReactorError.self) {
            try JobArguments(encoding: Samples.Chain(Limits.nesting + 2))
        }
        #expect(
            tooDeep.description == """
                Chain cannot be the arguments of a job: values under 'next' nest deeper than 32. \
                Enqueue it with flatter ones, or with bytes [invalid_job]
                """)
        #expect(throws: JobReactorError.self) { try Value(encoding: Samples.Chain(5_000)) }
        #expect(throws: JobReactorError.self) { try Value(encoding: Endless()) }

        func nested(_ count: Int) -> Value { (0..<count).reduce(.map([:])) { value, _ in .map(["next": value]) } }
        #expect(try Value(encoding: ["a": nested(Limits.nesting - 1)]).map?.count == 1)
        #expect(throws: JobReactorError.self) { try Value(encoding: ["a": nested(Limits.nesting)]) }
        #expect(throws: JobReactorError.self) { try JobArguments(encoding: JobArguments(["a": nested(1_000)])) }
        let error = try #require(throws: JobReactorError.self) { try nested(1_000).decode(Samples.Chain.self) }
        #expect(
            error.description == """
                the value does not fit Chain: values under 'next' nest deeper than 32. \
                Give it flatter ones, or with bytes [invalid_arguments]
                """)
        let brackets = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Value.self, from: Data(brackets.utf8)) }
    }
}
