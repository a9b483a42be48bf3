/// Where each live record is, and so which segments are needed no more.
struct JournalIndex: Sendable {
    struct Place: Sendable, Equatable {
        /// The sequence number of the key's first put.
        var order: UInt64
        /// The sequence number of its last put: no other record of the key counts.
        var sequence: UInt64
        /// Counts segments from the store's opening on.
        var segment: UInt32
        /// How long the record is in the file.
        var bytes: UInt32
    }

    /// One segment's file, and what of it is needed.
    private struct Segment: Sendable {
        var firstSequence: UInt64
        var fileBytes: Int
        var live = 0
        var liveBytes = 0
    }

    private var places: [JournalKey: Place] = [:]
    /// Oldest segment first; its number is `firstNumber`.
    private var segments: [Segment] = []
    private var firstNumber: UInt32 = 0
    /// The length of all segments' files.
    private(set) var fileBytes = 0
    /// The length of all live records.
    private(set) var liveBytes = 0

    var count: Int { places.count }
    var segmentCount: Int { segments.count }

    /// What is in older segments' files and no live record.
    var sealedDeadBytes: Int {
        guard let last = segments.last else { return 0 }
        return fileBytes - liveBytes - (last.fileBytes - last.liveBytes)
    }

    init(segments: [UInt64], fileBytes lengths: [Int], records: [RecoveredRecord]) {
        for (firstSequence, bytes) in zip(segments, lengths) { append(firstSequence, bytes: bytes) }
        places.reserveCapacity(records.count)
        for record in records {
            set(
                record.key,
                Place(
                    order: record.order, sequence: record.sequence, segment: UInt32(record.segment),
                    bytes: UInt32(clamping: record.place.count + JournalRecord.putBytes)))
        }
    }

    var lastNumber: UInt32 { firstNumber + UInt32(segments.count) - 1 }
    var lastFirstSequence: UInt64? { segments.last?.firstSequence }

    /// The oldest segment, unless it is the only one.
    var oldest: (firstSequence: UInt64, live: Int, liveBytes: Int)? {
        guard segments.count > 1, let first = segments.first else { return nil }
        return (first.firstSequence, first.live, first.liveBytes)
    }

    subscript(key: JournalKey) -> Place? { places[key] }

    /// Gives what was there before.
    @discardableResult
    mutating func set(_ key: JournalKey, _ place: Place?) -> Place? {
        let before: Place?
        if let place {
            before = places.updateValue(place, forKey: key)
            count(place, sign: 1)
        } else {
            before = places.removeValue(forKey: key)
        }
        if let before { count(before, sign: -1) }
        return before
    }

    private mutating func count(_ place: Place, sign: Int) {
        let position = Int(place.segment - firstNumber)
        segments[position].live += sign
        segments[position].liveBytes += sign * Int(place.bytes)
        liveBytes += sign * Int(place.bytes)
    }

    private mutating func append(_ firstSequence: UInt64, bytes: Int) {
        segments.append(Segment(firstSequence: firstSequence, fileBytes: bytes))
        fileBytes += bytes
    }

    mutating func appendSegment(_ firstSequence: UInt64, bytes: Int) { append(firstSequence, bytes: bytes) }

    /// The last segment's file has another length than it was made with.
    mutating func resizeLast(to bytes: Int) {
        guard let last = segments.last else { return }
        fileBytes += bytes - last.fileBytes
        segments[segments.count - 1].fileBytes = bytes
    }

    /// How many of the oldest segments hold no live record, one after the other.
    ///
    /// Only from the oldest on: a segment that comes after a needed one may hold removes of that one's records.
    func deadSegments(sparingLast: Bool) -> Int {
        segments.dropLast(sparingLast ? 1 : 0).prefix { $0.live == 0 }.count
    }

    func neededSegments(sparingLast: Bool, emptyingOldest: Bool = false) -> Int {
        if emptyingOldest { return segments.count - 1 - segments.dropFirst().prefix { $0.live == 0 }.count }
        return segments.count - deadSegments(sparingLast: sparingLast)
    }

    /// Forgets the oldest `count` segments and gives their names.
    mutating func dropSegments(_ count: Int) -> [UInt64] {
        let dropped = segments.prefix(count)
        fileBytes -= dropped.reduce(0) { $0 + $1.fileBytes }
        let names = dropped.map(\.firstSequence)
        segments.removeFirst(count)
        firstNumber += UInt32(count)
        return names
    }
}
