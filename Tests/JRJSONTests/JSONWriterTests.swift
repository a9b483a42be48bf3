import JRJSON
import Testing

@Suite struct JSONWriterTests {
    static let sample: JSON = [
        "name": "demo", "none": nil, "yes": true, "count": -3, "ratio": 0.1, "empty": [], "nothing": [:],
        "list": [1, "two", [3.5]], "nested": ["z": 1, "a": ["b": false]],
    ]

    @Test("compact JSON is one line without spaces")
    func compact() {
        let wanted =
            #"{"name":"demo","none":null,"yes":true,"count":-3,"ratio":0.1,"empty":[],"nothing":{},"#
            + #""list":[1,"two",[3.5]],"nested":{"z":1,"a":{"b":false}}}"#
        #expect(Self.sample.text == wanted)
    }

    @Test("pretty JSON is a line a value, indented by two")
    func pretty() {
        let wanted = """
            {
              "name": "demo",
              "none": null,
              "yes": true,
              "count": -3,
              "ratio": 0.1,
              "empty": [],
              "nothing": {},
              "list": [
                1,
                "two",
                [
                  3.5
                ]
              ],
              "nested": {
                "z": 1,
                "a": {
                  "b": false
                }
              }
            }
            """
        #expect(Self.sample.text(.pretty) == wanted)
    }

    @Test("what is written reads back as the same value")
    func roundTrip() throws {
        let doubles: [Double] = [
            0.1, -0.0, 1e16, 1e-7, .leastNonzeroMagnitude, .greatestFiniteMagnitude, .leastNormalMagnitude, 1.0 / 3,
            123_456_789.125,
        ]
        for value in doubles {
            let text = JSON.double(value).text
            let back = try #require(JSON(parsing: text).double)
            #expect(back.bitPattern == value.bitPattern, "\(text)")
        }
        for value in [Int64.min, -1, 0, .max] { #expect(try JSON(parsing: JSON.int(value).text) == .int(value)) }
        #expect(try JSON(parsing: Self.sample.text) == Self.sample)
        #expect(try JSON(parsing: Self.sample.text(.pretty)) == Self.sample)
        let all = String(String.UnicodeScalarView((0..<0x3000).compactMap { Unicode.Scalar(UInt32($0)) })) + "😀"
        #expect(try JSON(parsing: JSON.string(all).text) == .string(all))
    }

    @Test("control characters are escaped, those of a terminal above 127 too")
    func controls() {
        #expect(
            JSON.string("a\u{1B}[2J\u{7F}\u{9B}1m\n\t\r\u{0}é\"\\/").text
                == #""a\u001b[2J\u007f\u009b1m\n\t\r\u0000é\"\\/""#)
    }

    @Test("other characters are written as they are")
    func others() {
        #expect(JSON.string("\u{A0}¿é日😀\u{2028}").text == "\"\u{A0}¿é日😀\u{2028}\"")
    }

    @Test("text that comes as bytes is written as a string is, and what is not UTF-8 in it is replaced")
    func bytes() {
        for text in ["", "plain", "é\n\u{85}\u{A0}\\", "\u{1}\u{1}"] {
            var written: [UInt8] = []
            JSON.write(utf8: Array(text.utf8).span, into: &written)
            #expect(String(decoding: written, as: UTF8.self) == JSON.string(text).text)
        }
        for cut in [[0x61, 0xC2], [0xC2, 0x61, 0xFF, 0x0A]] as [[UInt8]] {
            var written: [UInt8] = []
            JSON.write(utf8: cut.span, into: &written)
            #expect(String(decoding: written, as: UTF8.self) == JSON.string(String(decoding: cut, as: UTF8.self)).text)
        }
    }

    @Test("numbers that JSON cannot say are written as null")
    func notANumber() {
        #expect(JSON.array([.double(.nan), .double(.infinity)]).text == "[null,null]")
    }

    @Test("writing appends to what is there")
    func appends() {
        var bytes = Array("data: ".utf8)
        JSON.int(1).write(into: &bytes)
        JSON.write("\n", into: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == #"data: 1"\n""#)
    }
}

@Suite struct JSONObjectTests {
    @Test("a member is replaced in place, appended or removed")
    func members() {
        var object: JSONObject = ["a": 1, "b": 2, "a": 3]
        #expect(object.map(\.key) == ["a", "b"])
        #expect(object["a"] == 3)
        object["a"] = 4
        object["c"] = 5
        object["b"] = nil
        object["none"] = nil
        #expect(JSON.object(object).text == #"{"a":4,"c":5}"#)
    }

    @Test("objects are equal whatever the order of their members, lists are not")
    func equality() {
        #expect((["a": 1, "b": 2] as JSONObject) == ["b": 2, "a": 1])
        #expect((["a": 1, "b": 2] as JSONObject) != ["a": 1, "b": 3])
        #expect((["a": 1] as JSONObject) != ["b": 1])
        #expect((["a": 1] as JSONObject) != ["a": 1, "b": 2])
        #expect(([1, 2] as JSON) != [2, 1])
        #expect((1 as JSON) != 1.0)
    }
}
