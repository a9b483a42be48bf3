import JRBase

/// When a journal has more on the disk than it needs.
///
/// Segments are given back from the oldest on. Live records of the oldest one are put again at the journal's end, as
/// they are and with their place in the order, until it holds none; then the next segment's header says that it is
/// needed no more. No record is ever in fewer places than it was: a crash at any moment leaves a journal that reads the
/// same.
///
/// With `T` bytes written in segments, of which `L` are live, work begins above `1.5 L + slack`. A pass over the whole
/// journal copies at most `L` and frees `T - L`; and as the work looks at ``bytesPerByte`` bytes for each that is
/// written meanwhile, there are never more than `1.75 L + slack` and two segments.
public struct CompactionPolicy: Sendable {
    /// What may lie there beyond one and a half times the live records. At least some KiB: seals, headers and frames
    /// are never all gone.
    public var slack: Int

    public init(slack: Int) {
        self.slack = slack
    }

    public static let usual = CompactionPolicy(slack: 32 * 1024 * 1024)

    /// How many bytes of old segments are looked at for each byte that is written.
    public static let bytesPerByte = 4

    /// The least that is worth a step on a full disk, where the bound plays no role.
    static let leastGain = 16 * 1024
}

/// What is to be done next for the space on the disk.
public enum CompactionStep: Sendable, Equatable {
    /// Begin a new segment: the oldest ones hold nothing live.
    case drop
    /// Put the live records of the oldest segment, which begins with this sequence number, again.
    case clean(segment: UInt64, liveBytes: Int)
}

/// How much is on the disk, and how much of it is needed; in bytes.
public struct JournalSpace: Sendable, Equatable {
    public var files: Int
    public var live: Int
    public var segments: Int
    /// Live records in the oldest segment; 0 if it is the open one.
    public var oldestLive: Int
}

/// Reads one old segment piece by piece and gives its puts, of which the live ones are to be put again.
///
///     range -> (read that much of the file) -> take(bytes) -> next() ... nil -> range -> ... -> isDone
public struct SegmentCleaner: Sendable {
    /// One put as it lies in the old segment.
    public struct Put: Sendable {
        public var key: JournalKey
        public var sequence: UInt64
        public var value: ArraySlice<UInt8>
    }

    public let segment: UInt64
    private let fileBytes: Int
    private var offset = JournalFormat.segmentHeaderBytes
    private var salt: UInt64?
    private var bytes: ArraySlice<UInt8> = []
    private var wanted = 0
    private var records: JournalRecords?
    private var sequence: UInt64
    public private(set) var isDone = false

    /// - Parameter fileBytes: the length of the segment's file.
    public init(segment: UInt64, fileBytes: Int) {
        self.segment = segment
        self.fileBytes = fileBytes
        sequence = segment
    }

    /// What is to be read next: not less than one frame, and about `budget` bytes where frames are short.
    public func range(budget: Int) -> (offset: Int, count: Int) {
        let start = salt == nil ? 0 : offset
        return (start, min(max(budget, wanted, JournalFormat.frameHeaderBytes), fileBytes - start))
    }

    /// Takes the bytes of ``range(budget:)``.
    public mutating func take(_ read: [UInt8]) throws(JournalRefusal) {
        let (start, count) = range(budget: 0)
        guard read.count >= min(count, fileBytes - start) else { throw refusal("the file has been cut short") }
        bytes = read[...]
        guard salt == nil else { return }
        guard let header = try? SegmentHeader(decoding: bytes), header.firstSequence == segment else {
            throw refusal("its header is damaged")
        }
        salt = header.salt
        bytes = bytes.dropFirst(JournalFormat.segmentHeaderBytes)
    }

    /// The next put; nil when more must be read, or ``isDone``.
    public mutating func next() throws(JournalRefusal) -> Put? {
        while !isDone {
            while records != nil {
                guard let record = try nextRecord() else {
                    records = nil
                    break
                }
                sequence += 1
                if case .put(let key, _, let value) = record {
                    return Put(key: key, sequence: sequence - 1, value: value)
                }
            }
            guard try beginFrame() else { return nil }
        }
        return nil
    }

    private mutating func nextRecord() throws(JournalRefusal) -> JournalRecord? {
        do { return try records?.next() } catch { throw refusal(error.words) }
    }

    /// Whether there is one in what was read.
    private mutating func beginFrame() throws(JournalRefusal) -> Bool {
        let isWhole = offset + bytes.count >= fileBytes
        switch JournalFrame.parse(bytes, at: 0, salt: salt ?? 0) {
        case .frame(let frame):
            guard frame.firstSequence == sequence else { throw refusal("frames are missing") }
            let body = bytes.startIndex + frame.bodyOffset
            records = JournalRecords(body: bytes[body..<body + frame.bodyBytes], count: frame.count)
            bytes = bytes.dropFirst(frame.end)
            offset += frame.end
            wanted = 0
            return true
        case .nothing where isWhole || bytes.count >= 4:
            isDone = true
            return false
        case .damaged(.cutOff) where !isWhole, .damaged(.magic) where !isWhole && bytes.count < 4, .nothing:
            wanted = JournalFormat.frameHeaderBytes
            if bytes.count >= JournalFormat.frameHeaderBytes {
                wanted += Int(Load.u32(bytes, at: bytes.startIndex + 4))
            }
            bytes = []
            return false
        case .damaged(let damage):
            throw refusal(damage.words)
        }
    }

    private func refusal(_ words: String) -> JournalRefusal {
        JournalRefusal(
            .damaged(words), file: JournalFormat.segmentName(segment), offset: offset, sequence: sequence - 1)
    }
}

extension JournalWriter {
    public var space: JournalSpace {
        JournalSpace(
            files: index.fileBytes, live: index.liveBytes, segments: index.segmentCount,
            oldestLive: index.oldest?.liveBytes ?? 0)
    }

    /// What to do next so that the journal takes no more than ``CompactionPolicy`` says, nil if all is well.
    ///
    /// - Parameter isFull: there was no room on the disk: whatever is dead is given back.
    public func compactionStep(_ policy: CompactionPolicy, isFull: Bool = false) -> CompactionStep? {
        guard let segment else { return nil }
        // The free part of the open segment is not waste but what is written next.
        let written = index.fileBytes - Int(segment.preallocatedBytes) + end
        let isExcessive = written > index.liveBytes / 2 * 3 + policy.slack
        guard let oldest = index.oldest else {
            // One that was made for an unusually large commit cannot shrink while it is open.
            return isExcessive && Int(segment.preallocatedBytes) > sizes.longest ? .drop : nil
        }
        if index.deadSegments(sparingLast: true) > 0 { return isExcessive || isFull ? .drop : nil }
        let isWorthwhile = isFull && index.sealedDeadBytes > max(CompactionPolicy.leastGain, index.liveBytes / 4)
        return isExcessive || isWorthwhile
            ? .clean(segment: oldest.firstSequence, liveBytes: oldest.liveBytes) : nil
    }

    /// Adds to the commit a put that lies in an old segment, if it is still what counts for its key.
    public mutating func carry(_ put: SegmentCleaner.Put) throws(JournalLimit) {
        guard index[put.key]?.sequence == put.sequence else { return }
        try self.put(put.key, put.value.span)
    }
}

/// What is kept free for a full disk, in bytes: one file for the ends of all jobs, one for the segment after it.
public struct JournalReserve: Sendable, Equatable {
    public var ends: Int
    public var drop: Int

    /// - Parameters:
    ///   - ends: for the ends of all jobs.
    ///   - drop: for the segment after it.
    public init(ends: Int, drop: Int) {
        self.ends = ends
        self.drop = drop
    }
}

extension JournalWriter {
    /// A remove in a commit of its own takes 56 bytes.
    public var endsBytes: Int { 64 * index.count }

    /// Room for the end of every job, and for the live records of the oldest segment, so that it can be given up.
    public var reserve: JournalReserve {
        let least = min(128 * 1024, sizes.longest)
        return JournalReserve(
            ends: least + (endsBytes + (index.oldest?.liveBytes ?? 0)) / 7 * 8, drop: min(64 * 1024, sizes.longest))
    }

    /// What still fits into the open segment, its reserve included.
    public var roomLeft: Int {
        segment.map { Int($0.preallocatedBytes) - JournalFormat.sealBytes - end } ?? 0
    }
}
