import JRJSON
import Testing

@Suite struct LocatedJSONTests {
    static let text = """
        {
          // Größe
          "größe": 1, "tail": [true,
            {"x": "né", "y": null}],
        \t"z": 1.5
        }
        """

    @Test("every value and every key knows its line, its column in characters and its offset in bytes")
    func places() throws {
        let bytes = Array(Self.text.utf8)
        let json = try LocatedJSON(parsing: bytes, .withComments)
        #expect(json.position == Position(line: 1, column: 1, offset: 0))
        let members = try #require(json.object)
        #expect(
            members.map { "\($0.key) \($0.keyPosition) \($0.value.position)" } == [
                "größe 3:3 3:12", "tail 3:15 3:23", "z 5:2 5:7",
            ])
        let nested = try #require(json["tail"]?.array?[1].object)
        #expect(nested.map { "\($0.key) \($0.keyPosition) \($0.value.position)" } == ["x 4:6 4:11", "y 4:17 4:22"])
        for member in members + nested {
            #expect(Position(offset: member.keyPosition.offset, in: bytes[...]) == member.keyPosition)
            #expect(bytes[member.keyPosition.offset] == UInt8(ascii: "\""))
        }
    }

    @Test("without its places it is the same value")
    func value() throws {
        let bytes = Array(Self.text.utf8)
        let located = try LocatedJSON(parsing: bytes, .withComments)
        #expect(located.value == (try JSON(parsing: bytes, .withComments)))
        #expect(located["größe"]?.int == 1)
        #expect(located["größe"]?.double == 1)
        #expect(located["z"]?.double == 1.5)
        #expect(located["tail"]?.array?[0].bool == true)
        #expect(located["tail"]?.array?[1]["y"]?.isNull == true)
        #expect(located["tail"]?.array?[1]["x"]?.string == "né")
        #expect(located["tail"]?.kind == "an array")
    }
}

@Suite struct PositionTests {
    @Test("an excerpt shows the line and marks the place")
    func excerpt() {
        let bytes = Array("{\n  \"é\": 1, \"comand\": [\"x\"],\n}\n".utf8)
        let place = Position(line: 2, column: 11, offset: 13)
        let wanted = """
                2 |   "é": 1, "comand": ["x"],
                  |           ^~~~~~~~
            """
        #expect(place.excerpt(of: bytes, length: 8) == wanted)
    }

    @Test("an excerpt of a long line shows the part around the place")
    func longLine() {
        let bytes = Array((String(repeating: "a", count: 500) + "X" + String(repeating: "b", count: 500)).utf8)
        let lines = Position(offset: 500, in: bytes[...]).excerpt(of: bytes).split(separator: "\n")
        #expect(
            lines[0] == "    1 | …" + String(repeating: "a", count: 59) + "X" + String(repeating: "b", count: 58) + "…")
        #expect(lines[1] == "      | " + String(repeating: " ", count: 60) + "^")
    }

    @Test("an excerpt holds nothing that acts on a terminal, and any place is safe")
    func harmless() {
        let bytes = Array("\t\u{1B}[2J\u{202E}x\r".utf8) + [0xFF]
        #expect(
            Position(line: 1, column: 1, offset: 99).excerpt(of: bytes).hasPrefix(
                "    1 |  \u{FFFD}[2J\u{FFFD}x\u{FFFD}\n"))
        #expect(Position(line: 1, column: 1, offset: -1).excerpt(of: []) == "    1 | \n      | ^")
    }
}
