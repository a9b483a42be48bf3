import JRBase
import JRWire
import Testing

@Suite struct GoldenBytesTests {
    @Test("every message is written as exactly the bytes of its fixture, and read back from them")
    func exact() throws {
        for (name, message) in Fixtures.messages {
            let frame = try Fixtures.frame(name)
            var writer = ByteWriter()
            writer.write(message)
            #expect(writer.bytes == frame, "\(name)")
            #expect(try Message(body: frame[4...]) == message, "\(name)")
        }
    }

    @Test("every fixture in the folder is a message of the table, and every type of message has one")
    func complete() throws {
        #expect(try Fixtures.names() == Set(Fixtures.messages.map(\.name)))
        let types = try Set(Fixtures.messages.map { try Int(Fixtures.frame($0.name)[5]) })
        #expect(types == [1, 2, 3, 4, 10, 11, 12, 20, 21, 22, 30, 31, 40, 41, 42])
    }

    @Test("the arguments of a fixture hold a value of every kind")
    func arguments() throws {
        guard case .enqueue(let request) = try Message(body: Fixtures.frame("enqueue_options")[4...]) else {
            Issue.record("not an enqueue")
            return
        }
        var unpacker = Unpacker(request.arguments[...])
        #expect(try unpacker.map() == Fixtures.everyKind)
        #expect(Set(Fixtures.everyKind.values.map(\.kind)).count == 9)
        #expect(request.options == Fixtures.everyOption)
    }

    @Test("a hello of another protocol, of another version or without a session says what is wrong")
    func hellos() throws {
        var frame = try Fixtures.frame("hello_client")
        // The length, the array, the type, the mark of the string; then the word, then the version.
        frame[7] = UInt8(ascii: "K")
        #expect(throws: MessageError.notOurProtocol) { try Message(body: frame[4...]) }
        frame[7] = UInt8(ascii: "J")
        frame[17] = 2
        #expect(throws: MessageError.version(found: 2, ours: 1)) { try Message(body: frame[4...]) }
        #expect(throws: MessageError.unknownWord("session (16 bytes)")) { try hello([:]) }
    }

    @Test("a hello's heartbeat is kept between a tenth of a second and an hour, its credit at zero or more")
    func boundedHello() throws {
        for (said, taken) in [(1, 100), (5_000, 5_000), (Int64.max, 3_600_000), (-4, 100)] as [(Int64, Int64)] {
            let hello = try hello([
                "session": .bytes(Fixtures.client.bytes), "heartbeat": .int(said), "credit": -9,
            ])
            #expect(hello?.heartbeat == .milliseconds(taken))
            #expect(hello?.credit == 0)
        }
    }

    private func hello(_ members: [String: Value]) throws(MessageError) -> Hello? {
        var writer = ByteWriter()
        writer.packArray(count: 5)
        writer.pack(unsigned: 1)
        writer.pack("JobReactor")
        writer.pack(unsigned: 1)
        writer.pack(unsigned: 3)
        writer.pack(map: members)
        guard case .hello(let hello) = try Message(body: writer.bytes[...]) else { return nil }
        return hello
    }

    @Test("a message of an unknown type, with too few or many fields, or with bytes after its end is refused")
    func malformed() throws {
        #expect(throws: MessageError.unknownType(99)) { try Message(body: [0x91, 99]) }
        #expect(throws: MessageError.wrongFieldCount(type: 2, found: 1, wanted: 0)) {
            try Message(body: [0x92, 2, 0xC0])
        }
        #expect(throws: MessageError.malformed(.trailingBytes(1))) { try Message(body: [0x91, 2, 0]) }
        #expect(throws: MessageError.malformed(.truncated(offset: 1))) { try Message(body: [0x90]) }
        #expect(throws: MessageError.unknownWord("nope")) {
            try Message(body: [0x93, 3, 0xA4, 0x6E, 0x6F, 0x70, 0x65, 0xA0])
        }
    }
}
