/// A length of time in whole nanoseconds, signed.
///
/// Not `Duration`: a plain integer compares, adds and encodes without surprises, and saturates instead of trapping,
/// because lengths of time also come from the wire and from files.
public struct Interval: Sendable, Hashable, Comparable, Codable {
    /// The length; negative for one that goes back.
    public var nanoseconds: Int64

    /// A length of so many nanoseconds.
    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    /// No time at all.
    public static let zero = Interval(nanoseconds: 0)

    /// A length of so many nanoseconds.
    @inlinable
    public static func nanoseconds(_ count: Int64) -> Interval { Interval(nanoseconds: count) }

    /// A length of so many microseconds; the longest there is when they are too many.
    @inlinable
    public static func microseconds(_ count: Int64) -> Interval { saturating(count, times: 1_000) }

    /// A length of so many milliseconds; the longest there is when they are too many.
    @inlinable
    public static func milliseconds(_ count: Int64) -> Interval { saturating(count, times: 1_000_000) }

    /// A length of so many whole seconds; the longest there is when they are too many.
    @inlinable
    public static func seconds(_ count: Int64) -> Interval { saturating(count, times: 1_000_000_000) }

    /// A fraction of seconds; NaN becomes zero, what is out of range becomes the nearest end of it.
    ///
    /// Generic so that a literal such as `30` means whole seconds.
    @inlinable
    public static func seconds(_ count: some BinaryFloatingPoint) -> Interval {
        let value = Double(count) * 1e9
        if value.isNaN { return .zero }
        if value >= 9.2e18 { return Interval(nanoseconds: .max) }
        if value <= -9.2e18 { return Interval(nanoseconds: .min) }
        return Interval(nanoseconds: Int64(value))
    }

    /// So many units of so many nanoseconds; the longest there is when they are too many.
    @inlinable
    public static func saturating(_ count: Int64, times unit: Int64) -> Interval {
        let (value, overflow) = count.multipliedReportingOverflow(by: unit)
        return Interval(nanoseconds: overflow ? ((count < 0) == (unit < 0) ? .max : .min) : value)
    }

    /// Whole milliseconds, rounded up, so that a wait of this many milliseconds is never too short.
    @inlinable
    public var millisecondsRoundedUp: Int64 {
        let whole = nanoseconds / 1_000_000
        return nanoseconds > whole * 1_000_000 ? whole + 1 : whole
    }

    /// The length in seconds, with their fraction.
    @inlinable
    public var seconds: Double { Double(nanoseconds) / 1e9 }

    @inlinable
    public static func < (left: Interval, right: Interval) -> Bool { left.nanoseconds < right.nanoseconds }

    @inlinable
    public static func + (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: left.nanoseconds.addingSaturated(right.nanoseconds))
    }

    @inlinable
    public static func - (left: Interval, right: Interval) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingSaturated(right.nanoseconds))
    }

    @inlinable
    public static func * (left: Interval, right: Int64) -> Interval { saturating(left.nanoseconds, times: right) }
}

/// A moment on a clock that only goes forward (in shells: `CLOCK_BOOTTIME`), in nanoseconds since an unspecified start.
///
/// Moments of two processes cannot be compared; what crosses a process or a restart is a ``WallTime``.
public struct Instant: Sendable, Hashable, Comparable, BitwiseCopyable {
    public var nanoseconds: Int64

    @inlinable
    public init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    public static let zero = Instant(nanoseconds: 0)
    public static let distantFuture = Instant(nanoseconds: .max)

    @inlinable
    public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    @inlinable
    public static func + (left: Instant, right: Interval) -> Instant {
        Instant(nanoseconds: left.nanoseconds.addingSaturated(right.nanoseconds))
    }

    @inlinable
    public static func - (left: Instant, right: Instant) -> Interval {
        Interval(nanoseconds: left.nanoseconds.subtractingSaturated(right.nanoseconds))
    }

    @inlinable
    public static func - (left: Instant, right: Interval) -> Instant {
        Instant(nanoseconds: left.nanoseconds.subtractingSaturated(right.nanoseconds))
    }
}

/// A date: milliseconds since 1970-01-01T00:00:00Z, as stored in journals and sent on the wire.
public struct WallTime: Sendable, Hashable, Comparable, Codable {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    public var milliseconds: Int64

    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    @inlinable
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    @inlinable
    public static func < (left: WallTime, right: WallTime) -> Bool { left.milliseconds < right.milliseconds }

    /// Later by `interval`, rounded up to the next millisecond: what is due is never early.
    @inlinable
    public static func + (left: WallTime, right: Interval) -> WallTime {
        WallTime(milliseconds: left.milliseconds.addingSaturated(right.millisecondsRoundedUp))
    }

    @inlinable
    public static func - (left: WallTime, right: WallTime) -> Interval {
        .milliseconds(left.milliseconds.subtractingSaturated(right.milliseconds))
    }
}

/// Both clocks read once, at the start of a turn: what every pure machine is given as "now".
public struct Now: Sendable, Hashable {
    public var instant: Instant
    public var wall: WallTime

    @inlinable
    public init(instant: Instant, wall: WallTime) {
        self.instant = instant
        self.wall = wall
    }

    /// When a date comes, on the forward clock; a date in the past is now.
    @inlinable
    public func instant(of date: WallTime) -> Instant {
        date <= wall ? instant : instant + (date - wall)
    }
}

extension Int64 {
    @inlinable
    public func addingSaturated(_ other: Int64) -> Int64 {
        let (value, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : value
    }

    @inlinable
    public func subtractingSaturated(_ other: Int64) -> Int64 {
        let (value, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other < 0 ? .max : .min) : value
    }
}
