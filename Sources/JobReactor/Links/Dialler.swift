import JRBase
import JRCore
import JRReactor
import JRSystem
import JRWire

/// Keeps one connection to an address, or to one of several in turn: dials, and dials again with a growing, jittered
/// wait, for ever.
final class Dialler {
    private let addresses: [SocketAddress]
    private var next = 0
    private var backoff: Backoff
    private let connected: (Loop, Connection) -> Void
    private let failed: (String, Interval) -> Void
    private var isStopped = false
    private var timer: Handle?

    init(
        to addresses: [SocketAddress], seed: UInt64, connected: @escaping (Loop, Connection) -> Void,
        failed: @escaping (String, Interval) -> Void
    ) {
        self.addresses = addresses
        self.connected = connected
        self.failed = failed
        backoff = Backoff(seed: seed)
    }

    func dial(on loop: Loop) {
        guard !isStopped, !addresses.isEmpty else { return }
        timer = nil
        loop.connect(to: addresses[next % addresses.count], timeout: .seconds(Int64(5))) { [weak self] loop, result in
            guard let self, !self.isStopped else { return }
            switch result {
            case .success(let connection): self.connected(loop, connection)
            case .failure(let error): self.dialAgain("\(error)", on: loop)
            }
        }
    }

    /// The peer said hello: the next break starts with a short wait again.
    func succeeded() { backoff.succeeded() }

    func dialAgain(_ reason: String, on loop: Loop) {
        guard !isStopped, timer == nil else { return }
        let wait = backoff.failed()
        next += 1
        failed(reason, wait)
        timer = loop.schedule(after: wait) { [weak self] loop in self?.dial(on: loop) }
    }

    func stop(on loop: Loop) {
        isStopped = true
        if let timer { loop.cancel(timer) }
        timer = nil
    }
}
