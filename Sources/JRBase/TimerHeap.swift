/// Deadlines with a value each: a binary heap in which every entry knows its place, so that cancelling is as cheap as
/// adding, O(log n), with one pending timer as with a million.
///
/// Entries with the same deadline come out in the order in which they were added.
public struct TimerHeap<Value> {
    @usableFromInline
    struct Entry {
        @usableFromInline var deadline: Instant
        @usableFromInline var order: UInt64
        @usableFromInline var handle: Handle

        @inlinable
        init(deadline: Instant, order: UInt64, handle: Handle) {
            self.deadline = deadline
            self.order = order
            self.handle = handle
        }

        @inlinable
        static func < (left: Entry, right: Entry) -> Bool {
            left.deadline == right.deadline ? left.order < right.order : left.deadline < right.deadline
        }
    }

    @usableFromInline
    struct Item {
        @usableFromInline var value: Value
        @usableFromInline var position: Int

        @inlinable
        init(value: Value, position: Int) {
            self.value = value
            self.position = position
        }
    }

    @usableFromInline var heap: [Entry] = []
    @usableFromInline var items = SlotMap<Item>()
    @usableFromInline var added: UInt64 = 0

    @inlinable
    public init() {}

    @inlinable
    public var count: Int { heap.count }

    @inlinable
    public var isEmpty: Bool { heap.isEmpty }

    @inlinable
    public var nextDeadline: Instant? { heap.first?.deadline }

    /// Makes room for so many more timers at once.
    @inlinable
    public mutating func reserve(_ more: Int) {
        heap.reserveCapacity(count + more)
        items.reserve(more)
    }

    @inlinable
    public mutating func insert(_ value: Value, at deadline: Instant) -> Handle {
        let handle = items.insert(Item(value: value, position: heap.count))
        heap.append(Entry(deadline: deadline, order: added, handle: handle))
        added &+= 1
        siftUp(heap.count - 1)
        return handle
    }

    /// The cancelled value, or nil when it had fired or been cancelled before.
    @inlinable
    @discardableResult
    public mutating func cancel(_ handle: Handle) -> Value? {
        guard let item = items.remove(handle) else { return nil }
        removeEntry(at: item.position)
        return item.value
    }

    /// Takes out the earliest value if its deadline is not after `now`.
    @inlinable
    public mutating func popDue(at now: Instant) -> (handle: Handle, value: Value)? {
        guard let first = heap.first, first.deadline <= now, let item = items.remove(first.handle) else { return nil }
        removeEntry(at: 0)
        return (first.handle, item.value)
    }

    @inlinable
    mutating func removeEntry(at position: Int) {
        let last = heap.count - 1
        if position != last {
            place(heap[last], at: position)
            heap.removeLast()
            siftDown(position)
            siftUp(position)
        } else {
            heap.removeLast()
        }
    }

    @inlinable
    mutating func place(_ entry: Entry, at position: Int) {
        heap[position] = entry
        items.with(entry.handle) { $0.position = position }
    }

    @inlinable
    mutating func siftUp(_ start: Int) {
        var position = start
        let entry = heap[position]
        while position > 0 {
            let parent = (position - 1) / 2
            guard entry < heap[parent] else { break }
            place(heap[parent], at: position)
            position = parent
        }
        place(entry, at: position)
    }

    @inlinable
    mutating func siftDown(_ start: Int) {
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

extension TimerHeap: Sendable where Value: Sendable {}
extension TimerHeap.Entry: Sendable {}
extension TimerHeap.Item: Sendable where Value: Sendable {}
