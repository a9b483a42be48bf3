import JRBase
public import JRCore
import JRJournal
public import JRReactor
import JRSystem
public import JRWire

/// Keeps jobs in a journal on the disk, in a directory of its own.
///
/// One thread writes: it takes a batch of changes, writes them as one frame, syncs once and answers on the loop. While
/// it does, the caller gathers the next batch, so that under load each sync serves as many jobs as arrived during the
/// last.
public final class JournalStorage: JobStorage {
    public var promise: StoragePromise { .journal(sync: sync) }

    private let directory: StoreDirectory
    private let sync: StorageSync
    private let sizes: SegmentSizes
    private let policy: CompactionPolicy
    private let packsWaiting: Bool
    private var mailbox: Monitor<WriterMailbox>?
    /// Of the thread that has begun to open it.
    private var ahead: Monitor<WriterMailbox>?
    private var marks: RunningMarks?
    private var isCommitting = false
    private var observer: ((Loop, StorageEvent) -> Void)?

    /// - Parameters:
    ///   - directory: made with mode 0700 if it is missing; refused if others than its owner may enter it.
    ///   - sync: when what was written is made to reach the disk.
    ///   - packsWaiting: whether jobs that wait for their time are found in ``StorageContents/waiting``.
    public convenience init(directory: String, sync: StorageSync = .always, packsWaiting: Bool = false) {
        self.init(StoreDirectory(directory), sync: sync, sizes: .usual, packsWaiting: packsWaiting)
    }

    /// What is opened already is taken over.
    public convenience init(_ ahead: JournalAhead) {
        self.init(
            ahead.opening.directory, sync: ahead.opening.sync, sizes: ahead.opening.sizes,
            policy: ahead.opening.policy, packsWaiting: ahead.opening.packsWaiting)
        let isFirst = ahead.mailbox.update { mailbox in
            defer { mailbox.isOwned = true }
            return !mailbox.isOwned
        }
        if isFirst { self.ahead = ahead.mailbox }
    }

    init(
        _ directory: StoreDirectory, sync: StorageSync, sizes: SegmentSizes, policy: CompactionPolicy = .usual,
        packsWaiting: Bool = false
    ) {
        self.packsWaiting = packsWaiting
        self.directory = directory
        self.sync = sync
        self.sizes = sizes
        self.policy = policy
    }

    deinit {
        // The thread ends as in a crash; whoever wanted a good end has called `close`.
        mailbox?.update { $0.isAbandoned = true }
        ahead?.update { $0.isAbandoned = true }
    }

    public func observe(_ body: @escaping (Loop, StorageEvent) -> Void) { observer = body }

    public func open(on loop: Loop, _ done: @escaping (Loop, Result<StorageContents, StorageError>) -> Void) {
        precondition(mailbox == nil, "JournalStorage: opened twice")
        let begun = ahead.take()
        let mailbox = begun ?? Monitor(WriterMailbox())
        self.mailbox = mailbox
        let start = SystemClock.instant()
        let answer = LoopBound(
            { [self] (loop: Loop, result: Result<WriterThread.Ready, StorageError>) in
                switch result {
                case .success(var ready):
                    // Not if it was closed meanwhile: then the writer thread is about to do so.
                    if self.mailbox != nil { marks = ready.marks }
                    ready.contents.report.time = SystemClock.instant() - start
                    done(loop, .success(ready.contents))
                case .failure(let error):
                    self.mailbox = nil
                    done(loop, .failure(error))
                    // The thread has ended: a close that came meanwhile is answered here.
                    if let close = mailbox.update({ $0.close.take() }) { close.open(loop)(loop) }
                }
            }, loop)
        let tell = LoopBound(
            { [weak self] (loop: Loop, event: StorageEvent) -> Void in self?.observer?(loop, event) }, loop)
        // The answer goes by the mailbox and not with the thread, which would keep it, and so this storage, for ever.
        mailbox.updateForOne { $0.open = WriterMailbox.Opening(answer: answer, reactor: loop.reactor, tell: tell) }
        guard begun == nil else { return }
        let opening = StoreOpening(
            directory: directory, sync: sync, sizes: sizes, policy: policy, packsWaiting: packsWaiting)
        do {
            try WriterThread.start(opening, mailbox)
        } catch {
            let failure = StorageError.failed(error, directory: directory.path)
            loop.soon { answer.open($0)($0, .failure(failure)) }
        }
    }

    public func commit(
        _ changes: StorageChanges, on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void
    ) {
        precondition(!isCommitting, "JournalStorage: a commit was begun while another one was under way")
        guard let mailbox, marks != nil else { preconditionFailure("JournalStorage: a commit while it is not open") }
        isCommitting = true
        let answer = LoopBound(
            { [self] (loop: Loop, result: Result<Void, StorageError>) in
                isCommitting = false
                done(loop, result)
            }, loop)
        mailbox.updateForOne { $0.commit = WriterMailbox.Commit(changes: changes, answer: answer) }
    }

    public func markRunning(_ id: JobID) { marks?.mark(id) }
    public func unmarkRunning(_ id: JobID) { marks?.unmark(id) }
    public func clearInheritedMarks() { marks?.clearInherited() }

    public func close(on loop: Loop, _ done: @escaping (Loop) -> Void) {
        ahead.take()?.update { $0.isAbandoned = true }
        guard let mailbox else {
            loop.soon(done)
            return
        }
        self.mailbox = nil
        marks = nil
        observer = nil
        let answer = LoopBound(done, loop)
        mailbox.updateForOne { $0.close = answer }
    }
}

/// What the loop has asked the writer thread to do: to open, at most one commit, and then perhaps to close.
struct WriterMailbox: Sendable {
    struct Commit: Sendable {
        var changes: StorageChanges
        var answer: LoopBound<(Loop, Result<Void, StorageError>) -> Void>
    }

    enum Order: Sendable {
        case commit(Commit)
        case close(LoopBound<(Loop) -> Void>)
        case abandon
    }

    /// Who waits for the store to be open.
    struct Opening: Sendable {
        var answer: LoopBound<(Loop, Result<WriterThread.Ready, StorageError>) -> Void>
        var reactor: Reactor
        var tell: LoopBound<(Loop, StorageEvent) -> Void>
    }

    enum Caller: Sendable {
        case opening(Opening)
        case nobody
    }

    var open: Opening?
    /// Of what is opened ahead: it has an owner.
    var isOwned = false
    var commit: Commit?
    var close: LoopBound<(Loop) -> Void>?
    var isAbandoned = false

    mutating func takeCaller() -> Caller? {
        if let open = open.take() { return .opening(open) }
        return isAbandoned ? .nobody : nil
    }

    mutating func take() -> Order? {
        if let commit = commit.take() { return .commit(commit) }
        if let close = close.take() { return .close(close) }
        return isAbandoned ? .abandon : nil
    }
}

/// The thread that owns an open store, from its recovery to its end.
struct WriterThread: Sendable {
    struct Ready: Sendable {
        var contents: StorageContents
        var marks: RunningMarks
    }

    let mailbox: Monitor<WriterMailbox>
    let reactor: Reactor

    /// The thread opens at once, and tells whoever asks, by the mailbox.
    static func start(_ opening: StoreOpening, _ mailbox: Monitor<WriterMailbox>) throws(SystemError) {
        try Threads.start(name: "jr-journal") { run(opening, mailbox) }
    }

    private static func run(_ opening: StoreOpening, _ mailbox: Monitor<WriterMailbox>) {
        guard let (store, reactor, tell) = open(opening, mailbox) else { return }
        WriterThread(mailbox: mailbox, reactor: reactor).work(on: store, telling: tell)
    }

    /// In a function of its own: the answer keeps the storage, and neither it nor what was found is to live as long as
    /// the thread.
    private static func open(
        _ start: StoreOpening, _ mailbox: Monitor<WriterMailbox>
    ) -> (JournalStore, Reactor, LoopBound<(Loop, StorageEvent) -> Void>)? {
        var opening = start
        opening.makesReserve = false
        let result = Result { () throws(StorageError) in try opening.open() }
        guard case .opening(let caller) = mailbox.wait(until: { $0.takeCaller() }) else { return nil }
        let ready = result.map { Ready(contents: $0.contents, marks: $0.marks) }
        caller.reactor.execute { caller.answer.open($0)($0, ready) }
        guard case .success(let opened) = result else { return nil }
        return (opened.store, caller.reactor, caller.tell)
    }

    private func work(on store: JournalStore, telling tell: LoopBound<(Loop, StorageEvent) -> Void>) {
        var mayCompact = true
        var told: StorageError?
        while work(on: store, &mayCompact) {
            guard store.spaceTrouble != told else { continue }
            told = store.spaceTrouble
            if let told { reactor.execute { tell.open($0)($0, .trouble(told)) } }
        }
    }

    /// What a start has to store comes before what only a full disk needs.
    private static let firstOrder = Interval.milliseconds(100)

    /// Carries out the next order, or what is to be done when there is none; false after the last one.
    private func work(on store: JournalStore, _ mayCompact: inout Bool) -> Bool {
        let hasReserve = store.hasMadeReserve
        let timeout =
            !hasReserve
            ? Self.firstOrder : mayCompact ? .zero : store.syncDue.map { max($0 - SystemClock.instant(), .zero) }
        switch mailbox.wait(timeout: timeout, until: { $0.take() }) {
        case nil:
            if !hasReserve { store.makeReserve() }
            store.syncIfDue()
            mayCompact = store.compact()
        case .commit(let commit):
            let result = Result { () throws(StorageError) in try store.commit(commit.changes) }
            reactor.execute { commit.answer.open($0)($0, result) }
            if !hasReserve { store.makeReserve() }
            // A stream of commits must not keep a sync that is due from being made.
            store.syncIfDue()
            mayCompact = store.compact()
        case .close(let answer):
            store.close()
            reactor.execute { answer.open($0)($0) }
            return false
        case .abandon:
            return false
        }
        return true
    }
}

/// A journal that is being opened on its writer's thread before there is a loop to answer on, while the program does
/// something else: ``JournalStorage/init(_:)`` takes it over.
public struct JournalAhead: Sendable {
    let opening: StoreOpening
    let mailbox = Monitor(WriterMailbox())

    /// Begins to open it; nil where there can be no thread for that now.
    ///
    /// - Parameters:
    ///   - directory: see ``JournalStorage/init(directory:sync:packsWaiting:)``.
    ///   - sync: see there.
    public init?(directory: String, sync: StorageSync) {
        opening = StoreOpening(directory: StoreDirectory(directory), sync: sync, packsWaiting: true)
        do { try WriterThread.start(opening, mailbox) } catch { return nil }
    }
}
