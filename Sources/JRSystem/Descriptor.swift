import CJRLinux
import Glibc

/// An open descriptor with one owner, closed once, when that owner goes.
public struct Descriptor: ~Copyable, Sendable {
    /// The number; it stays valid only as long as this value.
    public let raw: Int32

    /// Takes over an open descriptor: nobody else may close it from here on.
    public init(owning raw: Int32) {
        self.raw = raw
    }

    deinit {
        // Linux has released the number even when close reports an error, so there is nothing to repeat.
        _ = jr_close(raw)
    }

    /// Gives the number away: whoever takes it has to close it.
    public consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    /// Another number for the same open file.
    public borrowing func duplicate() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(jr_duplicate(raw, 0), "fcntl"))
    }
}

/// What one read or write did. That nothing can be moved right away is a result, not an error.
public enum Transfer: Sendable, Equatable {
    /// So many bytes; reading none means that the end was reached.
    case moved(Int)
    case wouldBlock
    /// The positive `errno`.
    case failed(Int32)

    @inline(__always)
    init(_ result: Int) {
        if result >= 0 {
            self = .moved(result)
        } else {
            self = result == -Int(EAGAIN) ? .wouldBlock : .failed(Int32(truncatingIfNeeded: -result))
        }
    }
}

/// Bytes in and out of descriptors, one system call each, repeated only when a signal interrupted it.
public enum IO {
    public static func read(_ raw: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Transfer {
        guard let base = buffer.baseAddress else { return .moved(0) }
        return Transfer(untilNotInterrupted { jr_read(raw, base, buffer.count) })
    }

    public static func write(_ raw: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard let base = bytes.baseAddress else { return .moved(0) }
        return Transfer(untilNotInterrupted { jr_write(raw, base, bytes.count) })
    }

    /// As ``write(_:_:)``, for sockets: a peer that is gone gives an error and no SIGPIPE.
    public static func send(_ raw: Int32, _ bytes: UnsafeRawBufferPointer) -> Transfer {
        guard let base = bytes.baseAddress else { return .moved(0) }
        return Transfer(untilNotInterrupted { jr_send(raw, base, bytes.count) })
    }

    /// Waits until the descriptor can be read, for ever without a timeout; false when the time was over.
    public static func waitReadable(_ raw: Int32, timeout milliseconds: Int32 = -1) throws(SystemError) -> Bool {
        try check(untilNotInterrupted { jr_poll_one(raw, Int16(POLLIN), milliseconds) }, "poll") > 0
    }

    public static func waitWritable(_ raw: Int32, timeout milliseconds: Int32 = -1) throws(SystemError) -> Bool {
        try check(untilNotInterrupted { jr_poll_one(raw, Int16(POLLOUT), milliseconds) }, "poll") > 0
    }

    public static func setNonBlocking(_ raw: Int32, _ on: Bool = true) throws(SystemError) {
        _ = try check(jr_set_nonblocking(raw, on ? 1 : 0), "fcntl")
    }

    /// Another number, of at least `lowest`, for the same open file.
    public static func duplicate(_ raw: Int32, lowest: Int32 = 0) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(jr_duplicate(raw, lowest), "fcntl"))
    }

    public enum Direction: Sendable, Equatable { case read, write, both }

    /// What an open descriptor was opened for.
    public static func direction(_ raw: Int32) throws(SystemError) -> Direction {
        switch try check(jr_access_mode(raw), "fcntl") {
        case O_RDONLY: .read
        case O_WRONLY: .write
        default: .both
        }
    }

    /// Puts a counter that other threads can raise behind a descriptor: the wake-up of a loop.
    public static func eventCounter() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(jr_eventfd(), "eventfd"))
    }

    /// Raises an event counter by one; its descriptor becomes readable.
    public static func raise(_ counter: Int32) {
        var one: UInt64 = 1
        // The only failure is a counter at its maximum, and then it is readable already.
        _ = jr_write(counter, &one, 8)
    }

    /// Sets an event counter back to zero.
    public static func reset(_ counter: Int32) {
        var count: UInt64 = 0
        _ = jr_read(counter, &count, 8)
    }
}

/// Both ends of a pipe.
public struct Pipe: ~Copyable {
    public var readEnd: Descriptor
    public var writeEnd: Descriptor

    /// - Parameter nonBlocking: for both ends; a child that is given one blocking end needs ``IO/setNonBlocking(_:_:)``
    ///   on the other only.
    public init(nonBlocking: Bool) throws(SystemError) {
        var ends: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.assumingMemoryBound(to: Int32.self).baseAddress.map { jr_pipe($0, nonBlocking ? O_NONBLOCK : 0) }
                ?? -EINVAL
        }
        _ = try check(result, "pipe2")
        readEnd = Descriptor(owning: ends.0)
        writeEnd = Descriptor(owning: ends.1)
    }

    /// Asks for room for so many bytes in a pipe; the system rounds up, or refuses past its limit for users.
    public static func setCapacity(_ raw: Int32, bytes: Int32) throws(SystemError) {
        _ = try check(jr_set_pipe_size(raw, bytes), "fcntl")
    }

    public consuming func takeEnds() -> (read: Int32, write: Int32) {
        (readEnd.take(), writeEnd.take())
    }
}
