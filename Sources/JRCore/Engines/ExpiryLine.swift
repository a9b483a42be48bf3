import JRBase

/// When jobs that have ended are forgotten, oldest first. All of them are kept equally long and nearly all go long
/// before that, in the order of their coming: so a line does what a heap would do for ten times as much.
struct ExpiryLine: Sendable {
    private struct Place: Sendable {
        let deadline: Instant
        let job: Handle
        var isLeft = false
    }

    private var places = Ring<Place>()
    /// The number of the first place.
    private var first: UInt64 = 0
    /// Of the last place, while there is one.
    private var latest = Instant.zero
    /// Places in the line that were left.
    private var left = 0

    var nextDeadline: Instant? { places.first?.deadline }

    /// Gives the number of the place; nil where the line already has a later deadline.
    mutating func append(_ job: Handle, at deadline: Instant) -> UInt64? {
        if latest > deadline, !places.isEmpty { return nil }
        latest = deadline
        places.append(Place(deadline: deadline, job: job))
        return first + UInt64(places.count - 1)
    }

    mutating func leave(_ number: UInt64) {
        guard number >= first else { return }
        if number == first {
            popFirst()
            return
        }
        let isThere = places.with(Int(number - first)) { place in
            defer { place.isLeft = true }
            return !place.isLeft
        }
        if isThere == true { left += 1 }
    }

    mutating func popDue(at now: Instant) -> Handle? {
        guard let place = places.first, place.deadline <= now else { return nil }
        return popFirst()?.job
    }

    /// A job that is long in the line while most of those behind it have left: it is to wait elsewhere, so that the
    /// line stays as long as what waits in it.
    mutating func popStraggler() -> (job: Handle, deadline: Instant)? {
        guard left > 1_024, left > places.count / 2 else { return nil }
        return popFirst()
    }

    @discardableResult
    private mutating func popFirst() -> (job: Handle, deadline: Instant)? {
        guard let place = places.popFirst() else { return nil }
        first += 1
        dropLeft()
        return (place.job, place.deadline)
    }

    private mutating func dropLeft() {
        while places.first?.isLeft == true {
            places.popFirst()
            first += 1
            left -= 1
        }
    }
}

extension NodeEngine {
    /// Where it is noted when an ended job is forgotten.
    enum Expiry: Sendable, Equatable {
        case place(UInt64)
        case timer(Handle)
    }

    mutating func expire(_ handle: Handle, at deadline: Instant) -> Expiry {
        while let (straggler, deadline) = expiries.popStraggler() {
            let timer = timers.insert(.expiry(straggler), at: deadline)
            jobs.with(straggler) { $0.phase = .ended(expiry: .timer(timer)) }
        }
        if let number = expiries.append(handle, at: deadline) { return .place(number) }
        return .timer(timers.insert(.expiry(handle), at: deadline))
    }

    mutating func cancel(_ expiry: Expiry) {
        switch expiry {
        case .place(let number): expiries.leave(number)
        case .timer(let timer): timers.cancel(timer)
        }
    }

    /// Nobody came for its outcome.
    mutating func expired(_ handle: Handle) {
        guard case .ended? = phase(of: handle) else { return }
        jobs.with(handle) { $0.record.outcomes.removeAll() }
        settle(handle)
    }
}
