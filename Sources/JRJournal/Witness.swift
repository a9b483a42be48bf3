import JRBase

/// How far the journal was durable when this was written: kept outside the journal, because a file by itself cannot
/// know that its end is missing.
///
/// The file `WITNESS` has two slots of 64 bytes, written in turn: whatever a crash does to the one being written, the
/// other one still holds.
public struct Witness: Sendable, Equatable {
    public var identity: StoreIdentity
    /// The highest sequence number known to be on the disk.
    public var sequence: UInt64
    /// The segment that holds it, by its first sequence number, and where its frame ends there.
    public var segment: UInt64
    public var offset: UInt64
    /// Counts the writes; its lowest bit says which slot this is.
    public var generation: UInt64

    public init(
        identity: StoreIdentity, sequence: UInt64, segment: UInt64, offset: UInt64, generation: UInt64
    ) {
        self.identity = identity
        self.sequence = sequence
        self.segment = segment
        self.offset = offset
        self.generation = generation
    }

    /// Where in the file this one's slot begins.
    public var slotOffset: Int { generation & 1 == 0 ? 0 : JournalFormat.witnessSlotBytes }

    static let magic: UInt32 = 0x5457_524A  // "JRWT"

    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: JournalFormat.witnessSlotBytes)
        writer.appendLittleEndian(Self.magic)
        writer.append([JournalFormat.major, JournalFormat.minor, 0, 0])
        writer.appendBigEndian(identity.high)
        writer.appendBigEndian(identity.low)
        writer.appendLittleEndian(sequence)
        writer.appendLittleEndian(segment)
        writer.appendLittleEndian(offset)
        writer.appendLittleEndian(generation)
        writer.append([0, 0, 0, 0])
        writer.appendLittleEndian(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// The slot in these 64 bytes; nil if they are not one.
    public init?(decodingSlot bytes: ArraySlice<UInt8>) {
        let start = bytes.startIndex
        guard bytes.count == JournalFormat.witnessSlotBytes, Load.u32(bytes, at: start) == Self.magic,
            bytes[start + 4] == JournalFormat.major,
            CRC32C.checksum(bytes.prefix(60)) == Load.u32(bytes, at: start + 60),
            let identity = StoreIdentity(bytes.dropFirst(8))
        else { return nil }
        self.init(
            identity: identity, sequence: Load.u64(bytes, at: start + 24), segment: Load.u64(bytes, at: start + 32),
            offset: Load.u64(bytes, at: start + 40), generation: Load.u64(bytes, at: start + 48))
    }

    /// The newer of the valid slots of a whole file; nil if there is none.
    public static func newest(in file: ArraySlice<UInt8>) -> Witness? {
        let size = JournalFormat.witnessSlotBytes
        let slots = [file.prefix(size), file.dropFirst(size).prefix(size)]
        return slots.compactMap { Witness(decodingSlot: $0) }.max { $0.generation < $1.generation }
    }
}
