/// What replaying changes has left: the records that were put and not removed.
struct LiveRecords: Sendable {
    private var byKey: [JournalKey: RecoveredRecord] = [:]

    var count: Int { byKey.count }

    mutating func put(_ key: JournalKey, order: UInt64, sequence: UInt64, segment: Int, value: ArraySlice<UInt8>) {
        byKey[key] = RecoveredRecord(
            key: key, order: order, sequence: sequence, segment: segment, value: Array(value))
    }

    /// Removing what is not there is no mistake: its put lay in an older segment that is gone.
    mutating func remove(_ key: JournalKey) { byKey[key] = nil }

    func inOrder() -> [RecoveredRecord] { byKey.values.sorted { $0.order < $1.order } }
}

/// One live record.
public struct RecoveredRecord: Sendable, Equatable {
    public var key: JournalKey
    /// The sequence number of the key's first put: records are in its order.
    public var order: UInt64
    /// The sequence number of its last put.
    public var sequence: UInt64
    /// Which of the recovered segments holds it, by position.
    public var segment: Int
    public var value: [UInt8]
}
