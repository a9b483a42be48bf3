import JRBase
import JRReactor

/// Bytes on their way to where writing may block: a log file, the console.
///
/// The loop only appends; threads of the pool write, one batch of this outlet at a time and in order. Nobody ever
/// waits for an outlet: its owner looks at ``waitingBytes`` and decides what happens to more.
final class Outlet {
    private let loop: Loop
    /// Blocks until the batch is written; the answer is how many lines of it are lost.
    private let write: @Sendable ([UInt8]) -> Int
    private var pending: [UInt8] = []
    private var inFlight = 0
    private var isScheduled = false
    private var whenIdle: [(Loop) -> Void] = []
    /// Told after each batch, with how many of its lines are lost.
    var written: ((Int) -> Void)?

    init(_ loop: Loop, write: @escaping @Sendable ([UInt8]) -> Int) {
        self.loop = loop
        self.write = write
    }

    /// Bytes that are not written yet.
    var waitingBytes: Int { pending.count + inFlight }
    /// Of those, the ones that a thread is writing now.
    var bytesInFlight: Int { inFlight }

    func append(_ body: (inout [UInt8]) -> Void) {
        body(&pending)
        schedule()
    }

    /// The bytes that no thread has taken yet, to be appended to and given back before anything else is done here.
    func takePending() -> [UInt8] {
        defer { pending = [] }
        return pending
    }

    func putPending(_ bytes: consuming [UInt8]) {
        pending = bytes
        schedule()
    }

    private func schedule() {
        guard !isScheduled, inFlight == 0, !pending.isEmpty else { return }
        isScheduled = true
        // What comes in the rest of this turn goes with the same batch.
        loop.atEndOfTurn { [weak self] _ in self?.start() }
    }

    /// Calls `body` when everything is written: at once or later.
    func flush(then body: @escaping (Loop) -> Void) {
        if waitingBytes == 0 {
            body(loop)
        } else {
            whenIdle.append(body)
        }
    }

    private func start() {
        isScheduled = false
        guard inFlight == 0, !pending.isEmpty else { return }
        let batch = pending
        let write = write
        pending = []
        inFlight = batch.count
        loop.offload {
            write(batch)
        } then: { [weak self] _, lost in
            self?.ended(lost)
        }
    }

    private func ended(_ lostLines: Int) {
        inFlight = 0
        written?(lostLines)
        start()
        guard waitingBytes == 0 else { return }
        let bodies = whenIdle
        whenIdle = []
        for body in bodies { body(loop) }
    }
}
