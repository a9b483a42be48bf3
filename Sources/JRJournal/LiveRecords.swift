/// What replaying changes has left: where the records are that were put and not removed.
///
/// Records are kept as they are first put, which is nearly always the order they have in the end, and found by a table
/// of small numbers: a store may have millions, and a start waits for this.
struct LiveRecords: Sendable {
    private var places: [JournalKey: UInt32] = [:]
    private var records: [RecoveredRecord] = []
    /// Records that were removed and still have their place.
    private var holes = 0

    var count: Int { places.count }

    mutating func put(_ record: RecoveredRecord) {
        if let place = places[record.key] {
            records[Int(place)] = record
        } else {
            places[record.key] = UInt32(records.count)
            records.append(record)
        }
    }

    /// Removing what is not there is no mistake: its put lay in an older segment that is gone.
    mutating func remove(_ key: JournalKey) {
        guard let place = places.removeValue(forKey: key) else { return }
        // No record has this sequence number.
        records[Int(place)].sequence = 0
        holes += 1
        if holes > 1_024, holes > places.count { fillHoles() }
    }

    private mutating func fillHoles() {
        records.removeAll { $0.sequence == 0 }
        for (place, record) in records.enumerated() { places[record.key] = UInt32(place) }
        holes = 0
    }

    /// All of them in the order of first puts. Nothing may be asked after it.
    mutating func takeInOrder() -> [RecoveredRecord] {
        if holes > 0 { records.removeAll { $0.sequence == 0 } }
        places = [:]
        var isSorted = true
        for place in records.indices.dropFirst() where records[place].order < records[place - 1].order {
            isSorted = false
            break
        }
        if !isSorted { records.sort { $0.order < $1.order } }
        defer { records = [] }
        return records
    }
}

/// One live record: where it is. ``RecoveredJournal/value(of:)`` has its bytes.
public struct RecoveredRecord: Sendable, Equatable {
    public var key: JournalKey
    /// The sequence number of the key's first put: records are in its order.
    public var order: UInt64
    /// The sequence number of its last put.
    public var sequence: UInt64
    private var segmentNumber: UInt32
    // The length of a segment has 32 bits.
    private var start: UInt32
    private var count: UInt32

    /// Which of the recovered segments holds it, by position.
    public var segment: Int { Int(segmentNumber) }
    /// Where in that segment's file its value is, in bytes.
    public var place: Range<Int> { Int(start)..<Int(start) + Int(count) }

    init(key: JournalKey, order: UInt64, sequence: UInt64, segment: Int, place: Range<Int>) {
        self.key = key
        self.order = order
        self.sequence = sequence
        segmentNumber = UInt32(segment)
        start = UInt32(place.lowerBound)
        count = UInt32(place.count)
    }
}
