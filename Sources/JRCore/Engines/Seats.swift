/// A set of nodes by their seats, small numbers: a bit each, so that to find the free ones among a hundred is to look
/// at two words.
struct Seats: Sendable {
    private var words: [UInt64] = []

    var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Puts a seat in, or takes it out.
    mutating func set(_ seat: Int, _ isIn: Bool) {
        let (word, bit) = (seat >> 6, UInt64(1) << UInt64(seat & 63))
        while word >= words.count { words.append(0) }
        var span = words.mutableSpan
        if isIn { span[word] |= bit } else { span[word] &= ~bit }
    }

    /// Whether a seat is in both sets.
    func meets(_ other: Seats) -> Bool {
        let (mine, theirs) = (words.span, other.words.span)
        for word in 0..<min(mine.count, theirs.count) where mine[word] & theirs[word] != 0 { return true }
        return false
    }

    /// Of the seats in all three sets the one with the least load; among equals the first, counted from `start` on and
    /// around.
    ///
    /// - Parameters:
    ///   - other: the second set.
    ///   - third: the third one; nil is all seats.
    ///   - start: a seat.
    ///   - loads: by seat.
    func leastLoaded(in other: Seats, _ third: Seats?, from start: Int, _ loads: [Int]) -> Int? {
        let count = min(words.count, other.words.count)
        guard count > 0 else { return nil }
        let first = start >> 6 < count ? start >> 6 : 0
        let behind = start >> 6 < count ? UInt64.max << UInt64(start & 63) : UInt64.max
        var best: (seat: Int, load: Int)?
        // The word of the start comes twice: what is behind it first, and what is before it last.
        for step in 0...count {
            let word = first + step < count ? first + step : first + step - count
            var bits = words[word] & other.words[word]
            if let third { bits &= word < third.words.count ? third.words[word] : 0 }
            if step == 0 { bits &= behind } else if step == count { bits &= ~behind }
            while bits != 0 {
                let seat = word << 6 | bits.trailingZeroBitCount
                bits &= bits - 1
                if best.map({ loads[seat] < $0.load }) ?? true { best = (seat, loads[seat]) }
            }
        }
        return best?.seat
    }
}
