import JRJournal
import JRSystem

/// An old segment that is being emptied.
struct StoreCleaning {
    var cleaner: SegmentCleaner
    let file: StoreFile
}

/// Giving back what is not needed, in slices between commits: see ``JRJournal/CompactionPolicy``.
extension JournalStore {
    /// How much of an old segment is looked at in one slice: about a millisecond's work, by which a commit may come
    /// later than it would.
    static let sliceBytes = 256 * 1024
    /// The most, where much is being written.
    static let longestSliceBytes = 4 * 1024 * 1024

    /// One slice, if there is something to do; gives whether there is more.
    func compact() -> Bool {
        guard failure == nil, compactionTrouble == nil, let step = writer.compactionStep(policy, isFull: isFull) else {
            cleaning = nil
            return false
        }
        do {
            switch step {
            case .drop:
                cleaning = nil
                try rotate(holding: 0, from: .shortest)
            case .clean(let segment, let liveBytes) where isFull:
                cleaning = nil
                try cleanOnFullDisk(segment, liveBytes: liveBytes)
            case .clean(let segment, _):
                let hasMore = try clean(segment)
                noteCompaction(nil)
                return hasMore
            }
            noteCompaction(nil)
            return true
        } catch {
            // There will be another try after the next commit, unless the store failed or the segment is damaged.
            switch error.code {
            case .full: isFull = true
            case .corrupt: compactionTrouble = error
            default: noteCompaction(.notGivenBack(error, directory: directory.path))
            }
            return false
        }
    }

    private func clean(_ segment: UInt64) throws(StorageError) -> Bool {
        var current = try cleaning(of: segment)
        defer { cleaning = current }
        let debt = CompactionPolicy.bytesPerByte * writtenSinceSlice
        let budget = min(max(Self.sliceBytes, debt), Self.longestSliceBytes)
        let before = current
        let puts = try read(&current, budget: budget)
        writtenSinceSlice = max(0, writtenSinceSlice - budget / CompactionPolicy.bytesPerByte)
        do {
            try carry(puts)
        } catch {
            current = before
            throw error
        }
        guard current.cleaner.isDone else { return true }
        // Every live record was seen, so that the segment is dead now, or the journal's index and its file differ.
        if case .clean(segment, _) = writer.compactionStep(policy, isFull: isFull) {
            throw .cannotGiveBack(
                JournalRefusal(.damaged("records are missing"), file: JournalFormat.segmentName(segment)),
                directory: directory.path)
        }
        return true
    }

    private func cleaning(of segment: UInt64) throws(StorageError) -> StoreCleaning {
        if let cleaning, cleaning.cleaner.segment == segment { return cleaning }
        let directory = directory
        return try directory.attempt { () throws(SystemError) in
            let file = try directory.openToRead(JournalFormat.segmentName(segment))
            return StoreCleaning(
                cleaner: SegmentCleaner(segment: segment, fileBytes: Int(try file.length())), file: file)
        }
    }

    /// All of the segment at once into a new one that takes its place, so that no more room is needed than for what is
    /// live. The reserve is lent for it, if what jobs need for their end stays free.
    private func cleanOnFullDisk(_ segment: UInt64, liveBytes: Int) throws(StorageError) {
        var current = try cleaning(of: segment)
        var puts: [SegmentCleaner.Put] = []
        while !current.cleaner.isDone { puts += try read(&current, budget: .max / 2) }
        let needed = liveBytes + liveBytes / 16 + 4_096 + writer.endsBytes / 7 * 8
        try rotate(holding: needed, from: .longest, emptying: puts)
    }

    private func read(
        _ current: inout StoreCleaning, budget: Int
    ) throws(StorageError) -> [SegmentCleaner.Put] {
        var puts: [SegmentCleaner.Put] = []
        let range = current.cleaner.range(budget: budget)
        let file = current.file
        let bytes = try directory.attempt { () throws(SystemError) in
            try file.read(at: range.offset, count: range.count)
        }
        do {
            try current.cleaner.take(bytes)
            while let put = try current.cleaner.next() { puts.append(put) }
        } catch {
            throw .cannotGiveBack(error, directory: directory.path)
        }
        return puts
    }

    /// Writes those that are live at the journal's end. They need no sync of their own: the segment they come from
    /// stays until the one they go to is sealed.
    private func carry(_ puts: [SegmentCleaner.Put]) throws(StorageError) {
        try encode(puts)
        guard writer.finishCommit() else { return }
        if !writer.commitFits(usingReserve: false) {
            let bytes = writer.commitBytes.count
            writer.commitFailed()
            try rotate(holding: bytes)
            try encode(puts)
            _ = writer.finishCommit()
        }
        try write()
        if sync != .always { noteUnsynced() }
    }

    func encode(_ puts: [SegmentCleaner.Put]) throws(StorageError) {
        for put in puts {
            do {
                try writer.carry(put)
            } catch {
                writer.commitFailed()
                throw .tooLarge(error, job: .init(put.key), directory: directory.path)
            }
        }
    }
}
