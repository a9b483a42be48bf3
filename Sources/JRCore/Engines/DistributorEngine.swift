public import JRBase
public import JRWire

/// Takes jobs from applications and hands each to a node; forgets a job only when a node has said that it is stored.
///
///     enqueue --> waiting --(a free node)--> sent --(stored)--> forgotten
///                    ^                        |
///                    +--- the node went, or refused it
///
/// Pure: what happens comes in with the time, what to send goes out through ``takeActions()``. An application in the
/// same process is a link like any other.
public struct DistributorEngine: Sendable {
    struct HeldJob: Sendable {
        var request: JobRequest
        var order: UInt64
        var route: Int
        /// The node it was sent to; nil while it waits.
        var node: LinkID?
        /// A node that went before it said whether it had stored the job: it may have.
        var lostAt: String?

        var share: Share { Share(node: node, route: route, bytes: request.arguments.count) }
        var wireBytes: Int { share.wireBytes }

        /// Becomes another one, in its place.
        mutating func renew(_ request: inout JobRequest, order: UInt64, route: Int) {
            swap(&self.request, &request)
            self.order = order
            self.route = route
            node = nil
            lostAt = nil
        }

        /// Lets go of the memory that it has beside its place, before that is left to another one.
        mutating func empty() {
            request.arguments = []
            request.options = .standard
        }
    }

    /// What is counted of a job.
    struct Share {
        var node: LinkID?
        var route: Int
        /// Of its arguments.
        var bytes: Int

        /// What it takes of a connection, roughly.
        var wireBytes: Int { bytes + 256 }
    }

    public let session: JobID
    public let name: String
    let backlogJobs: Int
    let backlogBytes: Int
    /// A job that names nodes waits for one of them, however long that takes.
    public var alwaysUsesSpecifiedNode = false

    var router = Router()
    var jobs = SlotMap<HeldJob>()
    var handles = JobTable<Handle>()
    /// Those that stand far back in their lines.
    var backlog = Backlog()
    /// So many of a line are held before the next ones go into the backlog; a quarter of them comes out together.
    var heldInLine = 1_024
    var heldBytes = 0
    /// Jobs that were sent to a node and not yet stored by it.
    var onTheWire = 0
    var nextOrder: UInt64 = 0

    /// Applications that are connected now, by the session they keep over reconnections.
    var clients: [JobID: LinkID] = [:]
    var clientSessions: [LinkID: JobID] = [:]
    private var latestClient: (link: LinkID, session: JobID)?
    /// Applications in the same process: what was said to one of these is known to have arrived.
    var localClients: Set<LinkID> = []
    /// The application that the last outcome went to.
    var latestHearer: Hearer?
    /// Outcomes that applications in the same process heard in this turn, by node.
    var heard = KeysByNode()
    /// Jobs that were stored lately, and where: a repeated enqueue of the same id gets the same answer.
    var recent = RecentJobs<String>(limit: 65_536)
    /// Jobs that were cancelled here lately: an application that missed this and enqueues one again is told.
    var cancelled = RecentJobs<Void>(limit: 65_536)
    var outcomeSources = OutcomeSources()
    var questions = Questions()
    var idleWaits: [IdleWait] = []
    var watching = Watching()
    public internal(set) var counters = DistributorCounters()

    var actions: [LinkAction] = []
    /// Receipts of this turn, sent as one message each at its end.
    private var receipts: [Receipt] = []
    /// How many ids the last receipt had: so many the next one may have.
    private var receiptRoom = 0

    private struct Receipt {
        let client: JobID
        let level: ReceiptLevel
        let node: String
        let route: Int
        var ids: [JobID] = []
    }

    public init(
        name: String, session: JobID, backlogJobs: Int = Limits.backlogJobs, backlogBytes: Int = Limits.backlogBytes
    ) {
        self.name = name
        self.session = session
        self.backlogJobs = backlogJobs
        self.backlogBytes = backlogBytes
    }

    public var hello: Hello { Hello(role: .distributor, name: name, session: session) }

    /// Everything to do since the last call, in order. Called at the end of a turn.
    public mutating func takeActions() -> [LinkAction] {
        var taken: [LinkAction] = []
        takeActions(into: &taken)
        return taken
    }

    /// The same without a new array for it.
    ///
    /// - Parameter actions: an empty array, whose memory the engine fills next.
    public mutating func takeActions(into actions: inout [LinkAction]) {
        askIdleNodes()
        answerWatches()
        flushReceipts()
        sendHeard()
        swap(&actions, &self.actions)
    }

    // MARK: Links

    /// A peer has said hello on a new link.
    ///
    /// - Parameters:
    ///   - link: the new one.
    ///   - hello: what it said.
    ///   - isLocal: the peer is an application in this process: it acknowledges no outcome, as one that is handed to it
    ///     has arrived.
    ///   - now: the time.
    public mutating func linkOpened(_ link: LinkID, _ hello: Hello, isLocal: Bool = false, at now: Now) {
        latestHearer = nil
        switch hello.role {
        case .node: nodeOpened(link, hello, at: now)
        case .client:
            if isLocal { localClients.insert(link) }
            if let older = clients[hello.session], older != link { clientGone(older, hello.session) }
            clients[hello.session] = link
            clientSessions[link] = hello.session
            // Outcomes that ended while the application was away are with the nodes.
            for node in router.nodes.keys.sorted() { askForOutcomes(of: hello.session, from: node) }
        case .distributor:
            refuse(
                link, .protocolError, "a distributor was dialled by another distributor: connect nodes and applications"
            )
        }
    }

    private mutating func nodeOpened(_ link: LinkID, _ hello: Hello, at now: Now) {
        if let (older, node) = router.nodes.first(where: { $0.value.name == hello.name }) {
            if node.session != hello.session, node.incarnation > hello.incarnation {
                refuse(
                    link, .duplicateName,
                    "a newer node named '\(hello.name)' is connected (incarnation \(node.incarnation), this is "
                        + "\(hello.incarnation)): give each node its own name")
                return
            }
            refuse(older, .duplicateName, "a newer connection of node '\(hello.name)' took this one's place")
            nodeClosed(older)
        }
        router.add(
            NodeLink(
                name: hello.name, session: hello.session, incarnation: hello.incarnation, jobs: Set(hello.jobs),
                promise: hello.promise, credit: hello.credit, since: now.wall), at: link)
        for client in clients.keys.sorted() { askForOutcomes(of: client, from: link) }
        sendWaiting()
    }

    public mutating func linkClosed(_ link: LinkID, at now: Now) {
        if let client = clientSessions[link] { clientGone(link, client) }
        nodeClosed(link)
    }

    /// The link is closed, or a newer one of the same application takes its place before it was seen to be.
    private mutating func clientGone(_ link: LinkID, _ client: JobID) {
        clientSessions[link] = nil
        localClients.remove(link)
        latestClient = nil
        latestHearer = nil
        clients[client] = nil
        questions.clientClosed(link)
        forgetIdleWaits(of: link)
        watching.waits.removeAll { $0.client == link }
        // When it comes back, its nodes are asked for all of them again. One that it acknowledged over another way is
        // then with no node any more, and nobody would acknowledge it here.
        outcomeSources.clientGone(client)
    }

    private mutating func nodeClosed(_ link: LinkID) {
        guard let node = router.remove(link) else { return }
        watching.nodeClosed(link)
        // Back to the front of their lines, in their old order.
        for position in stride(from: node.unstored.count - 1, through: 0, by: -1) {
            guard let handle = node.unstored[position], jobs[handle]?.node == link else { continue }
            jobs[handle]?.lostAt = node.name
            putBack(handle)
            counters.resent += 1
        }
        outcomeSources.nodeGone(link)
        for answer in questions.nodeClosed(link) { finish(answer) }
        sendWaiting()
    }

    // MARK: Messages

    /// - Parameter message: given away, so that a job's way through here copies nothing of it.
    public mutating func received(_ message: consuming Message, from link: LinkID, at now: Now) {
        switch consume message {
        case .heartbeat: break
        case .enqueue(var request): enqueued(&request, from: link, at: now)
        case .outcomesReceived(let keys):
            guard clientSessions[link] != nil else { return unexpected("outcomesReceived", link) }
            acknowledge(keys)
        case .request(let number, let verb, let parameters):
            guard clientSessions[link] != nil else { return unexpected("request", link) }
            ask(link, number, verb, parameters)
        case .stored(let ids): stored(ids, by: link)
        case .grant(let total):
            router.update(link) { node in
                node.granted = max(node.granted, total)
                node.isFull = false
                node.isScheduleFull = false
                // A node that drains grants nothing: it has thought better of it.
                node.isDraining = false
            }
            sendWaiting()
        case .refusal(let id, let code, let text): refused(id, code, text, by: link)
        case .draining: router.update(link) { $0.isDraining = true }
        case .ended(let outcome): ended(outcome, from: link)
        case .reply(0, let result): outcomesFollow(result, from: link)
        case .reply(let number, let result):
            heardView(number, result, from: link)
            if let answer = questions.replied(number, from: link, result) { finish(answer) }
        case .replyFailure(let number, let code, let text):
            if let answer = questions.failed(number, from: link, code, text) { finish(answer) }
        case .failure: break
        case .hello: unexpected("hello", link)
        case .receipt: unexpected("receipt", link)
        case .job: unexpected("job", link)
        }
    }

    /// A job from an application.
    ///
    /// - Parameters:
    ///   - request: taken, and something else left in its place, so that its way through here copies little of it.
    ///   - link: of the application.
    ///   - now: the time.
    public mutating func enqueued(_ request: inout JobRequest, from link: LinkID, at now: Now) {
        guard let client = clientSession(link) else { return unexpected("enqueue", link) }
        request.client = client
        if alwaysUsesSpecifiedNode { request.options.placement.isStrict = true }
        enqueue(&request, from: link, at: now)
    }

    /// The application behind a link; mostly that of the last job.
    private mutating func clientSession(_ link: LinkID) -> JobID? {
        if let latestClient, latestClient.link == link { return latestClient.session }
        guard let session = clientSessions[link] else { return nil }
        latestClient = (link, session)
        return session
    }

    private mutating func unexpected(_ word: String, _ link: LinkID) {
        refuse(link, .protocolError, "the message '\(word)' has no place here: see docs/protocol.md")
    }

    // MARK: Jobs in

    private mutating func enqueue(_ request: inout JobRequest, from link: LinkID, at now: Now) {
        if let handle = handles[request.id] {
            if jobs[handle]?.node == nil {
                note(request.id, of: request.client, .accepted, route: jobs[handle]?.route ?? 0)
            }
            jobs[handle]?.request.client = request.client
            return
        }
        if let waiting = backlog[request.id] {
            backlog.setClient(request.client, of: request.id)
            return note(request.id, of: request.client, .accepted, route: waiting.route)
        }
        if let node = recent[request.id] {
            note(request.id, of: request.client, .stored, node: node)
            return
        }
        if cancelled[request.id] != nil { return tellCancelled(request) }
        // The name of a line was looked at when the line was made.
        let (isPlain, bytes) = (request.options.isPlain, request.arguments.count)
        let known = isPlain && bytes <= Limits.argumentBytes ? router.enterAgain(request.name) : nil
        if known == nil, let problem = request.problem(at: now.wall) {
            send(link, .refusal(id: request.id, code: .invalidJob, text: problem))
            return
        }
        if heldJobs >= backlogJobs || heldBytes + bytes > backlogBytes {
            counters.refused += 1
            if let known { router.leave(known) }
            return send(link, .refusal(id: request.id, code: .backlogFull, text: backlogFull))
        }
        // Told by the message alone, so that its node counts it in the same way.
        let route = if let known { known } else { router.enter(request.routeKey) }
        heldBytes += bytes
        counters.enqueued += 1
        let order = nextOrder
        nextOrder += 1
        if standsFarBack(in: route), backlog.append(request, order: order, route: route) {
            if router.isServable(route) { sendWaiting() }
            if backlog.contains(request.id) { note(request.id, of: request.client, .accepted, route: route) }
            return
        }
        let (id, client) = (request.id, request.client)
        let handle = hold(&request, order: order, route: route)
        // A line that already waits goes first.
        if router.routes[route].waiting.isEmpty, let node = router.choose(for: route) {
            dispatch(handle, to: node)
        } else {
            router.wait(handle, order: order, in: route)
            // What stands in line before it may have been settled meanwhile.
            if router.isServable(route) { sendWaiting() }
            if jobs.with(handle, { $0.node == nil }) == true { note(id, of: client, .accepted, route: route) }
        }
    }

    /// Holds a job that waits, in the place of one that was settled.
    mutating func hold(_ request: inout JobRequest, order: UInt64, route: Int) -> Handle {
        let id = request.id
        let reused = jobs.reuse { $0.renew(&request, order: order, route: route) }
        let handle = reused ?? jobs.insert(HeldJob(request: request, order: order, route: route, node: nil))
        handles.insert(handle, for: id)
        return handle
    }

    private var backlogFull: String {
        "the distributor holds \(heldJobs) waiting jobs of \(heldBytes) bytes, which is its limit: start more nodes, "
            + "or enqueue again when some have been taken"
    }

    mutating func dispatch(_ handle: Handle, to link: LinkID) {
        let sent = jobs.with(handle) { job in
            job.node = link
            return (job.request, job.route, job.wireBytes)
        }
        guard let (request, route, bytes) = sent else { return }
        onTheWire += 1
        router.sent(handle, bytes: bytes, of: route, to: link)
        counters.sent += 1
        send(link, .job(request))
    }

    private mutating func putBack(_ handle: Handle) {
        guard let job = jobs[handle], job.node != nil else { return }
        takeOffTheWire(handle)
        router.waitAtFront(handle, order: job.order, in: job.route)
    }

    private mutating func takeOffTheWire(_ handle: Handle) {
        let taken = jobs.with(handle) { ($0.node.take(), $0.wireBytes) }
        guard case (let link?, let bytes)? = taken else { return }
        onTheWire -= 1
        router.update(link) { $0.unstoredBytes -= bytes }
    }

    private mutating func stored(_ ids: [JobID], by link: LinkID) {
        guard let name = router.name(of: link) else { return }
        // Of those that were on their way from here to there, which are nearly always all.
        var arrivedBytes = 0
        for id in ids {
            guard let handle = handles.remove(id) else { continue }
            // Looked at where it is, and not moved: nothing of it is wanted any more.
            let found = jobs.with(handle) { job in
                defer { job.empty() }
                return (job.request.client, job.request.created, job.share, job.lostAt.map { $0 != name } == true)
            }
            guard let (client, created, left, mayBeElsewhere) = found else { continue }
            var share = left
            jobs.leave(handle)
            counters.stored += 1
            // Sent elsewhere meanwhile, or before to a node that may have stored it as well: it may run twice.
            if share.node != link || mayBeElsewhere { counters.maybeDuplicate += 1 }
            note(id, of: client, .stored, node: name)
            recent.insert(id, name, created: created)
            if share.node == link {
                arrivedBytes += share.wireBytes
                onTheWire -= 1
                share.node = nil
            }
            settled(share)
        }
        dropSettled(link, arrivedBytes)
        sendWaiting()
    }

    /// Takes what is no longer on its way from the head of a node's line of unstored jobs.
    private mutating func dropSettled(_ link: LinkID, _ arrivedBytes: Int = 0) {
        router.update(link) { node in
            node.unstoredBytes -= arrivedBytes
            while let first = node.unstored.first, jobs.with(first, { $0.node == link }) != true {
                node.unstored.popFirst()
            }
        }
    }

    mutating func forget(_ handle: Handle) {
        let left = jobs.with(handle) { job in
            defer { job.empty() }
            return (job.request.id, job.share)
        }
        guard let (id, share) = left else { return }
        jobs.leave(handle)
        handles.remove(id)
        settled(share)
    }

    /// What is counted of a job that is no longer among the others.
    private mutating func settled(_ share: Share) {
        if let link = share.node {
            onTheWire -= 1
            router.update(link) { $0.unstoredBytes -= share.wireBytes }
        }
        router.leave(share.route)
        heldBytes -= share.bytes
    }

    private mutating func refused(_ id: JobID, _ code: RefusalCode, _ text: String, by link: LinkID) {
        guard let handle = handles[id], jobs[handle]?.node == link else { return }
        switch code {
        case .unknownJob:
            if let name = jobs[handle]?.request.name { router.forget(job: name, at: link) }
        case .draining: router.update(link) { $0.isDraining = true }
        case .invalidJob, .tooLarge:
            // No other node would take it either.
            if let client = jobs[handle].flatMap({ clients[$0.request.client] }) {
                send(client, .refusal(id: id, code: code, text: text))
            }
            counters.rejected += 1
            forget(handle)
            dropSettled(link)
            return
        case .scheduleFull: router.update(link) { $0.isScheduleFull = true }
        default: router.update(link) { $0.isFull = true }
        }
        putBack(handle)
        dropSettled(link)
        sendWaiting()
    }

    // MARK: Out

    mutating func send(_ link: LinkID, _ message: consuming Message) {
        actions.append(.send(link, message))
    }

    private mutating func refuse(_ link: LinkID, _ code: RefusalCode, _ text: String) {
        actions.append(.refuse(link, code: code, text: text))
    }

    private mutating func note(
        _ id: JobID, of client: JobID, _ level: ReceiptLevel, node: String = "", route: Int = -1
    ) {
        // Among the last few: with many applications and nodes in a turn two messages may say what one could.
        for place in receipts.indices.suffix(4).reversed()
        where receipts[place].client == client && receipts[place].level == level && receipts[place].route == route
            && receipts[place].node == node
        { return receipts[place].ids.append(id) }
        var receipt = Receipt(client: client, level: level, node: node, route: route)
        receipt.ids.reserveCapacity(receiptRoom)
        receipt.ids.append(id)
        receipts.append(receipt)
    }

    mutating func flushReceipts() {
        if receipts.isEmpty { return }
        for receipt in receipts {
            guard let client = clients[receipt.client] else { continue }
            let text = receipt.route >= 0 ? router.reasonToWait(receipt.route) : ""
            send(client, .receipt(ids: receipt.ids, level: receipt.level, node: receipt.node, text: text))
            receiptRoom = receipt.ids.count
        }
        receipts.removeAll(keepingCapacity: true)
    }
}
