public import JRBase

/// Cuts a stream of bytes into frames: four bytes of length, most significant first, and as many bytes of body.
///
/// A length is checked before anything is kept for it, and after the first fault nothing more is read: the stream
/// has no place to resume from, so its connection must be closed.
public struct FrameDecoder: Sendable {
    public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        case tooLong(length: Int, limit: Int)
        case empty

        public var description: String {
            switch self {
            case .tooLong(let length, let limit):
                "a frame of \(length) bytes is announced and \(limit) are allowed: the peer speaks another protocol, "
                    + "or sends arguments that belong in a file or a database"
            case .empty: "a frame without a body is announced: the peer speaks another protocol"
            }
        }
    }

    /// The longest body accepted; raised once the peer has said hello.
    public var limit: Int
    private var buffer: [UInt8] = []
    private var position = 0
    private var names = LatestNames()

    public init(limit: Int = Limits.frameBytes) {
        self.limit = limit
    }

    /// Bytes received and not yet returned as a frame.
    public var pendingBytes: Int { buffer.count - position }

    public mutating func append(_ bytes: RawSpan) {
        reclaim()
        // SAFETY: the bytes are copied while they are lent.
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0) }
    }

    public mutating func append(_ bytes: some Sequence<UInt8>) {
        reclaim()
        buffer.append(contentsOf: bytes)
    }

    /// The next whole frame's body, or nil until more bytes come.
    public mutating func next() throws(Failure) -> ArraySlice<UInt8>? {
        try nextPlace().map { buffer[$0] }
    }

    /// The next whole message, or nil until more bytes come.
    public mutating func nextMessage() throws -> Message? {
        guard let place = try nextPlace() else { return nil }
        return try Message.quickly(buffer, place, &names) ?? Message(body: buffer[place])
    }

    /// Where the next whole frame's body is.
    private mutating func nextPlace() throws(Failure) -> Range<Int>? {
        guard pendingBytes >= 4 else { return nil }
        // SAFETY: any bytes are an integer, and the span checks that they are there.
        let head = buffer.span.bytes.unsafeLoadUnaligned(fromByteOffset: position, as: UInt32.self)
        let length = Int(UInt32(bigEndian: head))
        if length == 0 { throw .empty }
        if length > limit { throw .tooLong(length: length, limit: limit) }
        guard pendingBytes >= 4 + length else { return nil }
        let start = position + 4
        position = start + length
        return start..<position
    }

    /// Forgets what was returned, once a turn's frames have been taken, so that the buffer stays as long as its
    /// content.
    private mutating func reclaim() {
        guard position > 0 else { return }
        if position == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 20)
        } else {
            buffer.removeFirst(position)
        }
        position = 0
    }
}

extension ByteWriter {
    /// Writes a frame around what `body` writes.
    @inlinable
    public mutating func frame(_ body: (inout ByteWriter) -> Void) {
        let start = count
        appendBigEndian(0 as UInt32)
        body(&self)
        patchBigEndian(UInt32(truncatingIfNeeded: count - start - 4), at: start)
    }
}
