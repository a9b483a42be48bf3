import JRJSON
import Testing

@Suite struct JSONParserTests {
    @Test("every kind of value is read, members in the order of the text")
    func values() throws {
        let text =
            #" {"n":null,"t":true,"f":false,"i":-12,"d":1.5e3,"s":"a\"\\\/\b\f\n\r\té","a":[1,[],{}],"o":{"z":1,"a":2}} "#
        let json = try JSON(parsing: text)
        #expect(json["n"]?.isNull == true)
        #expect(json["t"]?.bool == true)
        #expect(json["f"]?.bool == false)
        #expect(json["i"]?.int == -12)
        #expect(json["d"] == 1500.0)
        #expect(json["i"]?.double == -12)
        #expect(json["d"]?.int == nil)
        #expect(json["s"]?.string == "a\"\\/\u{8}\u{C}\n\r\té")
        #expect(json["a"] == [1, [], [:]])
        #expect(json["a"]?[0] == 1)
        #expect(json["a"]?[3] == nil)
        #expect(json["o"]?.object?.keys == ["z", "a"])
        #expect(json["none"] == nil)
    }

    @Test("escaped characters are read, surrogate pairs and the zero character too")
    func escapes() throws {
        #expect(try JSON(parsing: #""\u0041\u00e9\ud83d\ude00\u0000\uFFFF""#) == .string("Aé😀\u{0}\u{FFFF}"))
    }

    @Test("integers to the last of 64 bits stay integers")
    func integers() throws {
        #expect(try JSON(parsing: "9223372036854775807") == .int(.max))
        #expect(try JSON(parsing: "-9223372036854775808") == .int(.min))
        #expect(try JSON(parsing: "-0") == 0)
        #expect(try JSON(parsing: "1.0") == .double(1))
        #expect(try JSON(parsing: "1e-400") == .double(0))
    }

    @Test(
        "what is not JSON is refused with its place, what was found and what is allowed",
        arguments: [
            ("", "1:1: the text ends too early; expected a value"),
            ("[1,]", "1:4: found ']'; expected a value: the last one has no ',' after it"),
            ("{\"a\":1,}", "1:8: found '}'; expected a key: the last member has no ',' after it"),
            ("{\"a\" 1}", "1:6: found '1'; expected ':' after the key"),
            ("{a:1}", "1:2: found 'a'; expected a key in double quotes, or '}'"),
            ("{\"a\":1 \"b\":2}", "1:8: found '\"'; expected ',' or '}'"),
            ("[1 2]", "1:4: found '2'; expected ',' or ']'"),
            ("[1\n,\n 2", "3:3: the text ends too early; expected ',' or ']'"),
            ("1 x", "1:3: found 'x'; expected nothing after the value"),
            ("{\"é\":1,\n \"é\":2}", "2:2: the key 'é' is there twice; expected each key once"),
            ("True", "1:1: found 'True'; expected a value: the only words are true, false and null"),
            ("nul", "1:1: found 'nul'; expected a value: the only words are true, false and null"),
            ("NaN", "1:1: found 'NaN'; expected a value: the only words are true, false and null"),
            ("'a'", "1:1: found '''; expected a value (an object, array, string, number, true, false or null)"),
            (
                "\u{7}",
                "1:1: found control character 7; expected a value (an object, array, string, number, true, false or null)"
            ),
            ("\u{FEFF}1", "1:1: found a byte order mark; expected JSON in UTF-8 without one"),
            ("012", "1:1: a number begins with 0; expected no leading zeros"),
            ("-", "1:2: the text ends too early; expected a digit"),
            (".5", "1:1: found '.'; expected a value (an object, array, string, number, true, false or null)"),
            ("+5", "1:1: found '+'; expected a value (an object, array, string, number, true, false or null)"),
            ("5.", "1:3: the text ends too early; expected a digit after the decimal point"),
            ("5e+", "1:4: the text ends too early; expected a digit of the exponent"),
            ("5x", "1:2: found 'x'; expected the number to end here"),
            ("[1e400]", "1:2: the number '1e400' is too large; expected one up to 1.7976931348623157e308"),
            ("\"a", "1:1: the string has no end; expected a closing '\"'"),
            (
                "\"a\nb\"",
                "1:3: found a line break in a string; expected it written as an escape (\\n, \\t, \\u00XX), or a closing '\"'"
            ),
            (
                "\"a\u{1}\"",
                "1:3: found control character 1 in a string; expected it written as an escape (\\n, \\t, \\u00XX), or a closing '\"'"
            ),
            (#""\x""#, #"1:3: found 'x'; expected one of " \ / b f n r t u after a backslash"#),
            (#""\u00g0""#, #"1:6: found 'g'; expected four hexadecimal digits after \u"#),
            (#""\ud800""#, #"1:2: half of a surrogate pair stands alone; expected both halves, as in \ud83d\ude00"#),
            (#""é\ude00""#, #"1:3: half of a surrogate pair stands alone; expected both halves, as in \ud83d\ude00"#),
            (
                #""\ud800\ud800""#,
                #"1:2: half of a surrogate pair stands alone; expected both halves, as in \ud83d\ude00"#
            ),
            ("// no\n1", "1:1: found '/'; expected no comment: this JSON may have none"),
        ])
    func errors(text: String, message: String) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.description == message)
    }

    @Test("an integer that does not fit 64 bits is an error, not a rounded number")
    func largeInteger() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: "[9223372036854775808]") }
        #expect(error?.message == "the integer '9223372036854775808' does not fit 64 bits")
        #expect(error?.position == Position(line: 1, column: 2, offset: 1))
    }

    @Test("bytes that are not UTF-8 are refused where they stand, in comments too")
    func encoding() {
        for bad in [[0x80], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82]] as [[UInt8]] {
            let error = #expect(throws: JSONError.self) {
                try JSON(parsing: Array("[\n\"é".utf8) + bad + Array("\"]".utf8))
            }
            #expect(error?.position == Position(line: 2, column: 3, offset: 5), "\(bad)")
            #expect(error?.expected == "text in UTF-8")
            #expect(throws: JSONError.self) { try JSON(parsing: Array("1//".utf8) + bad, .withComments) }
        }
    }

    @Test("nesting is limited")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try JSON(parsing: nested(32))
        _ = try JSON(parsing: "[" + [String](repeating: nested(31), count: 40).joined(separator: ",") + "]")
        let error = #expect(throws: JSONError.self) { try JSON(parsing: nested(33)) }
        #expect(error?.description == "1:33: values nest more than 32 deep; expected a flatter text")
        #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "{\"a\":", count: 100_000)) }
        _ = try JSON(parsing: nested(512), JSONParsing(depth: .max))
        #expect(throws: JSONError.self) { try JSON(parsing: nested(513), JSONParsing(depth: .max)) }
    }

    @Test("length is limited")
    func length() throws {
        _ = try JSON(parsing: "[1]", JSONParsing(bytes: 3))
        let error = #expect(throws: JSONError.self) { try JSON(parsing: "[10]", JSONParsing(bytes: 3)) }
        #expect(error?.description == "1:1: found 4 bytes of JSON; expected at most 3")
    }

    @Test("comments to the end of the line are skipped where they are allowed, and stay text in strings")
    func comments() throws {
        let text = "// first\n{ // é\n  \"a\": // b\n 1, \"c\": \"// no\" } // last"
        #expect(try JSON(parsing: text, .withComments) == ["a": 1, "c": "// no"])
        let error = #expect(throws: JSONError.self) { try JSON(parsing: "1 /* */", .withComments) }
        #expect(error?.description == "1:3: found '/'; expected '//', which begins a comment to the end of the line")
    }

    @Test("a key that comes twice among many is found")
    func manyKeys() throws {
        let keys = (0..<1_000).map { "\"k\($0)\":\($0)" }
        let json = try JSON(parsing: "{" + keys.joined(separator: ",") + "}")
        #expect(json.object?.count == 1_000)
        #expect(json["k999"] == 999)
        for twice in ["k0", "k7", "k8", "k999"] {
            let text = "{" + keys.joined(separator: ",") + ",\"\(twice)\":1}"
            #expect(throws: JSONError.self, "\(twice)") { try JSON(parsing: text) }
        }
    }

    @Test("a slice is read with places counted from its own start")
    func slices() {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: Array("\n\nxx[1;]yy".utf8)[4..<8]) }
        #expect(error?.position == Position(line: 1, column: 3, offset: 2))
    }

    @Test("no change of a byte, no cut and no addition makes the parser trap")
    func mutations() throws {
        let text = Array(#"{"a": [1, -2.5e+3, "x\u00e9\ud83d\ude00é"], "b": {"c": null, "d": true}} // z"#.utf8)
        var accepted = 0
        for place in text.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = text
                changed[place] = byte
                if (try? JSON(parsing: changed, .withComments)) != nil { accepted += 1 }
            }
            #expect((try? LocatedJSON(parsing: Array(text[..<place]), .withComments)) == nil || place >= text.count - 5)
        }
        #expect(accepted > text.count)
    }
}
