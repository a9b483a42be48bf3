/// A queue in a growing circular buffer: append and remove at both ends in O(1).
public struct Ring<Element> {
    @usableFromInline var storage: [Element?] = []
    @usableFromInline var head = 0
    @usableFromInline var used = 0

    @inlinable
    public init() {}

    @inlinable
    public var count: Int { used }

    @inlinable
    public var isEmpty: Bool { count == 0 }

    @inlinable
    public var first: Element? { isEmpty ? nil : storage[head] }

    @inlinable
    public subscript(position: Int) -> Element? {
        guard position >= 0, position < count else { return nil }
        return storage[(head + position) & (storage.count - 1)]
    }

    /// Calls `body` with the element at this position, in its place; nil, and no call, where there is none.
    @inlinable
    public mutating func with<Result>(_ position: Int, _ body: (inout Element) -> Result) -> Result? {
        guard position >= 0, position < count else { return nil }
        let index = (head + position) & (storage.count - 1)
        guard var element = storage[index].take() else { return nil }
        defer { storage[index] = element }
        return body(&element)
    }

    @inlinable
    public mutating func append(_ element: Element) {
        if count == storage.count { grow() }
        storage[(head + count) & (storage.count - 1)] = element
        used += 1
    }

    @inlinable
    public mutating func prepend(_ element: Element) {
        if count == storage.count { grow() }
        head = (head - 1) & (storage.count - 1)
        storage[head] = element
        used += 1
    }

    @inlinable
    @discardableResult
    public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = storage[head].take()
        head = (head + 1) & (storage.count - 1)
        used -= 1
        return element
    }

    @inlinable
    public mutating func removeAll() {
        storage.removeAll()
        head = 0
        used = 0
    }

    @inlinable
    public func forEach(_ body: (Element) throws -> Void) rethrows {
        for position in 0..<count {
            if let element = self[position] { try body(element) }
        }
    }

    @inlinable
    mutating func grow() {
        // A power of two, so that a position wraps with a mask.
        var larger: [Element?] = []
        let capacity = Swift.max(8, storage.count * 2)
        larger.reserveCapacity(capacity)
        for position in 0..<count { larger.append(self[position]) }
        for _ in count..<capacity { larger.append(nil) }
        storage = larger
        head = 0
    }
}

extension Ring: Sendable where Element: Sendable {}
