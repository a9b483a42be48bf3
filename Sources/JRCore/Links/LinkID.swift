public import JRBase
public import JRWire

/// A connection as engines know it: a number that its shell gave and never gives again.
public struct LinkID: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
    public let number: Int

    public init(_ number: Int) {
        self.number = number
    }

    /// See ``JRBase/FastHash``.
    public func _rawHashValue(seed: Int) -> Int { FastHash.hash(UInt64(truncatingIfNeeded: number), 0, seed: seed) }

    public static func < (left: LinkID, right: LinkID) -> Bool { left.number < right.number }

    public var description: String { "link \(number)" }
}

/// What an engine asks of the connections.
public enum LinkAction: Sendable, Equatable {
    case send(LinkID, Message)
    /// Say why, and close once that is sent.
    case refuse(LinkID, code: RefusalCode, text: String)
}

/// When to send a sign of life, and when a silent peer counts as gone.
///
/// A peer that promised something every `interval` is dead after three of them without a byte: a half-open connection
/// is noticed within 15 seconds by default.
public struct Heartbeat: Sendable, Equatable {
    public enum Verdict: Sendable, Equatable {
        case fine
        case sendHeartbeat
        case peerIsGone
    }

    public static let toleratedSilences: Int64 = 3

    private let own: Interval
    private var peer: Interval
    private var lastSent: Instant
    private var lastReceived: Instant

    public init(own: Interval, at now: Instant) {
        self.own = own
        peer = own
        lastSent = now
        lastReceived = now
    }

    public mutating func peerPromised(_ interval: Interval) { peer = interval }
    public mutating func received(at now: Instant) { lastReceived = now }
    public mutating func sent(at now: Instant) { lastSent = now }

    public func verdict(at now: Instant) -> Verdict {
        if now >= deadline { return .peerIsGone }
        return now >= lastSent + own ? .sendHeartbeat : .fine
    }

    /// When to ask again.
    public var nextCheck: Instant { min(lastSent + own, deadline) }

    private var deadline: Instant { lastReceived + peer * Self.toleratedSilences }
}

/// The waits between attempts to connect: doubling from `first` to `most`, each 20 % either way so that peers that lost
/// the same distributor do not come back at the same moment.
public struct Backoff: Sendable {
    private let first: Interval
    private let most: Interval
    private var failures = 0
    private var random: SeededRandom

    public init(first: Interval = .milliseconds(50), most: Interval = .seconds(Int64(5)), seed: UInt64) {
        self.first = first
        self.most = most
        random = SeededRandom(seed: seed)
    }

    public mutating func failed() -> Interval {
        let wait = min(first * (1 << Int64(min(failures, 30))), most)
        failures += 1
        return random.jittered(wait, by: 0.2)
    }

    public mutating func succeeded() { failures = 0 }
}
