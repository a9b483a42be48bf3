import JRBase
import JRWire

/// What is known of a packed job beside its bytes, by whoever has packed it.
protocol PackedSlot {
    /// Where the job is; ``PackedChunks/nowhere`` for a slot that is free.
    var place: UInt32 { get set }
}

/// Jobs as bytes, one after the other in chunks: an array of its own for each would take forty bytes more.
///
///     [number of the job | bytes of arguments | id | created | due | delay | kind | origin | arguments | zeros]
struct PackedChunks: Sendable {
    struct Chunk: Sendable {
        var bytes: [UInt8] = []
        /// Of them, those of jobs that are still there.
        var live = 0
    }

    /// All of a job but its arguments.
    struct Head: Sendable, Equatable {
        static let bytes = 56

        var slot: UInt32
        var argumentBytes: UInt32
        var id: JobID
        var created: Int64
        var due: Int64
        /// Nanoseconds; below zero for none.
        var delay: Int64
        var kind: UInt32
        var origin: UInt32

        var length: Int { (Self.bytes + Int(argumentBytes) + 7) & ~7 }

        func write(into out: inout OutputSpan<UInt8>) {
            let start = out.count
            out.append(repeating: 0, count: Self.bytes)
            var span = out.mutableSpan
            var raw = span.mutableBytes
            raw.storeBytes(of: slot.littleEndian, toByteOffset: start, as: UInt32.self)
            raw.storeBytes(of: argumentBytes.littleEndian, toByteOffset: start + 4, as: UInt32.self)
            raw.storeBytes(of: id.high.littleEndian, toByteOffset: start + 8, as: UInt64.self)
            raw.storeBytes(of: id.low.littleEndian, toByteOffset: start + 16, as: UInt64.self)
            raw.storeBytes(of: created.littleEndian, toByteOffset: start + 24, as: Int64.self)
            raw.storeBytes(of: due.littleEndian, toByteOffset: start + 32, as: Int64.self)
            raw.storeBytes(of: delay.littleEndian, toByteOffset: start + 40, as: Int64.self)
            raw.storeBytes(of: kind.littleEndian, toByteOffset: start + 48, as: UInt32.self)
            raw.storeBytes(of: origin.littleEndian, toByteOffset: start + 52, as: UInt32.self)
        }
    }

    static let chunkBytes = 65_536
    /// A place is a chunk's number and, in its low bits, an offset in units of eight bytes.
    private static let offsetBits: UInt32 = 13
    private static let mostChunks = 1 << (32 - 13) - 1
    static let nowhere = UInt32.max

    private(set) var chunks: [Chunk] = []
    private var spare: [Int] = []
    private(set) var current = 0
    private(set) var liveBytes = 0
    private var usedBytes = 0
    /// The chunk that was last looked at for whether it is worth emptying.
    private var cursor = 0

    var deadBytes: Int { usedBytes - liveBytes }

    private func split(_ place: UInt32) -> (chunk: Int, offset: Int) {
        (Int(place >> Self.offsetBits), Int(place & (1 << Self.offsetBits - 1)) * 8)
    }

    func head(at place: UInt32) -> Head {
        let (chunk, offset) = split(place)
        return Self.head(in: chunks[chunk].bytes, at: offset)
    }

    static func head(in bytes: [UInt8], at offset: Int) -> Head {
        Head(
            slot: bytes.word(at: offset), argumentBytes: bytes.word(at: offset + 4),
            id: JobID(high: bytes.word(at: offset + 8), low: bytes.word(at: offset + 16)),
            created: bytes.word(at: offset + 24), due: bytes.word(at: offset + 32), delay: bytes.word(at: offset + 40),
            kind: bytes.word(at: offset + 48), origin: bytes.word(at: offset + 52))
    }

    func id(at place: UInt32) -> JobID {
        let (chunk, offset) = split(place)
        let bytes = chunks[chunk].bytes
        return JobID(high: bytes.word(at: offset + 8), low: bytes.word(at: offset + 16))
    }

    func arguments(at place: UInt32) -> [UInt8] {
        let (chunk, offset) = split(place)
        let bytes = chunks[chunk].bytes
        let count = Int(bytes.word(at: offset + 4) as UInt32)
        return Array(bytes[offset + Head.bytes..<offset + Head.bytes + count])
    }

    mutating func setOrigin(_ origin: UInt32, at place: UInt32) {
        let (chunk, offset) = split(place)
        chunks[chunk].bytes.setWord(origin, at: offset + 52)
    }

    mutating func setKind(_ kind: UInt32, at place: UInt32) {
        let (chunk, offset) = split(place)
        chunks[chunk].bytes.setWord(kind, at: offset + 48)
    }

    /// Gives where it is; nil when there is no room for more chunks.
    mutating func append(_ head: Head, _ arguments: ArraySlice<UInt8>) -> UInt32? {
        guard let place = makeRoom(head.length) else { return nil }
        chunks[current].bytes.append(addingCapacity: Head.bytes) { head.write(into: &$0) }
        chunks[current].bytes.append(contentsOf: arguments)
        chunks[current].bytes.append(contentsOf: repeatElement(0, count: head.length - Head.bytes - arguments.count))
        added(head.length)
        return place
    }

    /// Once more, from a chunk that is to be emptied.
    private mutating func append(copyOf bytes: ArraySlice<UInt8>) -> UInt32? {
        guard let place = makeRoom(bytes.count) else { return nil }
        chunks[current].bytes.append(contentsOf: bytes)
        added(bytes.count)
        return place
    }

    private mutating func added(_ length: Int) {
        chunks[current].live += length
        liveBytes += length
        usedBytes += length
    }

    /// What is longer than a chunk has one of its own.
    private mutating func makeRoom(_ length: Int) -> UInt32? {
        if chunks.isEmpty || chunks[current].bytes.count + length > Self.chunkBytes {
            // One without jobs would never be emptied again, and so never be used again.
            if !chunks.isEmpty, chunks[current].live == 0 {
                chunks[current].bytes = []
                spare.append(current)
            }
            if let number = spare.popLast() {
                current = number
            } else {
                guard chunks.count < Self.mostChunks else { return nil }
                chunks.append(Chunk())
                current = chunks.count - 1
            }
            chunks[current].bytes.reserveCapacity(max(length, Self.chunkBytes))
        }
        return UInt32(current) << Self.offsetBits | UInt32(chunks[current].bytes.count / 8)
    }

    mutating func remove(_ length: Int, at place: UInt32) {
        let chunk = split(place).chunk
        chunks[chunk].live -= length
        liveBytes -= length
        if chunks[chunk].live == 0 { empty(chunk) }
    }

    private mutating func empty(_ chunk: Int) {
        usedBytes -= chunks[chunk].bytes.count
        if chunk == current, chunks[chunk].bytes.capacity < 2 * Self.chunkBytes {
            chunks[chunk].bytes.removeAll(keepingCapacity: true)
        } else {
            chunks[chunk].bytes = []
            if chunk != current { spare.append(chunk) }
        }
    }

    // MARK: Memory that is to be given back

    /// To be called whenever something was removed. Where more is dead than alive, one of the next few chunks is
    /// emptied, if it is mostly dead.
    ///
    /// - Parameter slots: by their numbers, of all jobs that are here.
    mutating func tidy(_ slots: inout [some PackedSlot]) {
        guard deadBytes > liveBytes + 1 << 20 else { return }
        for _ in 0..<4 {
            cursor = cursor + 1 < chunks.count ? cursor + 1 : 0
            if isMostlyDead(cursor) { return empty(cursor, &slots) }
        }
    }

    private func isMostlyDead(_ chunk: Int) -> Bool {
        chunk != current && chunks[chunk].live > 0 && 2 * chunks[chunk].live < chunks[chunk].bytes.count
    }

    /// Moves what is alive in a chunk elsewhere. It is used again only once nothing in it is alive.
    private mutating func empty(_ chunk: Int, _ slots: inout [some PackedSlot]) {
        let bytes = chunks[chunk].bytes
        var offset = 0
        while offset < bytes.count {
            let head = Self.head(in: bytes, at: offset)
            let (place, end) = (Self.place(chunk, offset), offset + head.length)
            offset = end
            guard slots[Int(head.slot)].place == place else { continue }
            guard let copy = append(copyOf: bytes[end - head.length..<end]) else { return }
            slots[Int(head.slot)].place = copy
            remove(head.length, at: place)
        }
    }

    private static func place(_ chunk: Int, _ offset: Int) -> UInt32 {
        UInt32(chunk) << offsetBits | UInt32(offset / 8)
    }
}
