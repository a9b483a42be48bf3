/// Where each live record is, and so which segments are needed no more.
struct JournalIndex: Sendable {
    struct Place: Sendable, Equatable {
        /// The sequence number of the key's first put.
        var order: UInt64
        /// Counts segments from the store's opening on.
        var segment: UInt32
    }

    private var places: [JournalKey: Place] = [:]
    /// Live records of each segment, oldest segment first; the first one's number is `firstNumber`.
    private var segments: [(firstSequence: UInt64, live: Int)] = []
    private var firstNumber: UInt32 = 0

    var count: Int { places.count }

    init(segments: [UInt64], records: [RecoveredRecord]) {
        self.segments = segments.map { ($0, 0) }
        places.reserveCapacity(records.count)
        for record in records {
            set(record.key, Place(order: record.order, segment: UInt32(record.segment)))
        }
    }

    var lastNumber: UInt32 { firstNumber + UInt32(segments.count) - 1 }
    var lastFirstSequence: UInt64? { segments.last?.firstSequence }

    subscript(key: JournalKey) -> Place? { places[key] }

    /// Gives what was there before.
    @discardableResult
    mutating func set(_ key: JournalKey, _ place: Place?) -> Place? {
        let before = places[key]
        if let before { segments[Int(before.segment - firstNumber)].live -= 1 }
        if let place { segments[Int(place.segment - firstNumber)].live += 1 }
        places[key] = place
        return before
    }

    mutating func appendSegment(_ firstSequence: UInt64) { segments.append((firstSequence, 0)) }

    /// How many of the oldest segments hold no live record, one after the other.
    ///
    /// Only from the oldest on: a segment that comes after a needed one may hold removes of that one's records.
    func deadSegments(sparingLast: Bool) -> Int {
        segments.dropLast(sparingLast ? 1 : 0).prefix { $0.live == 0 }.count
    }

    func neededSegments(sparingLast: Bool) -> Int { segments.count - deadSegments(sparingLast: sparingLast) }

    /// Forgets the oldest `count` segments and gives their names.
    mutating func dropSegments(_ count: Int) -> [UInt64] {
        let names = segments.prefix(count).map(\.firstSequence)
        segments.removeFirst(count)
        firstNumber += UInt32(count)
        return names
    }
}
