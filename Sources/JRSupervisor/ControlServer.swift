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

    private let answer: (JSON, ControlClientConnection) -> Void

    /// - Parameter adopted: The socket, if a predecessor of this program has opened it.
    init(
        _ runtime: RuntimeDirectory, _ loop: Loop, adopted: Int32? = nil,
        answer: @escaping (JSON, ControlClientConnection) -> Void
    ) throws(SystemError) {
        let address = try ControlAddress(runtime)
        self.answer = answer
        self.address = address
        var added: ((Connection) -> Void)?
        let accepted = { (_: Loop, connection: Connection) in
            let user = connection.peerCredentials?.userID
            guard user == SystemProgram.userID || user == 0 else { return connection.close() }
            added?(connection)
        }
        if let adopted {
            listener = try loop.listen(with: Descriptor(owning: adopted), on: address.address, accepted)
        } else {
            // The lock says that no other supervisor lives here, so what is at the path was left by a dead one.
            listener = try loop.listen(on: address.address, staleFile: .replace, accepted)
        }
        added = { [weak self] connection in _ = self?.add(connection) }
    }

    func add(_ connection: Connection) -> ControlClientConnection {
        let client = ControlClientConnection(connection, answer: answer)
        let id = ObjectIdentifier(client)
        clients[id] = client
        client.closed = { [weak self] in self?.clients[id] = nil }
        return client
    }

    /// The number of the socket's descriptor, to be handed over with the process.
    var rawDescriptor: Int32? { listener.rawDescriptor }

    /// Processes that clients have stopped, and that go on when those leave.
    var stopped: [Int32] { clients.values.flatMap(\.undoing.keys).sorted() }

    /// Tells all but one that they have to ask again.
    func dismiss(except kept: ControlClientConnection) {
        for client in clients.values where client !== kept {
            client.fail(SupervisorError.inUse, "the supervisor becomes a new program (re-exec): ask again")
            client.sendNow()
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
    /// The number of its descriptor, to be handed over with the process; nil when it is gone.
    var rawDescriptor: Int32? { connection.isOpen ? connection.rawDescriptor : nil }

    /// Sends what was said within this call, as far as the client takes it.
    func sendNow() { connection.flushNow() }

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
