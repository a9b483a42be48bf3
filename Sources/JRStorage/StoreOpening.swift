import JRBase
import JRCore
import JRJournal
import JRSystem
import JRWire

/// Opens a store's directory: lock, recovery, and an open segment in which nothing is taken for durable that is not.
///
/// Until recovery has accepted what is there, nothing in the directory is changed but `LOCK`.
struct StoreOpening {
    private(set) var directory: StoreDirectory
    let sync: StorageSync
    var sizes = SegmentSizes.usual
    var policy = CompactionPolicy.usual
    /// Whether jobs that wait for their time are handed over packed.
    var packsWaiting = false
    /// Whether the store has its reserve for a full disk when it is open; else its owner sees to that.
    var makesReserve = true

    struct Opened {
        var store: JournalStore
        var contents: StorageContents
        var marks: RunningMarks
    }

    mutating func open() throws(StorageError) -> Opened {
        try directory.prepare()
        let lock = try StoreLock(directory)
        let recovered = try recover()
        let marks = try directory.attempt { () throws(SystemError) in try openMarks() }
        let (waiting, records) = try pack(recovered, running: marks.inherited)
        let jobs = try decode(records, of: recovered, running: marks.inherited)
        var opened = try directory.attempt { () throws(SystemError) in
            try begin(after: recovered, jobs: jobs, marks: marks, lock: lock)
        }
        opened.contents.waiting = waiting
        return opened
    }

    // MARK: What is there

    private func recover() throws(StorageError) -> RecoveredJournal {
        var names = try directory.attempt { () throws(SystemError) in try directory.names() }
        if !names.contains(JournalFormat.metaName) {
            try makeStore(names)
            names = [JournalFormat.metaName, JournalFormat.witnessName]
        }
        let last = names.filter { JournalFormat.firstSequence(ofSegment: $0) != nil }.max()
        let files = try directory.attempt { () throws(SystemError) in
            (
                meta: try directory.read(JournalFormat.metaName) ?? [],
                witness: try directory.read(JournalFormat.witnessName),
                lastHeader: try last.flatMap { (name) throws(SystemError) in
                    try directory.read(name, limit: JournalFormat.segmentHeaderBytes)
                }
            )
        }
        var recovery: JournalRecovery
        do {
            recovery = try JournalRecovery(
                meta: files.meta, witness: files.witness, names: names, lastHeader: (files.lastHeader ?? [])[...])
        } catch {
            throw .corrupt(error, directory: directory.path)
        }
        for segment in recovery.neededSegments {
            let name = JournalFormat.segmentName(segment)
            let (bytes, length) = try directory.attempt { () throws(SystemError) in try directory.readData(name) }
            do { try recovery.read(bytes, fileBytes: length) } catch {
                throw .corrupt(error, directory: directory.path)
            }
        }
        do { return try recovery.finish() } catch { throw .corrupt(error, directory: directory.path) }
    }

    /// Those that wait for their time, if they are wanted packed, and where all others are.
    private func pack(
        _ recovered: RecoveredJournal, running: Set<JobID>
    ) throws(StorageError) -> (WaitingJobs, [RecoveredRecord]) {
        var waiting = WaitingJobs()
        guard packsWaiting else { return (waiting, recovered.records) }
        var others: [RecoveredRecord] = []
        let now = SystemClock.wall()
        for found in recovered.records {
            let id = JobID(found.key)
            do {
                if !running.contains(id), try waiting.insert(decoding: recovered.value(of: found), id: id, at: now) {
                    continue
                }
            } catch {
                throw Self.unreadable(found, of: recovered, directory: directory.path)
            }
            others.append(found)
        }
        return (waiting, others)
    }

    private static func unreadable(
        _ found: RecoveredRecord, of recovered: RecoveredJournal, directory: String
    ) -> StorageError {
        .unreadable(
            JobID(found.key), file: JournalFormat.segmentName(recovered.segments[found.segment]), directory: directory)
    }

    /// All jobs, or the first that cannot be read. Two threads share many of them.
    private func decode(
        _ records: [RecoveredRecord], of recovered: RecoveredJournal, running: Set<JobID>
    ) throws(StorageError) -> [RecoveredJob] {
        let path = directory.path
        let other = Monitor<Result<[RecoveredJob], StorageError>?>(nil)
        let middle = records.count / 2
        let isShared = records.count >= Self.worthAThread
        if isShared {
            let decodeRest = { @Sendable in
                let rest = Result { () throws(StorageError) in
                    try Self.decode(
                        records[middle...], of: recovered, running: running, directory: path,
                        room: records.count - middle)
                }
                other.update { $0 = rest }
            }
            // Where there is no further thread, this one does it all.
            do { try Threads.start(name: "jr-journal-2", decodeRest) } catch { decodeRest() }
        }
        let own = Result { () throws(StorageError) in
            try Self.decode(
                records[..<(isShared ? middle : records.count)], of: recovered, running: running, directory: path,
                room: records.count)
        }
        guard isShared, let rest = other.wait(until: { $0 }) else { return try own.get() }
        var jobs = try own.get()
        jobs += try rest.get()
        return jobs
    }

    /// From how many jobs on a second thread is worth its start.
    private static let worthAThread = 2_000

    private static func decode(
        _ records: ArraySlice<RecoveredRecord>, of recovered: RecoveredJournal, running: Set<JobID>,
        directory: String, room: Int
    ) throws(StorageError) -> [RecoveredJob] {
        var jobs: [RecoveredJob] = []
        jobs.reserveCapacity(room)
        for found in records {
            let id = JobID(found.key)
            do {
                let record = try JobRecord(decoding: recovered.value(of: found))
                guard record.id == id else { throw UnpackError.outOfRange(offset: 0) }
                jobs.append(RecoveredJob(record: record, wasRunning: running.contains(id)))
            } catch {
                throw unreadable(found, of: recovered, directory: directory)
            }
        }
        return jobs
    }

    // MARK: What is made ready

    /// A new store: META comes last, so that one half made is made again.
    private func makeStore(_ names: [String]) throws(StorageError) {
        let isNew = try directory.attempt { () throws(SystemError) in
            let witness = try directory.read(JournalFormat.witnessName) ?? []
            let segments = names.contains { JournalFormat.firstSequence(ofSegment: $0) != nil }
            return !segments && Witness.newest(in: witness[...])?.sequence ?? 0 == 0
        }
        guard isNew else {
            throw .corrupt(
                JournalRefusal(
                    .missing("it is missing, and other files of a store are there"), file: JournalFormat.metaName),
                directory: directory.path)
        }
        let identity = StoreIdentity(high: SystemRandom.seed(), low: SystemRandom.seed())
        let witness = Witness(identity: identity, sequence: 0, segment: 1, offset: 0, generation: 0)
        try directory.attempt { () throws(SystemError) in
            let unused = [UInt8](repeating: 0, count: JournalFormat.witnessSlotBytes)
            try directory.place(JournalFormat.witnessName, witness.encoded() + unused)
            try directory.place(
                JournalFormat.metaName, StoreMeta(identity: identity, created: SystemClock.wall()).encoded())
        }
    }

    /// The file of marks; one of another length was never finished and says nothing.
    private func openMarks() throws(SystemError) -> RunningMarks {
        let name = JournalFormat.runningName
        var found = try directory.read(name) ?? []
        let isFinished = found.count == RunningMarks.bytes
        if !isFinished { found = [UInt8](repeating: 0, count: RunningMarks.bytes) }
        let file = isFinished ? try directory.open(name) : try directory.create(name)
        // Every block must be there: a look at one that finds no room would end the process. A copy of a store may have
        // left out those without marks.
        if !(try file.allocate(RunningMarks.bytes)) { try file.write(found, at: 0) }
        return RunningMarks(try file.map(bytes: RunningMarks.bytes))
    }

    private func begin(
        after recovered: RecoveredJournal, jobs: [RecoveredJob], marks: RunningMarks, lock: StoreLock
    ) throws(SystemError) -> Opened {
        var writer = JournalWriter(after: recovered, sizes: sizes)
        var report = StorageReport()
        report.recordsRead = recovered.recordsRead
        report.segments = recovered.segments.count
        let (segment, dead) = try openSegment(after: recovered, &writer, &report)
        // The name of a segment was made durable before anything in it was. And when it is gone on with, the witness
        // that is on the disk, which says less, remains true: the next one is synced within a second of a commit.
        let isKnown = recovered.lastSegmentGoesOnInPlace && recovered.lastSegmentIsWitnessed
        if !isKnown { try directory.sync() }
        let witness = try directory.open(JournalFormat.witnessName)
        let place = writer.synced()
        try witness.write(place.encoded(), at: place.slotOffset)
        if !isKnown { try witness.syncData() }
        directory.removeSegments(dead + recovered.leftovers)
        if !marks.inherited.isEmpty {
            // One that is marked was not packed.
            let stored = Set(jobs.map(\.record.id))
            marks.keepInherited { stored.contains($0) }
        }
        let store = JournalStore(
            directory: directory, sync: sync, policy: policy, writer: writer, segment: segment, witness: witness,
            lock: lock)
        if makesReserve { store.makeReserve() }
        return Opened(store: store, contents: StorageContents(jobs: jobs, report: report), marks: marks)
    }

    /// The segment that is written next, under its name and durable as far as it goes, and those that are needed no
    /// more.
    private func openSegment(
        after recovered: RecoveredJournal, _ writer: inout JournalWriter, _ report: inout StorageReport
    ) throws(SystemError) -> (StoreFile, dead: [UInt64]) {
        let tail = recovered.lastSegmentGoesOn ? recovered.tail : nil
        if let tail {
            // What was torn may need their room.
            if tail.tornBytes > 0 { StoreReserve.removeLeftovers(in: directory) }
            report.tornBytes = tail.tornBytes
            report.quarantine = try quarantine(tail)
        }
        if let tail, let witness = recovered.witness, recovered.lastSegmentGoesOnInPlace {
            directory.remove(JournalFormat.temporarySegmentName)
            writer.goOn(after: tail)
            return (try goOn(after: tail, witness), [])
        }
        StoreReserve.removeLeftovers(in: directory)
        let segment: StoreFile
        let dead: [UInt64]
        if let tail {
            let header = writer.rewrittenHeader(of: tail, salt: SystemRandom.seed(), created: SystemClock.wall())
            let rewritten: RewrittenSegment
            (rewritten, segment) = try rewrite(tail, header)
            dead = writer.resumeSegment(rewritten)
        } else {
            let header = writer.nextSegmentHeader(
                salt: SystemRandom.seed(), created: SystemClock.wall(), commitBytes: 0)
            let made: SegmentHeader
            (made, segment) = try makeFirst(header, shortest: writer.shortestSegment(commitBytes: 0))
            dead = writer.beginSegment(made)
        }
        if let header = writer.segment {
            try directory.rename(segment, to: JournalFormat.segmentName(header.firstSequence))
        }
        return (segment, dead)
    }

    /// The last segment as it is. What the page cache shows of it beyond what was known to be on the disk is written
    /// once more, so that the sync is one of these bytes, and what was torn becomes zeros before anything follows.
    private func goOn(after tail: RecoveredTail, _ witness: Witness) throws(SystemError) -> StoreFile {
        let file = try directory.open(JournalFormat.segmentName(tail.firstSequence))
        let uncertain = tail.uncertain(witness)
        if !uncertain.bytes.isEmpty { try file.write(Array(uncertain.bytes), at: uncertain.offset) }
        if tail.tornBytes > 0 {
            try file.write([UInt8](repeating: 0, count: tail.tornBytes), at: tail.offset)
        }
        try file.syncData()
        return file
    }

    /// On a full disk it may be short.
    private func makeFirst(
        _ header: SegmentHeader, shortest: UInt32
    ) throws(SystemError) -> (SegmentHeader, StoreFile) {
        do {
            return (header, try directory.makeSegment(header, bytes: header.encoded()))
        } catch {
            guard error.isWantOfRoom, shortest < header.preallocatedBytes else { throw error }
            var header = header
            header.preallocatedBytes = shortest
            return (header, try directory.makeSegment(header, bytes: header.encoded()))
        }
    }

    /// The last segment once more, durable. On a full disk it may be no longer than what it holds.
    private func rewrite(
        _ tail: RecoveredTail, _ header: SegmentHeader
    ) throws(SystemError) -> (RewrittenSegment, StoreFile) {
        let rewritten = RewrittenSegment(tail, header: header)
        do {
            return (rewritten, try directory.makeSegment(header, bytes: rewritten.bytes))
        } catch {
            var shorter = header
            shorter.preallocatedBytes = UInt32(clamping: rewritten.bytes.count + 4_096)
            guard error.isWantOfRoom, shorter.preallocatedBytes < header.preallocatedBytes else { throw error }
            let short = RewrittenSegment(tail, header: shorter)
            return (short, try directory.makeSegment(shorter, bytes: short.bytes))
        }
    }

    /// Keeps the bytes that are cut, for whoever wants to know what they were; gives the file's name.
    private func quarantine(_ tail: RecoveredTail) throws(SystemError) -> String? {
        guard tail.tornBytes > 0 else { return nil }
        return try StoreQuarantine(directory).keep(tail)
    }
}
