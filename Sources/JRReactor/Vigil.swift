import JRBase

/// Whether a loop looks again and again before it sleeps.
///
/// To sleep and be woken takes tens of microseconds, most of what a job takes that is alone under way. So where the
/// last few waits were shorter than that, and the turns between them short too, the loop stays awake for the next one.
/// It learns from waits that were not worth it: each doubles how many short ones have to come before the next try.
struct Vigil: Sendable {
    /// A wait that is longer is slept through, and a turn that is longer has other work than to answer soon.
    static let longest = Interval.microseconds(Int64(100))
    private static let fewest = 8
    private static let most = 1_024

    /// Waits one after the other that would have been worth staying awake.
    private var short = 0
    private var wanted = fewest
    private var kept = 0

    /// Whether to stay awake now.
    ///
    /// - Parameter turn: how long the turn took that is over.
    mutating func begins(after turn: Interval) -> Bool {
        if turn > Self.longest { short = 0 }
        return short >= wanted
    }

    /// A wait is over that was slept through.
    ///
    /// - Parameter time: how long it was.
    mutating func slept(_ time: Interval) {
        short = time <= Self.longest ? short + 1 : 0
    }

    /// A wait is over through which the loop stayed awake, or it has fallen asleep.
    ///
    /// - Parameter inVain: whether nothing came.
    mutating func ended(inVain: Bool) {
        if inVain {
            (short, kept) = (0, 0)
            wanted = min(wanted * 2, Self.most)
        } else {
            kept += 1
            if kept >= Self.most { (wanted, kept) = (Self.fewest, 0) }
        }
    }
}
