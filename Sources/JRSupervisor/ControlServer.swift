import JRBase
import JRJSON
import JRReactor
import JRSupervision
import JRSystem

/// The control socket: a JSON object a line from a client, and JSON objects back, of which the last has `ok`.
///
/// Only this user, and root, are listened to; the directory and the socket are closed to all others anyway.
final class ControlServer {
    static let longestRequest = 64 * 1024

    private let address: ControlAddress
    private let listener: Listener
    private var clients: [ObjectIdentifier: ControlClientConnection] = [:]

    init(
        _ runtime: RuntimeDirectory, _ loop: Loop, answer: @escaping (JSON, ControlClientConnection) -> Void
    ) throws(SystemError) {
        let address = try ControlAddress(runtime)
        var added: ((ControlClientConnection) -> Void)?
        // The lock says that no other supervisor lives here, so what is at the path was left by a dead one.
        listener = try loop.listen(on: address.address, staleFile: .replace) { _, connection in
            let user = connection.peerCredentials?.userID
            guard user == SystemProgram.userID || user == 0 else { return connection.close() }
            let client = ControlClientConnection(connection, answer: answer)
            added?(client)
        }
        self.address = address
        added = { [weak self] client in
            let id = ObjectIdentifier(client)
            self?.clients[id] = client
            client.closed = { self?.clients[id] = nil }
        }
    }

    func close() {
        listener.close()
        for client in clients.values { client.end() }
    }
}

/// One client of the control socket.
final class ControlClientConnection: ConnectionHandler {
    private let connection: Connection
    private var held: [UInt8] = []
    private let answer: (JSON, ControlClientConnection) -> Void
    var closed: (() -> Void)?
    /// What is to be done when the client goes, for each process that it has stopped.
    var undoing: [Int32: () -> Void] = [:]

    init(_ connection: Connection, answer: @escaping (JSON, ControlClientConnection) -> Void) {
        self.connection = connection
        self.answer = answer
        connection.handler = self
    }

    var isOpen: Bool { connection.isOpen }

    func send(_ object: JSON) {
        // A client that does not read what it asked for is not worth the memory.
        guard !connection.isCongested else { return connection.close() }
        connection.write {
            object.write(into: &$0.bytes); $0.append(UInt8(ascii: "\n"))
        }
    }

    func succeed(_ more: JSON = [:]) {
        var object = more.object ?? [:]
        object["ok"] = true
        send(.object(object))
    }

    func fail(_ exitCode: Int32, _ message: String, _ more: JSON = [:]) {
        var object = more.object ?? [:]
        object["ok"] = false
        object["exit"] = .int(Int64(exitCode))
        object["message"] = .string(message)
        send(.object(object))
    }

    func end() { connection.closeAfterFlush() }

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        for offset in bytes.byteOffsets { held.append(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)) }
        while let end = held.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(held[..<end])
            held.removeFirst(end + 1)
            do {
                answer(try JSON(parsing: line), self)
            } catch {
                fail(ExitCodes.usage, "a request is a JSON object in a line: \(error)")
            }
        }
        if held.count > ControlServer.longestRequest { connection.close() }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        closed?()
        closed = nil
        let undo = undoing.sorted { $0.key < $1.key }.map(\.value)
        undoing = [:]
        for body in undo { body() }
    }
}
