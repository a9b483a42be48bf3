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
    let sync: StorageSync
    let policy: CompactionPolicy
    // SAFETY: the writer calls nobody but what encodes a record, which knows nothing of this store.
    @exclusivity(unchecked) var writer: JournalWriter
    private var segment: StoreFile
    private let witness: StoreFile
    private let lock: StoreLock
    /// Tests put it off: what they count is not to depend on the time it takes.
    var witnessSynced: Instant
    /// When the oldest bytes that are not on the disk yet were written.
    private var unsyncedSince: Instant?
    private(set) var failure: StorageError?

    let reserve: StoreReserve
    /// There was no room for a new job, and none was stored since.
    var isFull = false
    var cleaning: StoreCleaning?
    var writtenSinceSlice = 0
    /// An old segment turned out to be damaged. It is kept, and so are all after it.
    var compactionTrouble: StorageError?
    /// Why space was not given back when it was last tried, unless for want of room; tried again with the next commit.
    private(set) var compactionFailure: StorageError?

    /// What a person should know of giving space back: the same until it is another thing.
    var spaceTrouble: StorageError? { failure == nil ? compactionTrouble ?? compactionFailure : nil }

    func noteCompaction(_ error: StorageError?) { compactionFailure = error }

    /// Takes over what ``StoreOpening`` has made ready: an open segment, durable as far as it goes.
    init(
        directory: StoreDirectory, sync: StorageSync, policy: CompactionPolicy, writer: JournalWriter,
        segment: StoreFile, witness: StoreFile, lock: StoreLock
    ) {
        self.directory = directory
        self.sync = sync
        self.policy = policy
        reserve = StoreReserve(directory)
        self.writer = writer
        self.segment = segment
        self.witness = witness
        self.lock = lock
        witnessSynced = SystemClock.instant()
    }

    /// Without it the store is open all the same: jobs can end, and new ones are refused until there is room.
    func makeReserve() {
        hasMadeReserve = true
        try? reserve.ensure(writer.reserve)
    }

    /// ``makeReserve()`` was called.
    private(set) var hasMadeReserve = false

    var liveRecords: Int { writer.liveRecords }

    // MARK: Commit

    /// Writes the changes, all or none, and syncs them if the promise asks for it.
    func commit(_ changes: StorageChanges) throws(StorageError) {
        if let failure { throw failure }
        try encode(changes)
        guard writer.finishCommit() else { return }
        let addsRecords = writer.commitAddsRecords
        if addsRecords { try keepReserve() }
        if !writer.commitFits(usingReserve: false) { try makeRoom(for: changes) }
        try write()
        if addsRecords { isFull = false }
        switch sync {
        case .always: try syncSegment()
        case .interval, .never: noteUnsynced()
        }
    }

    func noteUnsynced() { unsyncedSince = unsyncedSince ?? SystemClock.instant() }

    /// New jobs are only taken while there is room for the end of every one.
    private func keepReserve() throws(StorageError) {
        do {
            try reserve.ensure(writer.reserve)
        } catch {
            writer.commitFailed()
            isFull = true
            throw .system(error, directory: directory.path)
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

    private func encode(_ changes: StorageChanges) throws(StorageError) {
        for index in changes.indices {
            let id = changes.id(at: index)
            do {
                try changes.withRecord(at: index) { record throws(JournalLimit) in
                    if let record {
                        try writer.put(JournalKey(id), record)
                    } else {
                        try writer.remove(JournalKey(id))
                    }
                }
            } catch {
                writer.commitFailed()
                throw .tooLarge(error, job: id, directory: directory.path)
            }
        }
    }

    /// Begins a segment that has room for the finished commit, or makes use of the reserve if there can be none.
    private func makeRoom(for changes: StorageChanges) throws(StorageError) {
        let bytes = writer.commitBytes.count
        let addsRecords = writer.commitAddsRecords
        if !hasMadeReserve { makeReserve() }
        // Its records may get other sequence numbers: the commit is made again.
        writer.commitFailed()
        do {
            return try rotate(holding: bytes, thenEncoding: changes)
        } catch {
            guard error.code == .full else { throw error }
            isFull = true
            guard !addsRecords else { throw error }
        }
        try encode(changes)
        _ = writer.finishCommit()
        if writer.commitFits(usingReserve: true) { return }
        writer.commitFailed()
        try rotate(holding: bytes, from: .longest, thenEncoding: changes)
    }

    private func rotate(
        holding bytes: Int, from choice: StoreReserve.Choice = .none, thenEncoding changes: StorageChanges
    ) throws(StorageError) {
        try rotate(holding: bytes, from: choice)
        try encode(changes)
        _ = writer.finishCommit()
    }

    func write() throws(StorageError) {
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
        writtenSinceSlice += bytes
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
    ///
    /// - Parameters:
    ///   - choice: what was kept for a full disk may become the segment.
    ///   - puts: what the new segment begins with, so that it needs the oldest one no more.
    func rotate(
        holding commitBytes: Int, from choice: StoreReserve.Choice = .none, emptying puts: [SegmentCleaner.Put]? = nil
    ) throws(StorageError) {
        let (header, next) = try makeNextSegment(holding: commitBytes, from: choice, emptiesOldest: puts != nil)
        do {
            try directory.checkIdentity()
            try seal(isClose: false)
        } catch {
            throw fail(error)
        }
        var dead = writer.beginSegment(header)
        if let puts { dead += try begin(next, with: puts) }
        do {
            try directory.rename(next, to: JournalFormat.segmentName(header.firstSequence))
            try directory.sync()
            try syncWitness(at: SystemClock.instant())
        } catch {
            throw fail(error)
        }
        segment = next
        directory.removeSegments(dead)
        // Where it cannot be had, new jobs are refused until it can.
        try? reserve.ensure(writer.reserve)
    }

    /// Gives the segments that are needed no more when the next one begins with these records.
    private func begin(_ next: StoreFile, with puts: [SegmentCleaner.Put]) throws(StorageError) -> [UInt64] {
        try encode(puts)
        guard writer.finishCommit() else { return writer.dropDead() }
        do {
            try next.write(writer.commitBytes, at: writer.end)
            try next.sync()
        } catch {
            throw fail(error)
        }
        writer.commitWritten()
        return writer.dropDead()
    }

    /// The next segment under its temporary name, durable. Where there is no room for one as long as usual, the
    /// shortest one that serves will do.
    private func makeNextSegment(
        holding commitBytes: Int, from choice: StoreReserve.Choice, emptiesOldest: Bool
    ) throws(StorageError) -> (SegmentHeader, StoreFile) {
        var header = writer.nextSegmentHeader(
            salt: SystemRandom.seed(), created: SystemClock.wall(), commitBytes: commitBytes,
            emptiesOldest: emptiesOldest)
        if case .success(let file) = try makeSegment(header) { return (header, file) }
        header.preallocatedBytes = writer.shortestSegment(commitBytes: commitBytes)
        var shortest = try makeSegment(header)
        // A new job may have what was kept for the ends of more jobs than there are now.
        if case .failure = shortest, choice == .none, reserve.trim(to: writer.reserve) {
            shortest = try makeSegment(header)
        }
        if case .success(let file) = shortest { return (header, file) }
        let needed = JournalFormat.segmentHeaderBytes + commitBytes + JournalFormat.sealBytes
        guard let kept = reserve.take(choice, atLeast: needed) else { return (header, try shortest.get()) }
        header.preallocatedBytes = UInt32(clamping: kept.bytes)
        do {
            try kept.file.write(header.encoded(), at: 0)
            try kept.file.sync()
        } catch {
            throw fail(error)
        }
        return (header, kept.file)
    }

    /// A failure if there is no room for it; any other one is thrown.
    private func makeSegment(_ header: SegmentHeader) throws(StorageError) -> Result<StoreFile, StorageError> {
        do {
            return .success(try directory.makeSegment(header, bytes: header.encoded()))
        } catch {
            guard error.isWantOfRoom || error.isWantOfDescriptors else { throw fail(error) }
            return .failure(.full(error, directory: directory.path))
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
        reserve.remove()
        lock.release()
    }
}

extension JournalKey {
    init(_ id: JobID) { self.init(high: id.high, low: id.low) }
}

extension JobID {
    init(_ key: JournalKey) { self.init(high: key.high, low: key.low) }
}
