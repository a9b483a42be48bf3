import JRBase
public import JRWire

/// Changes to be stored as a whole or not at all, in their order: each job as a storage keeps it, all in one piece.
///
/// A record is encoded where it is, and not copied to be encoded elsewhere: that would cost more than the encoding.
public struct StorageChanges: Sendable {
    private struct Entry: Sendable, BitwiseCopyable {
        let id: JobID
        /// Where the record is among the bytes; before their begin for a job that is removed.
        let start: Int
        let end: Int
    }

    private var entries: [Entry] = []
    private var writer = ByteWriter()

    /// No changes yet.
    public init() {}

    /// Makes room.
    ///
    /// - Parameters:
    ///   - count: how many changes are expected.
    ///   - bytes: how long they are expected to be together.
    mutating func reserve(_ count: Int, bytes: Int) {
        entries.reserveCapacity(count)
        writer.bytes.reserveCapacity(bytes)
    }

    /// How many there are.
    public var count: Int { entries.count }
    public var isEmpty: Bool { entries.isEmpty }
    /// How long all records are together, in bytes.
    public var byteCount: Int { writer.count }
    /// Positions of changes, from the first to the last.
    public var indices: Range<Int> { entries.indices }

    /// Adds a job as it now is.
    public mutating func put(_ record: borrowing JobRecord) {
        let start = writer.count
        record.encode(into: &writer)
        entries.append(Entry(id: record.request.id, start: start, end: writer.count))
    }

    /// Adds the removal of a job.
    public mutating func remove(_ id: JobID) {
        entries.append(Entry(id: id, start: -1, end: -1))
    }

    /// Takes all out, and keeps the memory.
    public mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        writer.removeAll()
    }

    /// The job of the change at this position.
    public func id(at position: Int) -> JobID { entries[position].id }

    /// Whether the change at this position puts a job, and does not remove one.
    public func isPut(at position: Int) -> Bool { entries[position].start >= 0 }

    /// Calls `body` with the record of the change at this position, as ``JobRecord/encode(into:)`` has written it; with
    /// nil for a removal.
    public func withRecord<Result, Failure: Error>(
        at position: Int, _ body: (Span<UInt8>?) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let entry = entries[position]
        if entry.start < 0 { return try body(nil) }
        return try body(writer.bytes.span.extracting(entry.start..<entry.end))
    }
}
