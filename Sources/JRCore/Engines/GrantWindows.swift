import JRBase

/// How many jobs each distributor may still send.
///
/// A grant is a total since the connection began, so that a repeated or late one does no harm, and it only rises: what
/// was allowed is never taken back. Jobs that the node woke by itself (scheduled, retried) are charged to the node and
/// make every window smaller.
struct GrantWindows: Sendable {
    struct Window: Sendable {
        let link: LinkID
        var received: UInt64 = 0
        var held = 0
        var granted: UInt64 = 0
        /// Jobs were refused for want of space: the next grant, even one that allows no more, says that there is some.
        var wasRefused = false
        var wasRefusedSchedule = false
    }

    let credit: Int
    /// By link. A node has few distributors, and every job looks here several times: a search costs less than a hash.
    private(set) var windows: [Window] = []
    private(set) var ownHeld = 0

    init(credit: Int) {
        self.credit = credit
    }

    /// Jobs that are ready, running or being stored to run at once.
    var heldCount: Int { windows.reduce(ownHeld) { $0 + $1.held } }

    var links: [LinkID] { windows.map(\.link) }

    private func place(of link: LinkID) -> Int? { windows.firstIndex { $0.link == link } }

    mutating func open(_ link: LinkID) {
        close(link)
        windows.insert(Window(link: link), at: windows.firstIndex { link < $0.link } ?? windows.count)
    }

    mutating func close(_ link: LinkID) { windows.removeAll { $0.link == link } }
    func isOpen(_ link: LinkID) -> Bool { place(of: link) != nil }

    func held(by link: LinkID) -> Int? { place(of: link).map { windows[$0].held } }

    mutating func received(from link: LinkID) {
        if let place = place(of: link) { windows[place].received += 1 }
    }

    mutating func refused(_ link: LinkID, scheduled: Bool) {
        guard let place = place(of: link) else { return }
        if scheduled { windows[place].wasRefusedSchedule = true } else { windows[place].wasRefused = true }
    }

    /// Every distributor gets a grant next, even one that allows no more than the last.
    mutating func announceAll() {
        for place in windows.indices { windows[place].wasRefused = true }
    }

    mutating func charge(_ link: LinkID?) {
        if let link, let place = place(of: link) { windows[place].held += 1 } else { ownHeld += 1 }
    }

    /// Takes off a charge; that of a link which closed meanwhile went with it.
    mutating func discharge(_ link: LinkID?) {
        guard let link else {
            ownHeld -= 1
            return
        }
        if let place = place(of: link) { windows[place].held -= 1 }
    }

    /// The grants worth sending now: a quarter of a window at least, unless nothing is left of the last one or the
    /// distributor waits for word that there is space again.
    mutating func due(takesScheduled: Bool) -> [(link: LinkID, total: UInt64)] {
        guard !windows.isEmpty else { return [] }
        let share = max(credit > ownHeld ? 1 : 0, (credit - ownHeld) / windows.count)
        var grants: [(LinkID, UInt64)] = []
        for place in windows.indices {
            let window = windows[place]
            let total = max(window.granted, window.received + UInt64(max(0, share - window.held)))
            let isMore = total > window.granted
            let isWorth = total - window.granted >= UInt64(max(1, share / 4)) || window.granted <= window.received
            let isAwaited = window.wasRefused || (window.wasRefusedSchedule && takesScheduled)
            guard isAwaited || (isMore && isWorth) else { continue }
            windows[place].granted = total
            windows[place].wasRefused = false
            windows[place].wasRefusedSchedule = false
            grants.append((window.link, total))
        }
        return grants
    }
}

/// Ready jobs in lines by lane, oldest first, and how many of each lane run.
struct ReadyLines: Sendable {
    private var lines = InlineArray<3, Ring<Handle>>(repeating: Ring())
    private var running: InlineArray<3, Int> = [0, 0, 0]
    private let limits: InlineArray<3, Int>
    private var turn = 0

    init(settings: NodeSettings) {
        limits = [settings.credit, settings.poolJobs, settings.programJobs]
    }

    var runningCount: Int { running[0] + running[1] + running[2] }
    var readyCount: Int { lines[0].count + lines[1].count + lines[2].count }

    mutating func append(_ job: Handle, lane: Lane) { lines[lane.rawValue].append(job) }

    /// The oldest of each line of those that `isReady` says are still in it.
    func heads(_ isReady: (Handle) -> Bool) -> [Handle] {
        lines.indices.compactMap { index in
            for position in 0..<lines[index].count {
                if let job = lines[index][position], isReady(job) { return job }
            }
            return nil
        }
    }

    /// The next job of a lane that has room, the lanes in turn.
    mutating func next() -> (job: Handle, lane: Lane)? {
        var index = turn
        for _ in lines.indices {
            let next = index == 2 ? 0 : index + 1
            if !lines[index].isEmpty, running[index] < limits[index], let lane = Lane(rawValue: index),
                let job = lines[index].popFirst()
            {
                turn = next
                return (job, lane)
            }
            index = next
        }
        return nil
    }

    mutating func started(_ lane: Lane) { running[lane.rawValue] += 1 }
    mutating func ended(_ lane: Lane) { running[lane.rawValue] -= 1 }
}
