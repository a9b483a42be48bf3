public import JRBase

/// The first 64 bytes of a segment. They are durable before the segment gets its name, so damage here is never a torn
/// write.
public struct SegmentHeader: Sendable, Equatable {
    /// The length the file was given when it was made, in bytes. An unfinished segment that is shorter has lost its
    /// end.
    public var preallocatedBytes: UInt32
    public var identity: StoreIdentity
    public var firstSequence: UInt64
    /// Random for each segment, part of every frame's checksum: a frame of another file, or of an earlier use of the
    /// same blocks, is not taken for one of this segment.
    public var salt: UInt64
    public var created: WallTime
    /// How many segments right before this one are still needed. Older ones are leftovers of an interrupted deletion.
    public var olderSegments: UInt32

    public init(
        preallocatedBytes: UInt32, identity: StoreIdentity, firstSequence: UInt64, salt: UInt64, created: WallTime,
        olderSegments: UInt32
    ) {
        self.preallocatedBytes = preallocatedBytes
        self.identity = identity
        self.firstSequence = firstSequence
        self.salt = salt
        self.created = created
        self.olderSegments = olderSegments
    }

    public enum Failure: Error, Sendable, Equatable {
        case damaged
        case newerVersion(major: UInt8, minor: UInt8)
    }

    static let magic = Array("JRSEG\0".utf8)

    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: JournalFormat.segmentHeaderBytes)
        writer.append(Self.magic)
        writer.append([JournalFormat.major, JournalFormat.minor])
        writer.appendLittleEndian(UInt16(JournalFormat.segmentHeaderBytes))
        writer.append([0, 0])
        writer.appendLittleEndian(preallocatedBytes)
        writer.appendBigEndian(identity.high)
        writer.appendBigEndian(identity.low)
        writer.appendLittleEndian(firstSequence)
        writer.appendLittleEndian(salt)
        writer.appendLittleEndian(created.milliseconds)
        writer.appendLittleEndian(olderSegments)
        writer.appendLittleEndian(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    /// Reads the header at the start of `bytes`, which may be a whole segment.
    public init(decoding bytes: ArraySlice<UInt8>) throws(Failure) {
        let start = bytes.startIndex
        guard bytes.count >= JournalFormat.segmentHeaderBytes, bytes.prefix(6).elementsEqual(Self.magic),
            CRC32C.checksum(bytes.prefix(60)) == Load.u32(bytes, at: start + 60),
            let identity = StoreIdentity(bytes.dropFirst(16))
        else { throw .damaged }
        guard bytes[start + 6] == JournalFormat.major else {
            throw .newerVersion(major: bytes[start + 6], minor: bytes[start + 7])
        }
        guard Load.u16(bytes, at: start + 8) == UInt16(JournalFormat.segmentHeaderBytes) else { throw .damaged }
        self.init(
            preallocatedBytes: Load.u32(bytes, at: start + 12), identity: identity,
            firstSequence: Load.u64(bytes, at: start + 32), salt: Load.u64(bytes, at: start + 40),
            created: WallTime(milliseconds: Int64(bitPattern: Load.u64(bytes, at: start + 48))),
            olderSegments: Load.u32(bytes, at: start + 56))
    }
}
