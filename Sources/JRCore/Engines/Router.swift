import JRBase
import JRWire

/// What decides where a job may go: jobs that are alike in this wait in one line.
struct RouteKey: Hashable, Sendable {
    var name: String
    var placement: Placement
    /// A job for a later time uses no credit: its node only keeps it.
    var isScheduled: Bool
}

/// A node as the distributor sees it.
struct NodeLink: Sendable {
    var name: String
    var session: JobID
    var incarnation: Int
    var jobs: Set<String>
    var promise: String
    /// How many jobs it holds at the most, and how many it has allowed and been sent since it connected.
    var credit: Int
    /// When it connected.
    var since: WallTime
    /// Its number among the nodes that are connected; another one's when it has gone.
    var seat = 0
    /// Whether it took jobs, for now and for later, when that was last noted.
    var noted = (now: false, later: false)
    var granted: UInt64 = 0
    var sent: UInt64 = 0
    var isDraining = false
    /// It refused for want of space, or has no place for scheduled jobs; its next grant lifts both.
    var isFull = false
    var isScheduleFull = false
    /// What was sent to it and is not yet stored: bounded, so that no backlog is poured into one connection at once.
    var unstoredBytes = 0
    /// Sent to it and not yet stored, oldest first; entries settled out of order are skipped when reached.
    var unstored = Ring<Handle>()

    /// Applications for whose outcomes it was asked, and has not answered yet: how often.
    var asked: [JobID: Int] = [:]

    func takes(scheduled: Bool) -> Bool {
        !isDraining && !isFull && unstoredBytes < Limits.outboxSoftBytes
            && (scheduled ? !isScheduleFull : sent < granted)
    }

    /// Jobs it holds ready or running, as far as its grants tell.
    var load: Int { Int(truncatingIfNeeded: sent &+ UInt64(credit) &- granted) }
}

/// The lines of waiting jobs and the choice of a node for each.
///
/// Nothing is searched for: a job looks for a node when it comes, a node's new credit looks for the oldest job it may
/// run, and in between nothing happens.
struct Router: Sendable {
    struct Route: Sendable {
        var key: RouteKey
        /// Nodes that know the job and are allowed to run it, and those of them that it is to go to first, if any.
        var eligible = Seats()
        var preferred: Seats?
        var waiting = Ring<(order: UInt64, job: Handle)>()
        /// Jobs that left the line from its middle since it was last tidied, at the most.
        var left = 0
        /// The seat to begin with among equally loaded nodes, so that they take turns.
        var turn = 0
        /// Jobs of this kind that the distributor holds, waiting or on their way.
        var held = 0
        /// Only the name counts.
        let isPlain: Bool

        init(key: RouteKey) {
            self.key = key
            isPlain = !key.isScheduled && key.placement == .anywhere && !key.name.isEmpty
        }
    }

    private(set) var nodes: [LinkID: NodeLink] = [:]
    private(set) var routes: [Route] = []
    private var routeNumbers: [RouteKey: Int] = [:]
    private var freeRoutes: [Int] = []
    private var sweepAt = 1_024
    /// The line that the last job went to.
    private var latest = 0
    /// By seat: who sits there, how many jobs it holds, and whether it takes one for now, or for later.
    private var seated: [LinkID?] = []
    private(set) var loads: [Int] = []
    private(set) var free = Seats()
    private(set) var freeForLater = Seats()
    /// Where the node is that was last looked at, which is nearly always the next one too.
    private var latestNode: (link: LinkID, place: Dictionary<LinkID, NodeLink>.Index)?

    /// The line for jobs of this kind, which now has one more to hold.
    mutating func enter(_ key: RouteKey) -> Int {
        // Most jobs are like the one before them, and a comparison costs less than a hash.
        if latest >= routes.count || routes[latest].key != key { latest = routeNumbers[key] ?? newRoute(for: key) }
        routes[latest].held += 1
        return latest
    }

    /// The same for a job that asks for nothing but its name, if the one before it had the same; else nil.
    mutating func enterAgain(_ name: String) -> Int? {
        guard latest < routes.count, routes[latest].isPlain, routes[latest].key.name == name else { return nil }
        routes[latest].held += 1
        return latest
    }

    /// A job of this line is settled.
    mutating func leave(_ route: Int) { routes[route].held -= 1 }

    private mutating func newRoute(for key: RouteKey) -> Int {
        if freeRoutes.isEmpty, routes.count >= sweepAt { sweep() }
        var route = Route(key: key)
        seatEligible(&route)
        let number = freeRoutes.popLast() ?? routes.count
        if number == routes.count { routes.append(route) } else { routes[number] = route }
        routeNumbers[key] = number
        return number
    }

    /// Lines are kept when they run empty, since most are used again; not for ever, since anyone can make up names.
    private mutating func sweep() {
        for number in routes.indices where routes[number].held == 0 {
            routeNumbers[routes[number].key] = nil
            routes[number] = Route(key: .unused)
            freeRoutes.append(number)
        }
        sweepAt = max(sweepAt, 2 * (routes.count - freeRoutes.count))
    }

    mutating func add(_ node: NodeLink, at link: LinkID) {
        latestNode = nil
        var node = node
        node.seat = seated.firstIndex(of: nil) ?? seated.count
        if node.seat == seated.count {
            seated.append(nil)
            loads.append(0)
        }
        seated[node.seat] = link
        node.noted = (false, false)
        let standing = Standing(of: &node)
        nodes[link] = node
        note(standing)
        refreshRoutes()
    }

    mutating func remove(_ link: LinkID) -> NodeLink? {
        latestNode = nil
        guard let node = nodes.removeValue(forKey: link) else { return nil }
        seated[node.seat] = nil
        free.set(node.seat, false)
        freeForLater.set(node.seat, false)
        refreshRoutes()
        return node
    }

    mutating func forget(job name: String, at link: LinkID) {
        update(link) { $0.jobs.remove(name) }
        refreshRoutes()
    }

    mutating func update(_ link: LinkID, _ change: (inout NodeLink) -> Void) {
        let standing = with(link) { node in
            change(&node)
            return Standing(of: &node)
        }
        if let standing { note(standing) }
    }

    /// What is looked at of a node when one is chosen.
    private struct Standing {
        let seat: Int
        let load: Int
        /// Nil where it takes as many as when it was last noted.
        let takes: (now: Bool, later: Bool)?

        init(of node: inout NodeLink) {
            seat = node.seat
            load = node.load
            let takes = (now: node.takes(scheduled: false), later: node.takes(scheduled: true))
            self.takes = takes == node.noted ? nil : takes
            node.noted = takes
        }
    }

    private mutating func note(_ standing: Standing) {
        var span = loads.mutableSpan
        span[standing.seat] = standing.load
        guard let takes = standing.takes else { return }
        free.set(standing.seat, takes.now)
        freeForLater.set(standing.seat, takes.later)
    }

    /// A look at a node without a copy of it, or a change; nil, and no call, if it is not there.
    private mutating func with<Result>(_ link: LinkID, _ body: (inout NodeLink) -> Result) -> Result? {
        if let latestNode, latestNode.link == link { return body(&nodes.values[latestNode.place]) }
        guard let place = nodes.index(forKey: link) else { return nil }
        latestNode = (link, place)
        return body(&nodes.values[place])
    }

    /// The name of the node behind the link, if there is one.
    mutating func name(of link: LinkID) -> String? { with(link) { $0.name } }

    /// Whether a node is there, and has answered when it was last asked for this application's outcomes.
    mutating func isAnswering(_ link: LinkID, for client: JobID) -> Bool {
        with(link) { $0.asked.isEmpty || $0.asked[client] == nil } ?? false
    }

    /// A job goes to a node.
    mutating func sent(_ job: Handle, bytes: Int, of route: Int, to link: LinkID) {
        let isScheduled = routes[route].key.isScheduled
        update(link) { node in
            if !isScheduled { node.sent += 1 }
            node.unstoredBytes += bytes
            node.unstored.append(job)
        }
    }

    mutating func wait(_ job: Handle, order: UInt64, in route: Int) {
        routes[route].waiting.append((order, job))
    }

    /// Takes what no longer waits out of a line, once that is most of it: so that leaving a line costs no search.
    mutating func tidy(_ route: Int, waits: (Handle) -> Bool) {
        routes[route].left += 1
        guard routes[route].left > 64, routes[route].left > routes[route].waiting.count / 2 else { return }
        var waiting = Ring<(order: UInt64, job: Handle)>()
        for position in 0..<routes[route].waiting.count {
            if let place = routes[route].waiting[position], waits(place.job) { waiting.append(place) }
        }
        routes[route].waiting = waiting
        routes[route].left = 0
    }

    mutating func waitAtFront(_ job: Handle, order: UInt64, in route: Int) {
        routes[route].waiting.prepend((order, job))
    }

    /// The least loaded of the free nodes, preferred ones before all others; equals take turns.
    mutating func choose(for route: Int) -> LinkID? {
        let (turn, isScheduled) = (routes[route].turn, routes[route].key.isScheduled)
        func least(_ preferred: Seats?) -> Int? {
            (isScheduled ? freeForLater : free).leastLoaded(in: routes[route].eligible, preferred, from: turn, loads)
        }
        var seat: Int?
        if let preferred = routes[route].preferred { seat = least(preferred) }
        guard let seat = seat ?? least(nil) else { return nil }
        routes[route].turn = seat + 1
        return seated[seat]
    }

    /// The line with the oldest waiting job for which there is a free node now, and the order of the oldest in any
    /// other such line: what waits in the first and came before that is next, since free nodes only get fewer.
    mutating func nextLine() -> (route: Int, end: UInt64)? {
        var oldest: (route: Int, order: UInt64)?
        var end = UInt64.max
        for number in routes.indices {
            guard let head = routes[number].waiting.first, isServable(number) else { continue }
            if let known = oldest, known.order <= head.order {
                end = min(end, head.order)
            } else {
                if let known = oldest { end = known.order }
                oldest = (number, head.order)
            }
        }
        return oldest.map { ($0.route, end) }
    }

    /// Takes the first out of a line for which there is a free node now, with that node.
    ///
    /// - Parameters:
    ///   - route: the line.
    ///   - end: only what came before this.
    mutating func nextMatch(of route: Int, before end: UInt64) -> (job: Handle, node: LinkID)? {
        guard let head = routes[route].waiting.first, head.order < end, let node = choose(for: route) else {
            return nil
        }
        routes[route].waiting.popFirst()
        return (head.job, node)
    }

    /// Why jobs of this route wait, for people.
    func reasonToWait(_ route: Int) -> String {
        let key = routes[route].key
        if nodes.isEmpty { return "no node is connected" }
        if !routes[route].eligible.isEmpty { return "every node that may run it has as many jobs as it takes" }
        if !nodes.values.contains(where: { $0.jobs.contains(key.name) }) {
            return "no connected node knows the job '\(key.name)' (\(knownJobs))"
        }
        return "no node that the job may run on is connected (\(knownJobs))"
    }

    private var knownJobs: String {
        let known = nodes.sorted { $0.key < $1.key }.map { _, node in
            "\(node.name) knows \(node.jobs.isEmpty ? "none" : node.jobs.sorted().joined(separator: ", "))"
        }
        return known.joined(separator: "; ")
    }

    /// Whether there is a free node for this line. (Mutating, so that nobody copies all for the call.)
    mutating func isServable(_ number: Int) -> Bool {
        (routes[number].key.isScheduled ? freeForLater : free).meets(routes[number].eligible)
    }

    private mutating func refreshRoutes() {
        for number in routes.indices {
            seatEligible(&routes[number])
            routes[number].turn = 0
        }
    }

    private func seatEligible(_ route: inout Route) {
        let placement = route.key.placement
        var (eligible, preferred) = (Seats(), Seats())
        for node in nodes.values where node.jobs.contains(route.key.name) && !placement.excluded.contains(node.name) {
            let isPreferred = placement.preferred.contains(node.name)
            if placement.isStrict, !placement.preferred.isEmpty, !isPreferred { continue }
            eligible.set(node.seat, true)
            if isPreferred { preferred.set(node.seat, true) }
        }
        route.eligible = eligible
        route.preferred = placement.preferred.isEmpty ? nil : preferred
    }
}

extension JobRequest {
    var routeKey: RouteKey {
        RouteKey(name: name, placement: options.placement, isScheduled: options.due != nil)
    }
}

extension RouteKey {
    static let unused = RouteKey(name: "", placement: .anywhere, isScheduled: false)
}
