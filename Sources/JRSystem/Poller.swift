import CJRLinux
import Glibc
public import JRBase

/// What to be told about a descriptor. Errors and hang-ups are always told.
public struct PollInterest: OptionSet, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    public static let read = PollInterest(rawValue: UInt32(JR_POLL_READ))
    public static let write = PollInterest(rawValue: UInt32(JR_POLL_WRITE))
}

/// One thing that can be done with a watched descriptor.
public struct PollEvent: Sendable {
    /// The word given when the descriptor was added.
    public let data: UInt64
    let bits: UInt32

    public var isReadable: Bool { bits & UInt32(JR_POLL_READ) != 0 }
    public var isWritable: Bool { bits & UInt32(JR_POLL_WRITE) != 0 }
    /// The peer is gone or the descriptor failed; a read or write tells which.
    public var isHangup: Bool { bits & UInt32(JR_POLL_ERROR | JR_POLL_HANGUP) != 0 }
}

/// epoll, level-triggered. One thread uses it.
public final class Poller {
    private let descriptor: Descriptor
    private let events: UnsafeMutablePointer<jr_poll_event>
    private static let capacity = 256

    public init() throws(SystemError) {
        descriptor = Descriptor(owning: try check(jr_epoll_create(), "epoll_create1"))
        events = .allocate(capacity: Self.capacity)
        events.initialize(repeating: jr_poll_event(data: 0, events: 0), count: Self.capacity)
    }

    deinit {
        events.deallocate()
    }

    public func add(_ raw: Int32, _ interest: PollInterest, data: UInt64) throws(SystemError) {
        _ = try check(jr_epoll_add(descriptor.raw, raw, interest.rawValue, data), "epoll_ctl")
    }

    public func modify(_ raw: Int32, _ interest: PollInterest, data: UInt64) throws(SystemError) {
        _ = try check(jr_epoll_modify(descriptor.raw, raw, interest.rawValue, data), "epoll_ctl")
    }

    /// Needed before a close as well: the kernel goes on watching as long as any process has the same open file.
    public func remove(_ raw: Int32) {
        _ = jr_epoll_remove(descriptor.raw, raw)
    }

    /// Waits at most `timeout`, for ever when it is nil, and returns how many events are there; a signal ends it early.
    public func wait(timeout: Interval?) throws(SystemError) -> Int {
        let nanoseconds = timeout.map { max(0, $0.nanoseconds) } ?? -1
        let count = jr_epoll_wait(descriptor.raw, events, Int32(Self.capacity), nanoseconds)
        return count == -EINTR ? 0 : Int(try check(count, "epoll_pwait2"))
    }

    /// One of the events of the last ``wait(timeout:)``.
    public func event(_ index: Int) -> PollEvent {
        // SAFETY: the range is checked, and all of the memory was initialised.
        precondition(index >= 0 && index < Self.capacity)
        return PollEvent(data: events[index].data, bits: events[index].events)
    }
}
