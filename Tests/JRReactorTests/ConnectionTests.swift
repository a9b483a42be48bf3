import JRBase
import JRReactor
import JRSystem
import Testing

@Suite("Connections")
struct ConnectionTests {
    @Test("64 MiB come back unchanged through an echo, over TCP and over a unix socket", arguments: ["tcp", "unix"])
    func echo(kind: String) throws {
        try withTemporaryDirectory { directory in
            let total = 64 << 20
            let received: (count: Int, checksum: UInt32, reason: CloseReason) = try onLoop { loop, finish in
                let address = kind == "tcp" ? "127.0.0.1:0" : "unix:\(directory)/echo"
                let listener = try loop.listen(on: SocketAddress(parsing: address)) { _, connection in
                    connection.handler = Echo()
                }
                loop.connect(to: listener.address, timeout: .seconds(Int64(5))) { loop, result in
                    guard let connection = try? result.get() else { return }
                    let collector = Collector()
                    var crc = CRC32C()
                    collector.onBytes = { connection, _ in
                        crc.update(collector.bytes)
                        collector.bytes.removeAll(keepingCapacity: true)
                    }
                    collector.onClosed = { reason, _ in finish((collector.count, crc.value, reason)) }
                    connection.handler = collector
                    connection.write { writer in
                        for word in 0..<UInt64(total / 8) { writer.appendLittleEndian(word &* 0x9E37_79B9_7F4A_7C15) }
                    }
                    connection.closeWrite()
                }
            }
            var expected = CRC32C()
            for word in 0..<UInt64(total / 8) { expected.updateLittleEndian(word &* 0x9E37_79B9_7F4A_7C15) }
            #expect(received.count == total)
            #expect(received.checksum == expected.value)
            #expect(received.reason == .endOfStream)
        }
    }
}
