import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire

/// A journal on the disk, open for writing: does what ``JournalWriter`` decides. Blocks; used by one thread at a time.
///
/// Two kinds of failure: for want of room a commit is refused and everything else stays as it was; after any other one
/// nobody can say what is on the disk, so nothing is written any more and every further commit fails.
final class JournalStore {
    let directory: StoreDirectory
    private let sync: StorageSync
    private var writer: JournalWriter
    private var segment: StoreFile
    private let witness: StoreFile
    private let lock: StoreLock
    private var witnessSynced: Instant
    /// When the oldest bytes that are not on the disk yet were written.
    private var unsyncedSince: Instant?
    private(set) var failure: StorageError?

    /// Takes over what ``StoreOpening`` has made ready: an open segment, durable as far as it goes.
    init(
        directory: StoreDirectory, sync: StorageSync, writer: JournalWriter, segment: StoreFile, witness: StoreFile,
        lock: StoreLock
    ) {
        self.directory = directory
        self.sync = sync
        self.writer = writer
        self.segment = segment
        self.witness = witness
        self.lock = lock
        witnessSynced = SystemClock.instant()
    }

    var liveRecords: Int { writer.liveRecords }

    // MARK: Commit

    /// Writes the changes, all or none, and syncs them if the promise asks for it.
    func commit(_ changes: [StorageChange]) throws(StorageError) {
        if let failure { throw failure }
        try encode(changes)
        guard writer.finishCommit() else { return }
        if !writer.commitFits(usingReserve: false) { try makeRoom(for: changes) }
        try write()
        switch sync {
        case .always: try syncSegment()
        case .interval, .never: unsyncedSince = unsyncedSince ?? SystemClock.instant()
        }
    }

    /// When ``syncIfDue()`` has something to do; nil if there is nothing to sync.
    var syncDue: Instant? {
        guard case .interval(let interval) = sync, failure == nil else { return nil }
        return unsyncedSince.map { $0 + interval }
    }

    /// Syncs what was written long enough ago. A failure is told by the next commit.
    func syncIfDue() {
        guard let due = syncDue, due <= SystemClock.instant() else { return }
        do { try syncSegment() } catch { failure = error }
    }

    private func encode(_ changes: [StorageChange]) throws(StorageError) {
        for change in changes {
            do {
                switch change {
                case .put(let record): try writer.put(JournalKey(record.id)) { record.encode(into: &$0) }
                case .remove(let id): try writer.remove(JournalKey(id))
                }
            } catch {
                writer.commitFailed()
                throw .tooLarge(error, job: change.id, directory: directory.path)
            }
        }
    }

    /// Begins a segment that has room for the finished commit, or makes use of the reserve if there can be none.
    private func makeRoom(for changes: [StorageChange]) throws(StorageError) {
        let bytes = writer.commitBytes.count
        // Its records may get other sequence numbers: the commit is made again.
        writer.commitFailed()
        do {
            try rotate(holding: bytes)
            try encode(changes)
            _ = writer.finishCommit()
        } catch {
            guard error.code == .full else { throw error }
            try encode(changes)
            _ = writer.finishCommit()
            guard !writer.commitAddsRecords, writer.commitFits(usingReserve: true) else {
                writer.commitFailed()
                throw error
            }
        }
    }

    private func write() throws(StorageError) {
        let bytes = writer.commitBytes.count
        do {
            try segment.write(writer.commitBytes, at: writer.end)
        } catch {
            writer.commitFailed()
            // What was written of it becomes nothing again. Zeros instead of a shorter file: a file shorter than it was
            // made is one that lost its end.
            do {
                try segment.eraseWritten(at: writer.end, count: bytes)
            } catch {
                throw fail(error)
            }
            guard error.isWantOfRoom else { throw fail(error) }
            throw .full(error, directory: directory.path)
        }
        writer.commitWritten()
    }

    /// After a failed sync the kernel may have dropped the data and the next sync would say all is well: never again.
    private func syncSegment() throws(StorageError) {
        do {
            try segment.syncData()
            unsyncedSince = nil
            try note(writer.synced())
        } catch {
            throw fail(error)
        }
    }

    private func note(_ place: Witness) throws(SystemError) {
        try witness.write(place.encoded(), at: place.slotOffset)
        // The witness need not be on the disk for its claim to be true; once a second keeps it useful after a power
        // cut.
        let now = SystemClock.instant()
        guard now - witnessSynced >= .seconds(Int64(1)) else { return }
        try syncWitness(at: now)
    }

    private func syncWitness(at now: Instant) throws(SystemError) {
        try witness.syncData()
        witnessSynced = now
    }

    private func fail(_ cause: SystemError) -> StorageError {
        let error = StorageError.failed(cause, directory: directory.path)
        failure = error
        return error
    }

    // MARK: Segments

    /// Ends the open segment and begins the next one. Throws `full` with nothing changed if there is no room for it.
    private func rotate(holding commitBytes: Int) throws(StorageError) {
        let (header, next) = try makeNextSegment(holding: commitBytes)
        do {
            try directory.checkIdentity()
            try seal(isClose: false)
            try directory.rename(next, to: JournalFormat.segmentName(header.firstSequence))
            try directory.sync()
            try syncWitness(at: SystemClock.instant())
        } catch {
            throw fail(error)
        }
        let dead = writer.beginSegment(header)
        segment = next
        directory.removeSegments(dead)
    }

    /// The next segment under its temporary name, durable. Where there is no room for one as long as usual, the
    /// shortest one that serves will do.
    private func makeNextSegment(holding commitBytes: Int) throws(StorageError) -> (SegmentHeader, StoreFile) {
        var header = writer.nextSegmentHeader(
            salt: SystemRandom.seed(), created: SystemClock.wall(), commitBytes: commitBytes)
        do {
            return (header, try directory.makeSegment(header, bytes: header.encoded()))
        } catch {
            guard error.isWantOfRoom else { throw fail(error) }
        }
        header.preallocatedBytes = writer.shortestSegment(commitBytes: commitBytes)
        do {
            return (header, try directory.makeSegment(header, bytes: header.encoded()))
        } catch {
            throw error.isWantOfRoom ? .full(error, directory: directory.path) : fail(error)
        }
    }

    private func seal(isClose: Bool) throws(SystemError) {
        try segment.write(writer.sealFrame(isClose: isClose), at: writer.end)
        try segment.syncData()
        unsyncedSince = nil
        try note(writer.segmentSealed())
        // Gives the rest of the allocation back. Zeros after a seal mean the same, so a failure changes nothing.
        try? segment.truncate(to: writer.end)
    }

    /// Ends in good order: the next start knows that nothing is missing. A failure leaves what a crash would leave.
    func close() {
        guard failure == nil else { return }
        do {
            try seal(isClose: true)
            try syncWitness(at: SystemClock.instant())
        } catch {
            failure = .failed(error, directory: directory.path)
        }
        lock.release()
    }
}

extension JournalKey {
    init(_ id: JobID) { self.init(high: id.high, low: id.low) }
}

extension JobID {
    init(_ key: JournalKey) { self.init(high: key.high, low: key.low) }
}
