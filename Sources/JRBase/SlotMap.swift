/// The name of a place in a ``SlotMap``: an index, and how often that place had been used before.
///
/// A handle that outlives its element is recognised instead of reaching the next one.
public struct Handle: Hashable, Sendable, BitwiseCopyable {
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
    struct Place {
        @usableFromInline var element: Element

        @inlinable
        init(_ element: consuming Element) {
            self.element = element
        }

        @inlinable
        mutating func apply<Result>(_ body: (inout Element) -> Result) -> Result { body(&element) }
    }

    @usableFromInline var places: [Place?] = []
    /// Beside the elements and not among them, so that a look at one copies nothing of the other. Odd while the place
    /// is free: no handle reaches what ``leave(_:)`` left there.
    @usableFromInline var generations: [UInt32] = []
    @usableFromInline var free: [Int32] = []

    @inlinable
    public init() {}

    @inlinable
    public var count: Int { places.count - free.count }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    /// Makes room for so many more elements at once: growing little by little would move those that are there each
    /// time.
    @inlinable
    public mutating func reserve(_ more: Int) {
        places.reserveCapacity(count + more)
        generations.reserveCapacity(count + more)
    }

    @inlinable
    public mutating func insert(_ element: consuming Element) -> Handle {
        if let index = free.popLast() {
            generations[Int(index)] &+= 1
            var span = places.mutableSpan
            span[Int(index)] = Place(element)
            return Handle(index: index, generation: generations[Int(index)])
        }
        places.append(Place(element))
        generations.append(0)
        return Handle(index: Int32(places.count - 1), generation: 0)
    }

    @inlinable
    public func contains(_ handle: Handle) -> Bool {
        guard isValid(handle) else { return false }
        if case .some = places[Int(handle.index)] { return true }
        return false
    }

    /// Whether the handle's generation is that of its place. Where it is, the place is taken, unless the handle was
    /// made up.
    @inlinable
    func isValid(_ handle: Handle) -> Bool {
        let index = Int(handle.index)
        return index >= 0 && index < generations.count && generations[index] == handle.generation
    }

    /// The element, or nil when it was removed. Setting nil removes it; setting a removed element does nothing.
    ///
    /// Reading copies the whole element: where it is large and only a part is wanted, ``with(_:_:)`` is for that.
    @inlinable
    public subscript(handle: Handle) -> Element? {
        get { isValid(handle) ? places[Int(handle.index)]?.element : nil }
        _modify {
            if contains(handle) {
                var element = places[Int(handle.index)].take()?.element
                defer {
                    if let element { places[Int(handle.index)] = Place(element) } else { release(handle) }
                }
                yield &element
            } else {
                var none: Element?
                yield &none
            }
        }
    }

    /// Calls `body` with the element in its place: for a look at a part of it, or several changes at once. Nil, and no
    /// call, when it was removed.
    @inlinable
    @discardableResult
    public mutating func with<Result>(_ handle: Handle, _ body: (inout Element) -> Result) -> Result? {
        guard isValid(handle) else { return nil }
        // Of an array the element would be lent by a call of its own, of a span it is only an address.
        var span = places.mutableSpan
        return span[Int(handle.index)]?.apply(body)
    }

    @inlinable
    @discardableResult
    public mutating func remove(_ handle: Handle) -> Element? {
        guard isValid(handle), let place = places[Int(handle.index)].take() else { return nil }
        release(handle)
        return place.element
    }

    /// Removes an element that nobody wants to see any more, without moving it out.
    @inlinable
    public mutating func discard(_ handle: Handle) {
        guard contains(handle) else { return }
        var span = places.mutableSpan
        span[Int(handle.index)] = nil
        release(handle)
    }

    /// Removes an element, and leaves what is in its place there until another one takes the place: for large elements
    /// that come and go, which nothing has to be moved for then.
    ///
    /// - Parameter handle: of the element; one that was removed changes nothing.
    @inlinable
    public mutating func leave(_ handle: Handle) {
        if isValid(handle) { release(handle) }
    }

    /// Adds an element where another one was left: `renew` makes it of that one. Nil, and no call, where none was left
    /// in the place that is next; then it is for ``insert(_:)``.
    ///
    /// - Parameter renew: is to leave nothing of what was there before.
    @inlinable
    public mutating func reuse(_ renew: (inout Element) -> Void) -> Handle? {
        guard let index = free.last else { return nil }
        var span = places.mutableSpan
        guard span[Int(index)]?.apply(renew) != nil else { return nil }
        free.removeLast()
        generations[Int(index)] &+= 1
        return Handle(index: index, generation: generations[Int(index)])
    }

    /// How many places have no element.
    @inlinable
    public var freeCount: Int { free.count }

    @inlinable
    mutating func release(_ handle: Handle) {
        generations[Int(handle.index)] &+= 1
        free.append(handle.index)
    }

    /// Visits every element in the order of its place (not of insertion).
    @inlinable
    public func forEach(_ body: (Handle, Element) throws -> Void) rethrows {
        for index in places.indices {
            if generations[index] & 1 == 0, let place = places[index] {
                try body(Handle(index: Int32(index), generation: generations[index]), place.element)
            }
        }
    }

    @inlinable
    public var handles: [Handle] {
        var all: [Handle] = []
        all.reserveCapacity(count)
        for index in places.indices {
            if generations[index] & 1 == 0, case .some = places[index] {
                all.append(Handle(index: Int32(index), generation: generations[index]))
            }
        }
        return all
    }
}

extension SlotMap: Sendable where Element: Sendable {}
extension SlotMap.Place: Sendable where Element: Sendable {}
