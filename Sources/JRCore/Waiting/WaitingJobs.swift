public import JRBase
public import JRWire

/// Jobs that wait for their time and have not begun, as a node keeps a million of them: packed, found by id, and taken
/// out in the order of their times.
///
/// A job is here only while it is at rest: stored, unchanged, and with nothing to tell. Whoever does something to it
/// takes it out first.
public struct WaitingJobs: Sendable {
    /// One of them, as it was put in.
    struct Waiting: Sendable {
        var record: JobRecord
        var origin: LinkID?
        var deadline: Instant
    }

    struct Slot: PackedSlot, Sendable {
        /// In ``packed``.
        var place: UInt32
        /// In ``heap``; of a free slot the next free one.
        var position: UInt32
    }

    struct Entry: Sendable {
        var deadline: Instant
        var order: UInt32
        var slot: UInt32

        static func < (left: Entry, right: Entry) -> Bool {
            left.deadline == right.deadline ? left.order < right.order : left.deadline < right.deadline
        }
    }

    private static let none = UInt32.max

    private var packed = PackedChunks()
    private var kinds = WaitingKinds()
    var known: [KnownKind] = []
    private var slots: [Slot] = []
    private var freeSlot = none
    /// By deadline; those of one deadline come out in the order in which they came.
    private var heap: [Entry] = []
    var nextOrder: UInt32 = 0
    private var table = WaitingTable()
    /// Bytes of the arguments of all of them.
    public private(set) var argumentBytes = 0

    /// None.
    public init() {}

    /// How many there are.
    public var count: Int { heap.count }

    var isEmpty: Bool { heap.isEmpty }

    var nextDeadline: Instant? { heap.first?.deadline }

    // MARK: In

    /// Whether a record says nothing that would be lost here.
    static func fits(_ record: JobRecord) -> Bool {
        record.status == .new && record.attempt == 0 && record.deaths == 0 && record.runs == 0 && record.due != nil
            && record.due == record.request.options.due && record.outcomes.isEmpty && record.startedAt == nil
            && record.failedAt == nil && record.endedAt == nil && record.lastError == nil && !record.isCancelRequested
            && !record.isDestroyRequested && (record.request.options.delay ?? .zero) >= .zero
    }

    /// False where it does not fit, or there is no room.
    mutating func insert(_ record: JobRecord, origin: LinkID?, at deadline: Instant) -> Bool {
        guard Self.fits(record), let due = record.due, let origin = UInt32(exactly: origin?.number ?? 0) else {
            return false
        }
        let kind = kinds.add(WaitingKinds.Kind(record.request))
        let request = record.request
        let head = PackedChunks.Head(
            slot: 0, argumentBytes: UInt32(clamping: request.arguments.count), id: request.id,
            created: request.created.milliseconds, due: due.milliseconds,
            delay: request.options.delay?.nanoseconds ?? -1, kind: kind, origin: origin)
        if insert(head, request.arguments[...], at: deadline) { return true }
        kinds.remove(kind)
        return false
    }

    private mutating func insert(
        _ head: PackedChunks.Head, _ arguments: ArraySlice<UInt8>, at deadline: Instant
    ) -> Bool {
        var head = head
        let isNew = freeSlot == Self.none
        head.slot = isNew ? UInt32(slots.count) : freeSlot
        guard let place = packed.append(head, arguments) else { return false }
        if isNew {
            slots.append(Slot(place: place, position: 0))
        } else {
            freeSlot = slots[Int(head.slot)].position
            slots[Int(head.slot)].place = place
        }
        if nextOrder == .max { renumber() }
        heap.append(Entry(deadline: deadline, order: nextOrder, slot: head.slot))
        nextOrder += 1
        siftUp(heap.count - 1)
        Self.insert(head.id, head.slot, into: &table, packed, slots)
        argumentBytes += arguments.count
        return true
    }

    // Static, as whoever holds what the closures look at would copy it with the next change.

    private static func insert(
        _ id: JobID, _ slot: UInt32, into table: inout WaitingTable, _ packed: PackedChunks, _ slots: [Slot]
    ) {
        table.insert(id, slot) { packed.id(at: slots[Int($0)].place) }
    }

    private static func remove(
        _ id: JobID, from table: inout WaitingTable, _ packed: PackedChunks, _ slots: [Slot]
    ) {
        table.remove(id) { packed.id(at: slots[Int($0)].place) }
    }

    /// After four thousand million of them.
    private mutating func renumber() {
        heap.sort { $0 < $1 }
        for index in heap.indices {
            heap[index].order = UInt32(index)
            slots[Int(heap[index].slot)].position = UInt32(index)
        }
        nextOrder = UInt32(heap.count)
    }

    // MARK: Looks

    func contains(_ id: JobID) -> Bool { !isEmpty && slot(of: id) != nil }

    private func slot(of id: JobID) -> UInt32? {
        table.find(id) { packed.id(at: slots[Int($0)].place) }
    }

    func record(_ id: JobID) -> JobRecord? {
        isEmpty ? nil : slot(of: id).flatMap { record(at: slots[Int($0)].place) }
    }

    private func record(at place: UInt32) -> JobRecord? {
        let head = packed.head(at: place)
        guard let kind = kinds[head.kind] else { return nil }
        var options = kind.options
        options.due = WallTime(milliseconds: head.due)
        if head.delay >= 0 { options.delay = Interval(nanoseconds: head.delay) }
        return JobRecord(
            request: JobRequest(
                id: head.id, name: kind.name, arguments: packed.arguments(at: place),
                created: WallTime(milliseconds: head.created), feedback: kind.feedback, client: kind.client,
                options: options))
    }

    /// Each of them, in no order that means anything.
    func forEach(_ body: (JobRecord) -> Void) {
        for slot in slots where slot.place != PackedChunks.nowhere {
            if let record = record(at: slot.place) { body(record) }
        }
    }

    /// The jobs of this application are told to go by another link.
    mutating func setOrigin(_ link: LinkID, ofJobsFrom client: JobID) {
        guard let number = UInt32(exactly: link.number) else { return }
        for slot in slots where slot.place != PackedChunks.nowhere {
            let kind = packed.head(at: slot.place).kind
            if kinds[kind]?.client == client { packed.setOrigin(number, at: slot.place) }
        }
    }

    mutating func setOrigin(_ link: LinkID, of id: JobID) {
        guard let slot = slot(of: id), let number = UInt32(exactly: link.number) else { return }
        packed.setOrigin(number, at: slots[Int(slot)].place)
    }

    // MARK: Out

    mutating func take(_ id: JobID) -> Waiting? {
        guard !isEmpty, let slot = slot(of: id) else { return nil }
        return take(at: Int(slots[Int(slot)].position))
    }

    mutating func popDue(at now: Instant) -> Waiting? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        return take(at: 0)
    }

    /// Any of them; nil when there is none left.
    mutating func popLast() -> Waiting? { isEmpty ? nil : take(at: heap.count - 1) }

    private mutating func take(at position: Int) -> Waiting? {
        let entry = heap[position]
        let place = slots[Int(entry.slot)].place
        guard let record = record(at: place) else { return nil }
        let head = packed.head(at: place)
        Self.remove(head.id, from: &table, packed, slots)
        remove(entry.slot, head, at: place)
        removeEntry(at: position)
        return Waiting(
            record: record, origin: head.origin == 0 ? nil : LinkID(Int(head.origin)), deadline: entry.deadline)
    }

    private mutating func remove(_ slot: UInt32, _ head: PackedChunks.Head, at place: UInt32) {
        packed.remove(head.length, at: place)
        kinds.remove(head.kind)
        slots[Int(slot)] = Slot(place: PackedChunks.nowhere, position: freeSlot)
        freeSlot = slot
        argumentBytes -= Int(head.argumentBytes)
        packed.tidy(&slots)
    }

    // MARK: The heap

    private mutating func removeEntry(at position: Int) {
        let last = heap.removeLast()
        guard position < heap.count else { return }
        heap[position] = last
        siftDown(position)
        siftUp(Int(slots[Int(last.slot)].position))
    }

    private mutating func place(_ entry: Entry, at position: Int) {
        heap[position] = entry
        slots[Int(entry.slot)].position = UInt32(position)
    }

    private mutating func siftUp(_ start: Int) {
        var position = start
        let entry = heap[position]
        while position > 0, entry < heap[(position - 1) / 2] {
            place(heap[(position - 1) / 2], at: position)
            position = (position - 1) / 2
        }
        place(entry, at: position)
    }

    private mutating func siftDown(_ start: Int) {
        var position = start
        let entry = heap[position]
        while true {
            var child = position * 2 + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < entry else { break }
            place(heap[child], at: position)
            position = child
        }
        place(entry, at: position)
    }
}

// MARK: From a storage

extension WaitingJobs {
    /// Puts in a job of which only the bytes are known that a storage has of it, if it fits.
    ///
    /// Its deadline is made by ``begin(at:)``. Most jobs are like one before them but for id, times and arguments; of
    /// these nothing else is decoded.
    ///
    /// - Parameters:
    ///   - bytes: the record, as ``JobRecord/encode(into:)`` writes it.
    ///   - id: what the storage knows it by.
    ///   - now: a job whose time has come is not put in.
    /// - Returns: whether it was put in.
    public mutating func insert(
        decoding bytes: ArraySlice<UInt8>, id: JobID, at now: WallTime
    ) throws(UnpackError) -> Bool {
        guard let scan = RecordScan(bytes), scan.id == id, scan.due > now.milliseconds else { return false }
        if let kind = known.first(where: { $0.matches(scan) }) {
            kinds.add(number: kind.number)
            if insert(scan.head(kind: kind.number), scan.arguments, at: .zero) { return true }
            kinds.remove(kind.number)
            return false
        }
        guard scan.saysNothingMore, insert(try JobRecord(decoding: bytes), origin: nil, at: .zero),
            let slot = slot(of: id)
        else { return false }
        if known.count == KnownKind.most { known.removeFirst() }
        known.append(KnownKind(scan, number: packed.head(at: slots[Int(slot)].place).kind))
        return true
    }

    /// Gives all of them their deadlines.
    ///
    /// A wall clock that is set back cannot put a job off beyond the delay that it waits out.
    mutating func begin(at now: Now) {
        known = []
        for index in heap.indices {
            let head = packed.head(at: slots[Int(heap[index].slot)].place)
            let wait = WallTime(milliseconds: head.due) - now.wall
            let most = head.delay >= 0 ? Interval(nanoseconds: head.delay) : wait
            heap[index].deadline = now.instant + max(.zero, min(wait, most))
        }
        for index in (0..<heap.count / 2).reversed() { siftDown(index) }
    }
}
