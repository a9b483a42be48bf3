public import JRBase

/// Small values by the id of a job: what a dictionary does, at a third of its cost for one that is looked at for every
/// job.
///
/// One array, searched from the place that the id hashes to (by the secret of ``JRBase/FastHash``); who is taken out
/// leaves no gap behind. At most five eighths of the array are in use.
public struct JobTable<Value: BitwiseCopyable & Sendable>: Sendable {
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var high: UInt64
        @usableFromInline var low: UInt64
        /// Nil in a place that is free.
        @usableFromInline var value: Value?

        @inlinable
        init(_ id: JobID, _ value: Value?) {
            high = id.high
            low = id.low
            self.value = value
        }
    }

    /// A power of two of them, or none.
    @usableFromInline var entries: [Entry] = []
    /// How many bits of a hash are too many for a place.
    @usableFromInline var shift: UInt64 = 64
    @usableFromInline var used = 0
    /// Kept here, as a look at it where it is costs more than the rest of a hash.
    @usableFromInline let secret: (UInt64, UInt64)

    /// An empty table.
    @inlinable
    public init() {
        secret = FastHash.secret
    }

    /// How many ids have a value.
    @inlinable
    public var count: Int { used }

    /// Whether no id has a value.
    @inlinable
    public var isEmpty: Bool { used == 0 }

    @inlinable
    static func home(_ high: UInt64, _ low: UInt64, _ secret: (UInt64, UInt64), _ shift: UInt64) -> Int {
        let product = (high ^ secret.0).multipliedFullWidth(by: low ^ secret.1)
        return Int(truncatingIfNeeded: ((product.high ^ product.low) &* 0x9E37_79B9_7F4A_7C15) &>> shift)
    }

    /// Where the id is, or else where it would have to be; nil without any places.
    @inlinable
    func place(of id: JobID) -> (place: Int, value: Value?)? {
        if entries.isEmpty { return nil }
        let span = entries.span
        let mask = span.count - 1
        var place = Self.home(id.high, id.low, secret, shift)
        while true {
            let entry = span[place]
            guard let value = entry.value else { return (place, nil) }
            if entry.high == id.high, entry.low == id.low { return (place, value) }
            place = (place + 1) & mask
        }
    }

    /// The value of this id. Setting nil takes it out.
    ///
    /// - Parameter id: of the job.
    @inlinable
    public subscript(id: JobID) -> Value? {
        get { used == 0 ? nil : place(of: id)?.value }
        set {
            if let newValue {
                if let (place, value) = place(of: id), value != nil {
                    entries[place].value = newValue
                } else {
                    add(newValue, id)
                }
            } else {
                remove(id)
            }
        }
    }

    /// Gives an id its first value.
    ///
    /// - Parameters:
    ///   - value: what it gets, if it has none.
    ///   - id: of the job.
    /// - Returns: the value that it has had before, and keeps.
    @inlinable
    @discardableResult
    public mutating func insert(_ value: Value, for id: JobID) -> Value? {
        if let (place, known) = place(of: id) {
            if let known { return known }
            if (used + 1) * 8 <= entries.count * 5 {
                entries[place] = Entry(id, value)
                used += 1
                return nil
            }
        }
        add(value, id)
        return nil
    }

    /// Adds an id that is not there.
    @inlinable
    mutating func add(_ value: Value, _ id: JobID) {
        if (used + 1) * 8 > entries.count * 5 { grow(to: Swift.max(16, entries.count * 2)) }
        guard let place = place(of: id)?.place else { return }
        entries[place] = Entry(id, value)
        used += 1
    }

    /// Takes an id out.
    ///
    /// - Parameter id: of the job.
    /// - Returns: the value that it had.
    @inlinable
    @discardableResult
    public mutating func remove(_ id: JobID) -> Value? {
        guard used > 0, let (found, value) = place(of: id), let value else { return nil }
        used -= 1
        let (secret, shift) = (secret, shift)
        // What stands behind it, and would be looked for from before its place, moves up.
        var span = entries.mutableSpan
        let mask = span.count - 1
        var (gap, next) = (found, (found + 1) & mask)
        while true {
            let entry = span[next]
            if entry.value == nil { break }
            if (next - Self.home(entry.high, entry.low, secret, shift)) & mask >= (next - gap) & mask {
                span[gap] = entry
                gap = next
            }
            next = (next + 1) & mask
        }
        span[gap].value = nil
        return value
    }

    /// Takes all out.
    ///
    /// - Parameter keepingCapacity: whether the memory is to stay.
    @inlinable
    public mutating func removeAll(keepingCapacity: Bool) {
        used = 0
        if keepingCapacity {
            var span = entries.mutableSpan
            for place in span.indices { span[place].value = nil }
        } else {
            entries = []
            shift = 64
        }
    }

    /// Takes out those whose value is not wanted.
    ///
    /// - Parameter isWanted: whether this id is to stay, with this value.
    public mutating func keep(_ isWanted: (JobID, Value) -> Bool) {
        let before = entries
        removeAll(keepingCapacity: true)
        for entry in before {
            let id = JobID(high: entry.high, low: entry.low)
            if let value = entry.value, isWanted(id, value) { add(value, id) }
        }
    }

    /// Makes room for so many ids in all, so that adding them moves nothing.
    ///
    /// - Parameter count: of the ids.
    public mutating func reserveCapacity(_ count: Int) {
        var places = Swift.max(16, entries.count)
        while count * 8 > places * 5 { places *= 2 }
        if places > entries.count { grow(to: places) }
    }

    @inlinable
    mutating func grow(to places: Int) {
        let before = entries
        entries = Array(repeating: Entry(.none, nil), count: places)
        shift = UInt64(64 - places.trailingZeroBitCount)
        used = 0
        for entry in before {
            if let value = entry.value { add(value, JobID(high: entry.high, low: entry.low)) }
        }
    }
}
