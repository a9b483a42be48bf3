public import JRBase

/// The file `META`: written once, when the store is made; 64 bytes.
public struct StoreMeta: Sendable, Equatable {
    public var identity: StoreIdentity
    public var created: WallTime
    /// The lowest format version whose readers understand this store.
    public var lowestReaderMajor: UInt8 = JournalFormat.major
    public var lowestReaderMinor: UInt8 = 0

    public init(identity: StoreIdentity, created: WallTime) {
        self.identity = identity
        self.created = created
    }

    public enum Failure: Error, Sendable, Equatable {
        /// Not 64 bytes that begin with the magic and end with their checksum.
        case damaged
        case newerVersion(major: UInt8, minor: UInt8)
    }

    static let magic = Array("JRMETA\0\0".utf8)

    public func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: JournalFormat.metaBytes)
        writer.append(Self.magic)
        writer.append([JournalFormat.major, JournalFormat.minor, lowestReaderMajor, lowestReaderMinor])
        writer.append([0, 0, 0, 0])
        writer.appendBigEndian(identity.high)
        writer.appendBigEndian(identity.low)
        writer.appendLittleEndian(created.milliseconds)
        writer.append(repeatElement(0, count: 20))
        writer.appendLittleEndian(CRC32C.checksum(writer.bytes))
        return writer.bytes
    }

    public init(decoding bytes: ArraySlice<UInt8>) throws(Failure) {
        let start = bytes.startIndex
        guard bytes.count == JournalFormat.metaBytes, bytes.prefix(8).elementsEqual(Self.magic),
            CRC32C.checksum(bytes.prefix(60)) == Load.u32(bytes, at: start + 60),
            let identity = StoreIdentity(bytes.dropFirst(16))
        else { throw .damaged }
        let lowest = (bytes[start + 10], bytes[start + 11])
        guard lowest <= (JournalFormat.major, JournalFormat.minor) else {
            throw .newerVersion(major: bytes[start + 8], minor: bytes[start + 9])
        }
        self.identity = identity
        created = WallTime(milliseconds: Int64(bitPattern: Load.u64(bytes, at: start + 32)))
        lowestReaderMajor = lowest.0
        lowestReaderMinor = lowest.1
    }
}
