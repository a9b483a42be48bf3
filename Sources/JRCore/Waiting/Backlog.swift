import JRBase
import JRWire

/// Jobs that stand far back in a line of a distributor, as it keeps a million of them: packed, found by id, and taken
/// out in the order of their coming.
///
/// A job is here only while it stands in line and was sent to nobody.
struct Backlog: Sendable {
    /// One of them, as it was put in.
    struct Waiting: Sendable {
        var request: JobRequest
        var order: UInt64
        var route: Int
    }

    private struct Slot: PackedSlot, Sendable {
        var order: UInt64
        /// In ``packed``.
        var place: UInt32
        /// Behind it in its line; of a free slot the next free one.
        var next: UInt32
        /// Before it in its line.
        var previous: UInt32
    }

    private struct Line: Sendable {
        var first = none
        var last = none
    }

    private static let none = UInt32.max

    private var packed = PackedChunks()
    private var kinds = WaitingKinds()
    private var slots: [Slot] = []
    private var freeSlot = none
    private var table = WaitingTable()
    /// By route: routes are numbered from 0, and every job looks here twice.
    private var lines: [Line] = []
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    func hasLine(of route: Int) -> Bool { line(of: route).first != Self.none }

    private func line(of route: Int) -> Line { route < lines.count ? lines[route] : Line() }

    func contains(_ id: JobID) -> Bool { !isEmpty && slot(of: id) != nil }

    subscript(id: JobID) -> Waiting? { isEmpty ? nil : slot(of: id).flatMap(waiting(in:)) }

    /// Of the heads of all lines the oldest.
    var first: Waiting? {
        let heads = lines.lazy.map(\.first).filter { $0 != Self.none }
        return heads.min { slots[Int($0)].order < slots[Int($1)].order }.flatMap { waiting(in: $0) }
    }

    // MARK: In

    /// To the end of its line. False where there is no room for more.
    mutating func append(_ request: JobRequest, order: UInt64, route: Int) -> Bool {
        guard slots.count < Int(Self.none), let number = UInt32(exactly: route) else { return false }
        let kind = kinds.add(WaitingKinds.Kind(request))
        let slot = freeSlot == Self.none ? UInt32(slots.count) : freeSlot
        let head = PackedChunks.Head(
            slot: slot, argumentBytes: UInt32(clamping: request.arguments.count), id: request.id,
            created: request.created.milliseconds, due: request.options.due?.milliseconds ?? .min,
            delay: request.options.delay?.nanoseconds ?? -1, kind: kind, origin: number)
        guard let place = packed.append(head, request.arguments[...]) else {
            kinds.remove(kind)
            return false
        }
        while lines.count <= route { lines.append(Line()) }
        let last = lines[route].last
        let new = Slot(order: order, place: place, next: Self.none, previous: last)
        if freeSlot == Self.none {
            slots.append(new)
        } else {
            freeSlot = slots[Int(slot)].next
            slots[Int(slot)] = new
        }
        if last == Self.none { lines[route].first = slot } else { slots[Int(last)].next = slot }
        lines[route].last = slot
        // Static, as whoever holds what the closure looks at would copy it with the next change.
        Self.insert(request.id, slot, into: &table, packed, slots)
        count += 1
        return true
    }

    private static func insert(
        _ id: JobID, _ slot: UInt32, into table: inout WaitingTable, _ packed: PackedChunks, _ slots: [Slot]
    ) {
        table.insert(id, slot) { packed.id(at: slots[Int($0)].place) }
    }

    /// The application that is to hear of it has another session.
    mutating func setClient(_ client: JobID, of id: JobID) {
        guard !isEmpty, let slot = slot(of: id) else { return }
        let place = slots[Int(slot)].place
        let number = packed.head(at: place).kind
        guard var kind = kinds[number], kind.client != client else { return }
        kind.client = client
        packed.setKind(kinds.add(kind), at: place)
        kinds.remove(number)
    }

    // MARK: Looks

    private func slot(of id: JobID) -> UInt32? {
        table.find(id) { packed.id(at: slots[Int($0)].place) }
    }

    private func waiting(in slot: UInt32) -> Waiting? {
        let (order, place) = (slots[Int(slot)].order, slots[Int(slot)].place)
        guard place != PackedChunks.nowhere else { return nil }
        let head = packed.head(at: place)
        guard let kind = kinds[head.kind] else { return nil }
        var options = kind.options
        if head.due != .min { options.due = WallTime(milliseconds: head.due) }
        if head.delay >= 0 { options.delay = Interval(nanoseconds: head.delay) }
        let request = JobRequest(
            id: head.id, name: kind.name, arguments: packed.arguments(at: place),
            created: WallTime(milliseconds: head.created), feedback: kind.feedback, client: kind.client,
            options: options)
        return Waiting(request: request, order: order, route: Int(head.origin))
    }

    /// Those that have stood in line for longest, in order.
    ///
    /// - Parameter most: no more than these.
    func oldest(_ most: Int) -> [Waiting] {
        var found: [(order: UInt64, slot: UInt32)] = []
        func keepOldest() {
            found.sort { $0.order < $1.order }
            found.removeLast(max(0, found.count - most))
        }
        for (index, slot) in slots.enumerated() where slot.place != PackedChunks.nowhere {
            found.append((slot.order, UInt32(index)))
            if found.count >= 2 * most + 64 { keepOldest() }
        }
        keepOldest()
        return found.compactMap { waiting(in: $0.slot) }
    }

    // MARK: Out

    mutating func take(_ id: JobID) -> Waiting? {
        isEmpty ? nil : slot(of: id).flatMap { take($0) }
    }

    /// The head of a line.
    mutating func popFirst(of route: Int) -> Waiting? {
        let first = line(of: route).first
        return first == Self.none ? nil : take(first)
    }

    private mutating func take(_ slot: UInt32) -> Waiting? {
        guard let found = waiting(in: slot) else { return nil }
        let place = slots[Int(slot)].place
        let head = packed.head(at: place)
        Self.remove(head.id, from: &table, packed, slots)
        leaveLine(slot, of: found.route)
        packed.remove(head.length, at: place)
        kinds.remove(head.kind)
        slots[Int(slot)] = Slot(order: 0, place: PackedChunks.nowhere, next: freeSlot, previous: Self.none)
        freeSlot = slot
        count -= 1
        if isEmpty { giveBack() } else { packed.tidy(&slots) }
        return found
    }

    private static func remove(
        _ id: JobID, from table: inout WaitingTable, _ packed: PackedChunks, _ slots: [Slot]
    ) {
        table.remove(id) { packed.id(at: slots[Int($0)].place) }
    }

    private mutating func leaveLine(_ slot: UInt32, of route: Int) {
        let (next, previous) = (slots[Int(slot)].next, slots[Int(slot)].previous)
        if previous != Self.none { slots[Int(previous)].next = next } else { lines[route].first = next }
        if next != Self.none { slots[Int(next)].previous = previous } else { lines[route].last = previous }
    }

    /// A backlog is worked off at some time, and may not come again.
    private mutating func giveBack() {
        packed = PackedChunks()
        slots = []
        lines = []
        freeSlot = Self.none
        table = WaitingTable()
    }
}
