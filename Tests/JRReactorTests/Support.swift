import JRBase
import JRReactor
import JRSystem
import Testing

/// Runs a loop on a thread of its own until `body`'s work calls `finish`, and returns what it was given.
func onLoop<Result: Sendable>(
    _ name: String = "test", _ body: @escaping @Sendable (Loop, @escaping @Sendable (Result) -> Void) throws -> Void
) throws -> Result {
    let reactor = try Reactor(name: name)
    let result = Monitor<Result?>(nil)
    let problem = Monitor<(any Error)?>(nil)
    try reactor.start { loop in
        // A test that never ends says so instead of holding up all others.
        loop.schedule(after: .seconds(Int64(60))) { loop in
            problem.update { $0 = TimedOut() }
            loop.reactor.stop()
        }
        do {
            try body(loop) { value in
                result.update { $0 = value }
                reactor.stop()
            }
        } catch {
            problem.update { $0 = error }
            reactor.stop()
        }
    }
    reactor.waitUntilStopped()
    if let result = result.update({ $0 }) { return result }
    throw problem.update { $0 } ?? TimedOut()
}

struct TimedOut: Error {}

/// Gathers what a connection brings.
final class Collector: ConnectionHandler {
    var bytes: [UInt8] = []
    var count = 0
    var keeps = true
    var onBytes: ((Connection, Loop) -> Void)?
    var onEnd: ((Connection, Loop) -> Void)?
    var onDrained: ((Connection, Loop) -> Void)?
    var onClosed: ((CloseReason, Loop) -> Void)?

    func connection(_ connection: Connection, received span: RawSpan, on loop: Loop) {
        count += span.byteCount
        if keeps { span.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        onBytes?(connection, loop)
    }

    func connectionEnded(_ connection: Connection, on loop: Loop) {
        if let onEnd { onEnd(connection, loop) } else { connection.closeAfterFlush() }
    }

    func connectionDrained(_ connection: Connection, on loop: Loop) {
        onDrained?(connection, loop)
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
        onClosed?(reason, loop)
    }
}

/// Sends back what comes.
final class Echo: ConnectionHandler {
    func connection(_ connection: Connection, received span: RawSpan, on loop: Loop) {
        span.withUnsafeBytes { bytes in connection.write { $0.append(bytes) } }
        if connection.isCongested { connection.pauseReading() }
    }

    func connectionDrained(_ connection: Connection, on loop: Loop) {
        connection.resumeReading()
    }

    func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {}
}

/// A temporary directory that is gone after `body`.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    let path = try Files.makeTemporaryDirectory(prefix: "jr-reactor")
    defer { try? Files.removeTree(path) }
    return try body(path)
}
