import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire
import JobReactor

@testable import JRStorage

/// What loops and connections do.
enum LoopSteps {
    static func make(on loop: Loop) throws -> [Step] {
        let (own, other) = try Sockets.makePair()
        let peer = RawPeer(other)
        let frames = FrameCounter()
        let connection = loop.adopt(Descriptor(owning: own), peer: "here")
        connection.handler = frames
        return [
            Step(name: "loop: a turn at rest") { loop, next in loop.schedule(after: .milliseconds(1), next) },
            Step(turn: "loop: a turn that hands itself 100 closures") { loop in
                for _ in 0..<100 { loop.reactor.execute { _ in } }
            },
            Step(turn: "loop: a turn that makes and cancels 1,000 timers") { loop in
                let timers = (1...1_000).map { loop.schedule(after: .seconds(Int64($0))) { _ in } }
                for timer in timers { loop.cancel(timer) }
            },
            Step(turn: "connection: a turn that sends 100 frames", prepare: { _ in peer.drain() }) { _ in
                for _ in 0..<100 { connection.write { $0.write(job) } }
            },
            Step(name: "connection: a turn that reads 100 frames", prepare: { _ in peer.send(hundred) }) { loop, next in
                frames.expect(100) { next($0) }
            },
        ]
    }

    static let job = Message.job(
        JobRequest(
            id: JobID(high: 1, low: 1), name: "test", arguments: [UInt8](repeating: 1, count: 100),
            created: WallTime(milliseconds: 0)))

    private static let hundred: [UInt8] = {
        var writer = ByteWriter()
        for _ in 0..<100 { writer.write(job) }
        return writer.bytes
    }()
}

/// The other end of a connection, of which nobody counts anything.
private final class RawPeer {
    private let socket: Descriptor

    init(_ raw: Int32) { socket = Descriptor(owning: raw) }

    func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { _ = IO.send(socket.raw, $0) }
    }

    func drain() {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while case .moved = bytes.withUnsafeMutableBytes({ IO.read(socket.raw, into: $0) }) {}
    }
}

private final class FrameCounter: ConnectionHandler {
    private var decoder = FrameDecoder()
    private var left = 0
    private var then: ((Loop) -> Void)?

    func expect(_ count: Int, then: @escaping (Loop) -> Void) { (left, self.then) = (count, then) }

    func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
        decoder.append(bytes)
        while (try? decoder.nextMessage()) != nil { left -= 1 }
        // What follows is of the next turn.
        if left == 0, let then = then.take() { loop.soon(then) }
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {}
}

/// Commands for a Redis server, which is here, on the same loop, and answers all that came in one write.
enum RedisSteps {
    static func make(in directory: String, on loop: Loop) throws -> [Step] {
        let path = "\(directory)/redis"
        let server = Server()
        server.listener = try loop.listen(on: .unix(path: path)) { _, connection in connection.handler = server }
        let client = RedisClient(
            try RedisAddress(parsing: "redis+unix:\(path)"), name: "test", on: loop, connected: { server.open($0) },
            disconnected: { _, _ in })
        client.start()
        return [
            Step(name: "Redis: 100 commands in a turn and their answers, with the calls of the server") { loop, next in
                server.whenOpen(loop) { loop in
                    for number in 1...100 {
                        client.send(RESPCommand("SET", "key", "value")) { loop, _ in
                            if number == 100 { loop.soon(next) }
                        }
                    }
                }
            }
        ]
    }

    private final class Server: ConnectionHandler {
        var listener: Listener?
        private var isOpen = false
        private var waiting: [(Loop) -> Void] = []

        func open(_ loop: Loop) {
            isOpen = true
            for body in waiting { body(loop) }
            waiting = []
        }

        func whenOpen(_ loop: Loop, _ body: @escaping (Loop) -> Void) {
            if isOpen { body(loop) } else { waiting.append(body) }
        }

        func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
            guard isOpen else { return connection.write(Array("%1\r\n+id\r\n:7\r\n".utf8)) }
            var commands = 0
            bytes.withUnsafeBytes { raw in commands = raw.count { $0 == UInt8(ascii: "*") } }
            connection.write(Array(String(repeating: "+OK\r\n", count: commands).utf8))
        }

        func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {}
    }
}

/// The whole path of jobs: a distributor with its application, and a node that it reaches by a socket.
enum ClusterSteps {
    static func make(in directory: String, on loop: Loop) throws -> [Step] {
        var configuration = Configuration(environment: [:])
        configuration.log = nil
        let address = "unix:\(directory)/distributor"
        let distributor = try Distributor(listen: address, configuration: configuration, on: loop.reactor)
        let node = try Node(
            "test", distributors: [address], storage: .memory, configuration: configuration, on: loop.reactor
        ) { Handler("test") { (_: inout JobArguments) in } }
        node.start()
        return [
            Step(name: "path: 100 jobs in a turn, the application and the node on one loop") { loop, next in
                let (left, next) = (Monitor(100), LoopBound(next, loop))
                for _ in 0..<100 {
                    _ = try? distributor.enqueue("test", ["number": 1], feedback: .both) { event in
                        guard case .ended = event,
                            left.update({
                                $0 -= 1; return $0 == 0
                            })
                        else { return }
                        next.reactor.assumeOnLoop { $0.soon(next.open($0)) }
                    }
                }
            }
        ]
    }
}
