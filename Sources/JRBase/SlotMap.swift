/// The name of a place in a ``SlotMap``: an index, and how often that place had been used before.
///
/// A handle that outlives its element is recognised instead of reaching the next one.
public struct Handle: Hashable, Sendable {
    public let index: Int32
    public let generation: UInt32

    @inlinable
    public init(index: Int32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }

    /// Both halves in one word, for places that keep only a number (epoll's user data).
    @inlinable
    public var bits: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: index)) }

    @inlinable
    public init(bits: UInt64) {
        self.init(index: Int32(truncatingIfNeeded: bits), generation: UInt32(truncatingIfNeeded: bits >> 32))
    }
}

/// Elements in an array, reached by handles that stay valid until the element is removed.
///
/// Insert, remove and access are O(1); memory is kept for reuse.
public struct SlotMap<Element> {
    @usableFromInline
    struct Slot {
        @usableFromInline var element: Element?
        @usableFromInline var generation: UInt32

        @inlinable
        init(element: Element?, generation: UInt32) {
            self.element = element
            self.generation = generation
        }
    }

    @usableFromInline var slots: [Slot] = []
    @usableFromInline var free: [Int32] = []

    @inlinable
    public init() {}

    @inlinable
    public var count: Int { slots.count - free.count }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    @inlinable
    public mutating func insert(_ element: Element) -> Handle {
        if let index = free.popLast() {
            slots[Int(index)].element = element
            return Handle(index: index, generation: slots[Int(index)].generation)
        }
        slots.append(Slot(element: element, generation: 0))
        return Handle(index: Int32(slots.count - 1), generation: 0)
    }

    @inlinable
    public func contains(_ handle: Handle) -> Bool {
        handle.index >= 0 && Int(handle.index) < slots.count
            && slots[Int(handle.index)].generation == handle.generation
            && slots[Int(handle.index)].element != nil
    }

    /// The element, or nil when it was removed. Setting nil removes it; setting a removed element does nothing.
    @inlinable
    public subscript(handle: Handle) -> Element? {
        get { contains(handle) ? slots[Int(handle.index)].element : nil }
        _modify {
            if contains(handle) {
                yield &slots[Int(handle.index)].element
                if slots[Int(handle.index)].element == nil { release(handle) }
            } else {
                var none: Element?
                yield &none
            }
        }
    }

    @inlinable
    @discardableResult
    public mutating func remove(_ handle: Handle) -> Element? {
        guard contains(handle) else { return nil }
        let element = slots[Int(handle.index)].element.take()
        release(handle)
        return element
    }

    @inlinable
    mutating func release(_ handle: Handle) {
        slots[Int(handle.index)].generation &+= 1
        free.append(handle.index)
    }

    /// Visits every element in the order of its place (not of insertion).
    @inlinable
    public func forEach(_ body: (Handle, Element) throws -> Void) rethrows {
        for index in slots.indices {
            if let element = slots[index].element {
                try body(Handle(index: Int32(index), generation: slots[index].generation), element)
            }
        }
    }

    @inlinable
    public var handles: [Handle] {
        var all: [Handle] = []
        all.reserveCapacity(count)
        forEach { handle, _ in all.append(handle) }
        return all
    }
}

extension SlotMap: Sendable where Element: Sendable {}
extension SlotMap.Slot: Sendable where Element: Sendable {}
