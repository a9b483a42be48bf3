/// A value of the loop that is not `Sendable`, carried by closures and tasks that are, and opened only on the loop.
///
/// It is also released on the loop's thread, wherever the last reference to this carrier goes.
public final class LoopBound<Value>: @unchecked Sendable {
    // SAFETY: the value is made on the loop's thread, reached only through `open` and `openHere`, which demand that
    // thread, and released there or, once the loop has stopped and nothing of it runs any more, wherever the carrier
    // ends.
    @usableFromInline
    final class Box {
        @usableFromInline let value: Value

        init(_ value: Value) {
            self.value = value
        }
    }

    @usableFromInline
    struct Parcel: @unchecked Sendable {
        // SAFETY: a counted reference on its way to the thread that gives it up; nobody else uses it.
        @usableFromInline let box: Unmanaged<Box>
    }

    public let reactor: Reactor
    @usableFromInline let parcel: Parcel

    public init(_ value: Value, _ loop: Loop) {
        reactor = loop.reactor
        parcel = Parcel(box: .passRetained(Box(value)))
    }

    deinit {
        let parcel = parcel
        if reactor.isOnLoop || !reactor.execute({ _ in parcel.box.release() }) {
            parcel.box.release()
        }
    }

    /// Calls `body` with the value if this is its loop's thread; else it gives false.
    @inlinable
    public func openHere(_ body: (Value) -> Void) -> Bool {
        guard reactor.isOnLoop else { return false }
        body(parcel.box.takeUnretainedValue().value)
        return true
    }

    /// The value. Traps with the loop of another reactor.
    @inlinable
    public func open(_ loop: Loop) -> Value {
        precondition(
            loop.reactor === reactor, "a value of reactor '\(reactor.name)' was opened on '\(loop.reactor.name)'")
        return parcel.box.takeUnretainedValue().value
    }
}
