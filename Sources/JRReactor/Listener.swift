import JRBase
public import JRSystem

/// A socket that accepts connections. Belongs to one loop's thread.
public final class Listener {
    /// Where it listens, with the port the system chose for port 0.
    public let address: SocketAddress

    private let loop: Loop
    private var descriptor: Descriptor?
    private let raw: Int32
    private var handle = Handle(index: -1, generation: 0)
    private var pause: Handle?
    /// The socket file that is ours, so that closing does not remove another's.
    private var file: FileStatus?
    private let accepted: (Loop, Connection) -> Void

    private static let acceptsPerTurn = 64
    private static let pauseWithoutDescriptors = Interval.milliseconds(100)

    init(
        _ descriptor: consuming Descriptor, on address: SocketAddress, loop: Loop,
        _ accepted: @escaping (Loop, Connection) -> Void
    ) throws(SystemError) {
        raw = descriptor.raw
        self.address = try Sockets.localAddress(raw)
        self.loop = loop
        self.accepted = accepted
        self.descriptor = consume descriptor
        if case .unix(let path) = address { file = try? Files.status(path, followingLinks: false) }
        handle = loop.sources.insert(.listener(self))
        do {
            try loop.poller.add(raw, .read, data: handle.bits)
        } catch {
            loop.sources.remove(handle)
            throw error
        }
    }

    /// The number of its descriptor, to be handed over with the process; nil once it is closed.
    public var rawDescriptor: Int32? { descriptor == nil ? nil : raw }

    /// Stops listening; accepted connections stay. The file of a unix socket is removed.
    public func close() {
        guard descriptor != nil else { return }
        if let pause { loop.cancel(pause) }
        loop.poller.remove(raw)
        loop.sources.remove(handle)
        descriptor = nil
        if case .unix(let path) = address, let file, let now = try? Files.status(path, followingLinks: false),
            now.inode == file.inode, now.device == file.device
        {
            try? Files.remove(path)
        }
    }

    func acceptWaiting() {
        for _ in 0..<Self.acceptsPerTurn {
            guard descriptor != nil else { return }
            switch Sockets.accept(raw) {
            case .accepted(let number, let peer):
                let socket = Descriptor(owning: number)
                // At the limit it is taken and closed, so that the peer knows at once.
                guard loop.acceptedConnections < Limits.connections else { continue }
                let name = peer?.description ?? address.description
                accepted(loop, Connection(socket, peer: name, .accepted, on: loop))
            case .nobodyWaiting:
                return
            case .failed(let error):
                if error.isLackOfResources { return waitForResources() }
            // Anything else is about one connection that is gone already; the next may be well.
            }
        }
    }

    /// Without descriptors or memory, the waiting connection would wake the loop again and again.
    private func waitForResources() {
        try? loop.poller.modify(raw, [], data: handle.bits)
        pause = loop.schedule(after: Self.pauseWithoutDescriptors) { [weak self] loop in
            guard let self, self.descriptor != nil else { return }
            self.pause = nil
            try? loop.poller.modify(self.raw, .read, data: self.handle.bits)
        }
    }
}
