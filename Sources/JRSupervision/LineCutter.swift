import JRBase

/// How a piece of a child's output ended.
public enum LineEnding: Sendable, Equatable {
    case newline
    /// The line is longer than ``LineCutter/longest``: it goes on in the next piece.
    case split
    /// The child had not ended its line when it was shown, or ended without ending it.
    case unfinished
}

/// Cuts a stream of bytes into lines, in whatever portions they come.
///
/// Keeps at most ``longest`` bytes. What has no newline yet stays until the next bytes or until ``flush(_:)``: a line
/// that is never ended must not hold back anything else, so the shell flushes when a stream has been silent for a
/// while.
public struct LineCutter: Sendable {
    /// The most bytes that are shown as one piece.
    public static let longest = 8 * 1024

    /// Bytes that wait for the end of their line.
    public private(set) var held: [UInt8]

    /// - Parameter held: Bytes that were read before, without the end of their line.
    public init(held: [UInt8] = []) {
        self.held = held
    }

    /// Whether bytes wait for the end of their line.
    public var hasHeldBytes: Bool { !held.isEmpty }

    /// Calls `body` with every complete piece, without its newline, in order.
    public mutating func feed(_ bytes: Span<UInt8>, _ body: (Span<UInt8>, LineEnding) -> Void) {
        var start = 0
        while start < bytes.count {
            let room = LineCutter.longest - held.count
            let limit = min(bytes.count, start + room)
            let end = LineCutter.newline(in: bytes, from: start, to: limit)
            if end < limit {
                emit(bytes.extracting(start..<end), .newline, body)
                start = end + 1
            } else if limit == bytes.count {
                hold(bytes.extracting(start..<limit))
                return
            } else if bytes[limit] == UInt8(ascii: "\n") {
                // A line of exactly the longest size is whole.
                emit(bytes.extracting(start..<limit), .newline, body)
                start = limit + 1
            } else {
                emit(bytes.extracting(start..<limit), .split, body)
                start = limit
            }
        }
    }

    /// Gives out what is held, unended.
    public mutating func flush(_ body: (Span<UInt8>, LineEnding) -> Void) {
        guard !held.isEmpty else { return }
        body(held.span, .unfinished)
        held.removeAll(keepingCapacity: true)
    }

    private mutating func emit(
        _ piece: Span<UInt8>, _ ending: LineEnding, _ body: (Span<UInt8>, LineEnding) -> Void
    ) {
        if held.isEmpty {
            body(piece, ending)
        } else {
            hold(piece)
            body(held.span, ending)
            held.removeAll(keepingCapacity: true)
        }
    }

    private mutating func hold(_ piece: Span<UInt8>) {
        // SAFETY: the pointer is used only within the closure, in which the span and so its memory lives.
        piece.withUnsafeBufferPointer { held.append(contentsOf: $0) }
    }

    private static func newline(in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        // Eight at a time: a byte of the word is zero where the text has a newline. Only the lowest of the marks is
        // sure, as the subtraction borrows from what is above it.
        let words = bytes.bytes
        while end - index >= 8 {
            // SAFETY: the eight bytes are within the span, as `end` is at most its count, and any bytes are a number.
            let loaded = words.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            let word = UInt64(littleEndian: loaded) ^ 0x0A0A_0A0A_0A0A_0A0A
            let marks = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if marks != 0 { return index + marks.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < end, bytes[index] != UInt8(ascii: "\n") { index += 1 }
        return index
    }
}
