import JRBase
import JRSystem

/// A connection that is being made. Belongs to one loop's thread.
public final class Connecting {
    private let target: SocketAddress
    private let loop: Loop
    private var addresses: [SocketAddress] = []
    private var done: ((Loop, Result<Connection, SystemError>) -> Void)?
    private var socket: Descriptor?
    private var handle = Handle(index: -1, generation: 0)
    private var timer: Handle?
    private var current: SocketAddress

    init(
        to target: SocketAddress, timeout: Interval, loop: Loop,
        _ done: @escaping (Loop, Result<Connection, SystemError>) -> Void
    ) {
        self.target = target
        self.loop = loop
        self.done = done
        current = target
        // The loop holds it from here on, so that nobody else has to.
        handle = loop.sources.insert(.connecting(self))
        timer = loop.schedule(after: timeout) { [weak self] _ in
            guard let self else { return }
            self.fail(SystemError(call: "connect", code: SystemError.timedOut, subject: self.current.description))
        }
        if target.isNumeric {
            addresses = [target]
            // Not from within the call that asked for it: nobody expects the answer before they have the question's
            // name.
            loop.soon { _ in self.tryNext(after: nil) }
        } else {
            loop.offload { () -> Result<[SocketAddress], SystemError> in
                Result { () throws(SystemError) in try target.resolved() }
            } then: { [weak self] _, result in
                self?.resolved(result)
            }
        }
    }

    /// Gives up; the closure is not called.
    public func cancel() {
        done = nil
        release()
    }

    var cancelled: SystemError {
        SystemError(call: "connect", code: SystemError.cancelled, subject: current.description)
    }

    func fail(_ error: SystemError) {
        finish(.failure(error))
    }

    /// The socket became writable: it is connected, or has failed.
    func ready() {
        guard let raw = socket?.raw else { return }
        let code = Sockets.pendingError(raw)
        if code == 0 {
            succeed()
        } else {
            tryNext(after: SystemError(call: "connect", code: code, subject: current.description))
        }
    }

    private func resolved(_ result: Result<[SocketAddress], SystemError>) {
        guard done != nil else { return }
        switch result {
        case .success(let found):
            addresses = found
            tryNext(after: nil)
        case .failure(let error):
            fail(error)
        }
    }

    private func tryNext(after failure: SystemError?) {
        var failure = failure
        releaseSocket()
        while done != nil {
            if addresses.isEmpty {
                let unreachable = SystemError(
                    call: "connect", code: SystemError.unreachable, subject: target.description)
                return fail(failure ?? unreachable)
            }
            current = addresses.removeFirst()
            do {
                return try begin()
            } catch {
                failure = error
            }
        }
    }

    private func begin() throws(SystemError) {
        let (number, isConnected) = try Sockets.connect(to: current)
        socket = Descriptor(owning: number)
        if isConnected { return succeed() }
        try loop.poller.add(number, .write, data: handle.bits)
    }

    private func succeed() {
        if let raw = socket?.raw { loop.poller.remove(raw) }
        guard let socket = socket.take() else { return }
        finish(.success(Connection(socket, peer: current.description, .connected, on: loop)))
    }

    private func finish(_ result: Result<Connection, SystemError>) {
        let done = done
        self.done = nil
        release()
        done?(loop, result)
    }

    private func release() {
        if let timer { loop.cancel(timer) }
        timer = nil
        releaseSocket()
        loop.sources.remove(handle)
    }

    private func releaseSocket() {
        if let raw = socket?.raw { loop.poller.remove(raw) }
        socket = nil
    }
}
