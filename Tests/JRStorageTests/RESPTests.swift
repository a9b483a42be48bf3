import JRBase
import Testing

@testable import JRStorage

@Suite("The protocol of Redis")
struct RESPTests {
    /// What a server sends, and what it means.
    static let golden: [(String, RESPValue)] = [
        ("+OK\r\n", .simple("OK")),
        ("-READONLY You can't write\r\n", .error("READONLY You can't write")),
        (":-42\r\n", .integer(-42)),
        ("$5\r\nhe\r\nl\r\n", .bulk(Array("he\r\nl".utf8))),
        ("$0\r\n\r\n", .bulk([])),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("_\r\n", .null),
        ("*0\r\n", .array([])),
        ("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", .array([.bulk([97]), .array([.integer(1)])])),
        ("#t\r\n", .boolean(true)),
        (",1.5\r\n", .double(1.5)),
        (",-inf\r\n", .double(-.infinity)),
        ("(-12345678901234567890123\r\n", .bigNumber("-12345678901234567890123")),
        ("!9\r\nERR a\r\nbc\r\n", .error("ERR a\r\nbc")),
        ("=7\r\ntxt:abc\r\n", .bulk(Array("abc".utf8))),
        ("%1\r\n+id\r\n:7\r\n", .map([.simple("id"), .integer(7)])),
        ("~2\r\n:1\r\n:2\r\n", .array([.integer(1), .integer(2)])),
        (">2\r\n+invalidate\r\n_\r\n", .push([.simple("invalidate"), .null])),
        ("|1\r\n+ttl\r\n:9\r\n:5\r\n", .integer(5)),
        ("*2\r\n|1\r\n+ttl\r\n:9\r\n:5\r\n:6\r\n", .array([.integer(5), .integer(6)])),
        ("%0\r\n", .map([])),
    ]

    @Test("every kind of reply of versions 2 and 3 is read, whole, byte by byte and one after the other")
    func replies() throws {
        var found: [RESPValue] = []
        var parser = RESPParser()
        for (text, value) in Self.golden {
            var whole = RESPParser()
            var one: [RESPValue] = []
            try whole.read(Array(text.utf8)[...]) { one.append($0) }
            #expect(one == [value], "\(text)")
            #expect(!whole.isInReply)
            for byte in text.utf8 {
                #expect(found.isEmpty)
                try parser.read([byte][...]) { found.append($0) }
            }
            #expect(found == [value], "\(text)")
            found = []
        }
        try parser.read(Self.golden.flatMap { Array($0.0.utf8) }[...]) { found.append($0) }
        #expect(found == Self.golden.map(\.1))
    }

    @Test(
        "what is no reply is refused, before memory is taken for it, and nothing is read after it",
        arguments: [
            ("?\r\n", .unknownType(63)), ("\r\n", .unknownType(13)), (":1x\r\n", .notANumber), (":\r\n", .notANumber),
            ("$67108865\r\n", .lengthTooLarge(67_108_865)), ("$-2\r\n", .lengthTooLarge(-2)),
            ("*1048577\r\n", .lengthTooLarge(1_048_577)), ("%-1\r\n", .lengthTooLarge(-1)),
            ("%524289\r\n", .tooManyValues), ("*2\r\n*1048574\r\n*1048575\r\n", .tooManyValues),
            ("*99999999999999999999\r\n", .notANumber), ("+a\n", .noLineEnd), ("$1\r\nab\r\n", .noLineEnd),
            ("$1\r\na\rb", .noLineEnd), ("#x\r\n", .notANumber), (",x\r\n", .notANumber), ("(1a\r\n", .notANumber),
            (String(repeating: "*1\r\n", count: 9), .tooDeep),
            ("+" + String(repeating: "a", count: 65_537), .lineTooLong),
        ] as [(String, RESPDamage)])
    func damage(text: String, damage: RESPDamage) {
        var parser = RESPParser()
        #expect(throws: damage) { try parser.read(Array(text.utf8)[...]) { _ in } }
        #expect(throws: damage) { try parser.read(Array("+OK\r\n".utf8)[...]) { _ in Issue.record("read on") } }
        #expect(!damage.description.isEmpty)
    }

    @Test("garbage, and replies with bytes changed, never trap", arguments: 0..<8)
    func garbage(seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        let types = Array("+-:$*_#,(!=%~>|0123456789\r\n".utf8)
        for _ in 0..<50 {
            var bytes: [UInt8] = []
            if random.next() % 2 == 0 {
                for _ in 0..<Int(random.next() % 40) {
                    let byte = random.next()
                    bytes.append(
                        byte % 4 == 0 ? UInt8(truncatingIfNeeded: byte >> 8) : types[Int(byte >> 8) % types.count])
                }
            } else {
                bytes = Self.golden.flatMap { Array($0.0.utf8) }
                let place = Int(random.next() % UInt64(bytes.count))
                bytes[place] = UInt8(truncatingIfNeeded: random.next())
            }
            var parser = RESPParser()
            var whole: [RESPValue] = []
            try? parser.read(bytes[...]) { whole.append($0) }
            // The same however it is cut.
            var other = RESPParser()
            var cut: [RESPValue] = []
            for byte in bytes { try? other.read([byte][...]) { cut.append($0) } }
            // NaN is not equal to itself.
            #expect("\(whole)" == "\(cut)")
        }
    }

    @Test("a command is an array of bulk strings, its name's words apart")
    func commands() {
        let command = RESPCommand("CONFIG GET", "append*", "")
        let text = "*4\r\n$6\r\nCONFIG\r\n$3\r\nGET\r\n$7\r\nappend*\r\n$0\r\n\r\n"
        #expect(String(decoding: command.bytes, as: UTF8.self) == text)
        let ping = RESPCommand("PING", arguments: 1) { $0.bulk([0, 255]) }
        #expect(ping.bytes == Array("*2\r\n$4\r\nPING\r\n$2\r\n".utf8) + [0, 255, 13, 10])
    }

    @Test("a map is read by key, in version 3 and as version 2 has it")
    func maps() {
        let pairs: [RESPValue] = [.bulk(Array("id".utf8)), .integer(7), .simple("x")]
        #expect(RESPValue.map(pairs)["id"] == .integer(7))
        #expect(RESPValue.array(pairs)["id"]?.int == 7)
        #expect(RESPValue.array(pairs)["x"] == nil)
        #expect(RESPValue.integer(1)["id"] == nil)
    }
}

@Suite("The address of a Redis server")
struct RedisAddressTests {
    @Test(
        "every form is read, and shown without its password",
        arguments: [
            ("redis://localhost", "redis://localhost:6379/0", "", ""),
            ("redis://localhost:6380/", "redis://localhost:6380/0", "", ""),
            ("redis://10.0.0.1:1/15", "redis://10.0.0.1:1/15", "", ""),
            ("redis://[::1]/2", "redis://[::1]:6379/2", "", ""),
            ("redis://[::1]:7/2", "redis://[::1]:7/2", "", ""),
            ("redis://:s%40cr:et@h:1/0", "redis://h:1/0", "", "s@cr:et"),
            ("redis://me:p@h", "redis://h:6379/0", "me", "p"),
            ("redis+unix:/run/redis.sock", "redis+unix:/run/redis.sock", "", ""),
            ("redis+unix:///run/redis.sock?db=3", "redis+unix:/run/redis.sock?db=3", "", ""),
        ])
    func forms(text: String, shown: String, user: String, password: String) throws {
        let address = try RedisAddress(parsing: text)
        #expect("\(address)" == shown)
        #expect(address.user ?? "" == user)
        #expect(address.password ?? "" == password)
    }

    @Test(
        "what is none is refused, with its password hidden",
        arguments: [
            "", "localhost", "redis://", "redis://:1", "redis://h:x/0", "redis://h/x", "redis://h/-1", "redis://h/1/2",
            "redis://pass@h", "redis://:%4@h", "redis+unix:", "redis+unix:a", "redis+unix:/a?x=1", "redis+unix:/a?db=",
            "rediss://h", "http://h", "redis://unix:/a",
        ])
    func wrong(text: String) {
        #expect(throws: ValueError.self) { try RedisAddress(parsing: text) }
    }

    @Test("a refusal does not show the password")
    func hidden() {
        let error = #expect(throws: ValueError.self) { try RedisAddress(parsing: "redis://u:secret@h:x/0") }
        #expect(error?.description.contains("secret") == false)
        #expect(error?.description.hasPrefix("'redis://***@h:x/0' is not the address of a Redis server") == true)
    }
}
