import JRBase
import JRWire
import Testing

@Suite struct FrameDecoderTests {
    private func messages(_ decoder: inout FrameDecoder) throws -> [Message] {
        var messages: [Message] = []
        while let body = try decoder.next() { messages.append(try Message(body: body)) }
        return messages
    }

    @Test("all fixtures, one byte at a time, are the same messages in the same order")
    func byteByByte() throws {
        var decoder = FrameDecoder()
        var found: [Message] = []
        for (name, _) in Fixtures.messages {
            for byte in try Fixtures.frame(name) {
                decoder.append([byte])
                found += try messages(&decoder)
            }
        }
        #expect(found == Fixtures.messages.map(\.message))
        #expect(decoder.pendingBytes == 0)
    }

    @Test("a fixture cut in two at any byte, with another behind it, is the same two messages")
    func everyCut() throws {
        let next = try Fixtures.frame("grant")
        for (name, message) in Fixtures.messages {
            let stream = try Fixtures.frame(name) + next
            for cut in 0...stream.count {
                var decoder = FrameDecoder()
                decoder.append(stream[..<cut])
                var found = try messages(&decoder)
                decoder.append(stream[cut...])
                found += try messages(&decoder)
                #expect(found == [message, .grant(total: 320)], "\(name), cut at \(cut)")
            }
        }
    }

    @Test("an announced length of 2^32-1, or one byte above the limit, is refused when its four bytes are there")
    func hostileLength() throws {
        var decoder = FrameDecoder(limit: 100)
        decoder.append([0xFF, 0xFF, 0xFF])
        #expect(try decoder.next() == nil)
        decoder.append([0xFF])
        #expect(throws: FrameDecoder.Failure.tooLong(length: 4_294_967_295, limit: 100)) { try decoder.next() }

        var atLimit = FrameDecoder(limit: 100)
        atLimit.append([0, 0, 0, 100])
        #expect(try atLimit.next() == nil)
        var above = FrameDecoder(limit: 100)
        above.append([0, 0, 0, 101])
        #expect(throws: FrameDecoder.Failure.tooLong(length: 101, limit: 100)) { try above.next() }
    }

    @Test("a frame without a body is refused, and nothing is read after the first fault")
    func empty() throws {
        var decoder = FrameDecoder()
        decoder.append([0, 0, 0, 0] as [UInt8] + (try Fixtures.frame("grant")))
        for _ in 0..<2 { #expect(throws: FrameDecoder.Failure.empty) { try decoder.next() } }
    }

    @Test("a limit that is raised holds for the next frame")
    func raisedLimit() throws {
        var decoder = FrameDecoder(limit: 4)
        decoder.append([0, 0, 0, 2, 0x91, 2, 0, 0, 0, 8])
        #expect(try decoder.next() == [0x91, 2])
        decoder.limit = 8
        #expect(try decoder.next() == nil)
        #expect(decoder.pendingBytes == 4)
    }
}
