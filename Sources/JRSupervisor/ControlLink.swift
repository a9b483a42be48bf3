import JRBase
import JRJSON
import JRReactor
import JRSystem

/// The client's side of the control socket for a program with a loop: requests are answered one after the other.
///
/// Belongs to its loop's thread.
final class ControlLink: ConnectionHandler {
    private static let patience = Interval.seconds(10 as Int64)

    /// Keeps a shorter way to the socket open.
    private let address: ControlAddress
    private let loop: Loop
    private var connection: Connection?
    private var waiting: [(JSON) -> Void] = []
    private var unsent: [JSON] = []
    private var held: [UInt8] = []
    private var isClosed = false
    /// The supervisor is gone, and with it every answer that has not come.
    var lost: ((String) -> Void)?

    init(_ runtime: RuntimeDirectory, _ loop: Loop) throws(SystemError) {
        address = try ControlAddress(runtime)
        self.loop = loop
        loop.connect(to: address.address, timeout: Self.patience) { [weak self] _, result in
            guard let self, !isClosed else { return }
            switch result {
            case .success(let connection):
                self.connection = connection
                connection.handler = self
                for request in unsent { write(request, connection) }
                unsent = []
            case .failure(let error): end("the supervisor cannot be reached: \(error)")
            }
        }
    }

    /// Sends a request; `answer` gets its objects, of which the last has `ok`.
    func ask(_ request: JSON, _ answer: @escaping (JSON) -> Void) {
        guard !isClosed else { return }
        waiting.append(answer)
        if let connection { write(request, connection) } else { unsent.append(request) }
    }

    func close() {
        isClosed = true
        waiting = []
        connection?.closeAfterFlush()
        connection = nil
    }

    private func write(_ request: JSON, _ connection: Connection) {
        connection.write {
            request.write(into: &$0.bytes); $0.append(UInt8(ascii: "\n"))
        }
    }

    private func end(_ why: String) {
        guard !isClosed else { return }
        isClosed = true
        waiting = []
        connection = nil
        lost?(why)
    }

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        for offset in bytes.byteOffsets { held.append(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
        while !isClosed, let end = held.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(held[..<end])
            held.removeFirst(end + 1)
            guard let answer = try? JSON(parsing: line), let receiver = waiting.first else { continue }
            if answer["ok"] != nil { waiting.removeFirst() }
            receiver(answer)
        }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        end("the supervisor is gone")
    }
}
