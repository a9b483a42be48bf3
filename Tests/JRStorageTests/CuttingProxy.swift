import JRBase
import JRReactor
import JRSystem
import Synchronization

/// Stands between a client and a server, and does harm at one command.
final class CuttingProxy: Sendable {
    enum Harm: String, Sendable, CaseIterable {
        /// The connection ends before the server has the command.
        case cutBefore
        /// The server carries it out, and the connection ends before the answer.
        case cutAfter
        /// The answer is none.
        case garbage
    }

    private struct Order {
        var harm: Harm
        var word: [UInt8]
        /// So many times it passes before.
        var passes: Int
    }

    private let reactor: Reactor
    private let order = Mutex<Order?>(nil)
    /// Whether the harm was done.
    let isDone = Monitor(false)

    init(_ path: String, to server: String) throws {
        reactor = try Reactor(name: "proxy")
        let listening = Monitor(false)
        try reactor.start { [self] loop in
            _ = try? loop.listen(on: .unix(path: path)) { [self] loop, near in
                near.pauseReading()
                loop.connect(to: .unix(path: server), timeout: .seconds(Int64(5))) { [self] _, result in
                    guard case .success(let far) = result else { return near.close() }
                    let pair = Pair(near, far, self)
                    near.handler = pair
                    far.handler = pair
                    near.resumeReading()
                }
            }
            listening.update { $0 = true }
        }
        _ = listening.wait(timeout: .seconds(Int64(20))) { $0 ? true : nil }
    }

    /// At the first command that contains `word`, or a later one.
    func plan(_ harm: Harm, at word: String, after passes: Int = 0) {
        order.withLock { $0 = Order(harm: harm, word: Array(word.utf8), passes: passes) }
    }

    func stop() {
        reactor.stop()
        reactor.waitUntilStopped()
    }

    /// The harm that is due with these bytes of a client; done once.
    private func harm(for bytes: [UInt8]) -> Harm? {
        order.withLock { order in
            guard let due = order,
                String(decoding: bytes, as: UTF8.self).contains(String(decoding: due.word, as: UTF8.self))
            else { return nil }
            guard due.passes == 0 else {
                order?.passes -= 1
                return nil
            }
            order = nil
            return due.harm
        }
    }

    private final class Pair: ConnectionHandler {
        private let near: Connection
        private let far: Connection
        private let proxy: CuttingProxy
        private var harm: Harm?

        init(_ near: Connection, _ far: Connection, _ proxy: CuttingProxy) {
            self.near = near
            self.far = far
            self.proxy = proxy
        }

        private func end() {
            near.close()
            far.close()
            proxy.isDone.update { $0 = true }
        }

        func connection(_ connection: Connection, received bytes: RawSpan, on loop: Loop) {
            let bytes = bytes.withUnsafeBytes { Array($0) }
            if connection === near {
                if let due = proxy.harm(for: bytes) {
                    if due == .cutBefore { return end() }
                    harm = due
                }
                return far.write(bytes)
            }
            switch harm.take() {
            case .cutAfter: end()
            case .garbage:
                near.write(Array("?what\r\n".utf8))
                proxy.isDone.update { $0 = true }
            case .cutBefore, nil: near.write(bytes)
            }
        }

        func connectionClosed(_ connection: Connection, reason: CloseReason, on loop: Loop) {
            (connection === near ? far : near).closeAfterFlush()
        }
    }
}
