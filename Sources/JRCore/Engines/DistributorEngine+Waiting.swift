import JRBase
import JRWire

/// Lines of jobs that wait for a node. The first of a line are held as jobs under way are; those behind them, where
/// there are many, lie packed in the backlog, and come forward when those before them have gone.
///
///     [ held, some hundreds ] <-- [ backlog, as many as there are ]
///
/// Whoever has one in the backlog has one held before it.
extension DistributorEngine {
    /// Waiting or on their way.
    var heldJobs: Int { jobs.count + backlog.count }

    /// Whether the next job of this line goes into the backlog: behind those that are there, or with a long line
    /// before it. (Mutating, as else the whole engine would be copied for the call.)
    mutating func standsFarBack(in route: Int) -> Bool {
        backlog.hasLine(of: route) || router.routes[route].waiting.count >= heldInLine
    }

    mutating func sendWaiting() {
        while let line = router.nextLine() {
            while let (handle, node) = router.nextMatch(of: line.route, before: line.end) {
                if router.routes[line.route].waiting.isEmpty { bringForward(line.route) }
                // A job that was settled while it waited leaves its place in the line behind.
                if jobs.with(handle, { $0.node == nil }) == true { dispatch(handle, to: node) }
            }
        }
    }

    private mutating func bringForward(_ route: Int) {
        guard backlog.hasLine(of: route) else { return }
        for _ in 0..<max(1, heldInLine / 4) {
            guard var next = backlog.popFirst(of: route) else { return }
            let handle = hold(&next.request, order: next.order, route: route)
            router.wait(handle, order: next.order, in: route)
        }
    }

    /// A job that waits, wherever in its line.
    func waiting(_ id: JobID) -> (request: JobRequest, route: Int)? {
        if let handle = handles[id] {
            return jobs[handle].flatMap { $0.node == nil ? ($0.request, $0.route) : nil }
        }
        return backlog[id].map { ($0.request, $0.route) }
    }

    /// Whether it waits or is on its way.
    func holds(_ id: JobID) -> Bool { handles[id] != nil || backlog.contains(id) }

    /// Takes a job that waits out of its line: nobody wants it any more.
    mutating func leaveLine(_ id: JobID) {
        if let handle = handles[id] {
            guard let route = jobs.with(handle, { $0.route }) else { return }
            forget(handle)
            router.tidy(route) { jobs[$0].map { $0.node == nil } ?? false }
            if router.routes[route].waiting.isEmpty { bringForward(route) }
        } else if let left = backlog.take(id) {
            router.leave(left.route)
            heldBytes -= left.request.arguments.count
        }
    }

    /// The job that has waited for longest. What left a line in its middle may still stand there.
    var oldestWaiting: JobRequest? {
        var oldest = backlog.first.map { (order: $0.order, request: $0.request) }
        for route in router.routes where route.held > 0 {
            for position in 0..<route.waiting.count {
                guard let handle = route.waiting[position]?.job, let job = jobs[handle], job.node == nil else {
                    continue
                }
                if oldest.map({ job.order < $0.order }) ?? true { oldest = (job.order, job.request) }
                break
            }
        }
        return oldest?.request
    }

    /// Those that have waited for longest, and those on their way, without a copy of what may be millions.
    ///
    /// - Parameter most: no more than these.
    func oldestHeld(_ most: Int) -> [HeldJob] {
        var found: [(order: UInt64, handle: Handle)] = []
        func keepOldest() {
            found.sort { $0.order < $1.order }
            found.removeLast(max(0, found.count - most))
        }
        jobs.forEach { handle, job in
            found.append((job.order, handle))
            if found.count >= 2 * most + 64 { keepOldest() }
        }
        keepOldest()
        var held = found.compactMap { jobs[$0.handle] }
        if !backlog.isEmpty {
            held += backlog.oldest(most).map(HeldJob.init(waiting:))
            held.sort { $0.order < $1.order }
            held.removeLast(max(0, held.count - most))
        }
        return held
    }
}

extension DistributorEngine.HeldJob {
    init(waiting: Backlog.Waiting) {
        self.init(request: waiting.request, order: waiting.order, route: waiting.route, node: nil)
    }
}
