public import JRBase
public import JRWire

/// Stores the jobs it is sent, runs each when its time comes, and tells how it ended.
///
///     job --> storing --(committed)--> scheduled | ready --> running --+--> ended --(acknowledged)--> forgotten
///                                          ^                           |
///                                          +---- retry, next period ---+
///
/// Three orders are kept here and nowhere else: *stored* is said after the commit that contains the job; an attempt is
/// made after that commit too; an outcome is sent after the commit of the end it reports.
///
/// Pure: the shell gives events with the time, runs what ``nextRun(at:)`` hands out, commits what ``takeBatch(at:)``
/// hands out, and sends what ``takeActions()`` hands out.
public struct NodeEngine: Sendable {
    enum Phase: Sendable, Equatable {
        case storing
        case scheduled(timer: Handle)
        case ready
        /// Found at start and left alone: it runs when somebody says so.
        case parked
        case running(serial: UInt64, lane: Lane)
        /// Ended, and kept for its outcome or for people; nil where nothing will expire.
        case ended(expiry: Expiry?)
        /// To be forgotten with the next commit.
        case removing
    }

    /// Against whose window a job counts while it is ready or running.
    enum Charge: Sendable, Equatable {
        case nobody
        case node
        case link(LinkID)
    }

    enum Timer: Sendable {
        case due(Handle)
        case expiry(Handle)
        case timeout(AttemptID, after: Interval)
        case grace(AttemptID)
    }

    /// What is answered to someone who changes jobs.
    enum Answer: Sendable, Equatable {
        case value(Value)
        case failure(RefusalCode, String)
    }

    /// What waits for a commit.
    enum AfterCommit: Sendable {
        case received(Handle, from: LinkID)
        case storedBefore(JobID, for: LinkID)
        case outcome(Handle, run: Int)
        /// Its time came before what its last attempt left was stored.
        case due(Handle, timer: Handle)
        case removed(Handle)
        case reply(UInt32, Answer, to: LinkID)
        case recovered
        case tookOver(Handle)
    }

    public let settings: NodeSettings
    public let session: JobID
    public let incarnation: Int
    /// What storage promises, for those who connect from now on.
    public var promise: String
    /// The jobs this node can run.
    let lanes: [String: Lane]
    /// The last one that was looked up: most jobs are like the one before them, and comparing costs less than a hash.
    var latest: (name: String, lane: Lane)?

    var jobs = SlotMap<Job>()
    var handles = JobTable<Handle>()
    /// Jobs for a later time that have not begun: in no other table.
    var waiting = WaitingJobs()
    var timers = TimerHeap<Timer>()
    var expiries = ExpiryLine()
    var windows: GrantWindows
    var ready: ReadyLines
    var scheduledCount = 0
    var scheduledBytes = 0
    /// Jobs that ended and are forgotten, so that a late copy of one is not run again.
    var finished = RecentJobs<JobStatus>(limit: 65_536)
    var nextSerial: UInt64 = 0
    /// Outcomes on their way to applications that came back for them.
    var resends = OutcomeResends()

    var dirty: [Handle] = []
    var afterCommit: [AfterCommit] = []
    var commitUnderWay: (number: Int, changed: [Handle], after: [AfterCommit])?
    /// Emptied arrays of batches, kept for their memory.
    var spareDirty: [Handle] = []
    var spareAfterCommit: [AfterCommit] = []
    var nextBatch = 1
    /// As long as a change of the last batch was, on the average: for room in the next one.
    var bytesPerChange = 256
    /// Set after storage took no batch: when to try again.
    var storageRetry: Instant?
    /// Why it did not.
    var storageTrouble = StorageTrouble.full
    /// Storage has said that it cannot be reached.
    var isStorageAway = false

    public internal(set) var isRecovered = false
    public internal(set) var isDraining = false
    var runsReadyWhileDraining = false
    public internal(set) var recovery = RecoveryReport()
    /// Attempts of earlier processes of this node whose results storage has refused, because the node's jobs had been
    /// taken over.
    public var lateResults = 0
    public internal(set) var counters = NodeCounters()
    /// Those that wait for nothing to be left to do.
    var idleQuestions: [IdleQuestion] = []
    /// Distributors that want to know when there is something new to see.
    var changeQuestions: [ChangeQuestion] = []
    var viewFigures: ViewFigures?
    var viewVersion: Int64 = 0
    var failures = LatestFailures()
    /// What jobs that ran here have enqueued elsewhere, while no node has stored it.
    var enqueuedElsewhere = 0
    var actions: [LinkAction] = []
    /// Stored just now, and about to be said to be: see ``flushStored()``.
    var storedIDs: (link: LinkID, ids: [JobID]) = (LinkID(0), [])
    var cancellations: [Cancellation] = []
    /// Attempts that were given up and have not ended: they still take a place of their lane.
    var overdue: [UInt64: Lane] = [:]

    public init(settings: NodeSettings, session: JobID, incarnation: Int, promise: String, lanes: [String: Lane]) {
        self.settings = settings
        self.session = session
        self.incarnation = incarnation
        self.promise = promise
        self.lanes = lanes
        windows = GrantWindows(credit: settings.credit)
        ready = ReadyLines(settings: settings)
    }

    public var hello: Hello {
        Hello(
            role: .node, name: settings.name, session: session, incarnation: incarnation, jobs: lanes.keys.sorted(),
            credit: settings.credit, promise: promise)
    }

    /// When ``timersFired(at:)`` is next wanted.
    public var nextDeadline: Instant? {
        var next = timers.nextDeadline
        if let wait = waiting.nextDeadline { next = min(next ?? wait, wait) }
        if let expiry = expiries.nextDeadline { next = min(next ?? expiry, expiry) }
        if let storageRetry { next = min(next ?? storageRetry, storageRetry) }
        return next
    }

    /// What a shell wants to know at the end of each turn: ``nextDeadline``, ``isRecovered`` and ``isDrained``. Asked
    /// for by their names, each would copy the engine first.
    public mutating func lookAtEndOfTurn() -> (nextDeadline: Instant?, isRecovered: Bool, isDrained: Bool) {
        (nextDeadline, isRecovered, isDrained)
    }

    public var runningCount: Int { ready.runningCount }

    /// The name of the job that an attempt under way is of.
    public func jobName(of attempt: AttemptID) -> String? { jobs[attempt.job]?.record.request.name }

    /// The job that an attempt under way is of, and the distributor that sent it; no distributor where it was found in
    /// storage, and nil for an attempt that is over.
    ///
    /// - Parameter attempt: of a job of this node.
    public mutating func job(of attempt: AttemptID) -> (record: JobRecord, origin: LinkID?)? {
        let found = jobs.with(attempt.job) { job -> (JobRecord, LinkID?)? in
            guard case .running(attempt.serial, _) = job.phase else { return nil }
            return (job.record, job.origin)
        }
        return found ?? nil
    }

    /// The job that an attempt under way is of.
    public func jobID(of attempt: AttemptID) -> JobID? { jobs[attempt.job]?.record.id }

    /// Nothing runs, nothing waits to be stored: the process may end without losing anything.
    public var isDrained: Bool {
        isDraining && ready.runningCount == 0 && commitUnderWay == nil && dirty.isEmpty && afterCommit.isEmpty
            && !(runsReadyWhileDraining && ready.readyCount > 0)
    }

    /// The attempts to stop since the last call. The shell asks at the end of a turn, and tells of each of them how it
    /// ended with ``attemptEnded(_:_:at:)`` as of any other.
    public mutating func takeCancellations() -> [Cancellation] {
        if cancellations.isEmpty { return [] }
        defer { cancellations.removeAll(keepingCapacity: true) }
        // Some may have ended by themselves since.
        return cancellations.filter { isUnderWay($0.attempt) }
    }

    /// It runs, or it was given up and has not ended yet.
    private func isUnderWay(_ attempt: AttemptID) -> Bool {
        if case .running(attempt.serial, _)? = jobs[attempt.job]?.phase { return true }
        return overdue[attempt.serial] != nil
    }

    // MARK: Links

    public mutating func linkOpened(_ link: LinkID, _ hello: Hello, at now: Now) {
        guard hello.role == .distributor else {
            actions.append(
                .refuse(
                    link, code: .protocolError,
                    text: "this is the node '\(settings.name)': applications connect to a distributor"))
            return
        }
        windows.open(link)
        if isDraining { actions.append(.send(link, .draining)) }
    }

    public mutating func linkClosed(_ link: LinkID, at now: Now) {
        windows.close(link)
        resends.linkClosed(link)
        idleQuestions.removeAll { $0.link == link }
        changeQuestions.removeAll { $0.link == link }
        // Its jobs are stored here and go on; they count as the node's own from now on.
        jobs.forEach { handle, job in
            guard job.charge == .link(link) else { return }
            jobs[handle]?.charge = .node
            windows.charge(nil)
        }
    }

    /// Stops taking and starting jobs; those that run go on.
    ///
    /// With `finishingReady`, for a storage that does not outlive the process, ready jobs are run as well.
    public mutating func drain(finishingReady: Bool) {
        if finishingReady { runsReadyWhileDraining = true }
        guard !isDraining else { return }
        isDraining = true
        for link in windows.links { actions.append(.send(link, .draining)) }
    }

    /// Takes and starts jobs again: a grant says so to every distributor.
    public mutating func resume() {
        guard isDraining else { return }
        isDraining = false
        runsReadyWhileDraining = false
        windows.announceAll()
    }

    public mutating func takeActions() -> [LinkAction] {
        var taken: [LinkAction] = []
        takeActions(into: &taken)
        return taken
    }

    /// Everything to send since the last call, in order. Called at the end of a turn.
    ///
    /// - Parameter taken: an empty array, whose memory the engine fills next.
    public mutating func takeActions(into taken: inout [LinkAction]) {
        flushStored()
        if !isDraining, storageRetry == nil, !isStorageAway, isRecovered {
            // A little more than one place must be free, or each that is would cost a window of refusals.
            let takesScheduled =
                scheduledCount <= settings.scheduledJobs / 16 * 15
                && scheduledBytes <= settings.scheduledBytes / 16 * 15
            for grant in windows.due(takesScheduled: takesScheduled) {
                actions.append(.send(grant.link, .grant(total: grant.total)))
            }
        }
        answerIdleQuestions()
        answerChangeQuestions()
        swap(&taken, &actions)
    }

    // MARK: Messages

    /// - Parameter message: given away, so that a job is not copied on its way in.
    public mutating func received(_ message: consuming Message, from link: LinkID, at now: Now) {
        // What a peer still says after it was refused.
        guard windows.isOpen(link) else { return }
        switch consume message {
        case .job(let request): received(request, from: link, at: now)
        case .outcomesReceived(let keys):
            for key in keys { acknowledged(key) }
        case .request(let number, let verb, let parameters):
            answer(number, verb, parameters, to: link, at: now)
        case .heartbeat, .draining, .failure: break
        case let other:
            let word = String(describing: other).prefix { $0 != "(" }
            actions.append(
                .refuse(
                    link, code: .protocolError,
                    text: "the message '\(word)' has no place on a node: see docs/protocol.md"))
        }
    }

    private mutating func received(_ request: consuming JobRequest, from link: LinkID, at now: Now) {
        let isScheduled = request.options.due != nil
        if !isScheduled { windows.received(from: link) }
        if let handle = handles[request.id] {
            // Sent again: say so again, but not before it is stored.
            counters.duplicates += 1
            if case .removing? = jobs[handle]?.phase {} else { jobs[handle]?.origin = link }
            afterCommit.append(.storedBefore(request.id, for: link))
            return
        }
        if finished[request.id] != nil || waiting.contains(request.id) {
            counters.duplicates += 1
            waiting.setOrigin(link, of: request.id)
            afterCommit.append(.storedBefore(request.id, for: link))
            return
        }
        let known = lane(of: request.name)
        if let (code, text) = refusal(of: request, isKnown: known != nil, isScheduled: isScheduled, at: now) {
            refuse(request.id, code, text, to: link)
            return
        }
        let id = request.id
        let lane = Self.lane(of: request, known)
        let handle = keep(request, charge: isScheduled ? .nobody : .link(link), origin: link, lane: lane)
        handles.insert(handle, for: id)
        if isScheduled { countScheduled(handle, 1) } else { windows.charge(link) }
        dirty.append(handle)
        afterCommit.append(.received(handle, from: link))
    }

    /// A new job, which is about to be stored, in the place of one that has gone if there is such a place.
    private mutating func keep(
        _ request: consuming JobRequest, charge: Charge, origin: LinkID, lane: Lane
    ) -> Handle {
        var request = request
        let batch = nextBatch
        let handle = jobs.reuse { job in
            job.renew(&request, charge: charge, origin: origin, lane: lane, batch: batch)
        }
        if let handle { return handle }
        return jobs.insert(
            Job(
                record: JobRecord(request: request), phase: .storing, charge: charge, origin: origin, lane: lane,
                batch: batch))
    }

    /// A node that is full, or not yet ready, says so to be left alone until its next grant.
    mutating func refuse(_ id: JobID, _ code: RefusalCode, _ text: String, to link: LinkID) {
        counters.refused += 1
        actions.append(.send(link, .refusal(id: id, code: code, text: text)))
        if code == .scheduleFull || code == .storageFull || code == .unavailable {
            windows.refused(link, scheduled: code == .scheduleFull)
        }
    }

    mutating func lane(of name: String) -> Lane? {
        if let latest, latest.name == name { return latest.lane }
        guard let lane = lanes[name] else { return nil }
        latest = (name, lane)
        return lane
    }

    /// Where a job runs; one that the node no longer knows fails on the loop.
    mutating func lane(of request: JobRequest) -> Lane { Self.lane(of: request, lane(of: request.name)) }

    private static func lane(of request: JobRequest, _ named: Lane?) -> Lane {
        let lane = named ?? .loop
        return lane == .loop && request.options.isDeferred ? .pool : lane
    }

    /// It may change the engine, and does not: one that may not is given a copy of it.
    private mutating func refusal(
        of request: JobRequest, isKnown: Bool, isScheduled: Bool, at now: Now
    ) -> (RefusalCode, String)? {
        if !isRecovered { return (.unavailable, "node '\(settings.name)' is still reading its storage") }
        if isDraining { return (.draining, "node '\(settings.name)' is stopping") }
        if isStorageAway || storageRetry != nil { return storageRefusal }
        if !isKnown {
            return (.unknownJob, "node '\(settings.name)' does not know the job '\(request.name)'")
        }
        if let problem = request.problem(at: now.wall, isNameKnown: true) { return (.invalidJob, problem) }
        if isScheduled,
            scheduledCount >= settings.scheduledJobs
                || scheduledBytes + request.arguments.count > settings.scheduledBytes
        {
            return (.scheduleFull, "node '\(settings.name)' keeps \(scheduledCount) scheduled jobs, which is its limit")
        }
        return nil
    }

    mutating func countedBytes(_ handle: Handle) -> Int {
        jobs.with(handle) { $0.record.request.arguments.count } ?? 0
    }

    mutating func countScheduled(_ handle: Handle, _ sign: Int) {
        scheduledCount += sign
        scheduledBytes += sign * countedBytes(handle)
    }
}
