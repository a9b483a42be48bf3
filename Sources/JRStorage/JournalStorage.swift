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
    private var mailbox: Monitor<WriterMailbox>?
    private var marks: RunningMarks?
    private var isCommitting = false
    private var observer: ((Loop, StorageEvent) -> Void)?

    /// - Parameters:
    ///   - directory: made with mode 0700 if it is missing; refused if others than its owner may enter it.
    ///   - sync: when what was written is made to reach the disk.
    public convenience init(directory: String, sync: StorageSync = .always) {
        self.init(StoreDirectory(directory), sync: sync, sizes: .usual)
    }

    init(
        _ directory: StoreDirectory, sync: StorageSync, sizes: SegmentSizes, policy: CompactionPolicy = .usual
    ) {
        self.directory = directory
        self.sync = sync
        self.sizes = sizes
        self.policy = policy
    }

    deinit {
        // The thread ends as in a crash; whoever wanted a good end has called `close`.
        mailbox?.update { $0.isAbandoned = true }
    }

    public func observe(_ body: @escaping (Loop, StorageEvent) -> Void) { observer = body }

    public func open(on loop: Loop, _ done: @escaping (Loop, Result<StorageContents, StorageError>) -> Void) {
        precondition(mailbox == nil, "JournalStorage: opened twice")
        let mailbox = Monitor(WriterMailbox())
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
        let opening = StoreOpening(directory: directory, sync: sync, sizes: sizes, policy: policy)
        // The answer goes by the mailbox and not with the thread, which would keep it, and so this storage, for ever.
        mailbox.update { $0.open = answer }
        let tell = LoopBound(
            { [weak self] (loop: Loop, event: StorageEvent) -> Void in self?.observer?(loop, event) }, loop)
        let thread = WriterThread(mailbox: mailbox, reactor: loop.reactor, tell: tell)
        do {
            try Threads.start(name: "jr-journal") { thread.run(opening) }
        } catch {
            let failure = StorageError.failed(error, directory: directory.path)
            loop.soon { answer.open($0)($0, .failure(failure)) }
        }
    }

    public func commit(
        _ changes: [StorageChange], on loop: Loop, _ done: @escaping (Loop, Result<Void, StorageError>) -> Void
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
        var changes: [StorageChange]
        var answer: LoopBound<(Loop, Result<Void, StorageError>) -> Void>
    }

    enum Order: Sendable {
        case commit(Commit)
        case close(LoopBound<(Loop) -> Void>)
        case abandon
    }

    var open: LoopBound<(Loop, Result<WriterThread.Ready, StorageError>) -> Void>?
    var commit: Commit?
    var close: LoopBound<(Loop) -> Void>?
    var isAbandoned = false

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
    let tell: LoopBound<(Loop, StorageEvent) -> Void>

    func run(_ opening: StoreOpening) {
        guard let store = open(opening) else { return }
        var mayCompact = true
        var told: StorageError?
        while work(on: store, &mayCompact) {
            guard store.spaceTrouble != told else { continue }
            told = store.spaceTrouble
            if let told { reactor.execute { tell.open($0)($0, .trouble(told)) } }
        }
    }

    private func open(_ start: StoreOpening) -> JournalStore? {
        guard let answer = mailbox.update({ $0.open.take() }) else { return nil }
        var opening = start
        do {
            let opened = try opening.open()
            let ready = Ready(contents: opened.contents, marks: opened.marks)
            reactor.execute { answer.open($0)($0, .success(ready)) }
            return opened.store
        } catch {
            reactor.execute { answer.open($0)($0, .failure(error)) }
            return nil
        }
    }

    /// Carries out the next order, or what is to be done when there is none; false after the last one.
    private func work(on store: JournalStore, _ mayCompact: inout Bool) -> Bool {
        let timeout = mayCompact ? .zero : store.syncDue.map { max($0 - SystemClock.instant(), .zero) }
        switch mailbox.wait(timeout: timeout, until: { $0.take() }) {
        case nil:
            store.syncIfDue()
            mayCompact = store.compact()
        case .commit(let commit):
            let result = Result { () throws(StorageError) in try store.commit(commit.changes) }
            reactor.execute { commit.answer.open($0)($0, result) }
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
