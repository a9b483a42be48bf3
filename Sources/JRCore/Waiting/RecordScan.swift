import JRBase
import JRWire

/// A stored record, taken apart only as far as jobs of one kind differ. Nil for all that looks otherwise than a new job
/// for a later time does, which says nothing against it.
struct RecordScan {
    let id: JobID
    let name: ArraySlice<UInt8>
    let arguments: ArraySlice<UInt8>
    let created: Int64
    let feedback: UInt8
    let client: JobID
    /// How many options there are.
    let members: UInt8
    /// Milliseconds; below zero for none.
    let delay: Int64
    let due: Int64
    /// All behind the time: the other options, and what has become of the job.
    let tail: ArraySlice<UInt8>

    init?(_ bytes: ArraySlice<UInt8>) {
        var cursor = Cursor(bytes)
        guard cursor.skip(Self.opening), let id = cursor.id(), let name = cursor.text(),
            let arguments = cursor.bytes(), let created = cursor.number(), let feedback = cursor.byte(),
            feedback < 0x80, let client = cursor.id(), let map = cursor.byte(), map & 0xF0 == 0x80
        else { return nil }
        var delay: Int64 = -1
        if cursor.skip(Self.delayKey) {
            guard let number = cursor.number() else { return nil }
            delay = number
        }
        guard cursor.skip(Self.dueKey), let due = cursor.number() else { return nil }
        self.id = id
        self.name = name
        self.arguments = arguments
        self.created = created
        self.feedback = feedback
        self.client = client
        members = map & 0x0F
        self.delay = delay
        self.due = due
        tail = cursor.rest
    }

    // Ten fields, of which the first is the version.
    private static let opening: [UInt8] = [0x9A, 0x01]
    private static let delayKey: [UInt8] = [0xA5] + Array("delay".utf8)
    private static let dueKey: [UInt8] = [0xA3] + Array("due".utf8)

    /// Nothing has become of the job yet, and there are no outcomes.
    var saysNothingMore: Bool { tail.suffix(2) == [0xC0, 0x90] }

    func head(kind: UInt32) -> PackedChunks.Head {
        PackedChunks.Head(
            slot: 0, argumentBytes: UInt32(clamping: arguments.count), id: id, created: created, due: due,
            delay: delay < 0 ? -1 : Interval.milliseconds(delay).nanoseconds, kind: kind, origin: 0)
    }

    /// Positive numbers, ids, and short texts and bytes.
    private struct Cursor {
        private var reader: ByteReader

        init(_ bytes: ArraySlice<UInt8>) { reader = ByteReader(bytes) }

        var rest: ArraySlice<UInt8> { reader.bytes[reader.position...] }

        mutating func skip(_ wanted: [UInt8]) -> Bool {
            guard reader.remaining >= wanted.count, rest.prefix(wanted.count) == wanted[...] else { return false }
            return (try? reader.take(wanted.count)) != nil
        }

        mutating func byte() -> UInt8? { try? reader.byte() }

        mutating func id() -> JobID? {
            reader.words(behind: 0xC410).map { JobID(high: $0, low: $1) }
        }

        mutating func text() -> ArraySlice<UInt8>? {
            guard let mark = byte() else { return nil }
            if mark & 0xE0 == 0xA0 { return try? reader.take(Int(mark & 0x1F)) }
            guard mark == 0xD9, let count = byte() else { return nil }
            return try? reader.take(Int(count))
        }

        mutating func bytes() -> ArraySlice<UInt8>? {
            switch byte() {
            case 0xC4: (try? reader.byte()).flatMap { try? reader.take(Int($0)) }
            case 0xC5: (try? reader.bigEndian(UInt16.self)).flatMap { try? reader.take(Int($0)) }
            case 0xC6: (try? reader.bigEndian(UInt32.self)).flatMap { try? reader.take(Int($0)) }
            default: nil
            }
        }

        mutating func number() -> Int64? {
            guard let mark = byte() else { return nil }
            switch mark {
            case 0x00...0x7F: return Int64(mark)
            case 0xCC: return (try? reader.byte()).map(Int64.init)
            case 0xCD: return (try? reader.bigEndian(UInt16.self)).map(Int64.init)
            case 0xCE: return (try? reader.bigEndian(UInt32.self)).map(Int64.init)
            case 0xCF: return (try? reader.bigEndian(UInt64.self)).flatMap(Int64.init(exactly:))
            default: return nil
            }
        }
    }
}

/// What tells that a record is of a kind that was decoded before.
struct KnownKind: Sendable {
    static let most = 8

    let number: UInt32
    private let name: [UInt8]
    private let feedback: UInt8
    private let client: JobID
    private let members: UInt8
    private let hasDelay: Bool
    private let tail: [UInt8]

    init(_ scan: RecordScan, number: UInt32) {
        self.number = number
        name = Array(scan.name)
        feedback = scan.feedback
        client = scan.client
        members = scan.members
        hasDelay = scan.delay >= 0
        tail = Array(scan.tail)
    }

    func matches(_ scan: RecordScan) -> Bool {
        scan.client == client && scan.feedback == feedback && scan.members == members && (scan.delay >= 0) == hasDelay
            && scan.name == name[...] && scan.tail == tail[...]
    }
}
